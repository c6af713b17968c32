"""An endpoint of another Python: functions go as source, or are refused before anything is sent.

What was really sent is then read by a second Python (Debian's PyPy, a Python 3.9), with the
official SDK's own serializers.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
import platform
import statistics
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter import Client, Executor, ShellFunction
from gc_jupyter.errors import SerializationError
from gc_jupyter.functions.python import function_metadata
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
from gc_jupyter.serialize.pickles import to_base64
from gc_jupyter.service.base import FunctionRegistration
from gc_jupyter.travel.sending import going_to
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


@pytest.mark.parametrize("strategy", [DillCode, AllCodeStrategies, CombinedCode])
def test_source_is_sent(
    executor: Executor,
    loopback: Loopback,
    read_there: Callable[[str], dict[str, Any]],
    strategy: Any,
) -> None:
    executor.serializer = ComputeSerializer(strategy)
    function, args, kwargs = CALL
    executor.submit(function, *args, **kwargs).result(60)
    assert result_of(read_there(sent(loopback))) == RESULT


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


@dataclasses.dataclass(order=True)
class Own:
    """A class of this session, as of a notebook."""

    x: int
    tags: list[str] = dataclasses.field(default_factory=list)

    def method(self) -> int:
        return self.x + OFFSET


RULES = {"bigger": lambda a, b: "yes" if a > b else "no", "smaller": lambda a, b: a < b}
USES_MORE: dict[str, tuple[Any, tuple[Any, ...], Any]] = {
    "global": (uses_a_global, (1,), 4),
    "closure": (adder(1), (1,), 2),
    "lambda": (lambda x: x + 1, (1,), 2),
    "one of two lambdas on a line": (RULES["bigger"], (2, 1), "yes"),
    "partial": (functools.partial(RULES["smaller"], 1), (2,), True),
    "lambda as argument": (statistics_of, ([4, 5],), {"mean": 4.5, "count": 2}),
    "rules as argument": (lambda rules: rules["bigger"](1, 2), (RULES,), "no"),
    "class as argument": (lambda kind: kind(3).method(), (Own,), 6),
    "instance as argument": (lambda own: [max(own, *[own]).method(), repr(own)], (Own(4),), None),
    "by reference": (math.sqrt, (9,), 3.0),
    "built-in": (pow, (2, 3), 8),
    "of the standard library": (statistics.mean, ([1, 3],), 2),
    "another": (os.path.join, ("a", "b"), "a/b"),
}


@pytest.mark.parametrize("name", USES_MORE)
def test_the_same_value_there(
    executor: Executor,
    loopback: Loopback,
    read_there: Callable[[str], dict[str, Any]],
    name: str,
) -> None:
    function, args, expected = USES_MORE[name]
    executor.submit(function, *args).result(60)
    assert result_of(read_there(sent(loopback))) == (expected or function(*args))


def made_by_exec() -> Any:
    namespace: dict[str, Any] = {}
    exec("def made(x): return x + 1", namespace)
    return namespace["made"]


def test_without_a_source_nothing_is_sent(executor: Executor, loopback: Loopback) -> None:
    here = ".".join(platform.python_version_tuple()[:2])
    for submit in (
        lambda: executor.submit(made_by_exec(), 1),
        lambda: executor.submit(lambda function: function(1), made_by_exec()),
    ):
        with pytest.raises(SerializationError, match=f"source of 'made'.*3.9.*{here}") as caught:
            submit()
        assert "Define it in a cell" in caught.value.next_step
    assert not loopback.requests("POST")


def test_without_a_source_between_equal_pythons(client: Client, loopback: Loopback) -> None:
    known = {"metadata": {"python_version": platform.python_version()}}
    with Executor(loopback.new_endpoint("inline", known), client=client) as executor:
        assert executor.submit(made_by_exec(), 1).result(60) == 2
    with Executor("local") as executor:
        assert executor.submit(made_by_exec(), 1).result(60) == 2
    # where the version isn't known, the reader looks at it before anything else
    with Executor(loopback.endpoint("inline"), client=client) as executor:
        assert executor.submit(made_by_exec(), 1).result(60) == 2


def test_compiled_code_of_another_python_is_never_run(
    read_there: Callable[[str], dict[str, Any]],
) -> None:
    serializer = ComputeSerializer()
    with going_to(platform.python_version):
        parts = [serializer.serialize(part) for part in (made_by_exec(), (1,), {})]
    report = read_there(serializer.pack_buffers(parts))
    assert "'made' has no source" in report["error"] or "made has no source" in report["error"]


def test_a_warning_of_registered_functions(
    client: Client, loopback: Loopback, endpoint_id: str
) -> None:
    """Registered as bytecode, as other SDKs do it."""
    body = ComputeSerializer.pack_buffers(["01\n" + to_base64(b"dill._dill _create_code")])
    function_id = client.register(
        FunctionRegistration("of_dill", body, metadata=function_metadata("01"))
    )
    batch = client.create_batch()
    batch.add(function_id, args=([1],))
    loopback.clear()
    with Executor(endpoint_id, client=client) as executor:
        for submit in (
            lambda: client.run([1], endpoint_id=endpoint_id, function_id=function_id),
            lambda: client.batch_run(endpoint_id, batch),
            lambda: executor.submit_to_registered_function(function_id, ([1],)),
        ):
            with pytest.raises(UserWarning, match="'of_dill' was registered as bytecode"):
                submit()
    assert not loopback.requests("POST")


def test_no_warning_of_what_was_registered_here(
    client: Client, loopback: Loopback, endpoint_id: str
) -> None:
    function_id = client.register_function(statistics_of)
    stranger = connect(loopback, rate_limited=False)
    for one in (client, stranger):
        one.run([1], endpoint_id=endpoint_id, function_id=function_id)
    stranger.close()


@pytest.mark.parametrize("strategy", [AllCodeStrategies, PureSourceTextInspect])
def test_registered_as_source(to_loopback: Loopback, endpoint_id: str, strategy: Any) -> None:
    client = connect(to_loopback, rate_limited=False, code_serialization_strategy=strategy)
    function_id = client.register_function(statistics_of)
    assert client.run([1], endpoint_id=endpoint_id, function_id=function_id)
    assert client.run([1], endpoint_id=endpoint_id, function_id=function_id)
    # nothing is asked: this client knows how it was registered
    assert not to_loopback.requests("GET", f"/v2/endpoints/{endpoint_id}")
    assert not to_loopback.requests("GET", "/v2/functions")
    client.close()


def test_another_endpoint_is_another_question(
    client: Client, loopback: Loopback, endpoint_id: str
) -> None:
    known = {"metadata": {"python_version": platform.python_version()}}
    made = made_by_exec()
    with Executor(loopback.new_endpoint("instant", known), client=client) as executor:
        executor.submit(made, 1).result(60)
        executor.endpoint_id = endpoint_id
        with pytest.raises(SerializationError, match=r"runs Python 3\.9"):
            executor.submit(made, 1)


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
