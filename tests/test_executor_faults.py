"""What goes wrong between executor and endpoint: each future ends with its result or with a clear
error, nothing is submitted twice, and the executor lives on."""

from __future__ import annotations

import json
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
)
from gc_jupyter.runtime import recovery
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
    assert isinstance(error, kind)
    assert type(error).__name__ == kind.__name__
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
    monkeypatch.setattr("gc_jupyter.protocol.pacing.PATIENCE_S", 1.0)
    loopback.fault(path=SUBMIT, status=429, times=None)
    failure(executor.submit(double, 1), RateLimited)
    assert len(submits(loopback)) > 5
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


@pytest.mark.parametrize("when", ["before", "after", "midway"])
def test_a_reply_that_never_comes(executor: Executor, loopback: Loopback, when: str) -> None:
    """Nobody can tell the two apart from here, so they aren't sent again: the group is asked. One
    task can be nothing else; of three plain ones nobody says which is which."""
    check_usable(executor)
    for count in (1, 3):
        loopback.clear()
        loopback.fault(path=SUBMIT, drop=when)
        futures = together(executor, count)
        errors = [future.exception(TIMEOUT) for future in futures]
        sent = [tasks for one in submits(loopback) for tasks in one["body"]["tasks"].values()]
        assert len({payload for tasks in sent for payload in tasks}) == count
        assert len([payload for tasks in sent for payload in tasks]) == count
        if count == 1 and when != "before":
            assert futures[0].result() == 0
            assert futures[0].task_id
            assert futures[0].info.task_group_id == str(executor.task_group_id)
            continue
        (error,) = set(errors)
        assert isinstance(error, SubmitUncertain)
        assert "not sent again" in error.next_step
        assert error.task_group_id == str(executor.task_group_id)
        if when == "before":
            assert "the group had none of them" in error.reason
            assert error.task_ids == ()
        else:
            assert "of which it can't be told whose they are" in error.reason
            assert len(error.task_ids) == count
            known = executor.client.get_batch_result(list(error.task_ids))
            assert {one["result"] for one in known.values()} == {0, 2, 4}
    check_usable(executor)


def test_the_first_reply_never_comes(executor: Executor, loopback: Loopback) -> None:
    """Only the reply would have named the group."""
    loopback.fault(path=SUBMIT, drop="after")
    error = failure(executor.submit(double, 1), SubmitUncertain)
    assert "Only the reply would have named their task group" in error.reason
    assert (error.task_group_id, error.task_ids) == (None, ())
    check_usable(executor)


def test_a_task_that_runs_on_is_waited_for(
    executor: Executor, client: Client, loopback: Loopback
) -> None:
    """Its result says whose it is; meanwhile other tasks come and go in the group."""
    check_usable(executor)
    offline = loopback.new_endpoint("offline")
    other = Executor(offline, client=client)
    loopback.fault(path=f"/v3/endpoints/{offline}/submit", drop="after")
    lost = other.submit(double, 4)
    for _ in range(3):
        check_usable(executor)
    assert not lost.done()
    assert lost in client.dispatcher("").open_futures(other._origin)
    loopback.bring_online(offline)
    assert lost.result(TIMEOUT) == 8


def test_nothing_is_looked_for_after_the_client_was_closed(
    to_loopback: Loopback, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No search is left for the garbage collector to complain of; the future stays pending."""
    client = connect(to_loopback)
    check_usable(Executor(loopback.endpoint("inline"), client=client))
    dispatcher, begun = client.dispatcher(""), threading.Event()
    recover = dispatcher._recovery.recover
    monkeypatch.setattr(
        dispatcher._recovery, "recover", lambda *lost: (recover(*lost), begun.set())
    )
    offline = loopback.new_endpoint("offline")
    executor = Executor(offline, client=client)
    loopback.fault(path=SUBMIT, drop="after")
    lost = executor.submit(double, 4)
    assert begun.wait(TIMEOUT)
    (search,) = dispatcher.loop.ask(lambda: list(dispatcher._recovery._work))
    client.close()
    dispatcher.loop.ask(lambda: None)
    assert search.cancelled()
    assert not lost.done()
    loopback.bring_online(offline)  # or the service would wait for it at its end


def test_a_request_that_is_accepted_late(
    to_loopback: Loopback, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a gateway that gave up before the service did."""
    executor = Executor(loopback.endpoint("inline"), client=connect(to_loopback))
    executor.register_function(double)
    check_usable(executor)
    monkeypatch.setattr(recovery, "LATE_S", 3.0)
    loopback.fault(path=SUBMIT, late_s=1.0)
    assert executor.submit(double, 1).result(TIMEOUT) == 2
    executor.client.close()


def test_the_group_cant_be_asked_either(executor: Executor, loopback: Loopback) -> None:
    check_usable(executor)
    loopback.fault(path=SUBMIT, drop="after")
    loopback.fault(path="/v2/taskgroup/.*", status=403, times=None)
    error = failure(executor.submit(double, 1), SubmitUncertain)
    assert "could not be asked" in error.reason
    assert f"%gc attach {executor.task_group_id}" in error.next_step
    loopback.reset()
    check_usable(executor)


def together(executor: Executor, count: int) -> list[TaskFuture]:
    """So many tasks in one request: nothing leaves before the loop's next turn."""
    futures: list[TaskFuture] = []
    executor.client.dispatcher("").loop.ask(
        lambda: futures.extend(executor.submit(double, n) for n in range(count))
    )
    return futures


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that isn't there at once never will be."""
    monkeypatch.setattr(recovery, "LATE_S", 0.1)


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
    assert isinstance(failure(executor.submit(double, 1), SubmitUncertain).__cause__, BadReply)
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
        error = failure(future, SubmitUncertain)
        assert "each of the 2 tasks" in error.reason
        assert error.task_group_id == group
    assert len(submits(loopback)) == 1


@pytest.mark.parametrize(("status", "step"), [(401, "an authorizer"), (403, "%gc login")])
def test_no_permission(executor: Executor, loopback: Loopback, status: int, step: str) -> None:
    loopback.fault(path=SUBMIT, status=status)
    error = failure(executor.submit(double, 1), LoginRequired)
    assert error.status == status
    assert step in error.next_step
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
    assert isinstance(error, ServiceRefused)
    assert type(error).__name__ == "ServiceRefused"
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
