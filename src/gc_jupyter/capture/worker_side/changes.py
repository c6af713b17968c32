"""Find what a cell has set on classes and functions of the notebook whose names it brings back."""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable
from typing import Any

from gc_jupyter.travel.classes import DESCRIPTORS, MADE

#: A part of a class or function: its kind, and its name or index.
Key = Any  # (str, str | int)


class Changes:
    """Looks at classes and functions before a cell runs, and reports afterwards what it has set.

    Parameters
    ----------
    values:
        The classes and functions that the notebook has itself.
    write:
        Returns a value's pickle, or nothing if it has none. Equal pickles mean equal values.
    """

    def __init__(self, values: list[Any], write: Callable[[Any], bytes]) -> None:
        self.write = write
        self.before = [(one, self.written(one)) for one in values]

    def written(self, one: Any) -> dict[Key, bytes]:
        return {key: self.write(value) for key, value in parts(one).items()}

    def found(self) -> dict[int, dict[Key, list[Any]]]:
        """Return, by an object's id, the parts that were set, with their values, and the parts that
        are gone, without one."""
        every = {}
        for one, before in self.before:
            now, values = self.written(one), parts(one)
            changed = {key: [values[key]] for key in now if now[key] not in (b"", before.get(key))}
            changed.update({key: [] for key in before if key not in now})
            if changed:
                every[id(one)] = changed
        return every


def parts(one: Any) -> dict[Key, Any]:
    """Return the parts of a class or function that code may set."""
    if isinstance(one, type):
        return {
            ("own", name): value
            for name, value in vars(one).items()
            if name not in MADE and not isinstance(value, DESCRIPTORS)
        }
    found: dict[Key, Any] = {}
    for at, cell in enumerate(getattr(one, "__closure__", None) or ()):
        with contextlib.suppress(ValueError):  # not bound yet
            found["cell", at] = cell.cell_contents
    if isinstance(one, types.FunctionType):
        found.update({("own", name): value for name, value in vars(one).items()})
        for name in ("__defaults__", "__kwdefaults__", "__doc__", "__name__"):
            found["own", name] = getattr(one, name)
    return found
