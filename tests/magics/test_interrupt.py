"""The stop button while a task is at an endpoint: a real SIGINT to a real kernel. (On `local`:
test_stop.py.)"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
SENT = rf"Interrupted: task ({UUID}) was sent to (.*) and isn't over\. %gc attach \1 picks it up\."


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


def test_except_exception_does_not_catch_it(loopback: Loopback, tmp_path: Path) -> None:
    """A loop of calls ends at the first press of the button, as plain code does."""
    kernel = Kernel(tmp_path, loopback.environment)
    endpoint = loopback.new_endpoint("offline")
    try:
        kernel.ok("%load_ext gc_jupyter")
        kernel.ok(f"%%gcrun {endpoint}\ndef call(x):\n    return x")
        cell = "for x in range(3):\n    try:\n        call(x)\n    except Exception:\n        pass"
        request = kernel.send(cell)
        loopback.wait_for_submissions(1)
        kernel.interrupt()
        shown = kernel.finish(request)
        assert (shown.status, shown.error["ename"]) == ("error", "Interrupted")
        assert kernel.ok("x").text == "0"
        caught = "try:\n    call(1)\nexcept KeyboardInterrupt as error:\n    print(error)"
        request = kernel.send(caught)
        loopback.wait_for_submissions(2)
        kernel.interrupt()
        assert re.match(SENT, kernel.finish(request).stream("stdout"))
    finally:
        kernel.close()


@pytest.mark.parametrize("what", ["cell", "function", "map"])
def test_one_task_runs_on(loopback: Loopback, tmp_path: Path, what: str) -> None:
    """Nobody waits for it then: it is kept for a plain %gc attach."""
    kernel = Kernel(tmp_path, loopback.environment)
    endpoint = loopback.new_endpoint("offline")
    try:
        kernel.ok("%load_ext gc_jupyter")
        if what == "cell":
            cell = f"%%gcrun {endpoint}\nprint('done')\n'value'"
        else:
            kernel.ok(f"%%gcrun {endpoint}\ndef call(x):\n    print('done')\n    return 'value'")
            cell = "call(1)" if what == "function" else "call.map([1])"
        request = kernel.send(cell)
        loopback.wait_for_submissions(1)
        kernel.interrupt()
        shown = kernel.finish(request)
        assert (shown.status, shown.error["ename"]) == ("error", "Interrupted")
        said = re.fullmatch(SENT, shown.traceback.strip())
        assert said is not None, shown.traceback
        assert said[2] == endpoint
        kernel.ok("from gc_jupyter.session import current_session")
        kept = kernel.ok("[one.task_id for one in current_session().unseen.values()]").text
        assert said[1] in kept
        loopback.bring_online(endpoint)
        attach = (
            f"found = %gc attach {said[1]}\nfound if isinstance(found, str) else found.result()"
        )
        assert kernel.ok(attach).text == "'value'"
    finally:
        kernel.close()
