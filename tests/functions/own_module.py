"""A module beside a user's notebook: no worker can import it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

FACTOR = 3


def tripled(x: int) -> int:
    return FACTOR * x


def area(radius: float) -> float:
    return math.pi * radius**2


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return "logged", function(*args, **kwargs)

    return wrapper


class Scale:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, x: int) -> int:
        return self.factor * x

    def apply(self, x: int) -> int:
        return self(x)

    @staticmethod
    def twice(x: int) -> int:
        return 2 * x

    @classmethod
    def unit(cls) -> int:
        return cls(1)(7)
