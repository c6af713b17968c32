from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest

from gc_jupyter.errors import SerializationError
from gc_jupyter.serialize.source_text import function_source

LIMIT = 4


def load(function: Any) -> Any:
    name, source = function_source(function)
    namespace: dict[str, Any] = {}
    exec(source, namespace)  # as a worker does
    return namespace[name]


def annotated(x: Callable[[int], int], *rest: Any, key: Any = None) -> list[Any]:
    import os

    return [x, *rest, key, os.sep]


def countdown(n: int) -> list[int]:
    return [n, *countdown(n - 1)] if n else []


async def later(x: int) -> int:
    return x


def test_annotations_may_name_what_is_not_there() -> None:
    assert load(annotated)(1, 2)[:3] == [1, 2, None]
    assert function_source(annotated)[1].startswith("from __future__ import annotations\n")
    assert not function_source(countdown)[1].startswith("from")


def test_recursion() -> None:
    assert load(countdown)(2) == [2, 1]


def test_async_function() -> None:
    assert function_source(later)[0] == "later"


def test_nested_function_is_dedented() -> None:
    def nested(x: int) -> int:
        return nested(x - 1) if x else 7

    assert function_source(nested)[1].startswith("def nested")
    assert load(nested)(2) == 7


def test_nested_function_keeps_its_text_literals() -> None:
    def nested() -> str:
        return """first
          second"""

    assert load(nested)() == nested()


def test_method_like_decorators_of_the_language() -> None:
    @staticmethod
    def helper(x: int) -> int:
        return x + 1

    assert load(helper)(1) == 2


def closure() -> Any:
    value = 3
    return lambda_free(value)


def lambda_free(value: int) -> Any:
    def inner() -> int:
        return value

    return inner


@functools.lru_cache
def cached(x: int) -> int:
    return x


def uses_global(x: float) -> float:
    return math.floor(x) + LIMIT


def default_of_global(x: int = LIMIT) -> int:
    return x


class Machine:
    def run(self) -> int:
        return 1


renamed = function_source.__class__(countdown.__code__, {}, "renamed")


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x, "A lambda has no name"),
        (closure(), "inner uses value of the function around it"),
        (cached, "cached uses functools in a decorator or default"),
        (uses_global, "uses_global uses LIMIT, math from outside of itself"),
        (default_of_global, "default_of_global uses LIMIT in a decorator or default"),
        (Machine().run, r"Machine\.run is not a function made by `def`"),
        (Machine, "Machine is not a function"),
        (functools.partial(countdown, 1), "is not a function"),
        (math.sqrt, "sqrt is not a function"),
        (eval("lambda: 0"), "A lambda has no name"),
        (renamed, "does not define it"),
    ],
)
def test_says_before_submitting_why_not(function: Any, reason: str) -> None:
    with pytest.raises(SerializationError, match=reason) as caught:
        function_source(function)
    assert "DillCode" in caught.value.next_step


def test_no_source() -> None:
    namespace: dict[str, Any] = {}
    exec("def made(x):\n    return x", namespace)
    with pytest.raises(SerializationError, match="source of made is not available") as caught:
        function_source(namespace["made"])
    assert "Define it in a file or a notebook cell" in caught.value.next_step
