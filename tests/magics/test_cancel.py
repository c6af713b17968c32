"""%gc cancel in a real kernel, and ids by their first characters."""

from __future__ import annotations

import re
from pathlib import Path

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

SLEEP = "import time\ntime.sleep(600)"


def said(kernel: Kernel, line: str) -> list[str]:
    return kernel.ok(f"%gc {line}").stream("stdout").splitlines()


def id_of(kernel: Kernel, future: str) -> str:
    kernel.wait_for_ids(f"[{future}]")
    return kernel.ok(f"print({future}.task_id)").stream("stdout").strip()


def test_short_ids(kernel: Kernel) -> None:
    kernel.ok("%%gcrun local -q --future done\nprint('printed')\n'value'")
    task = id_of(kernel, "done")
    for short in (task[:8], task[:13], task):
        assert kernel.ok(f"%gc result {short}").text == "'value'"
        assert kernel.ok(f"%gc attach {short}").text == "'value'"
        assert "printed" in kernel.ok(f"%gc tail {short}").stream("stdout")
        assert said(kernel, f"cancel {short}") == [f"{task} has ended already."]
    group = kernel.ok("print(done.info.task_group_id)").stream("stdout").strip()
    assert said(kernel, f"cancel {group[:8]}")[-1].endswith("ended already.")


def test_without_an_id_it_is_the_newest_cells(kernel: Kernel) -> None:
    kernel.ok(f"%%gcrun local -a -q --future first\n{SLEEP}")
    kernel.ok(f"%%gcrun local -a -q --future second --map x=range(9)\n{SLEEP}")
    lines = said(kernel, "cancel")
    assert lines == [
        "9 tasks are stopped.",
        "1 task is still open: %gc tasks lists them, %gc cancel --all stops them.",
    ]
    assert kernel.ok("first.done(), len(second.failed)").text == "(False, 9)"
    task = id_of(kernel, "first")
    assert said(kernel, "cancel") == [f"{task} is stopped."]
    assert kernel.ok("first.cancelled()").text == "True"
    assert said(kernel, "cancel") == ["No task of this kernel is open."]


def test_all(kernel: Kernel) -> None:
    kernel.ok(f"%%gcrun local -a -q --future first\n{SLEEP}")
    kernel.ok(f"%%gcrun local -a -q --future second --map x=range(9)\n{SLEEP}")
    assert said(kernel, "cancel --all") == ["10 tasks are stopped."]
    assert kernel.ok("%%gcrun local\n'answers'").text == "'answers'"


def test_what_is_at_an_endpoint_goes_on_and_is_said(loopback: Loopback, tmp_path: Path) -> None:
    """Beside it are a task that runs here, and one that was not sent."""
    kernel = Kernel(tmp_path, loopback.environment)
    endpoint = loopback.new_endpoint("offline")
    try:
        kernel.ok("%load_ext gc_jupyter")
        kernel.ok(f"%%gcrun local -a -q --future here\n{SLEEP}")
        kernel.ok(f"%%gcrun {endpoint} -a -q --future there\n1")
        here, there = id_of(kernel, "here"), id_of(kernel, "there")
        loopback.fault(path=".*/submit", hang=True)
        kernel.ok(f"%%gcrun {endpoint} -a -q --future on_its_way\n2")
        loopback.wait_for_submissions(2, answered=False)
        kernel.ok(f"%%gcrun {endpoint} -a -q --label unsent --future waits\n3")
        lines = said(kernel, "cancel")
        assert lines[0] == "unsent won't be sent."
        assert re.match("3 tasks are still open", lines[1])
        assert said(kernel, "cancel")[0] == f"{here} is stopped."  # the newest that can be
        lines = said(kernel, "cancel --all")
        over = "was sent, and the service can't stop a task: it isn't over."
        assert f"{there} {over}" in lines
        assert len(lines) == 2
        loopback.reset()
        loopback.bring_online(endpoint)
        assert kernel.ok("there.result()").text == "1"
    finally:
        kernel.close()


def test_a_full_local_says_who_has_its_workers(tmp_path: Path) -> None:
    """And how to get one; the line goes once the cell is over."""
    kernel = Kernel(tmp_path, {"GC_JUPYTER_LOCAL_WORKERS": "2"})
    try:
        kernel.ok("%load_ext gc_jupyter")
        kernel.ok(f"%%gcrun local -a -q --future first --label busy\n{SLEEP}")
        kernel.ok(f"%%gcrun local -a -q --future second\n{SLEEP}")
        shown = kernel.run_until("%%gcrun local\n1", "waiting for a worker", kernel.interrupt)
        texts = [str(one.get("data", {}).get("text/plain")) for one in shown.outputs]
        (line,) = [text for text in texts if "waiting for" in text]
        ids = [id_of(kernel, one) for one in ("first", "second")]
        at = r"since \d\d:\d\d:\d\d"
        first = rf"In\[2\] 'busy' \(task {ids[0][:8]}, {at}\)"
        assert re.search(
            rf"All 2 are taken: {first}, In\[3\] 'cell' \(task {ids[1][:8]}, {at}\)", line
        )
        assert f"%gc cancel {ids[0][:8]} ends the first of them" in line
        assert "%%gcrun local --workers N has more from then on." in line
        assert kernel.ok("%%gcrun local --workers 3\n'answers'").text == "'answers'"
        assert kernel.ok("first.done(), second.done()").text == "(False, False)"
        assert said(kernel, f"cancel {ids[0][:8]}") == [f"{ids[0]} is stopped."]
        assert kernel.ok("%%gcrun local\n'answers'").text == "'answers'"
    finally:
        kernel.close()


def test_workers_of_local(kernel: Kernel) -> None:
    """From then on, more and fewer; what runs is left to end. Elsewhere it is refused by name."""
    at_once = "import os, time\ntime.sleep(0.2)\nos.getppid()"
    for count in (3, 1, 2):
        line = f"%%gcrun local --workers {count} --map x=range({4 * count})"
        kernel.ok(f"{line} --future sweep\n{at_once}")
        assert kernel.ok("len(set(sweep.result()))").text == str(count)
    assert kernel.ok("%%gcrun local\n'answers'").text == "'answers'"
    shown = kernel.run("%%gcrun local --workers 0\n1")
    assert "0 is not 1 or more" in shown.stream("stderr")
    named = "%%gcrun 00000000-0000-4000-8000-000000000000 --workers 3\n1"
    assert "--workers is for local" in kernel.run(named).stream("stderr")
