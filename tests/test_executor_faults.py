"""What goes wrong between executor and endpoint: each future ends with its result or with a clear
error, nothing is submitted twice, and the executor lives on."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from gc_jupyter import Client, Executor, TaskFuture
from gc_jupyter.errors import (
    BadReply,
    ComputeError,
    LoginRequired,
    NotFound,
    RateLimited,
    ServiceRefused,
    ServiceUnreachable,
    SubmitUncertain,
    WorkerLost,
)
from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.runtime import collector
from gc_jupyter.service.base import TaskStatus
from tests.conftest import connect
from tests.service.handle import Loopback

TIMEOUT = 60
SUBMIT = r"/v3/endpoints/.*/submit"
REGISTER = "/v3/functions"


def double(x: int) -> int:
    return 2 * x


def halve(x: int) -> float:
    return x / 2


@pytest.fixture
def executor(client: Client, loopback: Loopback) -> Iterator[Executor]:
    made = Executor(loopback.endpoint("inline"), client=client)
    made.register_function(double)
    yield made
    made.shutdown(wait=False, cancel_futures=True)


def submits(loopback: Loopback) -> list[dict[str, Any]]:
    return loopback.requests("POST", "/submit")


def check_usable(executor: Executor) -> None:
    assert executor.submit(double, 21).result(TIMEOUT) == 42


def failure(future: TaskFuture, kind: type[ComputeError]) -> Any:
    """The future's error, which must be of this very kind and say what to do next."""
    error = future.exception(TIMEOUT)
    assert type(error) is kind
    assert error.reason
    assert error.next_step
    return error


# --- submitting ----------------------------------------------------------------------------


def test_too_many_requests_are_sent_again_when_the_service_says(
    executor: Executor, loopback: Loopback
) -> None:
    loopback.fault(path=SUBMIT, status=429, headers={"Retry-After": "1"})
    assert executor.submit(double, 1).result(TIMEOUT) == 2
    refused, accepted = submits(loopback)
    assert (refused["status"], accepted["status"]) == (429, 200)
    assert accepted["at"] - refused["at"] >= 1.0
    assert executor.task_count_submitted == 1


