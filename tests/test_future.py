"""TaskFuture: what it knows of its task, and that it fits concurrent.futures and asyncio."""

from __future__ import annotations

import ast
import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gc_jupyter
from gc_jupyter import Client, Executor, TaskFuture
from gc_jupyter.errors import ComputeError, TaskExecutionFailed, TaskStopped
from gc_jupyter.future import dropped, stop
from gc_jupyter.types import TaskInfo
from tests.executors import executor
from tests.service.handle import Loopback

__all__ = ["executor"]  # a fixture

TIMEOUT = 60
#: Where a kernel asks for results until its stream is heard: its answers lack the worker's times.
ASKED = "/v2/batch_status"


def double(x: int) -> int:
    return 2 * x


def nap(seconds: float) -> float:
    import time

    time.sleep(seconds)
    return seconds


def fail() -> None:
    raise ValueError("on purpose")


@pytest.fixture
def offline(client: Client, loopback: Loopback) -> Iterator[Executor]:
    """An executor whose tasks wait."""
    executor = Executor(loopback.new_endpoint("offline"), client=client)
    yield executor
    executor.shutdown(wait=False, cancel_futures=True)


def settled(future: TaskFuture) -> threading.Event:
    """Set once the future's callbacks run."""
    event = threading.Event()
    future.add_done_callback(lambda _future: event.set())
    return event


# --- information ---------------------------------------------------------------------------


def test_a_new_future_knows_nothing() -> None:
    future = TaskFuture(label="mine")
    assert (future.task_id, future.info) == (None, TaskInfo())
    assert repr(future) == "<TaskFuture 'mine' task_id=None not sent>"


@pytest.mark.parametrize("kind", ["inline", "thread", "process", "parsl"])
def test_info(client: Client, loopback: Loopback, kind: str) -> None:
    loopback.fault(path=ASKED, times=None, status=500)
    endpoint_id = loopback.endpoint(kind)
    with Executor(endpoint_id, client=client) as executor:
        future = executor.submit(nap, 0.05)
        assert future.result(TIMEOUT) == 0.05
    info = future.info
    assert future.task_id == info.task_id
    assert info.task_group_id == str(executor.task_group_id)
    assert info.endpoint_id == endpoint_id
    assert info.function_id in loopback.requests("POST", "/submit")[0]["body"]["tasks"]
    assert info.running_s is not None
    assert info.queued_s is not None
    assert 0.05 <= info.running_s < TIMEOUT
    assert 0 <= info.queued_s < TIMEOUT
    assert info.worker is not None
    assert info.worker.python_version.startswith("3.")
    assert info.worker.dill_version
    assert info.worker.endpoint_id == endpoint_id
    assert info.task_id in repr(future)


def test_info_of_a_failed_task(executor: Executor, loopback: Loopback) -> None:
    loopback.fault(path=ASKED, times=None, status=500)
    future = executor.submit(fail)
    error = future.exception(TIMEOUT)
    assert isinstance(error, TaskExecutionFailed)
    assert 'raise ValueError("on purpose")' in error.remote_data
    assert error.code == "RemoteExecutionError"
    assert future.info.running_s is not None
    assert float(error.completion_t) == future.info.ended_at


def test_a_result_that_was_asked_for_has_no_times(executor: Executor, loopback: Loopback) -> None:
    loopback.broker_fault(refuse=True)
    future = executor.submit(nap, 0.05)
    assert future.result(TIMEOUT) == 0.05
    info = future.info
    assert (info.started_at, info.ended_at, info.running_s, info.queued_s) == (None,) * 4
    assert info.worker is not None
    assert info.submitted_at is not None


# --- who writes ------------------------------------------------------------------------------

FIELDS = {"note", "nonce", "serial", "label", "source", "_info", "_stop", "_halted"}


def test_what_becomes_of_a_task_is_written_in_one_place() -> None:
    """No module but `future.py` assigns to a future's fields."""
    package = Path(gc_jupyter.__file__).parent
    for file in package.rglob("*.py"):
        if file == package / "future.py":
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Attribute) or isinstance(node.ctx, ast.Load):
                continue
            owner = node.value.attr if isinstance(node.value, ast.Attribute) else node.value
            name = owner if isinstance(owner, str) else getattr(owner, "id", "")
            known = name in ("future", "one", "task", "made", "new") or name.endswith("future")
            assert not (known and node.attr in FIELDS), f"{file.name}:{node.lineno}"
            assert node.attr != "_info", f"{file.name}:{node.lineno}"


