"""Values past the service's limit, on real endpoints and `local`: there once, for many cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel, Shown
from tests.service.handle import Loopback

SETUP = """
import numpy as np
a = np.arange(1_250_000.0)
a.flags.writeable = False
rows = [{"i": i} for i in range(150_000)]
seventh = rows[7]
"""
MOST = 10_000_000  # of a request, as the service counts


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def kernel_of(home: Path, loopback: Loopback) -> Kernel:
    made = Kernel(home, loopback.environment, cwd=home)
    made.ok("%load_ext gc_jupyter")
    made.ok(SETUP)
    return made


@pytest.fixture
def far(home: Path, loopback_session: Loopback) -> Iterator[Kernel]:
    made = kernel_of(home, loopback_session)
    yield made
    made.close()


@pytest.fixture
def there(loopback_session: Loopback) -> str:
    """An endpoint that has nothing yet."""
    return loopback_session.new_endpoint("inline", count=2)


def sent(shown: Shown) -> str:
    texts = [one["data"].get("text/plain", "") for one in shown.outputs if "data" in one]
    return next((text for text in texts if text.startswith("Sent: ")), "")


def submissions(loopback: Loopback) -> list[int]:
    return [one["size"] for one in loopback.requests("POST", "/submit")]


def purge(kernel: Kernel, where: str) -> None:
    kernel.ok(
        f"%%gcrun {where} --no-capture\nimport os, shutil\n"
        "shutil.rmtree(os.path.expanduser('~/.gc_jupyter/store'))"
    )


def test_the_second_cell_sends_nothing(
    far: Kernel, there: str, home: Path, loopback_session: Loopback
) -> None:
    loopback_session.clear()
    shown = far.ok(f"%%gcrun {there}\nfloat(a.sum()), bool(a.flags.writeable)")
    assert shown.text == "(781249375000.0, False)"
    assert re.match(r"Sent: a 10\.0 MB in 2 parts\.", sent(shown))
    sizes = submissions(loopback_session)
    assert len(sizes) == 1 + 2 + 1  # what is there; its parts; the cell
    assert max(sizes) < MOST
    loopback_session.clear()
    shown = far.ok(f"%%gcrun {there}\na[7]")
    assert sent(shown) == "Sent: a 10.0 MB there already."
    assert [size < 20_000 for size in submissions(loopback_session)] == [True]
    other = kernel_of(home, loopback_session)
    try:
        loopback_session.clear()
        shown = other.ok(f"%%gcrun {there}\na[8]")
        assert sent(shown) == "Sent: a 10.0 MB there already."
        assert len(submissions(loopback_session)) == 1
    finally:
        other.close()


def test_each_task_of_a_fan_out(far: Kernel, there: str, loopback_session: Loopback) -> None:
    far.ok(f"%%gcrun {there}\nlen(a), len(rows)")
    loopback_session.clear()
    shown = far.ok(f"%%gcrun {there} -q --map i=range(6)\nfloat(a[i]) + len(rows)")
    assert shown.text.startswith("[150000.0, 150001.0, 150002")
    assert sum(submissions(loopback_session)) < 200_000
    shown = far.ok(f"%%gcrun {there} -q --map x=[a, a * 2]\nfloat(x[3])")
    assert shown.text == "[3.0, 6.0]"


def test_objects_are_shared_there_as_they_are_here(far: Kernel, there: str) -> None:
    cell = "seventh['i'] = 70\nrows[7] is seventh, rows[7], len(rows)"
    shown = far.ok(f"%%gcrun {there}\n{cell}")
    assert shown.text == "(True, {'i': 70}, 150000)"
    assert "rows 1." in sent(shown)
    shown = far.ok(f"%%gcrun {there}\nlen(rows)")  # in another company, and the same bytes
    assert sent(shown).endswith("MB there already.")
    assert far.ok("seventh").text == "{'i': 7}"


def test_instances_of_the_notebooks_classes(far: Kernel, there: str) -> None:
    far.ok("class Box:\n    pass\n\nbox = Box()\nbox.a, box.rows = a, rows")
    cell = "type(box) is Box, box.a is a, box.rows is rows, len(box.rows)"
    for _ in range(2):
        shown = far.ok(f"%%gcrun {there}\n{cell}")
        assert shown.text == "(True, True, True, 150000)"
    assert "there already" in sent(shown)


def test_functions(far: Kernel, there: str, loopback_session: Loopback) -> None:
    far.ok(f"%%gcrun {there}\ndef total(x, scale=1):\n    return float(x.sum() + a[2]) * scale")
    assert far.ok("bool(total(a, 2) == (a.sum() + 2) * 2)").text == "True"
    loopback_session.clear()
    assert far.ok("bool(total(a, 3) == (a.sum() + 2) * 3)").text == "True"
    assert sum(submissions(loopback_session)) < 50_000
    assert far.ok("total.map([a, a[:3]]) == [a.sum() + 2, 5.0]").text == "True"


def test_what_was_purged_goes_again(far: Kernel, there: str) -> None:
    far.ok(f"%%gcrun {there}\ndef first(x):\n    return float(x[0])")
    far.ok(f"%%gcrun {there}\nlen(a)")
    purge(far, there)
    shown = far.ok(f"%%gcrun {there}\nlen(a)")
    assert shown.text == "1250000"
    assert "2 of a value's parts are not in /" in shown.stream("stderr")
    assert "They are sent again." in shown.stream("stderr")
    purge(far, there)
    assert far.ok(f"%%gcrun {there} --map i=range(3)\nlen(a) + i").text.startswith("[1250000, 1")
    purge(far, there)
    assert far.ok("first(a), first.map([a, a])").text == "(0.0, [0.0, 0.0])"


def test_a_store_that_cant_be_used(far: Kernel, there: str) -> None:
    far.ok(
        f"%%gcrun {there} --no-capture\nimport os\n"
        "open(os.path.expanduser('~/.gc_jupyter'), 'w').close()"
    )
    shown = far.run(f"%%gcrun {there}\nlen(a)")
    assert shown.error["ename"] == "StoreRefused"
    assert "can't be used (Not a directory): name another folder" in shown.traceback
    assert "Traceback" not in shown.traceback


def test_other_folders_and_bounds(far: Kernel, there: str, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    far.ok(f"%gc config store_folder {folder}")
    far.ok("%gc config large_mb 5")
    far.ok(f"%%gcrun {there}\nlen(a), len(rows)")
    assert len(list(folder.iterdir())) == 2 + 1  # and when it was swept
    far.ok("%gc config store_gb 0.005")
    shown = far.run(f"%%gcrun {there}\n_b = a + 1\nlen(_b)\n")
    assert shown.status == "ok"  # it is there
    shown = far.run("b = a + 1")
    shown = far.run(f"%%gcrun {there}\nlen(b)")
    assert shown.error["ename"] == "StoreRefused"
    assert "may have 5.0 MB" in shown.traceback
    assert "large_mb is 7, not from 0.001 to 5" in str(far.run("%gc config large_mb 7").outputs)


def test_stopping_a_transfer(far: Kernel, there: str, loopback_session: Loopback) -> None:
    far.ok("big = np.random.default_rng(1).random(6_000_000)")
    offline = loopback_session.new_endpoint("offline")
    cell = f"%%gcrun {offline}\nlen(big)"
    shown = far.run_until(cell, "to say what its store has", far.interrupt)
    assert shown.status == "error"
    assert f"Interrupted: {offline} has not said yet" in shown.traceback
    try:
        loopback_session.fault(path=".*/submit", times=4)  # what is there, and three parts
        loopback_session.fault(path=".*/submit", times=None, hang=True)
        cell = f"%%gcrun {there}\nlen(big)"
        shown = far.run_until(cell, "Sending big: ", far.interrupt)
    finally:
        loopback_session.reset()
    assert re.search(r"Interrupted: [0-3] of 8 parts are done\. Run it again", shown.traceback)
    shown = far.ok(cell)
    assert shown.text == "6000000"
    assert re.match(r"Sent: big 48\.0 MB in [4-8] parts", sent(shown))


@pytest.mark.parametrize("drop", ["before", "after", "midway"])
def test_a_broken_connection(
    far: Kernel, there: str, loopback_session: Loopback, drop: str
) -> None:
    try:
        loopback_session.fault(path=".*/submit", times=2)
        loopback_session.fault(path=".*/submit", times=2, drop=drop)
        shown = far.ok(f"%%gcrun {there}\nlen(a)")
    finally:
        loopback_session.reset()
    assert shown.text == "1250000"


def test_local_has_no_limit(far: Kernel, loopback_session: Loopback) -> None:
    loopback_session.clear()
    shown = far.ok("%%gcrun local\nfloat(a.sum()), rows[7] is seventh")
    assert shown.text == "(781249375000.0, True)"
    shown = far.ok("%%gcrun local --map x=[a, a]\nlen(x)")
    assert shown.text == "[1250000, 1250000]"
    assert loopback_session.requests() == []


def test_two_endpoints_of_one_account(
    far: Kernel, tmp_path: Path, loopback_session: Loopback
) -> None:
    folder = tmp_path / "shared"
    environment = {"GC_JUPYTER_STORE": str(folder)}
    one, other = (
        loopback_session.new_endpoint("inline", environment=environment) for _ in range(2)
    )
    assert "in 2 parts" in sent(far.ok(f"%%gcrun {one}\nlen(a)"))
    loopback_session.clear()
    assert sent(far.ok(f"%%gcrun {other}\nlen(a)")) == "Sent: a 10.0 MB there already."
    assert len(submissions(loopback_session)) == 2
    far.ok(f"%%gcrun {one} -q --keep mine\nmine = a + 1")
    far.ok(f"%%gcrun {other} -q --keep theirs\ntheirs = a + 2")
    rows = far.ok("%gc kept").stream("stdout").splitlines()
    assert sorted((row.split()[0], row.split()[-1]) for row in rows if "ndarray" in row) == [
        ("mine", one),
        ("theirs", other),
    ]
    far.ok(f"%gc kept mine --on {other}")
    assert far.ok(f"%%gcrun {other} -q\nfloat(mine[0])").text == "1.0"
