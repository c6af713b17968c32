"""A reply is lost while others of its group are under way: each future gets its own task."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from gc_jupyter import Client, Executor, TaskFuture
from gc_jupyter.errors import SubmitUncertain
from gc_jupyter.runtime import recovery
from gc_jupyter.session import Session
from tests.conftest import connect
from tests.service.handle import Loopback

TIMEOUT = 60


def double(x: int) -> int:
    return 2 * x


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that isn't there at once never will be."""
    monkeypatch.setattr(recovery, "LATE_S", 0.1)


@pytest.fixture
def executor(client: Client, loopback: Loopback) -> Iterator[Executor]:
    """Its task group is made."""
    made = Executor(loopback.endpoint("inline"), client=client)
    assert made.submit(double, 0).result(TIMEOUT) == 0
    yield made
    made.shutdown(wait=False, cancel_futures=True)


def held(loopback: Loopback, executor: Executor, x: int) -> TaskFuture:
    """A task that the service has accepted, and whose reply it holds back."""
    loopback.fault(path=f"/v3/endpoints/{executor.endpoint_id}/submit", hold=True)
    future = executor.submit(double, x)
    loopback.wait_for_held()
    return future


def lost(loopback: Loopback, executor: Executor, x: int, when: str = "after") -> TaskFuture:
    """A task whose reply is lost; its group has been listed."""
    loopback.clear()
    loopback.fault(path=f"/v3/endpoints/{executor.endpoint_id}/submit", drop=when)
    future = executor.submit(double, x)
    loopback.wait_for_requests("/taskgroup/")
    return future


def submit_elsewhere(
    to_loopback: Loopback, loopback: Loopback, executor: Executor, endpoint: str
) -> None:
    """Have a process that is gone afterwards submit into the group."""
    client = connect(to_loopback)
    loopback.clear()
    Executor(endpoint, client=client, task_group_id=executor.task_group_id).submit(double, 21)
    loopback.wait_for_submissions(1)
    client.close()


@pytest.mark.parametrize("kind", ["inline", "offline"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_another_reply_is_on_its_way(
    executor: Executor, client: Client, loopback: Loopback, when: str, kind: str
) -> None:
    """The group lists its task too, and nobody here has the id yet."""
    endpoint = loopback.new_endpoint(kind)
    late = held(loopback, Executor(endpoint, client=client), 5)
    early = lost(loopback, executor, 4, when)
    loopback.release()
    if when == "before":
        assert isinstance(early.exception(TIMEOUT), SubmitUncertain)
        assert "the group had none of them" in str(early.exception())
    else:
        assert early.result(TIMEOUT) == 8
    if kind == "offline":
        loopback.bring_online(endpoint)
    assert late.result(TIMEOUT) == 10


def test_another_reply_is_lost_too(executor: Executor, client: Client, loopback: Loopback) -> None:
    """It was under way as the group was listed: two plain tasks, and nobody says which is whose."""
    endpoint = loopback.new_endpoint("inline")
    path = f"/v3/endpoints/{endpoint}/submit"
    loopback.fault(path=path, hold=True, drop="after")
    late = Executor(endpoint, client=client).submit(double, 5)
    loopback.wait_for_held()
    early = lost(loopback, executor, 4)
    loopback.release()
    for future in (early, late):
        error = future.exception(TIMEOUT)
        assert isinstance(error, SubmitUncertain)
        assert len(error.task_ids) == 2


def test_tasks_are_reloaded_while_a_reply_is_on_its_way(
    executor: Executor, client: Client, loopback: Loopback
) -> None:
    """The task keeps the future that it has."""
    endpoint = loopback.new_endpoint("offline")
    late = held(loopback, Executor(endpoint, client=client), 5)
    loopback.clear()
    found: list[TaskFuture] = []
    reloading = threading.Thread(target=lambda: found.extend(executor.reload_tasks()))
    reloading.start()
    loopback.wait_for_requests("/taskgroup/")
    loopback.release()
    reloading.join(TIMEOUT)
    loopback.bring_online(endpoint)
    assert late.result(TIMEOUT) == 10
    assert sorted(one.result(TIMEOUT) for one in found) == [0, 10]


@pytest.mark.parametrize("mine_first", [True, False])
def test_tasks_are_reloaded_while_one_is_sought(
    to_loopback: Loopback, executor: Executor, client: Client, loopback: Loopback, mine_first: bool
) -> None:
    """Whoever waits for a task gets its result, though it is another process's."""
    endpoints = loopback.new_endpoint("offline"), loopback.new_endpoint("offline")
    submit_elsewhere(to_loopback, loopback, executor, endpoints[0])
    early = lost(loopback, Executor(endpoints[1], client=client), 4)
    reloaded = executor.reload_tasks()
    assert len(reloaded) == 3
    for endpoint in reversed(endpoints) if mine_first else endpoints:
        loopback.bring_online(endpoint)
    assert sorted(one.result(TIMEOUT) for one in reloaded) == [0, 8, 42]
    assert isinstance(early.exception(TIMEOUT), SubmitUncertain)  # two plain ones are there


def test_a_name_is_found_while_others_wait(
    to_loopback: Loopback, executor: Executor, client: Client, loopback: Loopback
) -> None:
    """The search is over then; who has reloaded the rest still gets it."""
    endpoints = loopback.new_endpoint("offline"), loopback.new_endpoint("offline")
    submit_elsewhere(to_loopback, loopback, executor, endpoints[0])
    session = Session(client=client)
    loopback.clear()
    loopback.fault(path=f"/v3/endpoints/{endpoints[1]}/submit", drop="after")
    early = session.submit_cell("4 * 2", {}, endpoints[1])
    loopback.wait_for_requests("/taskgroup/")
    reloaded = executor.reload_tasks()
    loopback.bring_online(endpoints[1])
    assert early.result(TIMEOUT) == 8
    loopback.bring_online(endpoints[0])
    assert [one.result(TIMEOUT) for one in reloaded][:2] == [0, 42]


def test_a_group_that_others_use(
    to_loopback: Loopback, executor: Executor, loopback: Loopback
) -> None:
    """The one task there isn't this kernel's: a plain result doesn't say so."""
    elsewhere = connect(to_loopback)
    mine = Executor(executor.endpoint_id, client=elsewhere, task_group_id=executor.task_group_id)
    mine.register_function(double)
    early = lost(loopback, mine, 4, "before")
    error = early.exception(TIMEOUT)
    assert isinstance(error, SubmitUncertain)
    assert len(error.task_ids) == 1
    elsewhere.close()
