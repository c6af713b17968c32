"""Results that come in strange ways, late, or never: each future ends as it should."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import uuid
from typing import Any

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.errors import ComputeError, WorkerLost
from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.runtime import feed
from gc_jupyter.service.base import TaskStatus
from tests.executors import double, sent, wait_for_stream
from tests.service.handle import Loopback
from tests.test_executor_faults import check_usable, executor, halve
from tests.waiting import poll

__all__ = ["executor"]  # the fixture

TIMEOUT = 60


@pytest.mark.parametrize(
    "faults",
    [
        {"duplicates": 2},
        {"reorder": 5},
        {"early": True},
        {"early": True, "duplicates": 1},
        {"by_reference": True},
        {"by_reference": True, "duplicates": 2},
        {"by_reference": True, "early": True},
        {"delay_s": 0.3},
    ],
    ids=str,
)
def test_results_in_strange_ways(
    executor: Executor, loopback: Loopback, faults: dict[str, Any]
) -> None:
    check_usable(executor)
    loopback.result_fault(**faults)
    for _ in range(2):
        futures = [executor.submit(double, n) for n in range(10)]
        assert [future.result(TIMEOUT) for future in futures] == [2 * n for n in range(10)]
    assert executor.task_count_submitted == 21
    loopback.reset()
    check_usable(executor)


def test_foreign_and_unreadable_messages_are_dropped(
    executor: Executor, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: queue.Queue[logging.LogRecord] = queue.Queue()
    logger = logging.getLogger("gc_jupyter")
    monkeypatch.setattr(logger, "handlers", [logging.handlers.QueueHandler(told)])
    check_usable(executor)
    group = str(executor.task_group_id)
    foreign = pack_result(ResultMessage(str(uuid.uuid4()), "11\n1"))
    for body in (b"", b"\x01", b"\x02{}", b"\x01[]", foreign, b"\x01" + b"[" * 50_000):
        loopback.publish(group, body)
    loopback.publish(group, foreign, {"high_assurance": True})
    loopback.publish(group, b"the last one")
    for _ in range(6):
        assert "can't be read" in told.get(timeout=TIMEOUT).getMessage()
    runtime = executor.client.dispatcher("")
    feed: Any = runtime.collector.feed
    assert runtime.loop.ask(lambda: feed.unreadable) == 6
    assert told.empty()
    # acknowledged: nothing would come again on a new connection; of one the service is asked first
    poll(lambda: not runtime.loop.ask(lambda: list(feed._stream._consumers[group].unacked)))
    loopback.cut_streams()
    check_usable(executor)


def test_streams_that_are_cut(client: Client, loopback: Loopback) -> None:
    endpoint_id = loopback.new_endpoint("offline")
    executor = Executor(endpoint_id, client=client)
    futures = [executor.submit(double, n) for n in range(20)]
    sent(client, futures)
    loopback.cut_streams()
    loopback.bring_online(endpoint_id)
    assert [future.result(TIMEOUT) for future in futures] == [2 * n for n in range(20)]
    loopback.cut_streams()
    assert executor.submit(double, 5).result(TIMEOUT) == 10


def test_a_broker_that_refuses_the_password(executor: Executor, loopback: Loopback) -> None:
    """Each try comes with a new address; the futures wait."""
    loopback.broker_fault(deny=2)
    assert executor.submit(double, 1).result(TIMEOUT) == 2
    wait_for_stream(executor.client)
    assert len(loopback.requests("GET", "/v2/get_amqp_result_connection_url")) >= 3
    check_usable(executor)


def test_no_broker_at_all(executor: Executor, loopback: Loopback) -> None:
    """Where AMQP is blocked, results come by batch_status."""
    loopback.broker_fault(refuse=True)
    futures = [executor.submit(double, n) for n in range(10)]
    failing = executor.submit(halve, "text")  # type: ignore[arg-type]
    assert [future.result(TIMEOUT) for future in futures] == [2 * n for n in range(10)]
    assert "TypeError" in str(failing.exception(TIMEOUT))
    assert loopback.requests("POST", "/v2/batch_status")
    assert futures[0].info.worker is not None


def test_results_that_are_lost_on_the_way(
    executor: Executor, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another consumer of the queue took them: they are asked for now and then."""
    monkeypatch.setattr(feed, "ASK_UP_S", 0.3)
    check_usable(executor)
    loopback.result_fault(lose=3)
    futures = [executor.submit(double, n) for n in range(6)]
    assert [future.result(TIMEOUT) for future in futures] == [2 * n for n in range(6)]


def test_a_task_that_the_service_gives_up(
    client: Client, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "ASK_UP_S", 0.3)
    executor = Executor(loopback.new_endpoint("offline"), client=client)
    future = executor.submit(double, 1)
    sent(client, [future])
    loopback.change_task(str(future.task_id), status="abandoned")
    assert "the task is abandoned" in str(future.exception(TIMEOUT))


def test_an_endpoint_that_comes_online_later(client: Client, loopback: Loopback) -> None:
    endpoint_id = loopback.new_endpoint("offline")
    with Executor(endpoint_id, client=client) as executor:
        futures = [executor.submit(double, n) for n in range(3)]
        sent(client, futures)
        assert not any(future.done() for future in futures)
        loopback.bring_online(endpoint_id)
        assert [future.result(TIMEOUT) for future in futures] == [0, 2, 4]


def test_a_worker_that_dies(executor: Executor) -> None:
    def die() -> None:
        import os

        os._exit(3)

    dying, living = executor.submit(die), executor.submit(double, 1)
    assert type(dying.exception(TIMEOUT)) is WorkerLost
    assert living.result(TIMEOUT) == 2


def test_a_status_that_cant_be_true(
    executor: Executor, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No future stays pending for a reply of an unforeseen kind."""
    check_usable(executor)
    loopback.result_fault(by_reference=True)
    service = executor.client.globus_service()
    monkeypatch.setattr(
        service,
        "task_statuses",
        lambda ids: {one: TaskStatus(one, "success", exception=7) for one in ids},  # type: ignore[arg-type]
    )
    assert isinstance(executor.submit(double, 1).exception(TIMEOUT), ComputeError)
    monkeypatch.undo()
    loopback.reset()
    check_usable(executor)
