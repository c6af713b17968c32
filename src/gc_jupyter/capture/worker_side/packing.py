"""Values for the way back: each pickled on its own, so that one that fails costs itself alone."""

from __future__ import annotations

import pickle
import types
from typing import Any

from gc_jupyter.capture.worker_side.displays import short_repr
from gc_jupyter.capture.worker_side.failures import one_line
from gc_jupyter.capture.worker_side.values import dump, find_named

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


class Packer:
    """Pickles values for the way back, each on its own, beside its repr."""

    def __init__(self, sent: dict[int, str], namespace: dict[str, Any], limit: int) -> None:
        self.sent = sent
        self.namespace = namespace
        self.room = limit

    def name_of(self, obj: Any) -> str | None:
        path = self.sent.get(id(obj)) or str(getattr(obj, "__qualname__", ""))
        outer = self.namespace.get(path.partition(".")[0])
        return path if id(outer) in self.sent and find_named(path, self.namespace) is obj else None

    def __call__(self, value: Any) -> dict[str, Any]:
        packed: dict[str, Any] = {"repr": short_repr(value), "pickle": None, "reason": ""}
        packed["type"] = type(value).__module__ + "." + type(value).__qualname__
        packed["plain"] = self.plain(value) if type(value).__module__ == "__main__" else None
        try:
            (data,) = dump([value], self.name_of)
        except BaseException as error:  # what a value's own code raises costs that value alone
            packed["reason"] = "it can't be pickled on the worker: " + one_line(error)
            return packed
        if len(data) > self.room:
            packed["reason"] = (
                "it has %.1f MB, and a result may have 10 MB in all, counted as encoded text; "
                "write it to a file on the endpoint, or reduce it there" % (len(data) / 1e6)
            )
            return packed
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
