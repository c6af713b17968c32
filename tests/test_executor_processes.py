"""Threads and processes around an executor: exit, fork, many callers at once."""

from __future__ import annotations

import concurrent.futures
import sys
import threading
from pathlib import Path

import pytest

from gc_jupyter import Client, Executor
from tests.conftest import connect
from tests.scripts import run
from tests.service.handle import Loopback

TIMEOUT = 60
PICK_UP = "Executor(endpoint_id, task_group_id="

PROLOGUE = """\
import os, sys, threading
from gc_jupyter import Executor

def double(x):
    return 2 * x

executor = Executor(sys.argv[1])
"""


def double(x: int) -> int:
    return 2 * x


# --- exit ----------------------------------------------------------------------------------


def test_exit_with_tasks_pending(to_loopback: Loopback, tmp_path: Path) -> None:
    """The interpreter leaves though tasks wait; they can be picked up later."""
    body = """\
accepted = threading.Event()
futures = [executor.submit(double, n) for n in range(3)]
dispatcher = executor.client.dispatcher(sys.argv[1])
look = lambda events=(): all(future.task_id for future in futures) and accepted.set()
dispatcher.loop.ask(dispatcher.collector.listeners.append, look)
dispatcher.loop.call(look)
assert accepted.wait(60)
print(executor.task_group_id)
"""
    loopback = to_loopback
    offline = loopback.new_endpoint("offline")
    out, err = run(loopback, tmp_path, PROLOGUE + body, offline)
    assert f"still at the endpoint: 3 tasks. To pick up the results: {PICK_UP}" in err
    assert repr(out.strip()) in err
    loopback.bring_online(offline)
    with Executor(offline, task_group_id=out.strip(), client=connect(loopback)) as executor:
        results = {future.result(TIMEOUT) for future in executor.reload_tasks()}
    assert results == {0, 2, 4}
    executor.client.close()


def test_exit_right_after_submitting(to_loopback: Loopback, tmp_path: Path) -> None:
    """What was submitted leaves, though the script ends at once and closes nothing."""
    offline = to_loopback.new_endpoint("offline")
    body = "for n in range(3): executor.submit(double, n)\n"
    _out, err = run(to_loopback, tmp_path, PROLOGUE + body, offline)
    sent = [request["body"]["tasks"] for request in to_loopback.requests("POST", "/submit")]
    assert sum(len(tasks) for by_function in sent for tasks in by_function.values()) == 3
    assert "3 tasks" in err


@pytest.mark.parametrize("used", [True, False])
def test_submitting_while_the_interpreter_ends(
    loopback: Loopback, tmp_path: Path, used: bool
) -> None:
    """In a handler of atexit that runs after all was sent: it is said that it isn't sent."""
    body = """\
def late():
    try:
        executor.submit(double, 2)
    except Exception as error:
        print(error)

atexit.register(late)
"""
    source = PROLOGUE.replace("import os", "import atexit, os") + body
    source += "executor.submit(double, 1).result(60)\n" * used
    out, _err = run(loopback, tmp_path, source, loopback.endpoint("inline"))
    if used or sys.version_info[:2] != (3, 12):  # which starts no thread then, and says so
        assert "a task that is submitted now would not be sent" in out
    assert out
    assert len(loopback.requests("POST", "/submit")) == used


@pytest.mark.parametrize("fault", ["submit", "broker"])
def test_exit_while_nobody_answers(loopback: Loopback, tmp_path: Path, fault: str) -> None:
    """Neither a request under way nor a broker that can't be reached holds the exit up."""
    if fault == "submit":
        loopback.fault(path=r".*/submit", hang=True, times=None)
    else:
        loopback.broker_fault(refuse=True)
    body = """\
executor.register_function(double)
future = executor.submit(double, 1)
executor.client.dispatcher(sys.argv[1]).loop.ask(lambda: None)
others = [thread for thread in threading.enumerate() if not thread.daemon]
assert others == [threading.main_thread()], others
print("end")
"""
    out, err = run(loopback, tmp_path, PROLOGUE + body, loopback.new_endpoint("offline"))
    where = "sent, but not yet confirmed" if fault == "submit" else "still at the endpoint"
    assert out == "end\n"
    (line,) = err.splitlines()
    assert line.startswith(f"gc_jupyter: {where}")
    assert "1 task." in line


