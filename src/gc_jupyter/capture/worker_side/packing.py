"""Values for the way back: one that fails costs itself alone."""

from __future__ import annotations

import io
import pickle
import types
from typing import Any

from gc_jupyter.capture.worker_side.displays import short_repr
from gc_jupyter.capture.worker_side.failures import one_line
from gc_jupyter.travel.pickler import Pickler, Trial
from gc_jupyter.travel.refused import CannotTravel

PLAIN_LIMIT = 100000  # bytes
PLAIN_TYPES = (bool, int, float, complex, str, bytes, type(None))


def plain_attributes(value: Any) -> dict[str, Any]:
    if isinstance(value, (type, types.FunctionType)):
        return {}
    names = [*getattr(value, "__dict__", ())]
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        names += [slots] if isinstance(slots, str) else [*slots]
    names += [*getattr(type(value), "_fields", ())]  # a named tuple
    found = {name: getattr(value, name, UNSET) for name in names if isinstance(name, str)}
    return {name: one for name, one in found.items() if one is not UNSET and is_plain(one)}


def is_plain(value: Any, depth: int = 4) -> bool:
    if type(value) in PLAIN_TYPES:
        return True
    if depth and type(value) in (list, tuple, set, frozenset):
        return all(is_plain(one, depth - 1) for one in value)
    if depth and type(value) is dict:
        return all(is_plain(one, depth - 1) for pair in value.items() for one in pair)
    return False


UNSET = object()


def notebook_has(module: str) -> bool:
    """Whether a class or function is one that the notebook can import."""
    return module != "__main__" and not module.startswith("_gc_jupyter")


def is_of_cell(_name: str, value: Any) -> bool:
    """Whether a function's name is the cell's own, and not what it finds on each worker."""
    return not str(getattr(value, "__module__", "")).startswith("_gc_jupyter")


class Packer:
    """Pickles values for the way back, beside their repr.

    What the named values share is still shared when they are loaded in their order. One that can't
    be sent costs itself alone.

    Parameters
    ----------
    made:
        id -> object and token, of what the notebook has itself.
    limit:
        Bytes for all values.
    python:
        The notebook's Python.
    """

    def __init__(self, made: dict[int, Any], limit: int, python: str) -> None:
        self.known = {key: token for key, (_, token) in made.items()}
        self.room = limit
        self.python = python
        self.stream = io.BytesIO()
        self.pickler = self.new_pickler(self.stream)

    def new_pickler(self, stream: Any) -> Pickler:
        options: Any = {"python": self.python, "wanted": is_of_cell, "known": self.known}
        return Pickler(stream, notebook_has, protocol=3, reader_has_helpers=True, **options)

    def __call__(self, value: Any) -> dict[str, Any]:
        return self.pack(value, self.pickler, self.stream)

    def alone(self, value: Any) -> dict[str, Any]:
        """A value that shares nothing with others."""
        stream = io.BytesIO()
        return self.pack(value, self.new_pickler(stream), stream)

    def pack(self, value: Any, pickler: Pickler, stream: Any) -> dict[str, Any]:
        packed: dict[str, Any] = {"repr": short_repr(value), "pickle": None, "reason": ""}
        packed["type"] = type(value).__module__ + "." + type(value).__qualname__
        packed["plain"] = self.plain(value) if type(value).__module__ == "__main__" else None
        trial = Trial(pickler)
        try:
            pickler.dump(value)
            data = stream.getvalue()
        except BaseException as error:  # what a value's own code raises costs that value alone
            trial.undo()
            data = b""
            if isinstance(error, CannotTravel):
                packed["reason"] = "%s. %s" % (error, error.next_step)
            else:
                packed["reason"] = "it can't be pickled on the worker: " + one_line(error)
        stream.seek(0)
        stream.truncate()
        if len(data) > self.room:
            trial.undo()
            packed["reason"] = (
                "it has %.1f MB, and a result may have 10 MB in all, counted as encoded text; "
                "write it to a file on the endpoint, or reduce it there" % (len(data) / 1e6)
            )
        elif data:
            self.room -= len(data)
            packed["pickle"] = data
        return packed

    def plain(self, value: Any) -> Any:
        """The attributes of an instance that are plain values, pickled: they are there where its
        class can't be. None where there are none, or they take much."""
        try:
            data = pickle.dumps(plain_attributes(value), 4)
        except Exception:
            return None
        if len(data) > min(self.room, PLAIN_LIMIT):
            return None
        self.room -= len(data)
        return data

    def fitting(self, bundle: dict[str, Any]) -> dict[str, Any]:
        """Of a MIME bundle its text, and what else there is room for."""
        for mime, content in list(bundle.items()):
            if mime != "text/plain" and len(content) > self.room:
                del bundle[mime]
            elif mime != "text/plain":
                self.room -= len(content)
        return bundle
