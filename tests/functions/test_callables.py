"""Every kind of callable: it works on a worker that has only the official packages, or says before
anything is sent why it doesn't."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.errors import SerializationError
from gc_jupyter.functions.python import FunctionCache, registration
from gc_jupyter.functions.shell import ShellFunction
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.serialize import ComputeSerializer, PureSourceTextInspect
from tests.functions import own_module
from tests.functions.own_module import Scale, logged
from tests.service.handle import Loopback

OFFSET = 10


def plus(x: int, *, offset: int = OFFSET) -> int:
    """Adds."""
    return x + offset


def uses_a_global(x: int) -> int:
    return x + OFFSET


def uses_a_helper(x: int) -> int:
    return uses_a_global(x) + own_module.tripled(x)


def adder(n: int) -> Callable[[int], int]:
    def add(x: int) -> int:
        return x + n

    return add


def even(n: int) -> bool:
    return n == 0 or odd(n - 1)


def odd(n: int) -> bool:
    return n != 0 and even(n - 1)


@logged
def decorated(x: int) -> int:
    return x


async def awaited() -> None: ...


def numbers(n: int) -> Iterator[int]:
    yield from range(n)


WORKS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], Any]] = {
    "function": (plus, (1,), 11),
    "global": (uses_a_global, (1,), 11),
    "helper, and a module of one's own": (uses_a_helper, (2,), 18),
    "lambda": (lambda x: x + OFFSET, (3,), 13),
    "closure": (adder(5), (1,), 6),
    "recursion in two functions": (even, (4,), True),
    "decorated": (decorated, (4,), ("logged", 4)),
    "cached": (functools.lru_cache(uses_a_global), (1,), 11),
    "partial": (functools.partial(plus, offset=1), (1,), 2),
    "partial of a partial": (functools.partial(functools.partial(plus, offset=1), 5), (), 6),
    "partial of an object": (functools.partial(Scale(3), 5), (), 15),
    "bound method": (Scale(4).apply, (2,), 8),
    "static method": (Scale.twice, (2,), 4),
    "class method": (Scale.unit, (), 7),
    "callable object": (Scale(5), (2,), 10),
    "class": (complex, (1, 2), 1 + 2j),
    "builtin": (len, ("four",), 4),
    "method of a builtin": ("a-b".split, ("-",), ["a", "b"]),
    "of the standard library": (operator.itemgetter(1), ("ab",), "b"),
    "from a module of one's own": (own_module.tripled, (2,), 6),
    "with an import at its module's top": (own_module.area, (0,), 0.0),
}

FAILS: dict[str, tuple[Any, str]] = {
    "not callable": (5, "5 is not callable"),
    "a view in a closure": ((lambda view: lambda: view[0])(memoryview(b"a")), "memoryview"),
    "coroutine function": (awaited, "awaited is a coroutine function"),
    "generator function": (numbers, "numbers is a generator function"),
    "a generator in a partial": (functools.partial(plus, numbers(3)), "generator"),
}

AS_SOURCE_ONLY = {
    "lambda": (WORKS["lambda"][0], "A lambda has no name"),
    "closure": (WORKS["closure"][0], "add uses n of the function around it"),
    "global": (uses_a_global, "uses_a_global uses OFFSET from outside of itself"),
    "decorated": (decorated, "decorated uses logged in a decorator"),
    "partial": (WORKS["partial"][0], "is not a function made by `def`"),
    "callable object": (Scale(5), "is not a function made by `def`"),
}


@pytest.fixture
def executor(client: Client, loopback: Loopback) -> Iterator[Executor]:
    with Executor(loopback.endpoint("inline"), client=client) as made:
        yield made


def test_works(executor: Executor) -> None:
    futures = {
        name: executor.submit(function, *args) for name, (function, args, _) in WORKS.items()
    }
    results = {name: future.result(60) for name, future in futures.items()}
    assert results == {name: expected for name, (_, _, expected) in WORKS.items()}


def test_works_locally() -> None:
    """As above, with worker processes on this machine."""
    with Executor("local") as executor:
        futures = [executor.submit(function, *args) for function, args, _ in WORKS.values()]
        assert [future.result(60) for future in futures] == [one[2] for one in WORKS.values()]


@pytest.mark.parametrize("name", FAILS)
def test_says_why_not(executor: Executor, loopback: Loopback, name: str) -> None:
    function, words = FAILS[name]
    with pytest.raises(SerializationError, match=words) as caught:
        executor.submit(function)
    assert caught.value.next_step
    assert not loopback.requests("POST")


@pytest.mark.parametrize("name", AS_SOURCE_ONLY)
def test_says_why_not_as_source(executor: Executor, loopback: Loopback, name: str) -> None:
    function, words = AS_SOURCE_ONLY[name]
    executor.serializer = ComputeSerializer(PureSourceTextInspect())
    with pytest.raises(SerializationError, match=words) as caught:
        executor.submit(function, 1)
    assert "DillCode" in caught.value.next_step
    assert not loopback.requests("POST")


def test_an_object_is_sent_as_it_is_now(executor: Executor) -> None:
    scale = Scale(2)
    assert executor.submit(scale, 5).result(60) == 10
    assert executor.submit(scale.apply, 5).result(60) == 10
    scale.factor = 3
    assert executor.submit(scale, 5).result(60) == 15
    assert executor.submit(scale.apply, 5).result(60) == 15


NAMES = {
    "function": (plus, "plus", "Adds."),
    "partial": (functools.partial(plus, 1), "plus", "Adds."),
    "object": (Scale(1), "Scale", None),
    "lambda": (lambda: 1, "<lambda>", None),
    "source": (SourceFunction("one", "def one():\n    return 1\n", "Gives 1."), "one", "Gives 1."),
    "shell": (ShellFunction("true", name="yes"), "yes", None),
}


@pytest.mark.parametrize("kind", NAMES)
def test_name_and_description(kind: str) -> None:
    function, name, description = NAMES[kind]
    made = registration(function, ComputeSerializer())
    assert (made.name, made.description) == (name, description)
    other = registration(function, ComputeSerializer(), name="other", description="")
    assert (other.name, other.description) == ("other", "")


def test_sharing_excludes_high_assurance() -> None:
    for options in ({"public": True}, {"group": "a"}):
        with pytest.raises(ValueError, match="mutually exclusive"):
            registration(plus, ComputeSerializer(), ha_endpoint_id="b", **options)


CACHED = [plus, SourceFunction("one", "source"), ShellFunction("true")]
NOT_CACHED = [Scale(2), Scale(2).apply, functools.partial(plus, 1), len]


@pytest.mark.parametrize("function", [*CACHED, *NOT_CACHED])
def test_cache(function: Any) -> None:
    cache = FunctionCache()
    made = registration(function, ComputeSerializer())
    cache.put(function, made)
    assert cache.get(function) is (made if function in CACHED else None)
    cache.forget_serialized()
    assert cache.get(function) is None
    cache.put(function, "an id that somebody gave")
    cache.forget_serialized()
    assert cache.get(function) == "an id that somebody gave"


def test_a_changed_shell_function_is_another() -> None:
    cache, function = FunctionCache(), ShellFunction("true")
    cache.put(function, "id")
    function.cmd = "false"
    assert cache.get(function) is None


def test_an_unhashable_callable_is_never_cached() -> None:
    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self) -> None: ...

    cache, function = FunctionCache(), Unhashable()
    cache.put(function, "id")
    assert cache.get(function) is None
