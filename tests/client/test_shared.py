"""One of each for a process: clients and executors of one identity share what they have."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import globus_sdk
import pytest

from gc_jupyter import Client, Executor
from tests.conftest import connect
from tests.service.handle import Loopback

TIMEOUT = 60


def double(x: int) -> int:
    return 2 * x


def files() -> int:
    """How many this process has open."""
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files by /proc")
def test_an_executor_a_cell_leaves_no_more_files_open(to_loopback: Loopback) -> None:
    """300 of them, and one connection to the broker, one task group, one question for versions."""
    endpoint = to_loopback.endpoint("inline")
    groups, logins = set(), to_loopback.broker_logins()
    with Executor(endpoint) as executor:  # its own client, its own login
        assert executor.submit(double, 1).result(TIMEOUT) == 2
        groups.add(executor.task_group_id)
    before = files()
    for number in range(300):
        with Executor(endpoint) as executor:
            if number % 30 == 0:  # each task takes one of the service's slots
                assert executor.submit(double, number).result(TIMEOUT) == 2 * number
                groups.add(executor.task_group_id)
    assert files() <= before + 2  # connections of two threads at once
    assert len(groups) == 1
    assert to_loopback.broker_logins() - logins == 1
    assert len(to_loopback.requests("GET", "/v2/version")) == 1
    assert to_loopback.requests("GET", endpoint) == []  # its Python matters for no function here
    assert len(to_loopback.requests("GET", "/v2/get_amqp_result_connection_url")) == 1


def test_clients_with_one_token_share(to_loopback: Loopback) -> None:
    first, second = (
        Client(
            authorizer=globus_sdk.AccessTokenAuthorizer(to_loopback.token),
            do_version_check=False,
            rate_limited=False,
        )
        for _ in range(2)
    )
    other = connect(to_loopback, rate_limited=False)
    assert first.globus_service() is second.globus_service()
    assert first.dispatcher("") is second.dispatcher("")
    assert other.dispatcher("") is not first.dispatcher("")
    executor = Executor(to_loopback.endpoint("inline"), client=second)
    first.close()  # the second goes on
    assert executor.submit(double, 2).result(TIMEOUT) == 4
    second.close()
    assert executor.submit(double, 3).result(TIMEOUT) == 6  # connected anew
    second.close()
    other.close()


@pytest.mark.usefixtures("to_loopback")
def test_another_environment_is_another_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Client(do_version_check=False)
    assert Client(do_version_check=False).globus_service() is first.globus_service()
    monkeypatch.setenv("GLOBUS_COMPUTE_ACCESS_TOKEN", "another")
    assert Client(do_version_check=False).globus_service() is not first.globus_service()


def test_what_nobody_holds_is_closed(to_loopback: Loopback) -> None:
    """At once, where a client was given its login; a future that is held is resolved before."""
    client = connect(to_loopback, rate_limited=False)
    endpoint = to_loopback.new_endpoint("offline")
    future = Executor(endpoint, client=client).submit(double, 4)
    runtime = client.dispatcher("")
    feed = runtime.collector.feed
    loop = runtime.loop
    del client, runtime
    gc.collect()
    to_loopback.bring_online(endpoint)
    assert future.result(TIMEOUT) == 8
    loop.ask(loop.results.submit, int).result(TIMEOUT)
    loop.ask(lambda: None)
    assert feed._stream is not None
    del future
    gc.collect()
    loop.ask(lambda: None)
    assert feed._stream is None


@pytest.mark.usefixtures("to_loopback")
def test_results_are_remembered_by_each_client() -> None:
    """What a client may read is its own; what is known of functions and endpoints is shared."""
    first, second = Client(do_version_check=False), Client(do_version_check=False)
    assert first.cache().endpoints is second.cache().endpoints
    assert first.cache().functions is second.cache().functions
    assert first.cache().tasks is not second.cache().tasks
