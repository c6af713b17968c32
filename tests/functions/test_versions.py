"""An endpoint of another Python: what it can read is sent, or a warning comes before anything is.

What was really sent is then read by a second Python (Debian's PyPy, a Python 3.9), with the
official SDK's own serializers.
"""

from __future__ import annotations

import json
import platform
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter import Client, Executor, ShellFunction
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.functions.versions import differs
from gc_jupyter.serialize import (
    AllCodeStrategies,
    CombinedCode,
    ComputeSerializer,
    DillCode,
    DillCodeSource,
    JSONData,
    PureSourceTextInspect,
)
from tests.conftest import connect
from tests.service.handle import Loopback

OTHER = "3.9.16"
SCRIPT = Path(__file__).with_name("other_worker.py")
OFFSET = 3


def statistics_of(values: list[float], *, scale: float = 1.0) -> dict[str, float]:
    import statistics

    return {"mean": scale * statistics.mean(values), "count": len(values)}


def uses_a_global(x: int) -> int:
    return x + OFFSET


def adder(n: int) -> Callable[[int], int]:
    def add(x: int) -> int:
        return x + n

    return add


class Own:
    """A class of this session, as of a notebook."""

    __module__ = "__main__"

    def method(self) -> None: ...


@pytest.fixture
def endpoint_id(loopback: Loopback) -> str:
    """An endpoint that has reported another Python, and answers None to everything."""
    return loopback.new_endpoint("instant", {"metadata": {"python_version": OTHER}})


@pytest.fixture
def executor(client: Client, endpoint_id: str) -> Iterator[Executor]:
    with Executor(endpoint_id, client=client) as made:
        yield made


@pytest.fixture(autouse=True)
def _warnings_are_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def sent(loopback: Loopback) -> str:
    """The body of the one task that was submitted, as its worker gets it."""
    (function,) = loopback.requests("POST", "/v3/functions")
    (submit,) = loopback.requests("POST", "/submit")
    ((payload,),) = submit["body"]["tasks"].values()
    return str(function["body"]["function_code"] + payload)


