"""Pickle values for the way back: objects stay shared, and only values that fail are left out."""

from __future__ import annotations

import contextlib
import importlib
import io
import pickle
import types
from collections.abc import Callable
from typing import Any

from gc_jupyter.capture.worker_side.displays import short_repr
from gc_jupyter.capture.worker_side.failures import one_line
from gc_jupyter.capture.worker_side.importing import TaskModules
from gc_jupyter.capture.worker_side.storing import LARGE, leave_in
from gc_jupyter.travel.instances import Call
from gc_jupyter.travel.near import large_buffers
from gc_jupyter.travel.objects import Helpers, Name
from gc_jupyter.travel.pickler import Pickler
from gc_jupyter.travel.rebuild_classes import set_parts
from gc_jupyter.travel.refused import CannotTravel
from gc_jupyter.travel.store import Store, StoreError

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
    """Whether the notebook can import a class or function."""
    return module != "__main__" and not module.startswith("_gc_jupyter")


def is_of_cell(_name: str, value: Any) -> bool:
    """Whether the cell has defined a name that a function uses, so that workers don't have it."""
    return not str(getattr(value, "__module__", "")).startswith("_gc_jupyter")


class ReplyPickler(Pickler):
    """Pickles what goes back. Objects of the notebook's modules go by their name there."""

    modules: TaskModules | None = None
    #: By an object's id, what the cell has set on an object of the notebook; see `Changes`.
    changes: dict[int, Any] = {}

    def reference(self, obj: Any, name: str = "__qualname__") -> Any:
        found = super().reference(obj, name)
        if id(obj) in self.changes:
            return (*found, self.changes[id(obj)], None, None, set_parts)
        home, path = getattr(obj, "__module__", None), getattr(obj, name, None)
        if found is not None or self.modules is None or not isinstance(home, str):
            return found
        inner: Any = self.modules.loaded.get(home)
        reached: Any = Call(importlib.import_module, home)
        for part in str(path).split("."):
            inner, reached = getattr(inner, part, None), Call(getattr, reached, part)
        return (reached.function, reached.arguments) if inner is obj else None


class Written:
    """One value's pickle, the large buffers taken out of it, and its objects."""

    def __init__(
        self, packed: dict[str, Any], data: bytes, buffers: list[Any], pickler: ReplyPickler
    ) -> None:
        self.packed = packed
        self.data = data
        self.buffers = buffers
        self.size = len(data) + sum(map(len, buffers))
        self.pickler = pickler

    def identities(self) -> set[int]:
        """Return the ids of those objects that matter by identity, and not only by value."""
        found: set[int] = set()
        for _, one in self.pickler.memo.copy().values():
            hashed: Any = type(one).__hash__
            by_identity = hashed is None or hashed is object.__hash__
            if not by_identity or isinstance(one, (types.ModuleType, Call, Helpers, Name)):
                continue
            named = isinstance(one, (type, types.FunctionType, types.BuiltinFunctionType))
            if named and self.pickler.reference(one) is not None:
                continue
            found.add(id(one))
            if isinstance(one, types.FunctionType):  # other functions share this dict of names
                found.add(id(one.__globals__))
        return found


