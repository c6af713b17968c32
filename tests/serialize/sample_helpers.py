"""A second module of the user's."""

from __future__ import annotations

state = 0


def bump() -> int:
    global state
    state += 1
    return state


def halve(x: float) -> float:
    return _divide(x, 2)


def _divide(x: float, y: float) -> float:
    return x / y


class Thing:
    def __init__(self, value: int) -> None:
        self.value = value

    def doubled(self) -> Thing:
        return Thing(self.value * 2)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thing) and other.value == self.value

    __hash__ = None  # type: ignore[assignment]


class OwnError(Exception):
    pass
