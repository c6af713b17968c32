"""Values <-> bytes, the same on both ends."""

from __future__ import annotations

import io
import pickle
import types
from collections.abc import Callable, Mapping
from typing import Any


class NeedsDill(Exception):
    """Plain pickle would name an object of `__main__` that the other side doesn't have."""


def dump(
    values: list[Any],
    name_of: Callable[[Any], str | None],
    starting: Callable[[int], None] = lambda _index: None,
) -> list[bytes]:
    """Pickle values that may share objects: one piece each, to be loaded in this order.

    `name_of` gives the name of a class or function that the other side has by source, or None;
    `starting` is told each value's index before it is pickled.
    """
    try:
        return _dump(_fast_pickler(), values, name_of, starting)
    except Exception:
        return _dump(_dill_pickler(), values, name_of, starting)


def _dump(pickler_class: Any, values: list[Any], name_of: Any, starting: Any) -> list[bytes]:
    stream = io.BytesIO()
    pickler = pickler_class(stream, name_of)
    pieces = []
    for index, value in enumerate(values):
        starting(index)
        pickler.dump(value)
        pieces.append(stream.getvalue())
        stream.seek(0)
        stream.truncate()
    return pieces


def _fast_pickler() -> Any:
    class Fast(pickle.Pickler):
        def __init__(self, stream: Any, name_of: Any) -> None:
            super().__init__(stream, protocol=4)
            self.name_of = name_of

        def persistent_id(self, obj: Any) -> Any:
            if isinstance(obj, (type, types.FunctionType)) or hasattr(type(obj), "gc_definition"):
                name = self.name_of(obj)
                if name is None and getattr(obj, "__module__", None) == "__main__":
                    raise NeedsDill(obj)
                return name
            return None

    return Fast


def _dill_pickler() -> Any:
    import dill

    class Slow(dill.Pickler):  # type: ignore[misc]
        def __init__(self, stream: Any, name_of: Any) -> None:
            super().__init__(stream, protocol=4, byref=False, recurse=True)
            self.name_of = name_of

        def persistent_id(self, obj: Any) -> Any:
            if isinstance(obj, (type, types.FunctionType)) or hasattr(type(obj), "gc_definition"):
                return self.name_of(obj)
            return None

    return Slow


class Loader(pickle.Unpickler):
    """Loads what `dump` made, piece by piece; `named` has what travelled by source."""

    def __init__(self, data: bytes, named: Mapping[str, Any]) -> None:
        super().__init__(io.BytesIO(data))
        self.named = named

    def persistent_load(self, pid: Any) -> Any:
        return self.named[pid]
