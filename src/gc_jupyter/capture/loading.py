"""Read the pickles of a reply."""

from __future__ import annotations

import importlib
import io
import pickle
from collections.abc import Iterable, Mapping
from typing import Any

from gc_jupyter.serialize.foreign import guard, writer
from gc_jupyter.serialize.official import same_class_here
from gc_jupyter.travel.texts import helpers, import_helpers


class _Loader(pickle.Unpickler):
    """Loads one value. It never builds code that another Python has compiled."""

    def __init__(self, data: Any, known: Mapping[Any, Any], buffers: Iterable[Any] = ()) -> None:
        stream = io.BytesIO(data) if isinstance(data, bytes) else io.BufferedReader(_Bytes(data))
        super().__init__(stream, buffers=buffers)
        self._reading = helpers().Reading(known=known, writer=writer())
        self._guard = guard(same_class_here, lambda data: load(data, known))

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        if found is importlib.import_module:
            return import_helpers
        return found if self._guard is None else self._guard.allow(module, name, found)

    def load(self) -> Any:
        try:
            with self._reading:
                return super().load()
        finally:
            if self._guard is not None:
                self._guard.check()


class _Bytes(io.RawIOBase):
    """A file over bytes that it doesn't copy first."""

    def __init__(self, data: Any) -> None:
        self._left = memoryview(data)

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        count = min(len(into), len(self._left))
        into[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def load(data: Any, known: Mapping[Any, Any], buffers: Iterable[Any] = ()) -> Any:
    """Load a value.

    Parameters
    ----------
    data, buffers:
        Its pickle, and the buffers that were taken out of it.
    known:
        The objects of this notebook that the pickle refers to, by token.

    Raises
    ------
    ForeignCode
        The pickle has code that another Python has compiled.
    """
    return _Loader(data, known, buffers).load()
