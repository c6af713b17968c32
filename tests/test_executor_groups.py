"""Task groups of an Executor: its own, one that is given, and what a group has."""

from __future__ import annotations

import concurrent.futures
import uuid

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.errors import (
    NotFound,
    TaskExecutionFailed,
)
from tests.executors import (
    another,
    double,
    executor,
    fail,
    instant,
    sent,
    submits,
)
from tests.service.handle import Loopback

__all__ = ["executor", "instant"]  # fixtures

TIMEOUT = 60


# --- task groups ---------------------------------------------------------------------------


def test_task_group(executor: Executor, client: Client, loopback: Loopback) -> None:
    assert executor.task_group_id is None
    futures = [executor.submit(double, n) for n in range(3)]
    concurrent.futures.wait(futures, TIMEOUT)
    group = executor.task_group_id
    assert isinstance(group, uuid.UUID)
    assert {future.info.task_group_id for future in futures} == {str(group)}
    second = Executor(executor.endpoint_id, client=client)
    assert second.submit(double, 1).result(TIMEOUT) == 2
    assert second.task_group_id == group
    assert submits(loopback)[-1]["task_group_id"] == str(group)


def test_task_group_of_ones_own(executor: Executor, client: Client) -> None:
    executor.submit(double, 1).result(TIMEOUT)
    group = executor.task_group_id
    named = Executor(executor.endpoint_id, client=client, task_group_id=str(group))
    assert named.submit(double, 2).result(TIMEOUT) == 4
    assert named.task_group_id == group

    unknown = Executor(executor.endpoint_id, client=client, task_group_id=uuid.uuid4())
    with pytest.raises(NotFound):
        unknown.submit(double, 2).result(TIMEOUT)
    unknown.task_group_id = None
    assert unknown.submit(double, 2).result(TIMEOUT) == 4


def test_count_of_submitted_tasks(executor: Executor, client: Client) -> None:
    other = Executor(executor.endpoint_id, client=client)
    concurrent.futures.wait([executor.submit(double, n) for n in range(4)], TIMEOUT)
    concurrent.futures.wait([other.submit(double, n) for n in range(3)], TIMEOUT)
    assert (executor.task_count_submitted, other.task_count_submitted) == (4, 3)


# --- reload --------------------------------------------------------------------------------


def test_reload_tasks(client: Client, loopback: Loopback) -> None:
    """Finished, failed and pending ones, by a client that knows nothing of them."""
    online = loopback.new_endpoint("offline")
    first = Executor(loopback.endpoint("inline"), client=client)
    done = first.submit(double, 1)
    failed = first.submit(fail, "before")
    concurrent.futures.wait([done, failed], TIMEOUT)
    first.endpoint_id = online
    pending = first.submit(double, 5)
    sent(client, [pending])
    client.close()

    again = Executor(online, client=another(loopback), task_group_id=first.task_group_id)
    futures = {future.task_id: future for future in again.reload_tasks()}
    assert futures.keys() == {done.task_id, failed.task_id, pending.task_id}
    assert futures[done.task_id].result(TIMEOUT) == 2
    with pytest.raises(TaskExecutionFailed, match="on purpose: before"):
        futures[failed.task_id].result(TIMEOUT)
    assert not futures[pending.task_id].done()
    assert futures[pending.task_id].cancel() is False
    loopback.bring_online(online)
    assert futures[pending.task_id].result(TIMEOUT) == 10
    again.shutdown()
    again.client.close()


def test_reload_leaves_the_open_futures_alive(client: Client, loopback: Loopback) -> None:
    endpoint_id = loopback.new_endpoint("offline")
    executor = Executor(endpoint_id, client=client)
    futures = [executor.submit(double, n) for n in range(3)]
    sent(client, futures)
    reloaded = executor.reload_tasks()
    loopback.bring_online(endpoint_id)
    assert [future.result(TIMEOUT) for future in futures] == [0, 2, 4]
    assert sorted(future.result(TIMEOUT) for future in reloaded) == [0, 2, 4]


def test_reload_many(instant: Executor, loopback: Loopback) -> None:
    concurrent.futures.wait([instant.submit(double, n) for n in range(600)], TIMEOUT)
    reloader = Executor(instant.endpoint_id, client=another(loopback))
    futures = reloader.reload_tasks(instant.task_group_id)
    assert reloader.task_group_id == instant.task_group_id
    assert {future.result(TIMEOUT) for future in futures} == {None}
    assert len({future.task_id for future in futures}) == 600
    reloader.client.close()


def test_reload_without_a_group(executor: Executor) -> None:
    with pytest.raises(ValueError, match="must specify a task_group_id"):
        executor.reload_tasks()
    with pytest.raises(NotFound):
        executor.reload_tasks(uuid.uuid4())
