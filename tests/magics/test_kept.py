"""Values that stay at an endpoint: on `local`, and on a real one whose environment has no
gc_jupyter."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel, Shown
from tests.service.handle import Loopback

SETUP = """
import copy, dataclasses, pickle
import numpy as np
from gc_jupyter import Executor

class Model:
    def __init__(self, table):
        self.table = table
        self.scale = 2

    def predict(self, x):
        return self.scale * x

@dataclasses.dataclass
class Pair:
    first: object
    second: object

def of_notebook(x):
    return x + 1
"""
#: A cell that keeps what the others use.
KEEP = """
table = np.arange(300_000.0).reshape(-1, 3)
model = Model(table)
rows = [{"i": i} for i in range(1000)]
first = rows[0]
number = 7
made = of_notebook
"""
NAMES = "table,model,rows,first,number,made"


class Place:
    """A kernel, and an endpoint of it."""

    def __init__(self, kernel: Kernel, where: str, home: Path) -> None:
        self.kernel = kernel
        self.where = where
        self.home = home

    def cell(self, text: str, options: str = "") -> Shown:
        return self.kernel.ok(f"%%gcrun {self.where} -q {options}\n{text}")

    def refused(self, text: str, options: str = "") -> str:
        shown = self.kernel.run(f"%%gcrun {self.where} -q {options}\n{text}")
        assert shown.status == "error", shown.outputs
        return shown.traceback


@pytest.fixture(scope="module", params=["local", "process"])
def place(
    request: pytest.FixtureRequest,
    loopback_session: Loopback,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("home")
    where: str = request.param
    if where != "local":
        where = loopback_session.new_endpoint(where)
    kernel = Kernel(home, loopback_session.environment, cwd=home)
    try:
        kernel.ok("%load_ext gc_jupyter")
        kernel.ok(SETUP)
        yield Place(kernel, where, home)
    finally:
        kernel.close()


@pytest.fixture
def kept(place: Place) -> Place:
    """With the values of `KEEP` there."""
    place.kernel.ok("def of_notebook(x):\n    return x + 1")
    place.cell(KEEP, f"--keep {NAMES}")
    return place


def said(shown: Shown) -> str:
    return " ".join(
        one["data"]["text/plain"] for one in shown.outputs if one["kind"] == "display_data"
    )


def test_what_stands_for_it(place: Place) -> None:
    shown = place.kernel.ok(f"%%gcrun {place.where} --keep {NAMES}\n{KEEP}")
    assert f"Kept on {place.where}: table (ndarray 100,000 x 3, 2.4 MB), model (Model, " in said(
        shown
    )
    shown = place.kernel.ok("table")
    assert re.fullmatch(
        rf"<table: ndarray 100,000 x 3, 2\.4 MB, kept on {place.where} \d+ s ago>", shown.text
    )
    assert shown.result["data"]["text/html"].startswith("<code>table</code>: ndarray 100,000")
    assert place.kernel.ok("[type(one).__name__ for one in (table, number)]").text == (
        "['KeptValue', 'KeptValue']"
    )
    assert place.kernel.ok("rows.type_name, rows.shape, table.shape").text == (
        "('builtins.list', (1000,), (100000, 3))"
    )
    shown = place.kernel.run("table.mean()")
    assert f"use it in a %%gcrun {place.where} cell, or bring it here by .fetch()" in str(
        shown.error["evalue"]
    )


#: What the notebook has beside, a cell, and what it gives where nothing was kept.
CELLS = {
    "plain": ("", "table.shape, number, len(rows)"),
    "sharing": ("", "model.table is table, rows[0] is first"),
    "nested": (
        "both = [table, {'rows': rows, 'deep': (first, Pair(model, table))}, 5]",
        "both[0] is table, both[1]['rows'][0] is both[1]['deep'][0],"
        " both[1]['deep'][1].second is table, type(both[1]['deep'][1]) is Pair, both[2]",
    ),
    "one pickle": (
        "own = [1, 2]; holder = {'own': own, 'rows': rows}",
        "holder['own'] is own, holder['rows'] is rows, holder['rows'][0] is first",
    ),
    "class": ("", "type(model) is Model, isinstance(model, Model), model.predict(21)"),
    "function": ("", "made is of_notebook, made(1)"),
    "subclass": ("class Sub(Model): pass", "isinstance(model, Sub), issubclass(Sub, type(model))"),
    "changed there": ("", "table[:] = 1.0; model.scale = 5; float(model.table.sum())"),
    "again": ("", "float(table[1, 0]), model.scale"),
    "rebound": ("", "number += 1; number"),
    "function uses it": (
        "def uses(x=2):\n    return len(rows) + number * x, model.predict(x)",
        "uses(), uses(3)",
    ),
    "closure": (
        "def outer():\n    inner = rows\n    return lambda: len(inner)\nclosed = outer()",
        "closed()",
    ),
    "attribute": ("pair = Pair(1, rows); pair.first = first", "pair.second[0] is pair.first"),
    "default": ("def given(x=number):\n    return x * 2", "given()"),
    "copied": ("alias = rows; other = copy.copy(rows)", "alias is rows, other is rows"),
    "pickled": ("back = pickle.loads(pickle.dumps(rows))", "back is rows, len(back)"),
    "magic": ("", "%timeit -n1 -r1 table.sum()\nlen(rows)"),
    "large beside": (
        "big = np.ones(200_000); mix = [big, table]",
        "mix[0] is big, mix[1] is table",
    ),
    "plain and large": (
        "texts = [str(i) for i in range(300_000)] + [rows]",
        "texts[-1] is rows, len(texts)",
    ),
}
#: Where a copy or a round trip by pickle gives the same object there.
SAME = {"copied": "(True, True)", "pickled": "(True, 1000)"}


@pytest.mark.parametrize("case", CELLS)
def test_a_cell_gives_what_it_gives_without_keeping(kept: Place, case: str) -> None:
    setup, text = CELLS[case]
    kept.kernel.ok(setup)
    there = kept.cell(text)
    plain = "" if case == "magic" else SAME.get(case, "")
    if not plain:
        values = f"{KEEP}\n{setup}\n{text}" if case != "again" else f"{KEEP}\n{text}"
        plain = kept.kernel.ok(f"exec({SETUP!r})\n{values}").text
        kept.kernel.ok(f"exec({SETUP!r})")
    assert there.text == plain


def test_the_cells_that_follow_send_nothing(kept: Place, loopback_session: Loopback) -> None:
    loopback_session.clear()
    assert kept.cell("float(table.sum()), len(rows)").text.endswith(", 1000)")
    sizes = [one["size"] for one in loopback_session.requests("POST", "/submit")]
    assert all(size < 30_000 for size in sizes)
    assert len(sizes) == (kept.where != "local")


def test_remote_functions(kept: Place) -> None:
    kept.cell("def total(x, y=1):\n    return float(x[1, 1]) * y + number, x is table")
    assert kept.kernel.ok("total(table), total(y=2, x=table)").text == (
        "((11.0, True), (15.0, True))"
    )
    assert kept.kernel.ok("total.map([table, table])").text == "[(11.0, True), (11.0, True)]"
    assert kept.kernel.ok("total.submit(table).result()").text == "(11.0, True)"
    kept.cell("def pick(some):\n    return some['x'][0] is some['first'], type(some['pair'])")
    made = "pick({'x': rows, 'first': first, 'pair': Pair(rows, 1)})"
    assert kept.kernel.ok(f"_, kind = {made}\n_, kind is Pair").text == "(True, True)"


def test_each_value_of_a_fan_out(kept: Place) -> None:
    shown = kept.cell("len(x) if hasattr(x, '__len__') else x", "--map x=[rows,table,number,3]")
    assert shown.text == "[1000, 100000, 7, 3]"
    assert kept.cell("i + number", "--map i=range(3)").text == "[7, 8, 9]"


def test_executors(kept: Place) -> None:
    kept.kernel.ok(
        "def of(a, some, *, key):\n"
        "    return a[0] is some['first'], key.shape, some['deep'][0] is a, some['m'].scale"
    )
    ask = "of, rows, {'first': first, 'deep': [rows], 'm': model}, key=table"
    kept.kernel.ok(f"done = Executor({kept.where!r}).submit({ask}).result(60)")
    assert kept.kernel.ok("done").text == "(True, (100000, 3), True, 2)"
    kept.kernel.ok("def by_global(n):\n    return len(rows) + number + n")
    kept.kernel.ok(f"done = Executor({kept.where!r}).submit(by_global, 1).result(60)")
    assert kept.kernel.ok("done").text == "1008"
    kept.kernel.ok(f"done = list(Executor({kept.where!r}).map(len, [rows, table]))")
    assert kept.kernel.ok("done").text == "[1000, 100000]"


def test_fetching(kept: Place) -> None:
    shown = kept.kernel.ok("%gc fetch model table")
    assert "Fetched: model (Model, " in said(shown)
    assert kept.kernel.ok("type(model) is Model, model.table is table").text == "(True, True)"
    assert kept.kernel.ok("rows").text.startswith("<rows: list of 1,000, ")
    assert kept.kernel.ok("rows.fetch()[999], made.fetch() is of_notebook").text == (
        "({'i': 999}, True)"
    )
    kept.cell("deep = [rows, first]", "--keep deep")
    assert kept.kernel.ok("x = deep.fetch()\nx[0][0] is x[1], len(x[0])").text == "(True, 1000)"


def test_another_endpoint_is_refused(kept: Place, loopback_session: Loopback) -> None:
    other = "local" if kept.where != "local" else loopback_session.endpoint("thread")
    loopback_session.clear()
    for cell in ("len(rows)", "nested"):
        kept.kernel.ok("nested = {'x': [rows]}")
        shown = kept.kernel.run(f"%%gcrun {other}\n{cell}")
        assert shown.error["ename"] == "CaptureError"
        text = " ".join(shown.traceback.split())
        assert f"the value of rows is kept on {kept.where}, and this goes to" in text
        assert f"Run it on {kept.where}, or bring the value here first: %gc fetch rows" in text
    shown = kept.kernel.run(f"%%gcrun {other} --map x=[rows]\nlen(x)")
    assert f"is kept on {kept.where}" in shown.traceback
    shown = kept.kernel.run(f"Executor({other!r}).submit(len, rows)")
    assert shown.error["ename"] == "SerializationError"
    assert f"is kept on {kept.where}" in shown.traceback
    assert loopback_session.requests("POST", "/submit") == []


def test_names_that_fail(place: Place) -> None:
    shown = place.kernel.run(
        f"%%gcrun {place.where} --keep good,lock,misspelt,late\n"
        "import threading\ngood = [1]\nlock = open('/dev/null')\n1 / 0\nlate = 2"
    )
    assert shown.error["ename"] == "ZeroDivisionError"
    assert "--keep lock: it is, or holds, an open file" in shown.stream("stderr")
    assert "Bound before the error: good." in shown.stream("stderr")
    assert place.cell("good").text == "[1]"
    shown = place.kernel.ok(f"%%gcrun {place.where} --keep good,misspelt\ngood = [2]")
    assert shown.stream("stderr") == "--keep misspelt: the cell has not set this variable.\n"
    assert place.cell("good").text == "[2]"
    shown = place.kernel.run(f"%%gcrun {place.where} --keep a --out a\na = 1")
    assert "--keep a: --out brings a here" in str(shown.outputs)


def test_with_out_and_without_waiting(place: Place) -> None:
    place.cell("a = [1]\nb = [a, 2]", "--keep b --out a")
    assert place.kernel.ok("a, b.type_name").text == "([1], 'builtins.list')"
    place.kernel.ok(f"%%gcrun {place.where} -q -a --keep later --future f\nlater = 'x' * 10")
    place.kernel.ok("f.result()")
    place.kernel.wait_for_callbacks()
    assert place.cell("later").text == "'xxxxxxxxxx'"
    shown = place.kernel.run(
        f"%%gcrun {place.where} -q --timeout 0 --keep slow --future g\nslow = [3]"
    )
    assert shown.error["ename"] == "StillRunning"
    place.kernel.ok("g.result()")
    place.kernel.wait_for_callbacks()
    assert place.kernel.ok("slow.shape").text == "(1,)"


def test_each_task_keeps_its_own(place: Place) -> None:
    shown = place.kernel.ok(
        f"%%gcrun {place.where} --map n=range(4) --keep part\npart = list(range(n)) if n else None"
    )
    assert "part (4 values, " in said(shown)
    assert place.kernel.ok("[one.shape for one in part]").text == "[None, (1,), (2,), (3,)]"
    assert place.cell("part").text == "[None, [0], [0, 1], [0, 1, 2]]"
    assert place.cell("p", "--map p=part").text == "[None, [0], [0, 1], [0, 1, 2]]"
    shown = place.kernel.run(
        f"%%gcrun {place.where} -q --map n=range(3) --keep part\npart = [1 / (n - 1)]"
    )
    assert shown.error["ename"] == "FanOutFailed"
    assert place.kernel.ok("[type(one).__name__ for one in part]").text == (
        "['KeptValue', 'NoValue', 'KeptValue']"
    )


def test_a_notebooks_value_there_beforehand(place: Place) -> None:
    place.kernel.ok("big = np.arange(400_000.0)\nsmall = {'big': big}")
    shown = place.kernel.ok(f"%gc keep big small --on {place.where}")
    assert f"Kept on {place.where}: big (ndarray 400,000, 3.2 MB), small (dict of 1, " in said(
        shown
    )
    assert place.cell("small['big'] is big, float(big[3])").text == "(True, 3.0)"
    shown = place.kernel.run(f"%gc keep nothing --on {place.where}")
    assert "%gc keep nothing: the notebook has no such variable" in str(shown.outputs)


def test_another_kernel(kept: Place, loopback_session: Loopback) -> None:
    other = Kernel(kept.home, loopback_session.environment, cwd=kept.home)
    try:
        other.ok("%load_ext gc_jupyter")
        rows = other.ok("%gc kept").stream("stdout")
        assert re.search(r"^table +ndarray 100,000 x 3 +2\.4 MB +\d+ s ago .*", rows, re.M)
        shown = other.ok("%gc kept model table made")
        assert said(shown).startswith("Bound: model (Model, ")
        cell = "type(model).__name__, model.table is table, model.predict(4), made(1)"
        assert other.ok(f"%%gcrun {kept.where} -q\n{cell}").text == "('Model', True, 8, 2)"
        other.ok("%gc fetch number model")
        assert other.ok("number, model.predict(2), type(model).__name__").text == "(7, 4, 'Model')"
        other.ok(SETUP.replace("self.scale * x", "'of the new class'"))
        other.ok("%gc kept model")
        cell = "type(model) is Model, model.predict(2)"
        shown = other.ok(f"%%gcrun {kept.where} -q\n{cell}")
        assert shown.text == "(True, 'of the new class')"  # by its name, as pickle does
        shown = other.run("%gc kept unknown")
        assert "Nothing is kept by the name unknown" in str(shown.outputs)
    finally:
        other.close()


def test_forgetting(kept: Place) -> None:
    kept.cell("alone = 'x' * 2_000_000", "--keep alone")
    kept.kernel.ok("again = pickle.loads(pickle.dumps(alone))")
    assert said(kept.kernel.ok("%gc forget alone")) == "Forgotten: 1 value, 2.0 MB."
    assert "forgotten (%gc forget)" in kept.refused("len(alone)")
    assert "alone" not in kept.kernel.ok("%gc kept").stream("stdout")
    assert kept.cell("len(rows)").text == "1000"
    shown = kept.kernel.ok("%gc forget first")
    assert kept.cell("len(rows)").text == "1000"  # it is kept with what is forgotten
    assert "takes names, or --all" in str(kept.kernel.run("%gc forget").outputs)
    shown = kept.kernel.ok(f"%gc forget --all --on {kept.where}")
    assert re.match(r"Forgotten: \d+ values, ", said(shown))
    assert kept.kernel.ok("%gc kept").stream("stdout").startswith("Nothing is kept.")
    assert "forgotten" in kept.refused("len(rows)")


def test_what_was_purged_says_so(kept: Place) -> None:
    folder = kept.kernel.ok("rows.record.folder").text.strip("'")
    before = sorted(os.listdir(folder))
    records = [one for one in before if one.endswith(".kept")]
    assert all(os.stat(Path(folder, one)).st_mode & 0o777 == 0o600 for one in before)
    newest = max(records, key=lambda one: json.loads(Path(folder, one).read_text())["at"])
    parts = json.loads(Path(folder, newest).read_text())["pickle"]["parts"]
    name = json.loads(Path(folder, newest).read_text())["names"][0]
    os.unlink(Path(folder, parts[0]))
    shown = kept.refused(f"print('ran')\n{name}")
    assert "Parts of the kept value" in shown
    assert "Make it again and keep it again (--keep)." in shown
    assert "ran" not in shown.replace("print('ran')", "")
    for one in records:
        os.unlink(Path(folder, one))
    assert "A kept value that this uses is not in" in kept.refused("len(rows)")
    shown = kept.kernel.run("%gc fetch rows")
    assert "A kept value that this uses is not in" in shown.traceback
    kept.cell("1")


def test_completion(kept: Place) -> None:
    complete = kept.kernel.complete
    assert {"rows", "table", "--on"} <= set(complete("%gc fetch "))
    assert "--all" in complete("%gc forget --")
    assert {"kept", "keep"} <= set(complete("%gc ke"))
    assert "local" in complete("%gc kept --on ")
    assert "of_notebook" in complete("%gc keep of_")
    assert "--keep" in complete(f"%%gcrun {kept.where} --k")
    assert "%gc keep NAME… [--on ENDPOINT]" in kept.kernel.ok("%gc help").stream("stdout")
