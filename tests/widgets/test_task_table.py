"""The task table's Python half: what it sends to a front end, and what it does when asked."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gc_jupyter
from gc_jupyter import Executor, TaskFuture
from gc_jupyter.journal import CellPlace, Note
from gc_jupyter.runtime.loop import kernel_loop
from gc_jupyter.types import Hold, TaskInfo, TaskState
from gc_jupyter.widgets import TaskTable
from gc_jupyter.widgets.flusher import flusher
from tests.widgets.conftest import RecordingComm, Runtime, flushed, futures_of, shown

pytestmark = pytest.mark.usefixtures("notebook")


def test_it_is_a_public_name() -> None:
    assert gc_jupyter.TaskTable is TaskTable


def test_rows_follow_events_and_results(runtime: Runtime) -> None:
    futures = futures_of(runtime, 3)
    table = TaskTable(futures, title="Squares")
    assert [row["state"] for row in shown(flushed(table))] == ["waiting for endpoint"] * 3
    runtime.announce(TaskState.WAITING_NODES, futures[0])
    runtime.announce(TaskState.RUNNING, futures[1])
    futures[2].set_result({"answer": 42})
    rows = shown(flushed(table))
    assert [row["state"] for row in rows] == ["waiting for nodes", "running", "success"]
    assert [row["task_id"] for row in rows] == ["id-0", "id-1", "id-2"]
    assert [row["label"] for row in rows] == ["square #1", "square #2", "square #3"]
    assert rows[2]["text"] == "{'answer': 42}"
    assert RecordingComm.made[-1].front_end["title"] == "Squares"


def test_a_thousand_changes_are_few_messages_and_idleness_is_silent(runtime: Runtime) -> None:
    futures = futures_of(runtime, 1000)
    table = TaskTable(futures)
    comm = flushed(table)
    before, start = len(comm.updates), time.monotonic()
    for future in futures:
        runtime.announce(TaskState.RUNNING, future)
    flushed(table)
    elapsed = time.monotonic() - start
    assert len(comm.updates) - before <= 1 + elapsed / 0.25
    assert {row["state"] for row in shown(comm)} == {"running"}
    assert not kernel_loop().ask(lambda: flusher()._armed)


def test_every_message_leaves_on_the_loop(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = set()
    publish = RecordingComm.publish_msg

    def record(self: RecordingComm, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("data", {}).get("method") == "update":
            threads.add(threading.current_thread().name)
        publish(self, *args, **kwargs)

    monkeypatch.setattr(RecordingComm, "publish_msg", record)
    table = TaskTable(futures_of(runtime, 3))
    flushed(table)
    assert threads == {"gc-loop"}


def test_a_lost_message_is_made_good(runtime: Runtime) -> None:
    table = TaskTable(futures_of(runtime, 250))
    comm = flushed(table)
    seq = comm.front_end["seq"]
    lost = len(comm.updates)
    comm.receive({"type": "need", "pages": [], "seq": seq - 1})
    flushed(table)
    again = {key for update in comm.updates[lost:] for key in update}
    assert {"page_0", "page_1", "page_2"} <= again


def test_a_front_end_that_has_everything_gets_nothing(runtime: Runtime) -> None:
    table = TaskTable(futures_of(runtime, 250))
    comm = flushed(table)
    before = len(comm.sent)
    comm.receive({"type": "need", "pages": [], "seq": comm.front_end["seq"]})
    flushed(table)
    assert len(comm.sent) == before
    comm.receive({"type": "need", "pages": [1], "seq": comm.front_end["seq"]})
    flushed(table)
    assert [key for key in comm.updates[-1] if "page_" in key] == ["page_1"]


def test_what_is_in_view_comes_with_the_next_update(runtime: Runtime) -> None:
    table = TaskTable(futures_of(runtime, 5_000))
    comm = flushed(table)
    comm.receive({"type": "view", "pages": [40, 41]})
    comm.receive({"type": "need", "pages": list(range(20, 50)), "seq": comm.front_end["seq"]})
    before = len(comm.updates)
    flushed(table)
    pages = [key for key in comm.updates[before] if "page_" in key]
    assert pages[:3] == ["page_40", "page_41", "page_20"]


def test_a_reloaded_page_gets_the_whole_state(runtime: Runtime) -> None:
    table = TaskTable(futures_of(runtime, 120))
    flushed(table)
    state = table.get_state()
    assert state["size"] == 120
    assert len(state["page_0"]) == 100
    assert len(state["page_1"]) == 20
    assert state["kind"] == "task_table"


def test_a_result_is_shown_when_asked_for(runtime: Runtime) -> None:
    futures = futures_of(runtime, 2)
    table = TaskTable(futures)
    comm = flushed(table)
    futures[0].set_result("<b>" + "x" * 1000)
    flushed(table)
    comm.receive({"type": "show", "request": "r1", "row": 0})
    [answer] = comm.custom
    assert answer == {
        "type": "shown",
        "request": "r1",
        "row": 0,
        "text": repr("<b>" + "x" * 1000),
    }


def test_a_table_says_which_run_of_a_cell_it_is_of(runtime: Runtime) -> None:
    """From the moment that it is made: the button that opens the page needs nothing else."""
    futures = futures_of(runtime, 3)
    for future, cell in zip(futures, ("a:fit", "a:fit", "b:fit"), strict=True):
        future.note = Note(place=CellPlace(cell=cell))
    assert TaskTable(futures[:2]).state()["run"] == "a:fit"
    assert flushed(TaskTable(futures[:2])).front_end["run"] == "a:fit"
    assert flushed(TaskTable(futures)).front_end["run"] == ""
    assert flushed(TaskTable(futures_of(runtime, 1))).front_end["run"] == ""


@pytest.mark.parametrize(
    "content",
    [
        None,
        "text",
        {},
        {"type": "show", "request": "r", "row": 99},
        {"type": "show", "request": "r", "row": -1},
        {"type": "show", "request": "r", "row": "0"},
        {"type": "rerun", "row": 0},
        {"type": "need", "pages": "all", "seq": 1},
        {"type": "view", "pages": 3},
        {"type": "view", "pages": [None, -1, 10**9]},
        {"type": "need", "pages": [10**9, None], "seq": None},
        {"type": "unheard of", "row": 0},
    ],
    ids=str,
)
def test_nonsense_from_a_front_end_is_ignored(runtime: Runtime, content: Any) -> None:
    table = TaskTable(futures_of(runtime, 2))
    comm = flushed(table)
    comm.receive(content)
    flushed(table)
    assert comm.custom == []
    assert len(table.futures) == 2


def test_tasks_of_cells_can_run_again_without_being_told_how(runtime: Runtime) -> None:
    futures = futures_of(runtime, 2)
    assert flushed(TaskTable(futures)).front_end["can_rerun"] is False
    for number, future in enumerate(futures):
        again = TaskFuture(serial=600 + number)
        future.again = lambda again=again: again  # type: ignore[attr-defined]
    table = TaskTable(futures)
    comm = flushed(table)
    assert comm.front_end["can_rerun"] is True
    comm.receive({"type": "rerun", "row": 1})
    assert [one.serial for one in table.futures] == [futures[0].serial, 601]


@pytest.mark.parametrize(
    ("held", "submitted_at", "word"),
    [
        (False, None, "unsent"),
        (True, None, "waiting for request limit"),
        (False, 1.0, "not confirmed"),
        (True, 1.0, "not confirmed"),
    ],
)
def test_a_task_that_the_service_has_not_named(
    runtime: Runtime, held: bool, submitted_at: float | None, word: str
) -> None:
    """What a table says that is shown only now."""
    (future,) = futures_of(runtime, 1)
    future._info = TaskInfo(submitted_at=submitted_at)
    runtime.hold = Hold("so many in 10 s", time.monotonic() + 5) if held else None
    assert [row["state"] for row in shown(flushed(TaskTable([future])))] == [word]


def test_a_task_run_again_takes_its_row(runtime: Runtime) -> None:
    futures = futures_of(runtime, 2)
    again = TaskFuture(serial=500, label="square again")

    def rerun(future: TaskFuture) -> TaskFuture:
        assert future is futures[1]
        return again

    table = TaskTable(futures, rerun=rerun)
    comm = flushed(table)
    assert comm.front_end["can_rerun"] is True
    comm.receive({"type": "rerun", "row": 1})
    states = [(row["label"], row["state"]) for row in shown(flushed(table))]
    assert states == [("square #1", "waiting for endpoint"), ("square #2", "unsent")]
    assert table.futures == (futures[0], again)
    futures[1].set_result("too late: nobody looks at it")
    again.set_result(4)
    assert [row["state"] for row in shown(flushed(table))] == ["waiting for endpoint", "success"]


def test_tasks_cancelled_before_they_were_sent(runtime: Runtime) -> None:
    future = TaskFuture(serial=1, label="never sent")
    table = TaskTable([future, *futures_of(runtime, 1)])
    flushed(table)
    future.cancel()
    assert shown(flushed(table))[0]["state"] == "cancelled"


@pytest.fixture
def local() -> Iterator[Executor]:
    with Executor("local") as executor:
        yield executor


def test_real_tasks_end_with_the_workers_times(local: Executor) -> None:
    def halve(number: int) -> float:
        return number / (0 if number == 3 else 2)

    futures = [local.submit(halve, number) for number in range(8)]
    table = TaskTable(futures, keep=True)
    for future in futures:
        future.exception(60)
    rows = shown(flushed(table))
    assert [row["state"] for row in rows].count("failed") == 1
    assert rows[3]["text"] == "ZeroDivisionError: division by zero"
    assert {row["endpoint"] for row in rows} == {
        RecordingComm.made[-1].front_end["endpoints"].index("local")
    }
    assert all(row["started"] <= row["ended"] for row in rows)


def test_a_watched_task_is_seen_running_since_its_worker_began(
    local: Executor, tmp_path: Path
) -> None:
    began, go_on = tmp_path / "began", tmp_path / "go on"
    os.mkfifo(go_on)

    def wait(began: Path, go_on: Path) -> None:
        import time

        began.write_text(str(time.time()))
        go_on.read_text()

    table = TaskTable([local.submit(wait, began, go_on)])
    (future,) = table.futures
    seen = threading.Event()

    def look() -> None:
        if table._rows.state(0) is TaskState.RUNNING:
            seen.set()
        elif not table._rows.done:
            kernel_loop().aio.call_later(0.02, look)

    kernel_loop().call(look)
    assert seen.wait(60)
    live = future.info.queued_s
    go_on.write_text("")
    future.result(60)
    assert live is not None
    # the service is asked later and later: its answer isn't when the task began
    assert (future.info.submitted_at or 0) + live <= float(began.read_text())


def test_stop_asks_first_and_then_stops_what_it_can(runtime: Runtime) -> None:
    sent, *unsent = futures_of(runtime, 1) + [TaskFuture(serial=n, label="new") for n in (1, 2)]
    table = TaskTable([sent, *unsent])
    comm = flushed(table)

    def said(row: int | None, *, sure: bool) -> tuple[str, str]:
        comm.receive({"type": "stop", "request": "r", "row": row, "sure": sure})
        reply = comm.custom[-1]
        assert (reply["type"], reply["request"]) == ("stopping", "r")
        return reply["text"], reply["answer"]

    cannot = "A Globus Compute task cannot be stopped: the service has no way to do that."
    assert said(0, sure=True) == (f"{cannot} It goes on, and its result comes.", "")
    assert said(1, sure=False) == (
        "Stop this task? It was not sent, and won't be.",
        "Stop it",
    )
    assert not unsent[0].cancelled()
    question, answer = said(None, sure=False)
    assert question.startswith("Stop 2 tasks? They were not sent, and won't be. 1 more was sent")
    assert question.endswith(cannot)
    assert answer == "Stop 2 tasks"
    text, _ = said(None, sure=True)
    assert text.splitlines()[:2] == ["new won't be sent."] * 2
    assert [one.cancelled() for one in (sent, *unsent)] == [False, True, True]
    assert said(1, sure=True) == ("Nothing is left to stop: all of it has ended.", "")
