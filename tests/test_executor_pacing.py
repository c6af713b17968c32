"""The service's limit: never more than 20 submissions in any 10 s, and nobody waits for long."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.errors import RateLimited
from gc_jupyter.protocol import pacing
from tests.conftest import connect
from tests.scripts import start
from tests.service.handle import Loopback

TIMEOUT = 60
LIMIT = 20
SUBMIT = r"/v3/endpoints/.*/submit"


def work(x: int) -> int:
    return x


def other_work() -> str:
    return "other"


@pytest.fixture(autouse=True)
def unused_slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No other test's submissions count."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))


@pytest.fixture
def limited(to_loopback: Loopback) -> Iterator[Client]:
    """A client that keeps the limit."""
    made = connect(to_loopback)
    yield made
    made.close()


def refused(loopback: Loopback) -> int:
    """How many requests were answered 429."""
    return sum(one["status"] == 429 for one in loopback.requests())


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
    assert max(delays) < 20  # and not the minutes that the loop would take request by request
    assert loopback.busiest() <= LIMIT
    submits = loopback.requests("POST", "/submit")
    sent = [len(tasks) for one in submits for tasks in one["body"]["tasks"].values()]
    assert sum(sent) == 3000 + len(delays)


def test_calls_one_after_another(limited: Client, loopback: Loopback) -> None:
    """Twenty interactive cells in a row don't wait (the official client holds the fifth up for
    4 s); the next one waits for the limit."""
    loopback.limit(path=SUBMIT)
    executor = Executor(loopback.endpoint("instant"), client=limited)
    delays = []
    begin = time.monotonic()
    for number in range(21):
        start = time.monotonic()
        executor.submit(work, number).result(TIMEOUT)
        delays.append(time.monotonic() - start)
    assert max(delays[:20]) < 8  # a wait for the limit takes ten
    assert time.monotonic() - begin > 10
    assert loopback.busiest() <= LIMIT
    assert refused(loopback) == 0


def test_clients_share_the_slots(to_loopback: Loopback, loopback: Loopback) -> None:
    """The service counts a user's submissions, whichever of the process's clients sends them."""
    loopback.limit(path=SUBMIT)
    clients = [connect(to_loopback) for _ in range(3)]
    function = clients[0].register_function(work)
    endpoint = loopback.endpoint("instant")

    def run(number: int) -> str:
        return clients[number % 3].run(number, endpoint_id=endpoint, function_id=function)

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        tasks = list(pool.map(run, range(24)))
    assert len({*tasks}) == 24
    assert loopback.busiest() == LIMIT
    assert refused(loopback) == 0
    for client in clients:
        client.close()


KERNEL = """
import sys
from gc_jupyter import Client, Executor

def work(x):
    return x

client = Client(do_version_check=False)
executor = Executor(sys.argv[1], client)
print("ready", flush=True)
sys.stdin.readline()
for number in range(12):
    assert executor.submit(work, number).result(60) is None
print("done", flush=True)
"""


def kernels(loopback: Loopback, directories: list[Path]) -> None:
    """Three kernels with 12 cells each, at once."""
    running = [
        start(loopback, directory, KERNEL, loopback.endpoint("instant"))
        for directory in directories
    ]
    try:
        for one in running:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in running:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        for one in running:
            out, err = one.communicate(timeout=TIMEOUT)
            assert (out, one.returncode) == ("done\n", 0), err
    finally:
        for one in running:
            one.kill()


def test_three_kernels_at_once_get_no_refusal(loopback: Loopback, tmp_path: Path) -> None:
    loopback.limit(path=SUBMIT)
    directories = [tmp_path / name for name in ("a", "b", "c")]
    for directory in directories:
        directory.mkdir()
    kernels(loopback, directories)
    assert len(loopback.requests("POST", "/submit")) == 36
    assert refused(loopback) == 0
    assert loopback.busiest() <= LIMIT


def test_three_machines_at_once_lose_nothing(
    loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share no slots: the service refuses some, and each of these is sent again."""
    loopback.limit(path=SUBMIT)
    directories = [tmp_path / name for name in ("a", "b", "c")]
    for directory in directories:
        directory.mkdir()
    monkeypatch.setenv("JUPYTER_DATA_DIR", "own")  # in the directory of each
    kernels(loopback, directories)
    assert refused(loopback) > 0
    taken = [one for one in loopback.requests("POST", "/submit") if one["status"] == 200]
    assert len(taken) == 36


def test_reads_and_registrations_pass_freely(limited: Client, loopback: Loopback) -> None:
    begin = time.monotonic()
    for _ in range(40):
        limited.get_result_amqp_url()
    for _ in range(30):
        limited.register_function(work)
    assert time.monotonic() - begin < 25  # within the limit, they would take 30
    assert loopback.busiest(path="") == 70


def test_reads_slow_down_once_one_is_refused(limited: Client, loopback: Loopback) -> None:
    for _ in range(10):
        limited.get_result_amqp_url()
    loopback.clear()
    loopback.fault(status=429, path="/v2/.*", headers={"Retry-After": "1"})
    for _ in range(5):
        limited.get_result_amqp_url()
    first, *again = [one["at"] for one in loopback.requests("GET")]
    assert again[0] - first >= 1.0
    assert all(later - sooner > 0.4 for sooner, later in pairwise(again))


@pytest.mark.parametrize("said", [{}, {"Retry-After": "1"}, {"Retry-After": "date"}])
def test_refused_more_often_than_there_used_to_be_tries(
    limited: Client, loopback: Loopback, monkeypatch: pytest.MonkeyPatch, said: dict[str, str]
) -> None:
    """A refusal has cost nothing: by time it is given up, and not by count."""
    monkeypatch.setattr(pacing, "backoff", lambda *_args, **_more: 0.01)
    monkeypatch.setattr(pacing, "_MOST_GAP_S", 0.5)
    times = 8
    if said.get("Retry-After") == "date":
        soon = datetime.now(timezone.utc) + timedelta(seconds=2)
        said, times = {"Retry-After": format_datetime(soon, usegmt=True)}, 8
    loopback.fault(path=SUBMIT, status=429, times=times, headers=said)
    executor = Executor(loopback.endpoint("inline"), client=limited)
    assert executor.submit(work, 1).result(TIMEOUT) == 1
    assert refused(loopback) == times


def test_a_service_that_refuses_for_minutes(
    limited: Client, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "PATIENCE_S", 2.0)
    loopback.fault(path=SUBMIT, status=429, times=None)
    executor = Executor(loopback.endpoint("inline"), client=limited)
    error = executor.submit(work, 1).exception(TIMEOUT)
    assert isinstance(error, RateLimited)
    assert "nothing of this request was accepted" in error.next_step


def test_no_limit_where_none_is_wanted(client: Client, loopback: Loopback) -> None:
    executor = Executor(loopback.endpoint("instant"), client=client)
    for number in range(40):
        executor.submit(work, number).result(TIMEOUT)
    assert len(loopback.requests("POST", "/submit")) == 40
    assert loopback.busiest() > LIMIT