def test_exit_in_the_middle_of_results(loopback: Loopback, tmp_path: Path) -> None:
    body = """\
futures = [executor.submit(double, n) for n in range(2000)]
futures[0].result(60)
print("end")
"""
    out, err = run(loopback, tmp_path, PROLOGUE + body, loopback.endpoint("instant"))
    assert out == "end\n"
    assert all(line.startswith("gc_jupyter: ") for line in err.splitlines())


# --- fork ----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_fork(loopback: Loopback, tmp_path: Path) -> None:
    """A child made by fork has none of its parent's threads, and must not use its connections."""
    body = """\
def check(who):
    assert executor.submit(double, 4).result(60) == 8
    print(who, executor.task_group_id, flush=True)

check("before")
pending = executor.submit(double, 1)
child = os.fork()
if child == 0:
    check("child")
    os._exit(0)
check("parent")
assert pending.result(60) == 2
_, status = os.waitpid(child, 0)
check("after")
sys.exit(os.waitstatus_to_exitcode(status))
"""
    out, _err = run(loopback, tmp_path, PROLOGUE + body, loopback.endpoint("inline"))
    groups = dict(line.split() for line in out.splitlines())
    assert groups.keys() == {"before", "child", "parent", "after"}
    # its own group: two consumers of one queue would take each other's results
    assert groups["child"] != groups["before"] == groups["parent"] == groups["after"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_fork_while_connections_are_idle(loopback: Loopback, tmp_path: Path) -> None:
    """Parent and child send at the same time, and not on one connection."""
    body = """\
from gc_jupyter import Client
executor = Executor(sys.argv[1], Client(do_version_check=False, rate_limited=False))
assert executor.submit(double, 4).result(60) == 8
child = os.fork()
own = range(0, 40) if child else range(100, 140)
values = [executor.submit(double, n).result(60) for n in own]
assert values == [2 * n for n in own], values
if child == 0:
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    run(loopback, tmp_path, PROLOGUE + body, loopback.endpoint("inline"))


# --- threads -------------------------------------------------------------------------------


def test_fifty_threads(client: Client, loopback: Loopback) -> None:
    executor = Executor(loopback.endpoint("inline"), client=client)
    start = threading.Barrier(50)

    def submit(thread: int) -> list[int]:
        start.wait(TIMEOUT)
        futures = [executor.submit(double, 100 * thread + n) for n in range(10)]
        return [future.result(TIMEOUT) for future in futures]

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        results = list(pool.map(submit, range(50)))
    assert results == [[2 * (100 * thread + n) for n in range(10)] for thread in range(50)]
    assert executor.task_count_submitted == 500
    submits = [one["body"] for one in loopback.requests("POST", "/submit")]
    groups = {body.get("task_group_id") for body in submits}
    assert groups <= {None, str(executor.task_group_id)}
    assert len({*groups} - {None}) == 1
    assert len(loopback.requests("POST", "/v3/functions")) == 1


def test_first_use_by_many_threads_makes_one_client(to_loopback: Loopback) -> None:
    executor = Executor(to_loopback.endpoint("instant"))
    start = threading.Barrier(4)

    def submit(number: int) -> object:
        start.wait(TIMEOUT)
        return executor.submit(double, number).result(TIMEOUT)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert list(pool.map(submit, range(4))) == [None] * 4
    assert len(to_loopback.requests("GET", "/v2/version")) == 1
    assert executor.task_count_submitted == 4
    executor.client.close()


def test_threads_are_daemons_and_few(client: Client, loopback: Loopback) -> None:
    executor = Executor(loopback.endpoint("instant"), client=client)
    before = set(threading.enumerate())
    concurrent.futures.wait([executor.submit(double, n) for n in range(200)], TIMEOUT)
    new = [thread for thread in threading.enumerate() if thread not in before]
    assert all(thread.daemon for thread in new)
    assert {thread.name for thread in new} <= {"gc-loop", "gc-http", "gc-results"}
    assert len(new) <= 6
