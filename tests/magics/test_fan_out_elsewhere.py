"""A fan-out on a machine without its journal, attached to while a part of it runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.magics.conftest import TIMEOUT, Kernel
from tests.service.handle import Loopback

#: Tasks 2 and 3 wait for a file.
SWEEP = """%%gcrun {endpoint} -a -q --map x=range(4) --future sweep --out y
import pathlib, time
while x > 1 and not pathlib.Path({gate!r}).exists():
    time.sleep(0.02)
y = -x
if x == 3:
    1 / 0
x * x"""
TABLE = "from gc_jupyter import TaskTable; table = TaskTable(sweep)"


@pytest.fixture
def other(loopback: Loopback, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel of another machine."""
    kernel = Kernel(tmp_path / "another machine", loopback.environment)
    yield kernel
    kernel.close()


@pytest.fixture
def group(loopback: Loopback, tmp_path: Path) -> str:
    """Two tasks of a sweep have ended, two run; its kernel is gone."""
    endpoint = loopback.new_endpoint("inline", count=4)
    kernel = Kernel(tmp_path, loopback.environment)
    kernel.ok("%load_ext gc_jupyter")
    kernel.ok(SWEEP.format(endpoint=endpoint, gate=str(tmp_path / "gate")))
    kernel.ok(f"sweep[0].result({TIMEOUT}), sweep[1].result({TIMEOUT})")
    kernel.wait_for_ids("sweep")
    found = kernel.ok("print(sweep[0].info.task_group_id)").stream("stdout").strip()
    kernel.kill()
    return found


def test_what_still_runs_takes_its_place(other: Kernel, group: str, tmp_path: Path) -> None:
    other.ok("%load_ext gc_jupyter")
    said = other.ok(f"%gc attach {group}").stream("stdout")
    assert said.startswith("2 tasks are not over: ")
    assert said.endswith("Bound: sweep.\nBound when all have ended: y.\n")
    (shown,) = other.ok("sweep").outputs
    assert ": 2 not confirmed, 2 success, as of" in shown["data"]["text/plain"]
    assert other.ok("sweep.labels").text == "['x=0', 'x=1', 'task 3', 'task 4']"
    assert other.ok("sweep[2].cancel(), sweep.pending == sweep[2:]").text == "(False, True)"
    other.ok(TABLE)
    (tmp_path / "gate").touch()
    failed = other.run("sweep.result()")
    assert failed.error["ename"] == "FanOutFailed"
    assert "1 of 4 tasks failed" in failed.traceback
    assert "\nx=3:\n" in failed.traceback
    assert other.ok("sweep.labels").text == "['x=0', 'x=1', 'x=2', 'x=3']"
    assert other.ok("y[:3], y[3], sweep[2].result()").text == (
        "([0, -1, -2], <no value: x=3: ZeroDivisionError: division by zero>, 4)"
    )
    other.wait_for_callbacks()
    table = other.ok("print(repr(table))").stream("stdout")
    assert "1 failed, 3 success" in table
    assert all(f"x={at}" in table for at in range(4))
    assert other.ok("sweep[3].task_id == sweep[3].info.task_id != None").text == "True"


def test_it_can_be_attached_to_again(other: Kernel, group: str, tmp_path: Path) -> None:
    """And stays one: names that were bound once are its."""
    other.ok("%load_ext gc_jupyter")
    other.ok(f"%gc attach {group}\nfirst = sweep")
    shown = other.ok(f"%gc attach {group}")
    assert other.ok("sweep is first, len(sweep.pending)").text == "(True, 2)"
    assert [one["kind"] for one in shown.outputs].count("display_data") <= 1
    (tmp_path / "gate").touch()
    other.run("sweep.result()")
    assert other.ok("len({one.task_id for one in sweep})").text == "4"
