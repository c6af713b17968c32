"""Values for the way back: what they share is shared here too, and one that fails costs itself."""

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
from gc_jupyter.capture.worker_side.storing import large_buffers, leave_in
from gc_jupyter.travel.objects import Call, Helpers, Name
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
    """Whether a class or function is one that the notebook can import."""
    return module != "__main__" and not module.startswith("_gc_jupyter")


def is_of_cell(_name: str, value: Any) -> bool:
    """Whether a function's name is the cell's own, and not what it finds on each worker."""
    return not str(getattr(value, "__module__", "")).startswith("_gc_jupyter")


class ReplyPickler(Pickler):
    """Writes what goes back; what came from a module of the notebook goes by its name there."""

    modules: TaskModules | None = None
    #: By its id, what the cell has set on something that the notebook has itself; see `Changes`.
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
    """One value's pickle with the large buffers that aren't in it, and the objects in it."""

    def __init__(
        self, packed: dict[str, Any], data: bytes, buffers: list[Any], pickler: ReplyPickler
    ) -> None:
        self.packed = packed
        self.data = data
        self.buffers = buffers
        self.size = len(data) + sum(map(len, buffers))
        self.pickler = pickler

    def identities(self) -> set[int]:
        """Of the objects that are met again by what they are, and not by what they are equal to."""
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
            if isinstance(one, types.FunctionType):  # its names are those of other functions, too
                found.add(id(one.__globals__))
        return found


class Packer:
    """Pickles values for the way back, beside their repr.

    Parameters
    ----------
    made:
        id -> object and token, of what the notebook has itself.
    limit:
        Bytes for all values.
    python:
        The notebook's Python.
    modules:
        Those that came with the task, where `sys.modules` doesn't have them.
    store:
        Keeps what has no room; None where there is none.
    most:
        Bytes of a value that comes by itself: one that has more is `over`.
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
        """A value that shares nothing with others, and goes with the reply or not at all."""
        self.store = None
        written = self.write(value)
        self.take(written)
        return written.packed

    def together(
        self, values: dict[str, Any], meanwhile: Callable[[], int]
    ) -> tuple[dict[str, Any], list[Any]]:
        """Values that may share objects.

        Parameters
        ----------
        values:
            By name.
        meanwhile:
            Is called once they are written, and says how many bytes of their room it has taken.

        Returns
        -------
        tuple
            Each value's own, by name; and of values that share something `(names, packed)`, where
            what is packed is a list of them. They are there each by itself, too, as far as there is
            room: where one of them can't be read, the others can.
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
        except BaseException as error:  # what a value's own code raises costs that value alone
            packed["reason"] = "it can't be pickled on the worker: " + one_line(error)
        else:
            return Written(packed, stream.getvalue(), buffers, pickler)
        return Written(packed, b"", [], pickler)

    def pickler(self, buffers: list[Any]) -> tuple[io.BytesIO, ReplyPickler]:
        """What writes a value, and where; large `buffers` are left out of it."""
        stream = io.BytesIO()
        options: Any = {"python": self.python, "wanted": is_of_cell, "known": self.known}
        if self.store is not None:
            options["buffers"] = large_buffers(buffers)
        pickler = ReplyPickler(stream, notebook_has, reader_has_helpers=True, **options)
        pickler.modules, pickler.changes = self.modules, self.changes
        return stream, pickler

    def whole(self, value: Any) -> bytes:
        """A value's pickle with all that it holds; empty where it has none."""
        self.store = None
        stream, pickler = self.pickler([])
        with contextlib.suppress(Exception):
            pickler.dump(value)
            return stream.getvalue()
        return b""

    def take(self, written: Written, needed: bool = True) -> None:
        """Have a value's own pickle in the reply, if there is room, else in the store."""
        packed, size = written.packed, written.size
        if 0 < size <= self.room:
            self.room -= size
            packed["pickle"] = written.data
            packed["buffers"] = [bytearray(one) for one in written.buffers]  # may be written to
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


def groups(written: dict[str, Written]) -> list[list[str]]:
    """The names whose values share an object, directly or by way of others."""
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