def test_a_service_that_stays_busy(
    executor: Executor, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gc_jupyter.protocol.pacing.backoff", lambda *_args, **_more: 0.01)
    loopback.fault(path=SUBMIT, status=429, times=None)
    failure(executor.submit(double, 1), RateLimited)
    assert len(submits(loopback)) == 5
    loopback.reset()
    check_usable(executor)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_leaves_it_open_whether_it_was_accepted(
    executor: Executor, loopback: Loopback, status: int
) -> None:
    loopback.fault(path=SUBMIT, status=status)
    error = failure(executor.submit(double, 1), SubmitUncertain)
    assert f"it answered {status}" in error.reason
    assert "not sent again" in error.next_step
    assert len(submits(loopback)) == 1
    check_usable(executor)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reply_that_never_comes(executor: Executor, loopback: Loopback, when: str) -> None:
    """Nobody can tell the two apart from here: the tasks may run, so they aren't sent again."""
    check_usable(executor)
    loopback.clear()
    loopback.fault(path=SUBMIT, drop=when)
    futures = [executor.submit(double, n) for n in range(3)]
    errors = [future.exception(TIMEOUT) for future in futures]
    assert isinstance(errors[0], SubmitUncertain)
    assert "reload_tasks" in errors[0].next_step
    assert str(executor.task_group_id) in errors[0].next_step
    sent = [tasks for one in submits(loopback) for tasks in one["body"]["tasks"].values()]
    payloads = [payload for tasks in sent for payload in tasks]
    assert len(payloads) == len(set(payloads)) == 3
    check_usable(executor)
    found = {future.result(TIMEOUT) for future in executor.reload_tasks()}
    accepted = {2 * n for n, error in enumerate(errors) if error is None or when == "after"}
    assert found == accepted | {42}


def test_no_answer_at_all(
    to_loopback: Loopback, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLOBUS_SDK_HTTP_TIMEOUT", "1")
    executor = Executor(loopback.endpoint("inline"), client=connect(to_loopback))
    executor.register_function(double)
    loopback.fault(path=SUBMIT, hang=True)
    error = failure(executor.submit(double, 1), SubmitUncertain)
    assert "after the request had left" in error.reason
    assert len(submits(loopback)) == 1
    check_usable(executor)
    executor.client.close()


@pytest.mark.parametrize(
    "body",
    ["<html>Please log in</html>", "", "[1, 2]", "null", '"text"', "{}", '{"tasks": {}}'],
)
def test_a_reply_of_something_else(executor: Executor, loopback: Loopback, body: str) -> None:
    loopback.fault(path=SUBMIT, body=body)
    failure(executor.submit(double, 1), BadReply)
    assert len(submits(loopback)) == 1
    check_usable(executor)


@pytest.mark.parametrize("ids", [[], ["1"], ["1", "1"], None, "12", [1, 2]], ids=repr)
def test_a_reply_with_other_ids_than_tasks(
    executor: Executor, loopback: Loopback, ids: object
) -> None:
    function_id = executor.register_function(halve)
    group = str(uuid.uuid4())
    reply = {"task_group_id": group, "endpoint_id": "e", "tasks": {function_id: ids}}
    loopback.fault(path=SUBMIT, body=json.dumps(reply))
    # one batch: nothing leaves before the loop's next turn
    client = executor.client
    futures: list[TaskFuture] = []
    client.dispatcher("").loop.ask(
        lambda: futures.extend(executor.submit(halve, n) for n in range(2))
    )
    for future in futures:
        error = failure(future, BadReply)
        assert "each of the 2 tasks" in error.reason
    assert len(submits(loopback)) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_no_permission(executor: Executor, loopback: Loopback, status: int) -> None:
    loopback.fault(path=SUBMIT, status=status)
    error = failure(executor.submit(double, 1), LoginRequired)
    assert error.status == status
    assert "%gc login" in error.next_step
    assert len(submits(loopback)) == 1
    check_usable(executor)


def test_globus_auth_asks_for_more(executor: Executor, loopback: Loopback) -> None:
    gare = {"code": "ConsentRequired", "authorization_parameters": {"required_scopes": ["a"]}}
    loopback.fault(path=SUBMIT, status=403, error=gare)
    error = failure(executor.submit(double, 1), LoginRequired)
    assert error.gare["authorization_parameters"] == {"required_scopes": ["a"]}


@pytest.mark.parametrize("status", [409, 413, 422])
def test_a_refusal_is_final(executor: Executor, loopback: Loopback, status: int) -> None:
    loopback.fault(path=SUBMIT, status=status, error={"reason": "told so"})
    error = executor.submit(double, 1).exception(TIMEOUT)
    assert type(error) is ServiceRefused
    assert (error.status, "told so" in str(error)) == (status, True)
    assert len(submits(loopback)) == 1
    check_usable(executor)


def test_a_failed_batch_fails_its_own_futures_only(executor: Executor, loopback: Loopback) -> None:
    first = executor.submit(double, 1)
    assert first.result(TIMEOUT) == 2
    loopback.fault(path=SUBMIT, status=422, delay_s=0.3)
    failing = executor.submit(double, 2)
    executor.client.dispatcher("").loop.ask(lambda: None)  # its request is under way
    later = [executor.submit(double, n) for n in range(5)]
    assert isinstance(failing.exception(TIMEOUT), ServiceRefused)
    assert [future.result(TIMEOUT) for future in later] == [0, 2, 4, 6, 8]
    assert executor.task_count_submitted == 6


def test_a_slow_service_gets_larger_batches(executor: Executor, loopback: Loopback) -> None:
    loopback.fault(path=SUBMIT, delay_s=0.5)
    futures = [executor.submit(double, n) for n in range(200)]
    assert [future.result(TIMEOUT) for future in futures] == [2 * n for n in range(200)]
    assert len(submits(loopback)) <= 5


def test_no_service(to_loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOBUS_SDK_SERVICE_URL_COMPUTE", "http://127.0.0.1:9/")  # discard
    executor = Executor(uuid.uuid4(), client=connect(to_loopback, rate_limited=False))
    error = failure(executor.submit(double, 1), ServiceUnreachable)
    assert not error.sent
    assert "No connection to the Globus Compute service" in error.reason
    executor.client.close()


def test_a_service_that_comes_back(executor: Executor, loopback: Loopback) -> None:
    """Requests that change nothing, or change it once only, are tried again."""
    loopback.fault(path=REGISTER, status=503)
    loopback.fault(path=REGISTER, drop="before")
    assert executor.submit(halve, 2).result(TIMEOUT) == 1.0
    assert [one["status"] for one in loopback.requests("POST", REGISTER)][-2:] == [None, 200]


# --- registering ---------------------------------------------------------------------------


def test_a_function_that_is_refused_fails_its_own_tasks(
    executor: Executor, loopback: Loopback
) -> None:
    loopback.fault(path=REGISTER, status=422)
    refused, fine = executor.submit(halve, 1), executor.submit(double, 1)
    assert isinstance(refused.exception(TIMEOUT), ServiceRefused)
    assert fine.result(TIMEOUT) == 2
    assert executor.submit(halve, 2).result(TIMEOUT) == 1.0  # registered by now


def test_a_function_that_was_deleted_is_registered_anew(client: Client, loopback: Loopback) -> None:
    executor = Executor(loopback.endpoint("inline"), client=client)
    first = executor.submit(halve, 2)
    assert first.result(TIMEOUT) == 1.0
    assert first.info.function_id is not None
    client.delete_function(first.info.function_id)
    failure(executor.submit(halve, 2), NotFound)
    assert executor.submit(halve, 2).result(TIMEOUT) == 1.0


# --- results -------------------------------------------------------------------------------


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
    executor: Executor, loopback: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "gc_jupyter")
    check_usable(executor)
    group = str(executor.task_group_id)
    foreign = pack_result(ResultMessage(str(uuid.uuid4()), "11\n1"))
    for body in (b"", b"\x01", b"\x02{}", b"\x01[]", foreign, b"\x01" + b"[" * 50_000):
        loopback.publish(group, body)
    loopback.publish(group, foreign, {"high_assurance": True})
    check_usable(executor)
    runtime = executor.client.dispatcher("")
    unread = runtime.loop.ask(lambda: runtime._collector.unreadable)
    assert unread == 5
    assert caplog.text.count("can't be read") == 5
    # acknowledged: nothing comes again on a new connection
    loopback.cut_streams()
    check_usable(executor)
    assert runtime.loop.ask(lambda: runtime._collector.unreadable) == 5


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
    up = threading.Event()
    runtime = executor.client.dispatcher("")
    if runtime.loop.ask(lambda: runtime._collector.stream_error):
        runtime.loop.ask(_on_up, runtime._collector, up)
        assert up.wait(TIMEOUT)
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
    monkeypatch.setattr(collector, "SWEEP_UP_S", 0.3)
    check_usable(executor)
    loopback.result_fault(lose=3)
    futures = [executor.submit(double, n) for n in range(6)]
    assert [future.result(TIMEOUT) for future in futures] == [2 * n for n in range(6)]


def test_a_task_that_the_service_gives_up(
    client: Client, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "SWEEP_UP_S", 0.3)
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


# --- helpers -------------------------------------------------------------------------------


def sent(client: Client, futures: list[TaskFuture]) -> None:
    """Return once the service has accepted these."""
    everything = threading.Event()

    def look(_events: object = None) -> None:
        if all(future.task_id for future in futures):
            everything.set()

    runtime = client.dispatcher("")
    runtime.listen(look)
    runtime.loop.call(look)  # perhaps it has happened already
    assert everything.wait(TIMEOUT)


def _on_up(owner: Any, up: threading.Event) -> None:
    """Set `up` when the stream comes (on the loop's thread)."""
    original = owner.on_stream_up

    def on_stream_up() -> None:
        original()
        up.set()

    owner.on_stream_up = on_stream_up
    if owner.stream_error is None:
        up.set()
