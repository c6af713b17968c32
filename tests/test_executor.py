"""The Executor on a loopback Globus Compute: what its user guide promises, over the real wire."""

from __future__ import annotations

import concurrent.futures
import functools
import itertools
import uuid
from typing import Any

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.errors import (
    NotFound,
    TaskExecutionFailed,
)
from gc_jupyter.functions.source import SourceFunction
from tests.executors import (
    double,
    executor,
    fail,
    instant,
    submits,
)
from tests.service.handle import Loopback

__all__ = ["executor", "instant"]  # fixtures

TIMEOUT = 60
ENGINES = ["inline", "thread", "process", "parsl"]


# --- submit --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ENGINES)
def test_submit(client: Client, loopback: Loopback, kind: str) -> None:
    with Executor(endpoint_id=loopback.endpoint(kind), client=client) as executor:
        futures = [executor.submit(double, n, plus=1) for n in range(20)]
        failing = executor.submit(fail, "here")
        assert [future.result(TIMEOUT) for future in futures] == [2 * n + 1 for n in range(20)]
        with pytest.raises(TaskExecutionFailed, match="ValueError: on purpose: here"):
            failing.result(TIMEOUT)
    assert executor.task_count_submitted == 21


def test_submit_names_itself(executor: Executor) -> None:
    """`self`, `fn` and `future` are names that a user's function may have, too."""

    def function(self: int, fn: int, future: int) -> int:
        return self + fn + future

    assert executor.submit(function, self=1, fn=2, future=3).result(TIMEOUT) == 6


def test_source(executor: Executor, loopback: Loopback) -> None:
    function = SourceFunction("f", "def g(x): return x + 1\ndef f(x): return g(x) * 2")
    assert executor.submit(function, 20).result(TIMEOUT) == 42
    assert executor.submit(function, 0).result(TIMEOUT) == 2
    assert len(loopback.requests("POST", "/v3/functions")) == 1


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x + 1,
        functools.partial(double, plus=1),
        functools.lru_cache(double),
    ],
    ids=["lambda", "partial", "decorated"],
)
def test_callables_of_every_kind(executor: Executor, function: Any) -> None:
    assert executor.submit(function, 3).result(TIMEOUT) == function(3)


factor = 2


def scale(x: int) -> int:
    return factor * x


