"""Bad input: an error at the caller's line where there is one, nothing sent, executor usable."""

from __future__ import annotations

import functools
import inspect
import linecache
import sqlite3
import traceback
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.errors import (
    ComputeError,
    NotFound,
    PayloadTooLarge,
    ResultTooLarge,
    SerializationError,
    TaskExecutionFailed,
)
from gc_jupyter.protocol.batches import MAX_PAYLOAD_BYTES
from gc_jupyter.serialize import (
    ComputeSerializer,
    DillCodeSource,
    JSONData,
    PureSourceTextInspect,
)
from tests.service.handle import Loopback

TIMEOUT = 60


def double(x: Any) -> Any:
    return 2 * x


def length(text: str) -> int:
    return len(text)


@pytest.fixture
def executor(client: Client, loopback: Loopback) -> Iterator[Executor]:
    made = Executor(loopback.endpoint("inline"), client=client)
    yield made
    assert made.submit(double, 21).result(TIMEOUT) == 42  # usable after all
    made.shutdown()
    assert made.task_count_submitted >= 1


def raised_here(call: Callable[[], object], kind: type[Exception]) -> Any:
    """The error of `call`, raised in the caller's own thread, from the caller's line."""
    with pytest.raises(kind) as caught:
        call()
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert any(frame.filename == __file__ and "submit" in (frame.line or "") for frame in frames)
    return caught.value


# --- arguments -----------------------------------------------------------------------------


def cannot_be_reduced() -> object:
    class Stubborn:
        def __reduce__(self) -> str:
            raise TypeError("not me")

    return Stubborn()


@pytest.mark.parametrize(
    "argument",
    [
        lambda: sqlite3.connect(":memory:"),
        inspect.currentframe,
        lambda: (n for n in range(3)),
        cannot_be_reduced,
    ],
    ids=["connection", "frame", "generator", "own __reduce__"],
)
def test_an_argument_that_cant_be_serialized(
    executor: Executor, loopback: Loopback, argument: Callable[[], object]
) -> None:
    value = argument()
    error = raised_here(lambda: executor.submit(double, value), SerializationError)
    assert error.reason
    assert error.next_step
    raised_here(lambda: executor.submit(double, x=[value]), SerializationError)
    assert not loopback.requests("POST", "/submit")


def test_an_argument_for_another_strategy(client: Client, loopback: Loopback) -> None:
    serializer = ComputeSerializer(strategy_data=JSONData())
    executor = Executor(loopback.endpoint("inline"), client=client, serializer=serializer)
    raised_here(lambda: executor.submit(double, {1, 2}), SerializationError)
    assert executor.submit(double, 2).result(TIMEOUT) == 4


def test_payload_over_10_mb(executor: Executor, loopback: Loopback) -> None:
    large = "x" * MAX_PAYLOAD_BYTES
    error = raised_here(lambda: executor.submit(length, large), PayloadTooLarge)
    assert "arguments of length take" in error.reason
    assert "send its path" in error.next_step
    raised_here(lambda: executor.submit(lambda: len(large)), ComputeError)  # in its closure
    function_id = str(uuid.uuid4())
    raised_here(
        lambda: executor.submit_to_registered_function(function_id, (large,)), PayloadTooLarge
    )
    assert not loopback.requests("POST", "/submit")


def test_payload_just_under_10_mb(executor: Executor, loopback: Loopback) -> None:
    text = "x" * (7 * 1024 * 1024)  # base64 adds a third, and line ends
    assert executor.submit(length, text).result(TIMEOUT) == len(text)
    (one,) = loopback.requests("POST", "/submit")
    assert one["size"] > 9 * 1024 * 1024


def test_a_result_over_10_mb(client: Client, loopback: Loopback) -> None:
    with Executor(loopback.endpoint("thread"), client=client) as executor:
        future = executor.submit(lambda: "x" * (11 * 1024 * 1024))
        error = future.exception(TIMEOUT)
    assert type(error) is ResultTooLarge
    assert "return its path" in str(error)


