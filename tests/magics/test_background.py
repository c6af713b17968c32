"""What a cell that isn't waited for needs goes there while the notebook goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel
from tests.magics.test_values import purge, sent, submissions
from tests.service.handle import Loopback


@pytest.fixture
def far(tmp_path: Path, loopback_session: Loopback) -> Iterator[Kernel]:
    made = Kernel(tmp_path, loopback_session.environment, cwd=tmp_path)
    made.ok("%load_ext gc_jupyter")
    made.ok("import numpy as np\na = np.arange(1_250_000.0)\nbig = np.arange(15_000_000.0)")
    yield made
    made.close()


@pytest.fixture
def offline(loopback_session: Loopback) -> str:
    """An endpoint that answers nothing, not even what its store has."""
    return loopback_session.new_endpoint("offline")


def test_the_next_cell_runs_meanwhile(
    far: Kernel, offline: str, loopback_session: Loopback
) -> None:
    shown = far.ok(f"%%gcrun {offline} -a --future f\nfloat(a.sum())")
    assert sent(shown) == "Sent: a 10.0 MB in the background."
    assert far.ok("a[:] = 1.0\nf.done(), repr(f)").text.startswith('(False, "<TaskFuture')
    loopback_session.bring_online(offline)
    assert far.ok("f.result()").text == "781249375000.0"  # as it was
    far.ok("a = np.arange(1_250_000.0)")
    shown = far.ok(f"%%gcrun {offline} -a --future f\nfloat(a.sum())")
    assert sent(shown) == "Sent: a 10.0 MB there already."
    assert far.ok("f.result()").text == "781249375000.0"


def test_functions_and_fan_outs(far: Kernel, offline: str, loopback_session: Loopback) -> None:
    far.ok(f"%%gcrun {offline}\ndef total(x):\n    return float(x.sum())")
    far.ok("f = total.submit(a)")
    far.ok(f"%%gcrun {offline} -a -q --map i=range(3) --future g\nfloat(a[i])")
    loopback_session.bring_online(offline)
    assert far.ok("f.result(), [one.result() for one in g]").text == (
        "(781249375000.0, [0.0, 1.0, 2.0])"
    )


def test_what_it_changes_meanwhile_is_said(
    far: Kernel, offline: str, loopback_session: Loopback
) -> None:
    """Over 100 MB nothing is copied: nobody's memory has room for everything twice."""
    far.ok(f"%%gcrun {offline} -a -q --future f\nfloat(big.sum())")
    far.ok("big[:] = 1.0")
    loopback_session.bring_online(offline)
    shown = far.run("f.result()")
    assert shown.error["ename"] == "StoreRefused"
    assert "big was changed while it was sent to" in shown.traceback
    assert "Run the cell again, and change it once it is sent." in shown.traceback


def test_dropping_the_task_ends_the_transfer(
    far: Kernel, offline: str, loopback_session: Loopback
) -> None:
    loopback_session.clear()
    far.ok(f"%%gcrun {offline} -a -q --future f\nlen(big)")
    assert far.ok("f.cancel()").text == "True"
    loopback_session.bring_online(offline)
    assert far.ok(f"%%gcrun {offline} -q\n1").text == "1"
    assert sum(submissions(loopback_session)) < 100_000


def test_what_was_purged_goes_again_when_it_is_run_again(
    far: Kernel, loopback_session: Loopback
) -> None:
    there = loopback_session.new_endpoint("inline")
    far.ok(f"%%gcrun {there} -q -a --future f\nlen(a)")
    assert far.ok("f.result()").text == "1250000"
    purge(far, there)
    far.ok(f"%%gcrun {there} -q -a --future f\nlen(a)")
    shown = far.run("f.result()")
    assert shown.error["ename"] == "ValuesMissing"
    far.ok(f"%%gcrun {there} -q -a --future f\nlen(a)")
    assert far.ok("f.result()").text == "1250000"


def test_what_the_store_refuses(far: Kernel, loopback_session: Loopback) -> None:
    there = loopback_session.new_endpoint("inline")
    far.ok(
        f"%%gcrun {there} -q --no-capture\nimport os\n"
        "open(os.path.expanduser('~/.gc_jupyter'), 'w').close()"
    )
    far.ok(f"%%gcrun {there} -q -a --future f\nlen(a)")
    shown = far.run("f.result()")
    assert shown.error["ename"] == "StoreRefused"
    assert "can't be used (Not a directory): name another folder" in shown.traceback


def test_a_table_tells_how_far_it_is(far: Kernel, offline: str, loopback_session: Loopback) -> None:
    far.ok(f"%%gcrun {offline} -a -q --future f\nlen(big)")
    far.ok(
        "import threading\nfrom gc_jupyter.widgets import TaskTable\n"
        "table, texts, half = TaskTable([f]), [], threading.Event()\n"
        "def look():\n    texts.append(f.fetching.text())\n    half.set() if texts[-1] else None\n"
        "f.when_fetching(look)"
    )
    loopback_session.bring_online(offline)
    far.ok("half.wait(60)\nf.result()")
    text = far.ok("next(one for one in texts if one)").text
    assert re.match(r"'Sending big: [\d.]+ M?B of 120\.0 MB, \d+ of 19 parts", text)