def test_a_future_is_one_task() -> None:
    future = TaskFuture()
    future._describe("a note", "a nonce")
    future._enter(1, Runtime(), "its label")
    assert (future.note, future.nonce, future.label) == ("a note", "a nonce", "its label")
    for again in (lambda: future._enter(2, Runtime()), lambda: future._describe("another")):
        with pytest.raises(concurrent.futures.InvalidStateError):
            again()
    future._learn(TaskInfo("an id", "a group"))
    with pytest.raises(concurrent.futures.InvalidStateError, match="not another"):
        future._learn(TaskInfo("another"))
    assert (future.task_id, future.serial) == ("an id", 1)


class Runtime:
    """Announces nothing."""

    def watch(self, listener: object) -> None: ...

    def unwatch(self, listener: object) -> None: ...


def test_a_future_cant_be_submitted_twice(executor: Executor) -> None:
    future = executor.submit(double, 1)
    with pytest.raises(concurrent.futures.InvalidStateError, match="once"):
        executor.submit_as(future, double, 2)
    assert future.result(TIMEOUT) == 2


# --- asyncio and concurrent.futures --------------------------------------------------------


def test_await(executor: Executor) -> None:
    async def cell() -> list[Any]:
        first = await executor.submit(double, 1)
        both = await asyncio.gather(executor.submit(double, 2), executor.submit(double, 3))
        wrapped = await asyncio.wrap_future(executor.submit(double, 4))
        in_time = await asyncio.wait_for(executor.submit(double, 5), TIMEOUT)
        with pytest.raises(TaskExecutionFailed, match="on purpose"):
            await executor.submit(fail)
        return [first, *both, wrapped, in_time]

    assert asyncio.run(cell()) == [2, 4, 6, 8, 10]


def test_await_a_future_that_is_done(executor: Executor) -> None:
    future = executor.submit(double, 1)
    assert future.result(TIMEOUT) == 2

    async def cell() -> Any:
        return await future

    assert asyncio.run(cell()) == 2


def test_a_cancelled_await_leaves_the_task_alone(offline: Executor, loopback: Loopback) -> None:
    future = offline.submit(double, 1)

    async def cell() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(future, 0.05)

    asyncio.run(cell())
    loopback.bring_online(str(offline.endpoint_id), "instant")
    assert future.result(TIMEOUT) is None


def test_as_completed(client: Client, loopback: Loopback) -> None:
    with Executor(loopback.endpoint("thread"), client=client) as executor:
        futures = [executor.submit(double, n) for n in range(10)]
        done = [future.result() for future in concurrent.futures.as_completed(futures, TIMEOUT)]
    assert sorted(done) == [2 * n for n in range(10)]


def test_wait_for_the_first_failure(executor: Executor, offline: Executor) -> None:
    waiting, failing = offline.submit(double, 1), executor.submit(fail)
    done, pending = concurrent.futures.wait(
        [waiting, failing], TIMEOUT, concurrent.futures.FIRST_EXCEPTION
    )
    assert (done, pending) == ({failing}, {waiting})


def test_result_in_time_or_not(offline: Executor) -> None:
    future = offline.submit(double, 1)
    for wait in (future.result, future.exception):
        with pytest.raises(concurrent.futures.TimeoutError):
            wait(0.01)
    assert not future.done()


# --- cancel --------------------------------------------------------------------------------


def test_cancel_before_it_is_sent(client: Client, loopback: Loopback) -> None:
    loopback.fault(path=".*/submit", delay_s=1.0)
    executor = Executor(loopback.endpoint("inline"), client=client, batch_size=1)
    executor.register_function(double)
    sent = executor.submit(double, 1)
    client.dispatcher("").loop.ask(lambda: None)  # by now its request is under way
    unsent, last = executor.submit(double, 2), executor.submit(double, 3)
    assert unsent.cancel() is True
    assert unsent.cancelled()
    assert (sent.result(TIMEOUT), last.result(TIMEOUT)) == (2, 6)  # the others live on
    assert executor.task_count_submitted == 2
    with pytest.raises(concurrent.futures.CancelledError):
        unsent.result(0)