def test_wrong_arguments_are_the_tasks_error(executor: Executor) -> None:
    with pytest.raises(TaskExecutionFailed, match=r"TypeError.*missing 1 required positional"):
        executor.submit(double).result(TIMEOUT)


# --- functions -----------------------------------------------------------------------------


@pytest.fixture(params=[DillCodeSource, PureSourceTextInspect])
def by_source(
    request: pytest.FixtureRequest, client: Client, loopback: Loopback
) -> Iterator[Executor]:
    """An executor that sends functions as their source."""
    serializer = ComputeSerializer(strategy_code=request.param())
    made = Executor(loopback.endpoint("inline"), client=client, serializer=serializer)
    yield made
    assert made.submit(double, 21).result(TIMEOUT) == 42


def test_a_function_without_source(by_source: Executor, loopback: Loopback) -> None:
    namespace: dict[str, Any] = {}
    exec("def made(x): return x", namespace)
    for function, cause in ((namespace["made"], "source"), (len, "not a function made by `def`")):
        error = raised_here(lambda f=function: by_source.submit(f, 1), SerializationError)  # type: ignore[misc]
        assert cause in error.reason
        assert "DillCode" in error.next_step
    assert not loopback.requests("POST", "/submit")


def test_a_lambda_as_source(by_source: Executor) -> None:
    error = raised_here(lambda: by_source.submit(lambda x: x + 1, 1), SerializationError)
    assert "lambda" in error.reason
    assert "`def`" in error.next_step


def test_a_decorated_function_as_source(by_source: Executor) -> None:
    def twice(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any) -> Any:
            return function(*args) * 2

        return wrapper

    @twice
    def add_one(x: int) -> int:
        return x + 1

    error = raised_here(lambda: by_source.submit(add_one, 1), SerializationError)
    assert "add_one uses twice in a decorator" in error.reason
    assert error.next_step


@pytest.mark.parametrize("function", [None, 7, "double"], ids=repr)
def test_what_is_no_function(executor: Executor, function: Any) -> None:
    raised_here(lambda: executor.submit(function, 1), (TypeError, SerializationError))  # type: ignore[arg-type]


def test_a_function_that_shows_up_later(executor: Executor) -> None:
    """A notebook's user defines the missing helper and runs the cell again."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    text = "def area(r): return square(r) * 3\n"
    linecache.cache["<area>"] = (len(text), None, [text], "<area>")  # as IPython keeps a cell
    exec(compile(text, "<area>", "exec"), namespace)
    with pytest.raises(TaskExecutionFailed, match="NameError"):
        executor.submit(namespace["area"], 2).result(TIMEOUT)
    exec("def square(x): return x * x", namespace)
    assert executor.submit(namespace["area"], 2).result(TIMEOUT) == 12


# --- endpoints -----------------------------------------------------------------------------


def test_an_unknown_endpoint(client: Client, loopback: Loopback) -> None:
    unknown = str(uuid.uuid4())
    executor = Executor(unknown, client=client)
    error = executor.submit(double, 1).exception(TIMEOUT)
    assert isinstance(error, NotFound)
    assert unknown in error.reason
    assert "%gc endpoints" in error.next_step
    executor.endpoint_id = loopback.endpoint("inline")
    assert executor.submit(double, 1).result(TIMEOUT) == 2


@pytest.mark.parametrize("name", ["polaris", "1234", "localhost"])
def test_an_endpoint_that_is_no_uuid(name: str) -> None:
    with pytest.raises(ValueError, match="endpoint_id"):
        Executor(name)
    executor = Executor()
    with pytest.raises(ValueError, match="endpoint_id"):
        executor.endpoint_id = name
    assert executor.endpoint_id is None


@pytest.mark.parametrize("group", ["mine", "00000000-0000"])
def test_a_task_group_that_is_no_uuid(group: str) -> None:
    with pytest.raises(ValueError, match="task_group_id"):
        Executor(task_group_id=group)
