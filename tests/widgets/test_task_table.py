"""The task table's Python half: what it sends to a front end, and what it leaves behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

import gc_jupyter
from gc_jupyter import Executor, TaskFuture
from gc_jupyter.errors import TaskExecutionFailed
from gc_jupyter.runtime.loop import kernel_loop
from gc_jupyter.session import Tasks
from gc_jupyter.types import Hold, TaskEvent, TaskInfo, TaskState
from gc_jupyter.widgets import TaskTable
from gc_jupyter.widgets.flusher import flusher
from gc_jupyter.widgets.live_widget import VIEW
from gc_jupyter.widgets.messages import LASTING_VIEW, STATES, Row
from tests.widgets.conftest import RecordingComm, Shell

pytestmark = pytest.mark.usefixtures("notebook")


class Runtime:
    """Announces what a test says, as a Dispatcher would."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[Sequence[TaskEvent]], None]] = []
        self.hold: Hold | None = None

    def watch(self, listener: Callable[[Sequence[TaskEvent]], None]) -> None:
        self.listeners.append(listener)

    def unwatch(self, listener: Callable[[Sequence[TaskEvent]], None]) -> None:
        self.listeners.remove(listener)

    def announce(self, state: TaskState, *futures: TaskFuture) -> None:
        events = [TaskEvent(f.serial, state, time.time(), f.label, f.info) for f in futures]
        kernel_loop().ask(lambda: [listener(events) for listener in self.listeners])


@pytest.fixture
def runtime() -> Runtime:
    return Runtime()


def futures_of(runtime: Runtime, count: int, label: str = "square") -> list[TaskFuture]:
    futures = [TaskFuture(serial=100 + n, label=label) for n in range(count)]
    for number, future in enumerate(futures):
        future.source = runtime  # type: ignore[assignment]
        future._info = TaskInfo(f"id-{number}", submitted_at=time.time())
        future.set_running_or_notify_cancel()
    return futures


def flushed(table: TaskTable) -> RecordingComm:
    """The table's front end, once nothing is left to send."""
    quiet(table)
    return RecordingComm.made[-1]


def quiet(table: TaskTable) -> None:
    """Wait until nothing is left to send."""
    deadline = time.monotonic() + 10
    done = threading.Event()

    def look() -> None:
        if not table._rows.dirty or table.settled or time.monotonic() > deadline:
            done.set()
        else:
            kernel_loop().aio.call_later(0.01, look)

    kernel_loop().call(look)
    assert done.wait(15)