def test_cancel_after_it_was_sent(offline: Executor, loopback: Loopback) -> None:
    """The service can't, and it isn't claimed; no other task's future is stranded."""
    futures = [offline.submit(double, n) for n in range(3)]
    sent = threading.Event()
    runtime = offline.client.dispatcher("")

    def look(_events: object = None) -> None:
        if futures[-1].task_id:
            sent.set()

    runtime.loop.ask(runtime.collector.listeners.append, look)
    runtime.loop.call(look)
    assert sent.wait(TIMEOUT)
    assert futures[1].cancel() is False
    assert not futures[1].cancelled()
    loopback.bring_online(str(offline.endpoint_id), "instant")
    assert [future.result(TIMEOUT) for future in futures] == [None] * 3
    assert futures[1].cancel() is False


# --- callbacks -----------------------------------------------------------------------------


def test_callbacks_run_on_the_results_thread(executor: Executor) -> None:
    names = []
    future = executor.submit(nap, 0.2)
    future.add_done_callback(lambda _future: names.append(threading.current_thread().name))
    assert settled(future).wait(TIMEOUT)
    assert names == ["gc-results"]


def test_a_callback_may_submit(executor: Executor) -> None:
    chained: concurrent.futures.Future[TaskFuture] = concurrent.futures.Future()
    executor.submit(double, 1).add_done_callback(
        lambda future: chained.set_result(executor.submit(double, future.result()))
    )
    assert chained.result(TIMEOUT).result(TIMEOUT) == 4


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit, KeyboardInterrupt])
def test_a_callback_that_raises_harms_no_other_task(
    executor: Executor, caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    def broken(_future: object) -> None:
        raise error("in a callback")

    caplog.set_level(logging.CRITICAL + 1, "concurrent.futures")
    futures = [executor.submit(double, n) for n in range(20)]
    for future in futures[::2]:
        future.add_done_callback(broken) if not future.done() else None
    assert [future.result(TIMEOUT) for future in futures] == [2 * n for n in range(20)]
    assert executor.submit(double, 5).result(TIMEOUT) == 10


def test_decode_unpacks_the_result(executor: Executor) -> None:
    class Halved(TaskFuture):
        def decode(self, value: Any) -> Any:
            if value > 10:
                raise OverflowError(value)
            return value // 2

    assert executor.submit_as(Halved(), double, 4).result(TIMEOUT) == 4
    with pytest.raises(OverflowError):
        executor.submit_as(Halved(), double, 40).result(TIMEOUT)


def of_a_module_that_is_only_there() -> object:
    import sys
    import types

    module = types.ModuleType("only_there")
    exec("class Value: pass", module.__dict__)
    sys.modules["only_there"] = module
    return module.Value()


def that_exits_when_it_is_decoded() -> object:
    class Hostile:
        def __reduce__(self) -> Any:
            return exec, ("raise SystemExit('in a pickle')",)

    return Hostile()


@pytest.mark.parametrize(
    ("function", "cause"),
    [
        (of_a_module_that_is_only_there, "No module named 'only_there'"),
        (that_exits_when_it_is_decoded, "SystemExit: in a pickle"),
    ],
)
def test_a_result_that_cant_be_decoded_here(
    executor: Executor, function: Callable[[], object], cause: str
) -> None:
    error = executor.submit(function).exception(TIMEOUT)
    assert isinstance(error, ComputeError)
    assert cause in error.reason
    assert "plain values" in error.next_step
    assert executor.submit(double, 1).result(TIMEOUT) == 2


def test_a_stopped_task_is_cancelled() -> None:
    """`cancel` returned True, so the future says that it is cancelled, as any future does."""
    future = TaskFuture()
    future.set_exception(TaskStopped("The task was stopped on request."))
    assert future.cancelled()
    assert not dropped(future)
    failed = TaskFuture()
    failed.set_exception(ValueError())
    assert not failed.cancelled()


@pytest.mark.parametrize(
    ("raised", "word"), [(KeyboardInterrupt, "cancelled"), (ValueError, "failed")]
)
def test_what_an_interrupted_task_came_to(raised: type[BaseException], word: str) -> None:
    """Cancelled if it was asked to stop, and the interrupt has ended it."""
    error = ComputeError("remote")
    error.__cause__ = raised()
    by_itself, interrupted = TaskFuture(), TaskFuture()
    stop([interrupted])
    for future in (by_itself, interrupted):
        future.set_exception(error)
    assert not by_itself.cancelled()
    assert interrupted.cancelled() is (word == "cancelled")
    assert repr(interrupted).endswith(f" {word}>")
