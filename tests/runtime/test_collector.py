"""Collector and completer: what is acknowledged, and when."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from gc_jupyter.errors import ServiceRefused, StreamError, TaskExecutionFailed
from gc_jupyter.protocol import batches
from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.runtime import collector as collectors
from gc_jupyter.runtime import feed as feeds
from gc_jupyter.service.base import TaskStatus
from gc_jupyter.types import TaskEvent, TaskInfo, TaskState
from tests.runtime.conftest import Setup

TIMEOUT = 30


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