def shown(comm: RecordingComm) -> list[dict[str, Any]]:
    state = comm.front_end
    rows: list[list[Any]] = []
    for page in range(-(-state["size"] // 100)):
        rows += state[f"page_{page}"]
    return [{**Row(*row)._asdict(), "state": STATES[Row(*row).state]} for row in rows]


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


def test_when_all_have_ended_the_output_is_static(runtime: Runtime, notebook: Shell) -> None:
    futures = futures_of(runtime, 3)
    table = TaskTable(futures)
    table._ipython_display_()
    table._ipython_display_()
    outputs = notebook.display_pub.outputs
    assert len(outputs) == 2
    for bundle in outputs.values():
        assert set(bundle) == {VIEW, LASTING_VIEW, "text/html", "text/plain"}
    flushed(table)
    futures[0].set_result(1)
    futures[1].set_exception(TaskExecutionFailed("Traceback\nValueError: no"))
    futures[2].set_result(3)
    flushed(table)
    assert table.settled
    assert len(notebook.display_pub.outputs) == 2
    for bundle in notebook.display_pub.outputs.values():
        assert set(bundle) == {LASTING_VIEW, "text/html", "text/plain"}
        assert "1 failed, 2 success" in bundle["text/plain"]
        assert "ValueError: no" in bundle["text/html"]
    assert runtime.listeners == []
    table.let_go()  # others last in its place
    assert RecordingComm.made[-1].sent[-1]["msg_type"] == "comm_close"
    for bundle in notebook.display_pub.outputs.values():
        assert set(bundle) == {"text/html", "text/plain"}


def test_finished_tasks_are_static_at_once(runtime: Runtime, notebook: Shell) -> None:
    futures = futures_of(runtime, 2)
    for future in futures:
        future.set_result("done")
    table = TaskTable(futures)
    flushed(table)
    table._ipython_display_()
    [bundle] = notebook.display_pub.outputs.values()
    assert set(bundle) == {LASTING_VIEW, "text/html", "text/plain"}
    comm = RecordingComm.made[-1]
    comm.receive({"type": "show", "request": "r", "row": 1})  # and can be used
    assert comm.custom[0]["text"] == "'done'"


def test_the_oldest_tables_give_way(
    runtime: Runtime, notebook: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gc_jupyter.widgets.outputs._LASTING_ROWS", 5)
    tables = []
    for _ in range(3):
        futures = futures_of(runtime, 2)
        for future in futures:
            future.set_result("done")
        tables.append(TaskTable(futures))
        flushed(tables[-1])
        tables[-1]._ipython_display_()
    bundles = list(notebook.display_pub.outputs.values())
    assert [LASTING_VIEW in bundle for bundle in bundles] == [False, True, True]
    assert [table.comm is None for table in tables] == [True, False, False]


def test_what_is_run_again_after_the_end_is_live_again(runtime: Runtime, notebook: Shell) -> None:
    first, second = futures_of(runtime, 2)
    table = TaskTable([first], rerun=lambda _: second)
    table._ipython_display_()
    first.set_exception(TaskExecutionFailed("Traceback\nValueError: no"))
    comm = flushed(table)
    assert table.settled
    comm.receive({"type": "rerun", "row": 0})
    assert not table.settled
    [bundle] = notebook.display_pub.outputs.values()
    assert set(bundle) == {VIEW, LASTING_VIEW, "text/html", "text/plain"}
    second.set_result(7)
    assert shown(flushed(table))[0]["state"] == "success"
    assert table.settled
    [bundle] = notebook.display_pub.outputs.values()
    assert set(bundle) == {LASTING_VIEW, "text/html", "text/plain"}
    assert "1 success" in bundle["text/plain"]


def test_keep_keeps_the_widget(runtime: Runtime, notebook: Shell) -> None:
    futures = futures_of(runtime, 1)
    table = TaskTable(futures, keep=True)
    table._ipython_display_()
    futures[0].set_result(1)
    flushed(table)
    [bundle] = notebook.display_pub.outputs.values()
    assert VIEW in bundle
    assert not table.settled


@pytest.mark.parametrize("reason", ["environment", "nbclient", "python"])
def test_without_a_front_end_there_is_no_widget(
    runtime: Runtime, notebook: Shell, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason == "environment":
        monkeypatch.setenv("GC_JUPYTER_NONINTERACTIVE", "1")
    elif reason == "nbclient":
        notebook.kernel._allow_stdin = False
    else:
        del notebook.kernel
    futures = futures_of(runtime, 2)
    table = TaskTable(futures)
    table._ipython_display_()
    futures[0].set_result(1)
    futures[1].set_result(2)
    kernel_loop().ask(table.flush)
    assert RecordingComm.made == []
    [bundle] = notebook.display_pub.outputs.values()
    assert set(bundle) == {"text/html", "text/plain"}


def test_voila_shows_widgets_and_keeps_them(
    runtime: Runtime, notebook: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    notebook.kernel._allow_stdin = False
    futures = futures_of(runtime, 1)
    table = TaskTable(futures)
    table._ipython_display_()
    futures[0].set_result(1)
    assert shown(flushed(table))[0]["state"] == "success"
    [bundle] = notebook.display_pub.outputs.values()
    assert VIEW in bundle


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


def test_a_task_run_again_mends_a_static_table(runtime: Runtime, notebook: Shell) -> None:
    futures = futures_of(runtime, 2)
    sweep = Tasks(futures, ["a", "b"])
    table = TaskTable(sweep, title="Squares")
    table._ipython_display_()
    futures[0].set_result(1)
    futures[1].set_exception(TaskExecutionFailed("ValueError: no"))
    flushed(table)
    [before] = notebook.display_pub.outputs.values()
    assert before["text/plain"].startswith("Squares: 1 failed, 1 success\n")
    again = TaskFuture(serial=700)
    futures[1].again = lambda: again  # type: ignore[attr-defined]
    sweep.rerun()
    again.set_result(4)
    flushed(table)
    [after] = notebook.display_pub.outputs.values()
    assert after["text/plain"].startswith("Squares: 2 success\n")
    assert sweep.result() == [1, 4]


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


def test_a_watched_task_is_seen_running(local: Executor) -> None:
    def wait() -> None:
        import time

        time.sleep(2)

    table = TaskTable([local.submit(wait)])
    seen = threading.Event()

    def look() -> None:
        if table._rows.state(0) is TaskState.RUNNING:
            seen.set()
        elif not table._rows.done:
            kernel_loop().aio.call_later(0.02, look)

    kernel_loop().call(look)
    assert seen.wait(20)


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