@pytest.fixture
def read_there(endpoint_python: str, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Let the other Python do a task."""
    ask = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    packages = subprocess.run(
        [endpoint_python, "-c", ask], capture_output=True, text=True, check=True
    ).stdout.strip()

    def read(body: str) -> dict[str, Any]:
        done = subprocess.run(
            ["pypy3", str(SCRIPT), packages],
            input=body,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        report: dict[str, Any] = json.loads(done.stdout or '{"error": "crashed"}')
        assert report.pop("python_version", OTHER).startswith("3.9.")
        return report

    return read


CALL = (statistics_of, ([1, 2, 3],), {"scale": 2})
RESULT = {"mean": 4, "count": 3}


def result_of(report: dict[str, Any]) -> Any:
    return ComputeSerializer().deserialize(report["result"])


def test_bytecode_does_break(read_there: Callable[[str], dict[str, Any]]) -> None:
    """Why all this: what is sent between equal Pythons doesn't run there."""
    serializer = ComputeSerializer(DillCode())
    body = serializer.pack_buffers([serializer.serialize(part) for part in CALL])
    assert "error" in read_there(body)


def test_source_is_chosen(
    executor: Executor, loopback: Loopback, read_there: Callable[[str], dict[str, Any]]
) -> None:
    function, args, kwargs = CALL
    executor.submit(function, *args, **kwargs).result(60)
    body = sent(loopback)
    assert ComputeSerializer.unpack_buffers(body)[0].startswith("st\nstatistics_of:")
    assert result_of(read_there(body)) == RESULT


@pytest.mark.parametrize(
    "strategy", [AllCodeStrategies, CombinedCode, PureSourceTextInspect, DillCodeSource]
)
def test_a_surviving_strategy_is_kept(
    executor: Executor,
    loopback: Loopback,
    read_there: Callable[[str], dict[str, Any]],
    strategy: Any,
) -> None:
    executor.serializer = ComputeSerializer(strategy, JSONData)
    function, args, kwargs = CALL
    executor.submit(function, *args, **kwargs).result(60)
    body = sent(loopback)
    assert body.partition("\n")[2].startswith(strategy.identifier)
    assert result_of(read_there(body)) == RESULT


def test_shell_functions_and_cells_survive(
    executor: Executor, loopback: Loopback, read_there: Callable[[str], dict[str, Any]]
) -> None:
    executor.submit(ShellFunction("echo {x}", return_dict=True), x=1).result(60)
    assert result_of(read_there(sent(loopback)))["stdout"] == "1\n"
    loopback.clear()
    executor.submit(SourceFunction("one", "def one(x):\n    return [x]\n"), 1).result(60)
    assert result_of(read_there(sent(loopback))) == [1]


NEEDS_MORE = {
    "global": (uses_a_global, "uses_a_global uses OFFSET from outside"),
    "closure": (adder(1), "add uses n of the function around"),
    "lambda": (lambda: 1, "A lambda has no name"),
}


@pytest.mark.parametrize("strategy", [DillCode, AllCodeStrategies, CombinedCode])
@pytest.mark.parametrize("name", NEEDS_MORE)
def test_a_warning_before_submitting(
    executor: Executor, loopback: Loopback, name: str, strategy: Any
) -> None:
    executor.serializer = ComputeSerializer(strategy)
    function, words = NEEDS_MORE[name]
    with pytest.raises(UserWarning, match=words) as caught:
        executor.submit(function, 1)
    text = str(caught.value)
    assert f"The endpoint runs Python {OTHER}, this is Python {platform.python_version()}" in text
    assert "Make it self-contained" in text
    assert not loopback.requests("POST")


@pytest.mark.parametrize("argument", [lambda: 1, [Own], {"deep": (Own(),)}])
def test_a_warning_of_arguments(executor: Executor, loopback: Loopback, argument: Any) -> None:
    with pytest.raises(UserWarning, match="An argument is, or holds, a function or class"):
        executor.submit(statistics_of, argument)
    assert not loopback.requests("POST")


def test_the_line_that_is_shown(executor: Executor) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        executor.submit(uses_a_global, 1).result(60)
    assert [one.filename for one in caught if one.category is UserWarning] == [__file__]


def test_a_warning_of_registered_functions(
    client: Client, loopback: Loopback, endpoint_id: str
) -> None:
    function_id = client.register_function(statistics_of)
    stranger = connect(loopback, rate_limited=False)
    loopback.clear()
    batch = client.create_batch()
    batch.add(function_id, args=([1],))
    with Executor(endpoint_id, client=stranger) as executor:
        for submit in (
            lambda: client.run([1], endpoint_id=endpoint_id, function_id=function_id),
            lambda: client.batch_run(endpoint_id, batch),
            lambda: stranger.run([1], endpoint_id=endpoint_id, function_id=function_id),
            lambda: executor.submit_to_registered_function(function_id, ([1],)),
        ):
            with pytest.raises(UserWarning, match="'statistics_of' was registered as bytecode"):
                submit()
    stranger.close()
    assert not loopback.requests("POST")


@pytest.mark.parametrize("strategy", [AllCodeStrategies, PureSourceTextInspect])
def test_registered_as_source(to_loopback: Loopback, endpoint_id: str, strategy: Any) -> None:
    client = connect(to_loopback, rate_limited=False, code_serialization_strategy=strategy)
    function_id = client.register_function(statistics_of)
    assert client.run([1], endpoint_id=endpoint_id, function_id=function_id)
    assert client.run([1], endpoint_id=endpoint_id, function_id=function_id)
    # asked once, and of the function nothing: this client knows how it was registered
    assert len(to_loopback.requests("GET", f"/v2/endpoints/{endpoint_id}")) == 1
    assert not to_loopback.requests("GET", "/v2/functions")
    client.close()


def test_another_endpoint_is_another_question(
    client: Client, loopback: Loopback, endpoint_id: str
) -> None:
    with Executor(loopback.endpoint("instant"), client=client) as executor:
        executor.submit(uses_a_global, 1).result(60)
        executor.endpoint_id = endpoint_id
        with pytest.raises(UserWarning, match="sent as bytecode"):
            executor.submit(uses_a_global, 1)


@pytest.mark.parametrize("version", [platform.python_version(), ""])
def test_no_difference_no_change(client: Client, loopback: Loopback, version: str) -> None:
    endpoint_id = loopback.new_endpoint("instant", {"metadata": {"python_version": version}})
    with Executor(endpoint_id, client=client) as executor:
        executor.submit(uses_a_global, 1).result(60)
    assert sent(loopback).partition("\n")[2].startswith(DillCode.identifier)


@pytest.mark.parametrize(
    ("there", "here", "expected"),
    [
        ("3.9.16", "3.11.2", True),
        ("3.11.9", "3.11.2", False),
        ("3.1", "3.11.2", True),
        ("3.12.0rc1", "3.12.4", False),
        ("", "3.11.2", False),
        ("3.11.2", "", False),
    ],
)
def test_differs(there: str, here: str, expected: bool) -> None:
    assert differs(there, here) is expected
