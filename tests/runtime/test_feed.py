"""The feed of results: when the service is asked, and what is followed."""

from __future__ import annotations

import queue
import threading

import pytest

from gc_jupyter.errors import StreamError
from gc_jupyter.runtime import feed as feeds
from gc_jupyter.service.base import TaskStatus
from tests.runtime.conftest import Setup

TIMEOUT = 30


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
