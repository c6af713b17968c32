"""The stop button in mid-task: a real SIGINT to a real kernel."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
GATE = "import os, time\nwhile not os.path.exists(gate): time.sleep(0.01)\n"


SENT = rf"Interrupted: task ({UUID}) was sent to local and isn't over\. %gc attach \1 picks it up\."


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
        SENT,
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


def test_before_anything_is_sent(kernel: Kernel, tmp_path: Path) -> None:
    started = tmp_path / "started"
    os.mkfifo(started)
    kernel.ok(
        "import time\ndef values():\n"
        f"    open({str(started)!r}, 'w').close()\n    time.sleep(60)\n    yield 1"
    )
    request = kernel.send("%%gcrun local --map x=values()\nx")
    started.read_text()
    kernel.interrupt()
    said = kernel.finish(request).traceback
    assert said == "Interrupted. %gc tasks shows what was sent."


def test_a_remote_function(kernel: Kernel, tmp_path: Path) -> None:
    """It says so itself, through a pipe, once it runs: then its caller is waiting."""
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    os.mkfifo(gate)
    kernel.ok(
        "%%gcrun local\ndef waits(started, gate):\n"
        "    open(started, 'w').close()\n    return open(gate).read()"
    )
    request = kernel.send(f"waits({str(started)!r}, {str(gate)!r})")
    started.read_text()
    kernel.interrupt()
    shown = kernel.finish(request)
    assert shown.status == "error"
    assert shown.error["ename"] == "Interrupted"
    said = re.fullmatch(
        SENT,
        shown.traceback.strip(),
    )
    assert said is not None, shown.traceback
    # nobody waits for it: it is kept for a plain %gc attach
    kernel.ok("from gc_jupyter.session import current_session")
    kept = kernel.ok("[one.task_id for one in current_session().unseen.values()]").text
    assert said[1] in kept
    gate.write_text("through")
    attach = f"found = %gc attach {said[1]}\nfound if isinstance(found, str) else found.result()"
    assert kernel.ok(attach).text == "'through'"


def test_a_remote_functions_map(kernel: Kernel, tmp_path: Path) -> None:
    started, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(started)
    kernel.ok(
        "%%gcrun local\ndef waits(started, gate):\n    import os, time\n"
        "    open(started, 'w').close()\n"
        "    while not os.path.exists(gate): time.sleep(0.01)\n    return 'through'"
    )
    request = kernel.send(f"waits.map([{str(started)!r}], [{str(gate)!r}])")
    started.read_text()
    kernel.interrupt()
    shown = kernel.finish(request)
    gate.touch()
    assert re.fullmatch(
        SENT,
        shown.traceback.strip(),
    )


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
        said = f"Interrupted: none of the 3 tasks was sent. {endpoint} has nothing of this cell."
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
        loopback.wait_for_submissions(2, answered=False)
        kernel.ok(f"%%gcrun {endpoint} -a -q --future waits\n2")
        cell = f"%%gcrun {endpoint} --progress-after 0.1 --on-interrupt {option}\n3"
        shown = kernel.run_until(cell, "text/html", kernel.interrupt)
        assert shown.traceback.strip() == (
            f"Interrupted: the task was not sent. {endpoint} has nothing of this cell."
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
            loopback.wait_for_submissions(1)
            kernel.interrupt()

        shown = kernel.run_until(cell, "text/html", act)
        said = re.fullmatch(
            rf"Interrupted: 3 tasks were sent to {endpoint} and aren't over, the first is {UUID}\."
            rf" %gc attach (gcj-[0-9a-f]{{8}}) picks them up\.",
            shown.traceback.strip(),
        )
        assert said is not None, shown.traceback
        loopback.bring_online(endpoint)
        kernel.ok("kept.result()")
        kernel.ok(f"%gc attach {said[1]}")
        assert kernel.ok("_ is kept, repr(_)").text == "(True, '<3 tasks: 3 success>')"
    finally:
        kernel.close()
