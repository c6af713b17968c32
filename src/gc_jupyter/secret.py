"""Hide tokens and passwords from reprs, and from the frames of errors.

A traceback may print local variables, as IPython's ``%xmode Verbose`` and many loggers do.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn, TypeVar

E = TypeVar("E", bound=BaseException)


class Secret(str):
    """Text whose `repr` is ``'***'``, also in containers. It can't be pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise pickle.PicklingError("It is a secret of this login: it isn't pickled.")


class Environment(Mapping[str, str]):
    """Environment variables whose `repr` shows no values.

    Parameters
    ----------
    variables:
        The variables; a lookup gives the value of that moment.
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
    """An error of another library, and its causes, without their frames: the local variables hold
    what was sent as plain bytes, which can't be hidden otherwise.

    Parameters
    ----------
    error:
        The error, which is returned.
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
