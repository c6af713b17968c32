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
