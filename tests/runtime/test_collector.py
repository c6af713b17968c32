"""Collector and completer on a stream in the test's hand: what is acknowledged, and when."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from gc_jupyter import TaskFuture
from gc_jupyter.errors import ServiceRefused, StreamError, TaskExecutionFailed
from gc_jupyter.protocol import batches
from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.runtime import collector as collectors
from gc_jupyter.runtime import feed as feeds
from gc_jupyter.runtime.budget import Budget
from gc_jupyter.runtime.collector import Collector
from gc_jupyter.runtime.loop import KernelLoop
from gc_jupyter.runtime.requests import Requests
from gc_jupyter.runtime.tasks import Origin
from gc_jupyter.service.base import TaskStatus
from gc_jupyter.types import TaskEvent, TaskInfo, TaskState

TIMEOUT = 30


class Stream:
    """Records what is done with a stream."""

    def __init__(self) -> None:
        self.groups: list[str] = []
        self.acked: list[object] = []
        self.changed = threading.Condition()
        self.sink: Any = None
        self.heard = True  # whether a group's queue is, as soon as it is subscribed
        self.reconnects: list[Exception] = []
        self.received = 0
        self.opened = 0

    def subscribe(self, task_group_id: str) -> None:
        self.groups.append(task_group_id)
        if self.heard:
            self.sink.on_group_up(task_group_id)

    def unsubscribe(self, task_group_id: str) -> None:
        self.groups.remove(task_group_id)

    def reconnect(self, error: Exception) -> None:
        self.reconnects.append(error)

    def ack(self, tags: Sequence[object]) -> None:
        with self.changed:
            self.acked += tags
            self.changed.notify_all()

    def close(self) -> None:
        self.groups.clear()

    def wait_for(self, *tags: object) -> None:
        """Return once these were acknowledged."""
        with self.changed:
            assert self.changed.wait_for(lambda: {*tags} <= {*self.acked}, TIMEOUT), self.acked


class Service:
    """Knows the outcomes of tasks that `batch_status` is asked for."""

    rate_limited = False

    def __init__(self) -> None:
        self.stream = Stream()
        self.known: dict[str, TaskStatus] = {}
        self.asked: list[list[str]] = []
        self.online: bool | ServiceRefused = True

    def endpoint_online(self, endpoint_id: str) -> bool:
        assert endpoint_id == "endpoint"
        if isinstance(self.online, ServiceRefused):
            raise self.online
        return self.online

    def open_stream(self, _loop: object, _ask: object, sink: Any, **_kwargs: object) -> Stream:
        self.stream.sink = sink
        self.stream.opened += 1
        return self.stream

    def task_statuses(self, task_ids: Sequence[str]) -> Mapping[str, TaskStatus]:
        self.asked.append(list(task_ids))
        return {one: self.known[one] for one in task_ids if one in self.known}


class Setup:
    """A collector on a loop of its own; each method runs on the loop."""

    def __init__(self) -> None:
        self.loop = KernelLoop()
        self.service = Service()
        requests = Requests(self.loop, Budget(""))
        self.collector: Collector = Collector(self.loop, self.service, requests, None)  # type: ignore[arg-type]
        self.origin = Origin(lambda text: f"decoded {text}")
        self.loop.ask(self.collector.feed.open)

    def begin(self) -> int:
        return self.loop.ask(self.collector.book.begin)

    def expect(self, submission: int, *task_ids: str) -> list[TaskFuture]:
        futures = [TaskFuture(one) for one in task_ids]
        for future in futures:
            future.set_running_or_notify_cancel()
            future._info = TaskInfo(future.task_id, "group")
        tasks = [(one.task_id or "", (one, self.origin)) for one in futures]
        self.loop.ask(self.collector.expect, submission, "group", tasks)
        return futures

    def message(self, task_id: str, tag: object, *, by_reference: bool = False) -> None:
        body = pack_result(ResultMessage(task_id, task_id))
        self.loop.ask(lambda: self.collector.feed.on_message(body, tag, by_reference=by_reference))

    def open(self) -> list[TaskFuture]:
        return self.loop.ask(lambda: [future for future, _ in self.collector.unresolved()])


@pytest.fixture
def setup() -> Iterator[Setup]:
    made = Setup()
    yield made
    made.loop.ask(made.collector.close)
    made.loop.close()


def test_a_message_is_acknowledged_after_its_future_is_resolved(setup: Setup) -> None:
    (future,) = setup.expect(setup.begin(), "a")
    assert setup.service.stream.groups == ["group"]
    gate = threading.Event()
    future.add_done_callback(lambda _future: gate.wait(TIMEOUT))
    setup.message("a", 1)
    assert future.result(TIMEOUT) == "decoded a"
    setup.loop.ask(lambda: None)
    assert setup.service.stream.acked == []  # its callbacks are still running
    gate.set()
    setup.service.stream.wait_for(1)


def test_the_loop_ends_while_results_are_resolved() -> None:
    """The future is resolved all the same, and its thread has nothing to complain of."""
    setup = Setup()
    (future,) = setup.expect(setup.begin(), "a")
    entered, gate, thread = threading.Event(), threading.Event(), []

    def hold(_future: object) -> None:
        thread.append(threading.current_thread())
        entered.set()
        gate.wait(TIMEOUT)

    future.add_done_callback(hold)
    setup.message("a", 1)
    assert entered.wait(TIMEOUT)
    complaints: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading, "excepthook", complaints.append)
        setup.loop.close()
        gate.set()
        thread[0].join(TIMEOUT)
    assert not thread[0].is_alive()
    assert complaints == []
    assert future.result(0) == "decoded a"


def test_early_and_foreign_messages(setup: Setup) -> None:
    submission = setup.begin()
    setup.message("a", 1)
    setup.message("a", 2)
    setup.message("foreign", 3)
    assert setup.service.stream.acked == [2]
    (future,) = setup.expect(submission, "a")
    assert future.result(TIMEOUT) == "decoded a"
    setup.service.stream.wait_for(1, 2, 3)
    setup.message("a", 4)
    setup.service.stream.wait_for(4)


def test_an_unresolved_future_counts_as_open(setup: Setup) -> None:
    """Until it is resolved: between message and result it is in no table of open tasks."""
    gate = threading.Event()
    setup.origin.deserialize = lambda text: (gate.wait(TIMEOUT), text)[1]
    first, second = setup.expect(setup.begin(), "a", "b")
    setup.message("a", 1)
    assert set(setup.open()) == {first, second}
    setup.message("b", 2)
    assert set(setup.open()) == {first, second}
    gate.set()
    assert (first.result(TIMEOUT), second.result(TIMEOUT)) == ("a", "b")
    setup.service.stream.wait_for(1, 2)
    assert setup.open() == []


def test_results_by_reference(setup: Setup) -> None:
    setup.service.known["a"] = TaskStatus("a", "success", result="fetched")
    (future,) = setup.expect(setup.begin(), "a")
    for tag in (1, 2, 3):
        setup.message("a", tag, by_reference=True)
    assert future.result(TIMEOUT) == "decoded fetched"
    setup.service.stream.wait_for(1, 2, 3)  # one kept back would stop the queue one day


def test_an_early_result_by_reference(setup: Setup) -> None:
    setup.service.known["a"] = TaskStatus("a", "failed", exception="ValueError: no")
    submission = setup.begin()
    setup.message("a", 1, by_reference=True)
    setup.message("sync", 2)
    (future,) = setup.expect(submission, "a")
    assert isinstance(future.exception(TIMEOUT), TaskExecutionFailed)
    setup.service.stream.wait_for(1, 2)


def test_references_that_lead_nowhere_are_dropped(setup: Setup) -> None:
    setup.message("unknown", 1, by_reference=True)
    (future,) = setup.expect(setup.begin(), "a")
    setup.service.known["a"] = TaskStatus("a", "success", result="r")
    setup.message("a", 2, by_reference=True)
    future.result(TIMEOUT)
    setup.service.stream.wait_for(2)
    assert setup.loop.ask(lambda: dict(setup.collector.feed._referenced)) == {}


def test_sweeps_ask_for_every_open_task(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "ASK_UP_S", 0.01)
    monkeypatch.setattr(batches, "STATUS_CHUNK", 2)
    ids = ["a", "b", "c", "d", "e"]
    setup.service.known = {one: TaskStatus(one, "success", result=one) for one in ids}
    futures = setup.expect(setup.begin(), *ids)
    assert [future.result(TIMEOUT) for future in futures] == [f"decoded {one}" for one in ids]
    assert sorted(one for chunk in setup.service.asked for one in chunk) == ids
    assert all(len(chunk) <= 2 for chunk in setup.service.asked)


def test_a_group_that_is_heard_meanwhile_puts_no_question_off(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was wanted is asked for, though from then on messages come by themselves."""
    monkeypatch.setattr(feeds, "ASK_UP_S", 10 * TIMEOUT)
    monkeypatch.setattr(setup.service.stream, "heard", False)
    (future,) = setup.expect(setup.begin(), "a")
    setup.service.known["a"] = TaskStatus("a", "success", result="r")

    def want_and_hear() -> None:
        setup.collector.feed.ask_for(["a"])
        setup.collector.feed.on_group_up("group")

    setup.loop.ask(want_and_hear)
    assert future.result(TIMEOUT) == "decoded r"


