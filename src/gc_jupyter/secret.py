"""Tokens and passwords as text that shows nowhere, and errors without the frames that show them.

A traceback may print local variables: IPython's ``%xmode Verbose`` does, and so do many loggers.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, TypeVar

E = TypeVar("E", bound=BaseException)


class Secret(str):
    """Text whose `repr` is ``'***'``, within containers too. It is never pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise pickle.PicklingError("It is a secret of this login: it isn't pickled.")


class Environment(Mapping[str, str]):
    """Environment variables, whose `repr` has none of their values.

    Parameters
    ----------
    variables:
        Looked up as they are at that time.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def __getitem__(self, name: str) -> str:
        return Secret(self._variables[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __repr__(self) -> str:
        return f"<{len(self)} environment variables>"


def without_frames(error: E) -> E:
    """An error of another library, and what has caused it, without their frames: what they send
    stands in their local variables, as bytes that nobody can wrap.

    Parameters
    ----------
    error:
        Is returned.
    """
    todo: list[BaseException | None] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = None
            todo += [one.__cause__, one.__context__]
    return error
