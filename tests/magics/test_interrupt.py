"""The stop button in mid-task: a real SIGINT to a real kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
GATE = "import os, time\nwhile not os.path.exists(gate): time.sleep(0.01)\n"


@pytest.fixture
def gate(kernel: Kernel, tmp_path: Path) -> Iterator[Path]:
    """A file that local tasks wait for."""
    path = tmp_path / "gate"
    kernel.ok(f"gate = {str(path)!r}")
    yield path
    path.touch()


def test_the_task_runs_on(kernel: Kernel, gate: Path) -> None:
    cell = f"%%gcrun local --progress-after 0.1 --future kept\n{GATE}print('done')\n'value'"
    shown = kernel.run_until(cell, "text/html", kernel.interrupt)
    assert shown.status == "error"
    said = re.fullmatch(
        rf"Interrupted: task ({UUID}) runs on at local\. %gc attach \1 picks it up\.",
        shown.traceback.strip(),
    )
    assert said is not None, shown.traceback
    assert "cancel" not in str(shown.outputs)
    assert kernel.ok("%%gcrun local\n'usable'").text == "'usable'"
    gate.touch()
    kernel.ok("kept.result()")
    attached = kernel.ok(f"%gc attach {said[1]}")
    assert attached.text == "'value'"
    assert attached.stream("stdout") == "done\n"


def test_it_stops_run_all(kernel: Kernel, gate: Path) -> None:  # noqa: ARG001
    cell = f"%%gcrun local --progress-after 0.1\n{GATE}"
    later: list[str] = []

    def act() -> None:
        later.append(kernel.send("print('ran all the same')"))
        kernel.interrupt()

    assert kernel.run_until(cell, "text/html", act).status == "error"
    assert kernel.finish(later[0]).status == "aborted"


def test_a_remote_function(kernel: Kernel, gate: Path) -> None:
    kernel.ok(f"%%gcrun local\ndef waits(gate):\n    {GATE.replace(chr(10), chr(10) + '    ')}")
    cell = "import threading, os, signal\nprint('waiting', flush=True)\nwaits(gate)"
    shown = kernel.run_until(cell, "waiting", kernel.interrupt)
    assert shown.status == "error"
    assert "Interrupted" in shown.traceback or "KeyboardInterrupt" in shown.traceback
    gate.touch()
    assert kernel.ok("waits(gate)").outputs == []


def test_tasks_that_wait_for_their_turn_are_dropped(loopback: Loopback, tmp_path: Path) -> None:
    """While a submission hangs, what follows it isn't sent, and never will be."""
    kernel = Kernel(tmp_path, loopback.environment)
    try:
        kernel.ok("%load_ext gc_jupyter")
        endpoint = loopback.endpoint("inline")
        kernel.ok(f"%%gcrun {endpoint}\n1")
        loopback.fault(path=".*/submit", hang=True)
        kernel.ok(f"%%gcrun {endpoint} -a -q --future first\n1")
        cell = f"%%gcrun {endpoint} --progress-after 0.1 --map x=range(3)\nx"
        shown = kernel.run_until(cell, "text/html", kernel.interrupt)
        assert shown.status == "error"
        said = f"Interrupted: none of the 3 tasks was sent. Nothing runs at {endpoint}."
        assert shown.traceback.strip() == said
        loopback.reset()
        assert kernel.ok(f"%%gcrun {endpoint}\n'usable'").text == "'usable'"
        assert len(loopback.requests("POST", "/submit")) == 1
    finally:
        kernel.close()


@pytest.mark.parametrize(("option", "left"), [("detach", "True"), ("cancel-unsent", "False")])
def test_what_else_is_dropped(loopback: Loopback, tmp_path: Path, option: str, left: str) -> None:
    kernel = Kernel(tmp_path, loopback.environment)
    try:
        kernel.ok("%load_ext gc_jupyter")
        endpoint = loopback.endpoint("inline")
        kernel.ok(f"%%gcrun {endpoint}\n1")
        loopback.fault(path=".*/submit", hang=True)
        kernel.ok(f"%%gcrun {endpoint} -a -q --future on_its_way\n1")
        while not loopback.requests("POST", "/submit")[1:]:
            pass
        kernel.ok(f"%%gcrun {endpoint} -a -q --future waits\n2")
        cell = f"%%gcrun {endpoint} --progress-after 0.1 --on-interrupt {option}\n3"
        shown = kernel.run_until(cell, "text/html", kernel.interrupt)
        assert shown.traceback.strip() == (
            f"Interrupted: the task was not sent. Nothing runs at {endpoint}."
        )
        loopback.reset()
        assert kernel.ok("not waits.cancelled()").text == left
        if left == "True":
            assert kernel.ok("waits.result()").text == "2"
    finally:
        kernel.close()


def test_registered_tasks_run_on(loopback: Loopback, tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, loopback.environment)
    endpoint = loopback.new_endpoint("offline")
    try:
        kernel.ok("%load_ext gc_jupyter")
        cell = f"%%gcrun {endpoint} --progress-after 0.1 --map x=range(3) --future kept\nx"

        def act() -> None:
            while not any(one["status"] for one in loopback.requests("POST", "/submit")):
                pass
            kernel.interrupt()

        shown = kernel.run_until(cell, "text/html", act)
        said = re.fullmatch(
            rf"Interrupted: 3 tasks run on at {endpoint}, the first is {UUID}\."
            rf" %gc attach ({UUID}) picks them up\.",
            shown.traceback.strip(),
        )
        assert said is not None, shown.traceback
        loopback.bring_online(endpoint)
        kernel.ok("kept.result()")
        assert "3 tasks: 3 done" in kernel.ok(f"%gc attach {said[1]}").text
    finally:
        kernel.close()
