"""The panel's stop button, at the kernel's end: a comm, as JupyterLab opens it."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from gc_jupyter.widgets.messages import STOP_TARGET
from tests.magics.conftest import TIMEOUT, Kernel
from tests.service.handle import Loopback

SLEEP = "import time\ntime.sleep(600)"


def ask(kernel: Kernel, **asked: Any) -> dict[str, str]:
    """What the kernel says to a `StopTasks`."""
    data = {"request": "mine", "tasks": [], "cells": [], "sure": False, **asked}
    content = {"comm_id": uuid.uuid4().hex, "target_name": STOP_TARGET, "data": data}
    message = kernel.client.session.msg("comm_open", content)
    kernel.client.shell_channel.send(message)
    while True:
        heard = kernel.client.get_iopub_msg(timeout=TIMEOUT)
        own = heard["parent_header"].get("msg_id") == message["header"]["msg_id"]
        if own and heard["msg_type"] == "comm_msg":
            said: dict[str, str] = heard["content"]["data"]
            assert (said["type"], said["request"]) == ("stopping", "mine")
            return said


def test_a_cell_of_local_is_stopped_after_a_question(kernel: Kernel) -> None:
    kernel.ok(f"%%gcrun local -a -q --future first\n{SLEEP}")
    kernel.ok(f"%%gcrun local -a -q --future many --map x=range(3)\n{SLEEP}")
    count = int(kernel.ok("many[0].note.place.execution_count").text)
    asked = ask(kernel, cells=[count])
    assert asked["text"] == "Stop 3 tasks? They end now, without results."
    assert asked["answer"] == "Stop 3 tasks"
    assert kernel.ok("many.pending == list(many)").text == "True"
    done = ask(kernel, cells=[count], sure=True)
    assert done["answer"] == ""
    assert [line.split(" ", 1)[1] for line in done["text"].splitlines()] == ["is stopped."] * 3
    assert kernel.ok("len(many.failed), first.done()").text == "(3, False)"
    task = kernel.ok("print(first.task_id)").stream("stdout").strip()
    assert ask(kernel, tasks=[task], sure=True)["text"] == f"{task} is stopped."
    gone = ask(kernel, tasks=[task, "another", 1, None], cells=["x"], sure=True)
    assert gone["text"] == "None of this is open in the kernel: there is nothing to stop."
    assert kernel.ok("%%gcrun local\n'answers'").text == "'answers'"


def test_the_tasks_of_an_executor(kernel: Kernel) -> None:
    """Nobody has told the session of them."""
    kernel.ok("import time\nfrom gc_jupyter import Executor\nmine = Executor('local')")
    kernel.ok("by_hand = [mine.submit(time.sleep, 600) for _ in range(3)]")
    kernel.wait_for_ids("by_hand")
    tasks = kernel.ok("print(*[one.task_id for one in by_hand])").stream("stdout").split()
    asked = ask(kernel, tasks=tasks[:2])
    assert asked["text"] == "Stop 2 tasks? They end now, without results."
    done = ask(kernel, tasks=tasks[:2], sure=True)
    assert sorted(done["text"].splitlines()) == sorted(f"{one} is stopped." for one in tasks[:2])
    said = kernel.ok(f"%gc cancel {tasks[2][:8]}").stream("stdout").strip()
    assert said == f"{tasks[2]} is stopped."
    assert kernel.ok("[one.cancelled() for one in by_hand]").text == "[True, True, True]"
    kernel.ok("by_hand = mine.submit(time.sleep, 600)")
    assert kernel.ok("%gc cancel").stream("stdout").endswith(" is stopped.\n")
    assert kernel.ok("by_hand.cancelled()").text == "True"


def test_a_fan_out_that_was_stopped_is_cancelled(kernel: Kernel) -> None:
    """In the cell as in the table."""
    cell = f"%%gcrun local -a -q --future many --map x=[0, 1, 2]\n1 / x\n{SLEEP}"
    kernel.ok(cell)
    kernel.ok("many[0].exception()")
    count = int(kernel.ok("many[0].note.place.execution_count").text)
    assert ask(kernel, cells=[count], sure=True)["text"].count("is stopped.") == 2
    assert kernel.ok("many").text == "<3 tasks: 1 failed, 2 cancelled>"
    lines = kernel.run("many.result()").traceback.splitlines()
    assert lines[0] == "1 of 3 tasks failed, 2 were cancelled."
    assert lines[lines.index("x=1, x=2 (2 tasks):") + 1].startswith("cancelled: The task was")
    assert "TaskStopped" not in "\n".join(lines)
    kernel.ok(f"%%gcrun local -a -q --future many --map x=[1, 2, 3]\n{SLEEP}")
    kernel.ok("%gc cancel")
    lines = kernel.run("many.result()").traceback.splitlines()
    assert lines[0] == "3 of 3 tasks were cancelled."


def test_what_was_sent_to_an_endpoint_cannot_be_stopped(loopback: Loopback, tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, loopback.environment)
    endpoint = loopback.new_endpoint("offline")
    try:
        kernel.ok("%load_ext gc_jupyter")
        kernel.ok(f"%%gcrun {endpoint} -a -q --future sent\n1")
        kernel.wait_for_ids("[sent]")
        task = kernel.ok("print(sent.task_id)").stream("stdout").strip()
        for sure in (False, True):
            said = ask(kernel, tasks=[task], sure=sure)
            assert said["text"].startswith("A Globus Compute task cannot be stopped")
            assert said["answer"] == ""
        kernel.ok(f"%%gcrun local -a -q --future here\n{SLEEP}")
        mixed = ask(
            kernel, tasks=[task], cells=[int(kernel.ok("here.note.place.execution_count").text)]
        )
        assert mixed["text"] == (
            "Stop 1 task? It ends now, without a result. 1 more was sent to an endpoint."
            " A Globus Compute task cannot be stopped: the service has no way to do that."
        )
        assert kernel.ok("sent.done()").text == "False"
    finally:
        kernel.close()