class Packer:
    """Pickles values for the way back, beside their repr.

    Parameters
    ----------
    made:
        id -> object and token, for objects that the notebook has itself.
    limit:
        The most bytes for all values.
    python:
        The notebook's Python version.
    modules:
        The modules that came with the task, if `sys.modules` doesn't have them.
    store:
        The store for values without room in the reply; None if there is no store.
    most:
        The most bytes of a value that is fetched by itself. A larger value is `over`.
    changes:
        See `Changes.found`.
    """

    def __init__(
        self,
        made: dict[int, Any],
        limit: int,
        python: str,
        modules: TaskModules | None,
        store: Store | None,
        changes: dict[int, Any],
        most: float,
    ) -> None:
        self.changes = changes
        self.most = most
        self.over: list[str] = []
        self.known = {key: token for key, (_, token) in made.items()}
        self.room = limit
        self.python = python
        self.modules = modules
        self.store = store

    def __call__(self, value: Any) -> dict[str, Any]:
        """Pack a value that shares nothing with others, and goes with the reply or not at all."""
        self.store = None
        written = self.write(value)
        self.take(written)
        return written.packed

    def together(
        self, values: dict[str, Any], meanwhile: Callable[[], int]
    ) -> tuple[dict[str, Any], list[Any]]:
        """Pack values that may share objects.

        Parameters
        ----------
        values:
            By name.
        meanwhile:
            Called once the values are written. Returns the bytes of their room that it has used.

        Returns
        -------
        tuple
            Each packed value by name, and `(names, packed)` for values that share an object, where
            `packed` is a list of them. These values are packed one by one, too, as far as there is
            room, so that one that can't be read leaves the others readable.
        """
        written = {name: self.write(value) for name, value in values.items()}
        found = groups({name: one for name, one in written.items() if one.data})
        both = [self.write([values[one] for one in names]) for names in found if len(names) > 1]
        self.room -= meanwhile()
        shared = []
        for names in found:
            together = False
            one = both.pop(0) if len(names) > 1 else written[names[0]]
            if one.size > self.most:
                self.over += names
                for name in names:
                    written[name].buffers = []
                continue
            if len(names) > 1:
                self.take(one)
                together = "stored" in one.packed or one.packed["pickle"] is not None
                if together:
                    shared.append((names, one.packed))
            for name in names:
                self.take(written[name], needed=not together)
        return {name: one.packed for name, one in written.items()}, shared

    def write(self, value: Any) -> Written:
        packed: dict[str, Any] = {"repr": short_repr(value), "pickle": None, "reason": ""}
        packed["type"] = type(value).__module__ + "." + type(value).__qualname__
        packed["plain"] = self.plain(value) if type(value).__module__ == "__main__" else None
        buffers: list[Any] = []
        stream, pickler = self.pickler(buffers)
        try:
            pickler.dump(value)
        except CannotTravel as error:
            packed["reason"] = ("%s. %s" % (error, error.next_step)).rstrip(". ")
        except BaseException as error:  # the value's own code raised an error: the other values go
            packed["reason"] = "it can't be pickled on the worker: " + one_line(error)
        else:
            return Written(packed, stream.getvalue(), buffers, pickler)
        return Written(packed, b"", [], pickler)

    def pickler(self, buffers: list[Any]) -> tuple[io.BytesIO, ReplyPickler]:
        """Return the pickler for a value and its file. Large `buffers` are left out."""
        stream = io.BytesIO()
        options: Any = {"python": self.python, "wanted": is_of_cell, "known": self.known}
        if self.store is not None:
            options["buffers"] = large_buffers(buffers, LARGE)
        pickler = ReplyPickler(stream, notebook_has, reader_has_helpers=True, **options)
        pickler.modules, pickler.changes = self.modules, self.changes
        return stream, pickler

    def whole(self, value: Any) -> bytes:
        """Return a value's whole pickle, or empty bytes if it has none."""
        self.store = None
        stream, pickler = self.pickler([])
        with contextlib.suppress(Exception):
            pickler.dump(value)
            return stream.getvalue()
        return b""

    def take(self, written: Written, needed: bool = True) -> None:
        """Put a value's own pickle into the reply if there is room, else into the store."""
        packed, size = written.packed, written.size
        if 0 < size <= self.room:
            self.room -= size
            packed["pickle"] = written.data
            packed["buffers"] = [bytearray(one) for one in written.buffers]  # a writable buffer
        elif size and needed and self.store is None:
            packed["reason"] = (
                "it has %.1f MB, and a result may have 10 MB in all, counted as encoded text; "
                "write it to a file on the endpoint, or reduce it there" % (size / 1e6)
            )
        elif self.store is not None and size and needed:
            try:
                packed["stored"] = leave_in(self.store, written.data, written.buffers)
            except StoreError as error:
                packed["reason"] = "it has %.1f MB, and can't be kept there. %s" % (
                    size / 1e6,
                    error,
                )
        written.buffers = []

    def plain(self, value: Any) -> Any:
        """Pickle those attributes of an instance that are plain values. They arrive even if
        the class can't. None if there are none, or if they are large."""
        try:
            data = pickle.dumps(plain_attributes(value), 4)
        except Exception:
            return None
        if len(data) > min(self.room, PLAIN_LIMIT):
            return None
        self.room -= len(data)
        return data

    def fitting(self, bundle: dict[str, Any]) -> dict[str, Any]:
        """Return a MIME bundle's text, and its other representations as far as there is room."""
        for mime, content in list(bundle.items()):
            if mime != "text/plain" and len(content) > self.room:
                del bundle[mime]
            elif mime != "text/plain":
                self.room -= len(content)
        return bundle


def groups(written: dict[str, Written]) -> list[list[str]]:
    """Return groups of names whose values share an object, directly or through other values."""
    found: list[list[str]] = []
    held: list[set[int]] = []
    for name, one in written.items():
        names, ids = [name], one.identities()
        for at in reversed(range(len(found))):
            if not ids.isdisjoint(held[at]):
                names = found.pop(at) + names
                ids |= held.pop(at)
        found.append(names)
        held.append(ids)
    return found