def test_a_function_that_has_changed_is_sent_anew(
    executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert executor.submit(scale, 1).result(TIMEOUT) == 2
    monkeypatch.setitem(globals(), "factor", 3)
    assert executor.submit(scale, 1).result(TIMEOUT) == 3


def test_arguments_are_taken_at_submission(executor: Executor) -> None:
    data = [1, 2]
    future = executor.submit(sum, data)
    data.append(100)
    assert future.result(TIMEOUT) == 3


def test_one_registration_serves_many_tasks(instant: Executor, loopback: Loopback) -> None:
    concurrent.futures.wait([instant.submit(double, n) for n in range(50)], TIMEOUT)
    (registered,) = loopback.requests("POST", "/v3/functions")
    assert registered["body"]["function_name"] == "double"
    assert registered["body"]["description"] == "Twice x."


# --- map -----------------------------------------------------------------------------------


def test_map_keeps_order(executor: Executor) -> None:
    numbers = range(30)
    assert list(executor.map(double, numbers)) == [2 * n for n in numbers]
    assert list(executor.map(pow, [2, 3], itertools.count(2), timeout=TIMEOUT)) == [4, 27]
    assert list(executor.map(double, [])) == []


def test_map_submits_at_once_and_waits_for_one_result_at_a_time(
    client: Client, loopback: Loopback
) -> None:
    endpoint_id = loopback.new_endpoint("offline")
    executor = Executor(endpoint_id, client=client)
    pulled = []
    results = executor.map(double, (pulled.append(n) or n for n in range(3)))  # type: ignore[func-returns-value]
    assert pulled == [0, 1, 2]
    loopback.bring_online(endpoint_id)
    assert next(results) == 0
    assert list(results) == [2, 4]


def test_map_times_out(client: Client, loopback: Loopback) -> None:
    executor = Executor(loopback.new_endpoint("offline"), client=client)
    results = executor.map(double, range(3), timeout=0.05)
    with pytest.raises(concurrent.futures.TimeoutError):
        next(results)


def test_map_raises_where_the_task_failed(executor: Executor) -> None:
    results = executor.map(lambda n: 1 // n, [1, 0, 1])
    assert next(results) == 1
    with pytest.raises(TaskExecutionFailed, match="ZeroDivisionError"):
        next(results)


def test_map_sends_few_requests(instant: Executor, loopback: Loopback) -> None:
    list(instant.map(double, range(2000)))
    assert len(submits(loopback)) < 60


# --- registered functions ------------------------------------------------------------------


def test_register_function(executor: Executor, loopback: Loopback) -> None:
    function_id = executor.register_function(double)
    assert uuid.UUID(function_id)
    assert executor.submit(double, 4).result(TIMEOUT) == 8
    assert (
        executor.submit_to_registered_function(function_id, (4,), {"plus": 1}).result(TIMEOUT) == 9
    )
    assert executor.submit_to_registered_function(uuid.UUID(function_id), [4]).result(TIMEOUT) == 8
    assert len(loopback.requests("POST", "/v3/functions")) == 1
    assert {*submits(loopback)[-1]["tasks"]} == {function_id}


def test_register_twice(executor: Executor) -> None:
    function_id = executor.register_function(double)
    assert executor.register_function(double, function_id) == function_id
    with pytest.raises(ValueError, match=f"already registered as function id: {function_id}"):
        executor.register_function(double)
    with pytest.raises(ValueError, match="already registered"):
        executor.register_function(double, str(uuid.uuid4()))


def test_register_with_an_id_makes_no_request(
    executor: Executor, client: Client, loopback: Loopback
) -> None:
    function_id = client.register_function(double)
    loopback.clear()
    other = Executor(executor.endpoint_id, client=client)
    assert other.register_function(fail, uuid.UUID(function_id)) == function_id
    assert not loopback.requests()
    assert other.submit(fail, 4).result(TIMEOUT) == 8  # what is registered runs


def test_registered_functions_of_others(executor: Executor, client: Client) -> None:
    function_id = client.register_function(double, description="mine", public=True)
    assert executor.submit_to_registered_function(function_id, args=(5,)).result(TIMEOUT) == 10
    with pytest.raises(NotFound):
        executor.submit_to_registered_function(uuid.uuid4()).result(TIMEOUT)
    with pytest.raises(ValueError, match="function_id"):
        executor.submit_to_registered_function("no id")


# --- shutdown ------------------------------------------------------------------------------


def test_context_manager_waits(client: Client, loopback: Loopback) -> None:
    with Executor(loopback.endpoint("inline"), client=client) as executor:
        futures = [executor.submit(double, n) for n in range(10)]
    assert all(future.done() for future in futures)
    for call in (
        lambda: executor.submit(double, 1),
        lambda: executor.submit_to_registered_function(uuid.uuid4()),
        lambda: executor.register_function(double),
    ):
        with pytest.raises(RuntimeError, match="is shutdown"):
            call()
    executor.shutdown()  # again


def test_shutdown_resolves_whatever_happened(client: Client, loopback: Loopback) -> None:
    """Also tasks that fail before they are sent are waited for."""
    loopback.fault(path=".*/submit", status=422, times=None)
    for _ in range(20):
        with Executor(loopback.endpoint("instant"), client=client) as executor:
            future = executor.submit(double, 1)
        assert future.done()


def test_shutdown_without_waiting(client: Client, loopback: Loopback) -> None:
    endpoint_id = loopback.new_endpoint("offline")
    executor = Executor(endpoint_id, client=client)
    future = executor.submit(double, 21)
    executor.shutdown(wait=False)
    assert not future.done()
    loopback.bring_online(endpoint_id)
    assert future.result(TIMEOUT) == 42


def test_shutdown_cancels_what_was_not_sent(client: Client, loopback: Loopback) -> None:
    loopback.fault(path=".*/submit", delay_s=1.0)
    executor = Executor(loopback.endpoint("inline"), client=client, batch_size=1)
    executor.register_function(double)
    sent = executor.submit(double, 1)
    dispatcher = client.dispatcher("")
    dispatcher.loop.ask(lambda: None)  # by now its request is under way
    waiting = [executor.submit(double, n) for n in range(5)]
    executor.shutdown(wait=False, cancel_futures=True)
    assert [future.cancelled() for future in waiting] == [True] * 5
    assert sent.result(TIMEOUT) == 2
    executor.shutdown()
    assert executor.task_count_submitted == len(submits(loopback)) == 1


def test_shutdown_of_an_unused_executor(to_loopback: Loopback) -> None:
    Executor().shutdown()
    with Executor(uuid.uuid4()):
        pass
    assert not to_loopback.requests()
