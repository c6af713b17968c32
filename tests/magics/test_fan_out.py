"""Fan-outs in a real kernel: lists that are bound when all have ended, and tasks run again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel

GATE = "import os, time\nwhile not os.path.exists(gate): time.sleep(0.01)\n"


@pytest.fixture
def gate(kernel: Kernel, tmp_path: Path) -> Iterator[Path]:
    """A file that tasks wait for."""
    path = tmp_path / "gate"
    kernel.ok(f"gate = {str(path)!r}")
    yield path
    path.touch()


def bound(kernel: Kernel, name: str, text: str) -> None:
    """Wait until a name is bound, on the thread that does it; it has this value then."""
    kernel.ok(f"while {name!r} not in globals(): time.sleep(0.01)")
    assert kernel.ok(f"str({name})").text == repr(text)


@pytest.mark.parametrize("options", ["-a", "--timeout 0.3"])
def test_out_is_bound_when_all_have_ended(kernel: Kernel, gate: Path, options: str) -> None:
    kernel.ok("import time")
    shown = kernel.run(f"%%gcrun local {options} --map x=range(3) --out w\n{GATE}w = x * x")
    assert shown.status == ("ok" if options == "-a" else "error"), shown.outputs
    assert kernel.ok("'w' in globals()").text == "False"
    gate.touch()
    bound(kernel, "w", "[0, 1, 4]")
    kernel.ok("del w")


def test_out_of_one_task_is_bound_after_its_time_out(kernel: Kernel, gate: Path) -> None:
    kernel.ok("import time")
    assert kernel.run(f"%%gcrun local --timeout 0.3 --out v\n{GATE}v = 7").status == "error"
    gate.touch()
    bound(kernel, "v", "7")
    kernel.ok("del v")


def test_what_the_notebook_sets_meanwhile_stays(kernel: Kernel, gate: Path) -> None:
    kernel.ok(f"%%gcrun local -a -q --map x=range(3) --out w --future sweep\n{GATE}w = x")
    kernel.ok("w = 'mine'")
    gate.touch()
    kernel.ok("sweep.result()")
    kernel.wait_for_callbacks()
    assert kernel.ok("w").text == "'mine'"
    kernel.ok("del w")


@pytest.mark.parametrize("values", ["[5]", "[]"])
def test_a_map_of_few_is_a_list(kernel: Kernel, values: str) -> None:
    kernel.ok(f"%%gcrun local --map x={values} --out w\nw = x")
    assert kernel.ok("w").text == values


def test_tasks_run_again_mend_the_sweep(kernel: Kernel, gate: Path) -> None:
    cell = "import os\nw = x * x\nif x % 2 and not os.path.exists(gate): raise ValueError(x)\nw"
    shown = kernel.run(f"%%gcrun local --map x=range(4) --out w --future sweep\n{cell}")
    assert "2 of 4 tasks failed." in shown.traceback
    assert "sweep.values() has the 2 other results" in shown.traceback
    assert "sweep.rerun() runs the failed ones again" in shown.traceback
    assert kernel.ok("[type(v).__name__ for v in w]").text == "['int', 'NoValue', 'int', 'NoValue']"
    kernel.ok("mine = w; old = list(sweep)")
    kernel.ok("from gc_jupyter.widgets import TaskTable; table = TaskTable(sweep, keep=True)")
    assert "2 failed, 2 success" in kernel.ok("print(table)").stream("stdout")

    kernel.ok("again = sweep.rerun(1)")
    assert kernel.ok("sweep[1].exception() is not None").text == "True"
    assert kernel.ok("type(w[1]).__name__").text == "'NoValue'"
    gate.touch()
    assert kernel.ok("sweep.rerun().result()").text == "[0, 1, 4, 9]"
    kernel.ok("import time\nwhile any(type(v) is not int for v in w): time.sleep(0.01)")
    assert kernel.ok("w is mine, w").text == "(True, [0, 1, 4, 9])"
    assert kernel.ok("len(sweep), sweep.failed, sweep[0] is old[0]").text == "(4, [], True)"
    said = kernel.ok("while '4 success' not in repr(table): time.sleep(0.01)\nprint(table)")
    assert said.stream("stdout").startswith("Tasks: 4 success\n")
    cells = kernel.ok(
        "from gc_jupyter.journal import Database, journal_path\n"
        "import gc_jupyter.session as s\n"
        "run = sweep[0].note.place\n"
        "[(one.execution_count, one.cell) == (run.execution_count, run.cell)"
        " for one in s.current_session().journal.ask("
        "lambda db: db.tasks('part >= ? AND part < ?', (sweep.run, sweep.run + ';')), [])]"
    ).text
    assert "False" not in str(cells)
    assert str(cells).count("True") > 4


def test_what_can_not_be_run_again(kernel: Kernel, gate: Path) -> None:
    kernel.ok(f"%%gcrun local -a -q --map x=range(2) --future sweep\n{GATE}x")
    assert "x=0 isn't over" in kernel.run("sweep.rerun(0)").traceback
    gate.touch()
    kernel.ok("sweep.result()")
    assert kernel.ok("sweep.rerun() is sweep, sweep.pending").text == "(True, [])"


def test_a_future_shows_one_state_and_keeps_it_true(kernel: Kernel, gate: Path) -> None:
    shown = kernel.ok(f"%%gcrun local -a --future one\n{GATE}1")
    (table,) = [o["data"] for o in shown.outputs if "application/vnd" in str(o)]
    assert "as of" in table["text/plain"]
    assert shown.order.count("execute_result") == 0
    shown = kernel.ok(f"%%gcrun local -a -q --map x=range(2) --future many\n{GATE}x")
    assert shown.order == ["execute_result"]
    assert shown.text == "<2 tasks: 2 not over>"
    gate.touch()
    kernel.ok("many.result(), one.result()")
    assert kernel.ok("repr(many)").text == repr("<2 tasks: 2 success>")
    assert kernel.ok("repr(one)").text.endswith(' success>"')


def test_a_page_that_was_reloaded_gets_the_result_again(kernel: Kernel, gate: Path) -> None:
    """Another session of a front end asks, after the cell's own one is gone."""
    kernel.ok("from gc_jupyter.session import current_session as s; s().unseen.clear()")
    kernel.ok("%%gcrun local\n'seen by the page that has sent it'")
    waits = kernel.send(f"%%gcrun local -q\n{GATE}print('there')\n'value'")
    queued = kernel.send("%%gcrun local -q\n'second'")
    before = kernel.client.session.session
    gate.touch()
    assert kernel.finish(waits).text == "'value'"
    kernel.finish(queued)
    kernel.client.session.session = f"{before}-reloaded"
    try:
        shown = kernel.run("%gc attach")
        assert re.fullmatch(r"In\[\d+\]:\nthere\n", shown.stream("stdout"))
        assert [o["data"]["text/plain"] for o in shown.outputs if "data" in o] == [
            "'value'",
            "'second'",
        ]
        assert kernel.ok("%gc attach").stream("stdout") == "There is nothing to attach to.\n"
    finally:
        kernel.client.session.session = before


def test_a_long_list_of_values_is_shortened_and_whole(kernel: Kernel) -> None:
    cell = "('a point on the way', k, k / 7)"
    text = kernel.ok(f"%%gcrun local --map k=range(30)\n{cell}").text
    assert text.splitlines() == [
        *(f"{' ' if k else '['}('a point on the way', {k}, {k / 7})," for k in range(5)),
        " …,",
        " ('a point on the way', 28, 4.0),",
        f" ('a point on the way', 29, {29 / 7})]  # 30 values",
    ]
    assert kernel.ok("type(_) is list, len(_)").text == "(True, 30)"
    same = kernel.ok("%%gcrun local --map k=range(300)\n0 * k").text
    assert " ".join(same.split()) == "[0, 0, 0, 0, 0, …, 0, 0] # 300 values"
    mine = kernel.ok("[('a point on the way', k, k / 7) for k in range(30)]").text
    assert mine.count("\n") == 29  # a user's own list stays as IPython shows it
