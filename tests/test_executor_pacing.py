"""The service's limit: never more than 20 requests in any 10 s, and nobody waits for long."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Iterator

import pytest

from gc_jupyter import Client, Executor
from tests.conftest import connect
from tests.service.handle import Loopback

TIMEOUT = 60
LIMIT, WINDOW_S = 20, 10.0


def work(x: int) -> int:
    return x


def other_work() -> str:
    return "other"


@pytest.fixture
def limited(to_loopback: Loopback) -> Iterator[Client]:
    """A client that keeps the limit."""
    made = connect(to_loopback)
    yield made
    made.close()


def most_in_a_window(loopback: Loopback) -> int:
    """The most requests that arrived in any 10 s."""
    times = sorted(one["at"] for one in loopback.requests())
    return max(sum(1 for at in times if start <= at < start + WINDOW_S) for start in times)


def test_a_loop_of_submits_and_a_call_in_between(limited: Client, loopback: Loopback) -> None:
    """3,000 tasks in a loop, slower than a batch leaves; meanwhile single calls of another
    function through another executor."""
    fan_out = Executor(loopback.endpoint("instant"), client=limited)
    single = Executor(loopback.endpoint("instant"), client=limited)
    futures, delays = [], []
    for number in range(3000):
        futures.append(fan_out.submit(work, number))
        if number % 750 == 700:
            start = time.monotonic()
            single.submit(other_work).result(TIMEOUT)
            delays.append(time.monotonic() - start)
    done, pending = concurrent.futures.wait(futures, TIMEOUT)
    assert not pending
    assert all(future.exception() is None for future in done)
    assert max(delays) < 5  # and not the half minute that the loop would take request by request
    assert most_in_a_window(loopback) <= LIMIT
    submits = loopback.requests("POST", "/submit")
    sent = [len(tasks) for one in submits for tasks in one["body"]["tasks"].values()]
    assert sum(sent) == 3000 + len(delays)


def test_calls_one_after_another(limited: Client, loopback: Loopback) -> None:
    """Fourteen interactive cells in a row: the first ones don't wait at all (the official client
    holds the fifth up for 4 s), and the limit holds."""
    executor = Executor(loopback.endpoint("instant"), client=limited)
    executor.register_function(work)
    delays = []
    for number in range(14):
        start = time.monotonic()
        executor.submit(work, number).result(TIMEOUT)
        delays.append(time.monotonic() - start)
    assert max(delays[:6]) < 3
    assert max(delays) < 5
    assert most_in_a_window(loopback) <= LIMIT


def test_clients_share_the_budget(to_loopback: Loopback, loopback: Loopback) -> None:
    """The service counts a user's requests, whichever of the process's clients sends them."""
    clients = [connect(to_loopback) for _ in range(3)]
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda n: clients[n % 3].get_result_amqp_url(), range(14)))
    requests = sorted(one["at"] for one in loopback.requests())
    assert len(requests) == 14
    # more than the burst: the rest came one after another
    assert requests[-1] - requests[0] > 3
    assert most_in_a_window(loopback) <= LIMIT
    for client in clients:
        client.close()


def test_no_limit_where_none_is_wanted(client: Client, loopback: Loopback) -> None:
    for _ in range(40):
        client.get_result_amqp_url()
    assert most_in_a_window(loopback) >= 40