def test_sweeps_fetch_no_more_than_is_taken_in(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where AMQP is blocked, results wait at the service, not here."""
    monkeypatch.setattr(feeds, "question_gap", lambda _age: 0.01)
    monkeypatch.setattr(batches, "STATUS_CHUNK", 1)
    ids = ["a", "b", "c", "d", "e"]
    setup.service.known = {one: TaskStatus(one, "success", result=one) for one in ids}
    taken: list[str] = []
    taken_when_asked: list[int] = []
    real = setup.service.task_statuses

    def task_statuses(task_ids: Sequence[str]) -> Mapping[str, TaskStatus]:
        taken_when_asked.append(len(taken))
        return real(task_ids)

    def decode(text: str) -> str:
        setup.loop.ask(setup.loop.http.submit, int).result(TIMEOUT)  # a request's time
        taken.append(text)
        return text

    monkeypatch.setattr(setup.service, "task_statuses", task_statuses)
    setup.origin.deserialize = decode
    setup.service.stream.heard = False
    setup.loop.ask(setup.collector.feed.on_stream_down, StreamError("blocked"))
    for future in setup.expect(setup.begin(), *ids):
        future.result(TIMEOUT)
    assert taken_when_asked == [0, 1, 2, 3, 4]


def test_listeners_hear_of_every_task(setup: Setup, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[TaskEvent] = []
    seen = threading.Event()

    def broken(_events: object) -> None:
        raise RuntimeError("a broken view")

    def listen(events: Sequence[TaskEvent]) -> None:
        heard.extend(events)
        if len(heard) == 2:
            seen.set()

    setup.collector.listeners += [broken, listen]
    setup.expect(setup.begin(), "a", "b")
    setup.message("a", 1)
    body = pack_result(ResultMessage("b", "Traceback\nValueError: [red]no[/]", error_code="X"))
    setup.loop.ask(setup.collector.feed.on_message, body, 2)
    assert seen.wait(TIMEOUT)
    by_id: dict[Any, TaskEvent] = {event.info.task_id: event for event in heard}
    assert by_id["a"].state is TaskState.SUCCESS
    assert (by_id["b"].state, by_id["b"].error) == (TaskState.FAILED, "ValueError: [red]no[/]")
    assert "a listener of task events failed" in caplog.text


def test_the_word_for_an_endpoint_that_is_not_there(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "ASK_UNLIMITED_S", 0.01)
    monkeypatch.setattr(collectors, "ENDPOINTS_S", 0.01)
    setup.service.known["a"] = TaskStatus("a", "waiting-for-ep")
    setup.service.online = False
    (future,) = setup.expect(setup.begin(), "a")
    future._info = TaskInfo("a", endpoint_id="endpoint")
    words: queue.SimpleQueue[TaskState] = queue.SimpleQueue()
    setup.loop.ask(setup.collector.watch, lambda events: words.put(events[-1].state))
    assert words.get(timeout=TIMEOUT) is TaskState.ENDPOINT_OFFLINE
    unknown = ServiceRefused("not yours", status=403)
    for online, word in (
        (True, TaskState.WAITING_ENDPOINT),
        (False, TaskState.ENDPOINT_OFFLINE),
        (unknown, TaskState.WAITING_ENDPOINT),
    ):
        setup.service.online = online
        while words.get(timeout=TIMEOUT) is not word:
            pass


@pytest.mark.parametrize(
    "message",
    [
        ResultMessage("a", "x", started_ns=2**62, ended_ns=2**62 + 1),
        ResultMessage("a", "", error_code="RemoteExecutionError", error_message="no text"),
    ],
    ids=["times of another century", "error without data"],
)
def test_odd_messages_resolve_too(setup: Setup, message: ResultMessage) -> None:
    (future,) = setup.expect(setup.begin(), "a")
    setup.loop.ask(setup.collector.feed.on_message, pack_result(message), 1)
    assert future.exception(TIMEOUT) is None or "no text" in str(future.exception())
    setup.service.stream.wait_for(1)


# --- the feed ------------------------------------------------------------------------------


def test_results_before_the_queue_is_heard(setup: Setup) -> None:
    """The first results of a kernel don't wait for the broker."""
    setup.service.stream.heard = False
    setup.service.known["a"] = TaskStatus("a", "success", result="early")
    (future,) = setup.expect(setup.begin(), "a")
    assert future.result(TIMEOUT) == "decoded early"
    setup.message("a", 1)  # the broker has it too
    setup.service.stream.wait_for(1)


def test_questions_for_a_group_without_a_queue_become_rare(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no other group is asked for: the stream isn't down."""
    monkeypatch.setattr(feeds, "EARLY_S", 0.001)
    setup.service.stream.heard = False
    setup.expect(setup.begin(), "a")
    feed = setup.collector.feed
    pauses: queue.SimpleQueue[float] = queue.SimpleQueue()
    real = feed._pause
    monkeypatch.setattr(feed, "_pause", lambda: (pauses.put(real()), real())[1])
    seen = [pauses.get(timeout=TIMEOUT) for _ in range(6)]
    assert seen == sorted(seen)
    assert seen[-1] >= 16 * seen[0]
    assert feed.error is None
    setup.loop.ask(feed.on_group_up, "group")
    assert setup.loop.ask(real) == feeds.ASK_UP_S


def test_a_lost_queue_concerns_its_group_alone(setup: Setup) -> None:
    feed = setup.collector.feed
    (here,) = setup.expect(setup.begin(), "a")
    setup.service.known["a"] = TaskStatus("a", "success", result="asked")
    setup.loop.ask(feed.follow, "other")
    setup.loop.ask(feed.on_group_down, "other", StreamError("no queue"))
    assert feed.error is None
    setup.loop.ask(lambda: None)
    assert setup.service.asked == []
    setup.loop.ask(feed.on_group_down, "group", StreamError("no queue"))
    assert here.result(TIMEOUT) == "decoded asked"


def test_a_message_that_never_comes_shows_a_dead_connection(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "ASK_UP_S", 0.01)
    monkeypatch.setattr(feeds, "LATE_S", 0.05)
    setup.service.known["a"] = TaskStatus("a", "success", result="r")
    setup.loop.ask(setup.collector.feed.on_stream_up)
    reconnected = threading.Event()
    monkeypatch.setattr(
        setup.service.stream, "reconnect", lambda _error: reconnected.set(), raising=False
    )
    (future,) = setup.expect(setup.begin(), "a")
    assert future.result(TIMEOUT) == "decoded r"
    assert reconnected.wait(TIMEOUT)


def test_a_connection_on_which_something_comes_is_alive(setup: Setup) -> None:
    """The message may be behind a large one."""
    feed, stream = setup.collector.feed, setup.service.stream
    setup.loop.ask(feed.on_stream_up)
    stream.received = 7
    setup.loop.ask(feed._never_came, stream, 6)
    assert stream.reconnects == []
    setup.loop.ask(feed._never_came, stream, 7)
    assert len(stream.reconnects) == 1


def test_a_message_that_comes_late_is_no_sign(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "ASK_UP_S", 0.01)
    setup.service.known["a"] = TaskStatus("a", "success", result="r")
    setup.loop.ask(setup.collector.feed.on_stream_up)
    (future,) = setup.expect(setup.begin(), "a")
    assert future.result(TIMEOUT) == "decoded r"
    assert setup.collector.feed._late is not None
    setup.message("a", 1)
    assert setup.collector.feed._late is None


def test_a_group_with_nothing_open_is_dropped(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one closes the stream; a later task opens it again."""
    monkeypatch.setattr(feeds, "LINGER_S", 0.05)
    setup.loop.ask(setup.collector.close)  # what was opened with the longer time
    closed = threading.Event()
    monkeypatch.setattr(setup.service.stream, "close", closed.set)
    for number in (2, 3):
        (future,) = setup.expect(setup.begin(), f"task {number}")
        setup.message(f"task {number}", number)
        assert future.result(TIMEOUT)
        assert closed.wait(TIMEOUT)
        closed.clear()
        assert setup.loop.ask(lambda: setup.collector.feed._stream) is None
        assert setup.service.stream.opened == number


def test_a_stream_for_which_no_task_comes(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was opened for one that failed before it was sent, or that nobody submitted after all."""
    monkeypatch.setattr(feeds, "LINGER_S", 0.02)
    setup.loop.ask(setup.collector.close)
    closed = threading.Event()
    monkeypatch.setattr(setup.service.stream, "close", closed.set)
    setup.loop.ask(setup.collector.feed.open)
    assert closed.wait(TIMEOUT)
    assert setup.loop.ask(lambda: setup.collector.feed._stream) is None


def test_the_first_question_leaves_when_the_task_had_its_time(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From far away the reply to a submission takes longer than the task."""
    monkeypatch.setattr(feeds, "EARLY_S", 1.0)
    feed = setup.collector.feed
    setup.expect(setup.begin(), "a")

    def pause(on_its_way_s: float) -> float:
        feed.on_group_down("group", StreamError("not heard yet"))
        feed.follow("group", on_its_way_s)
        return feed._pause()

    assert [setup.loop.ask(pause, one) for one in (0.0, 0.5, 1.0)] == [1.0, 0.5, 0.0]


def test_old_tasks_are_asked_for_less_often(setup: Setup) -> None:
    """Where no queue is heard, and where states are shown."""
    feed = setup.collector.feed
    setup.service.stream.heard = False
    setup.expect(setup.begin(), "a")

    def pause(age: float) -> float:
        group = feed._groups["group"]
        group.used_at, group.patience = setup.loop.aio.time() - age, 20
        return feed._pause()

    ages = (1, 120, 600, 3600, 86400)
    assert [round(setup.loop.ask(pause, age), 1) for age in ages] == [2, 2, 10, 60, 60]
    setup.loop.ask(feed.on_group_up, "group")
    assert [round(setup.loop.ask(pause, age), 1) for age in ages] == [20, 20, 20, 60, 60]
    setup.service.rate_limited = True
    setup.loop.ask(feed.watch, 1)
    assert [round(setup.loop.ask(pause, age), 1) for age in ages] == [2, 2, 10, 60, 60]


def test_a_group_with_open_tasks_stays(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "LINGER_S", 0.02)
    setup.loop.ask(setup.collector.close)
    dropped: queue.SimpleQueue[str] = queue.SimpleQueue()
    monkeypatch.setattr(setup.service.stream, "unsubscribe", dropped.put)
    setup.expect(setup.begin(), "waits")
    setup.loop.ask(setup.collector.feed.follow, "other")
    setup.loop.ask(setup.collector.feed.settled)
    assert dropped.get(timeout=TIMEOUT) == "other"
    assert list(setup.collector.feed._groups) == ["group"]
