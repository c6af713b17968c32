"""Users' own code around futures: as concurrent.futures promises.

`tests/test_executor_processes.py` has a fork between two submissions, and fifty threads.
"""

from __future__ import annotations

import concurrent.futures
import logging
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from gc_jupyter import Client, Executor, TaskFuture
from tests.faults.storm import double
from tests.scripts import run
from tests.service.handle import Loopback

TIMEOUT = 60


@pytest.fixture
def executor(client: Client, loopback: Loopback) -> Executor:
    return Executor(loopback.endpoint("inline"), client=client)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_an_exception_in_a_callback(
    executor: Executor, caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    caplog.set_level(logging.ERROR)
    called: list[int] = []
    last = threading.Event()

    def fail(_future: object) -> None:
        raise error("from a callback")

    first, second = executor.submit(double, 1), executor.submit(double, 2)
    first.add_done_callback(fail)
    first.add_done_callback(lambda done: called.append(done.result()))
    second.add_done_callback(lambda _done: last.set())
    assert (first.result(TIMEOUT), second.result(TIMEOUT)) == (2, 4)
    assert last.wait(TIMEOUT)
    assert "from a callback" in caplog.text
    if error is ValueError:  # the others end the chain of callbacks in concurrent.futures too
        assert called == [2]
    assert executor.submit(double, 3).result(TIMEOUT) == 6


def test_submitting_in_a_callback(executor: Executor) -> None:
    chained: list[TaskFuture] = []
    ready = threading.Event()

    def follow(done: concurrent.futures.Future[int]) -> None:
        chained.append(executor.submit(double, done.result()))
        if len(chained) == 5:
            ready.set()
        else:
            chained[-1].add_done_callback(follow)

    executor.submit(double, 1).add_done_callback(follow)
    assert ready.wait(TIMEOUT)
    assert [future.result(TIMEOUT) for future in chained] == [4, 8, 16, 32, 64]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.parametrize(
    ("body", "code", "out"),
    [
        ("executor.submit(abs, -1).add_done_callback(lambda _: os._exit(7))\npause()", 7, ""),
        (
            "pending = executor.submit(abs, -1)\n"
            "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
            "    print(pool.map(abs, [-2, -3]))\n"
            "print(pending.result(60), executor.submit(abs, -4).result(60))",
            0,
            "[2, 3]\n1 4\n",
        ),
        (
            "ended = threading.Event()\n"
            "def fork(_done):\n"
            "    child = os.fork()\n"
            "    if child == 0:\n"
            "        os._exit(executor.submit(abs, -5).result(60))\n"
            "    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
            "    ended.set()\n"
            "executor.submit(abs, -1).add_done_callback(fork)\n"
            "ended.wait(60)\n"
            "print(executor.submit(abs, -4).result(60))",
            0,
            "5\n4\n",
        ),
    ],
    ids=["os._exit in a callback", "a pool of forks", "a fork in a callback"],
)
def test_processes(loopback: Loopback, tmp_path: Path, body: str, code: int, out: str) -> None:
    source = f"""\
import multiprocessing, os, sys, threading
from gc_jupyter import Executor
pause = threading.Event().wait
executor = Executor(sys.argv[1])
{body}
"""
    printed, _ = run(loopback, tmp_path, source, loopback.endpoint("inline"), code=code)
    assert printed == out


def test_200_threads(executor: Executor, loopback: Loopback) -> None:
    """Each task runs once, and each future has its own result, callbacks once each."""
    start, told = threading.Barrier(200), Counter[int]()

    def submit(thread: int) -> list[int]:
        start.wait(TIMEOUT)
        futures = [executor.submit(double, 10 * thread + n) for n in range(5)]
        for future in futures:
            future.add_done_callback(lambda done: told.update([done.result()]))
        return [future.result(TIMEOUT) for future in futures]

    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        results = list(pool.map(submit, range(200)))
    assert results == [[2 * (10 * thread + n) for n in range(5)] for thread in range(200)]
    executor.shutdown()
    executor.client.dispatcher("").loop.results.submit(int).result(TIMEOUT)  # callbacks are over
    assert told == Counter(value for some in results for value in some)
    sent = [one["body"]["tasks"] for one in loopback.requests("POST", "/submit")]
    assert sum(len(tasks) for by_function in sent for tasks in by_function.values()) == 1000
    with pytest.raises(RuntimeError, match="shutdown"):
        executor.submit(double, 1)
