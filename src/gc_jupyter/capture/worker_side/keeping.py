"""Leave values of a cell in the endpoint's store, where later cells find them."""

from __future__ import annotations

import io
import platform
import time
import uuid
from typing import Any

from gc_jupyter.capture.worker_side.failures import one_line
from gc_jupyter.capture.worker_side.packing import (
    ReplyPickler,
    Written,
    groups,
    is_of_cell,
    notebook_has,
)
from gc_jupyter.capture.worker_side.storing import LARGE
from gc_jupyter.travel.kept import summary
from gc_jupyter.travel.near import large_buffers
from gc_jupyter.travel.pickler import Pickler
from gc_jupyter.travel.rebuild import known
from gc_jupyter.travel.refused import CannotTravel
from gc_jupyter.travel.store import PartsWriter, Store, StoreError

SIZED = (list, dict, tuple, set, frozenset, str, bytes, bytearray)
DIMENSIONS = 32


class KeepPickler(ReplyPickler):
    """Refers to objects that the notebook has itself, and notes them: a later cell brings them.

    Another version may read the pickle, so it contains the helpers that it needs."""

    def __init__(self, stream: Any, own: frozenset[str], **options: Any) -> None:
        super().__init__(
            stream, lambda one: notebook_has(one) and one not in own, wanted=is_of_cell, **options
        )
        self.own = own
        #: key -> module, path in it, and the object.
        self.needs: dict[Any, Any] = {}

    def reference(self, obj: Any, name: str = "__qualname__") -> Any:
        home, path = str(getattr(obj, "__module__", "")), str(getattr(obj, name, ""))
        return self.needed(obj, home, path) or Pickler.reference(self, obj, name)

    def module(self, module: Any) -> Any:
        return self.needed(module, module.__name__, "") or super().module(module)

    def needed(self, obj: Any, home: str, path: str) -> Any:
        key: Any = self.known.get(id(obj))
        if key is None and home in self.own and "<" not in path:
            key = "%s:%s" % (home, path)
        if key is None:
            return None
        self.needs[key] = home, path, obj
        return known, (key, path)


class Tried(Written):
    """The result of pickling a value to nowhere: its objects and its size."""

    def __init__(self, pickler: KeepPickler, size: int) -> None:
        self.pickler = pickler
        self.size = size


class Nowhere:
    """A file that only counts bytes."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        self.size += size
        return size


class KeptWriter:
    """Leaves values in a store.

    Parameters
    ----------
    made:
        id -> object and token, for objects that the notebook has itself.
    store:
        The store of the account that runs the task.
    python:
        The notebook's Python version.
    own:
        The modules that came with the task.
    given:
        Further fields of each record: `notebook`, `owner`, `run`, `endpoint`.
    """

    def __init__(
        self, made: dict[int, Any], store: Store, python: str, own: Any, given: dict[str, Any]
    ) -> None:
        self.known: dict[int, Any] = {key: token for key, (_, token) in made.items()}
        self.store = store
        self.python = python
        self.own = frozenset(own)
        self.given = given

    def keep(self, values: dict[str, Any]) -> dict[str, Any]:
        """Keep values by name. Values that share objects have one record.

        Returns
        -------
        dict
            `records`, without their parts, and the reasons why other names have `failed`.
        """
        failed: dict[str, str] = {}
        tried: dict[str, Any] = {}
        records = []
        if len(values) > 1:  # groups of names whose values share an object
            for name, value in values.items():
                try:
                    tried[name] = self.tried(value)
                except BaseException as error:  # the other values are kept
                    failed[name] = reason(error)
        for names in groups(tried) if len(values) > 1 else [[name] for name in values]:
            try:
                sizes = [tried[name].size for name in names if name in tried]
                records.append(self.record({name: values[name] for name in names}, sizes))
            except BaseException as error:
                failed.update(dict.fromkeys(names, reason(error)))
        return {"records": records, "failed": failed}

    def tried(self, value: Any) -> Tried:
        """Pickle a value without the helpers that read it."""
        stream = Nowhere()
        buffers: list[Any] = []
        pickler = self.dump([value], stream, buffers, reader_has_helpers=True)
        return Tried(pickler, stream.size + sum(map(len, buffers)))

    def dump(self, value: Any, stream: Any, buffers: list[Any], **more: Any) -> KeepPickler:
        options: Any = {"python": self.python, "known": self.known, **more}
        pickler = KeepPickler(stream, self.own, buffers=large_buffers(buffers, LARGE), **options)
        pickler.dump(value)
        return pickler

    def put(self, part: Any) -> str:
        self.store.sweep(len(part))
        return self.store.put(part)

    def record(self, values: dict[str, Any], sizes: list[int]) -> Any:
        """Keep values that share an object. Returns their record."""
        buffers: list[Any] = []
        writer = PartsWriter(self.put)
        needs = self.dump(list(values.values()), writer, buffers).needs
        self.store.sweep(sum(map(len, buffers)))
        stored = [writer.stored(), *(self.store.write(one) for one in buffers)]
        kinds = [type(one) for one in values.values()]
        if not sizes:
            total = sum(one["size"] for one in stored)
            sizes = [total if total > LARGE else self.tried(*values.values()).size]
        record = {
            **self.given,
            "id": uuid.uuid4().hex,
            "at": time.time(),
            "host": platform.node(),
            "folder": self.store.folder,
            "python": platform.python_version(),
            "names": list(values),
            "types": [one.__module__ + "." + one.__qualname__ for one in kinds],
            "shapes": [shape_of(one) for one in values.values()],
            "sizes": sizes,
            "needs": [[key, home, path] for key, (home, path, _) in needs.items()],
            "definitions": self.definitions({key: one for key, (_, _, one) in needs.items()}),
            "pickle": stored[0],
            "buffers": stored[1:],
        }
        self.store.add_record(record)
        return summary(record)

    def definitions(self, needed: dict[Any, Any]) -> Any:
        """Return the notebook's own objects, for a cell of a notebook that doesn't have them."""
        if not needed:
            return None
        stream = io.BytesIO()
        options: Any = {"python": self.python, "wanted": is_of_cell}
        pickler = ReplyPickler(
            stream, lambda one: notebook_has(one) and one not in self.own, **options
        )
        try:
            pickler.dump(needed)
        except Exception:
            return None
        return {"pickle": self.store.write(stream.getvalue()), "buffers": []}


def reason(error: BaseException) -> str:
    if isinstance(error, StoreError):
        return str(error)
    if isinstance(error, CannotTravel):
        return ("%s. %s" % (error, error.next_step)).rstrip(". ")
    return "it can't be pickled on the worker: " + one_line(error)


def shape_of(value: Any) -> Any:
    """Return an array's or table's shape, or a container's length; None for others."""
    try:
        if isinstance(value, SIZED):
            return [len(value)]
        shape = getattr(value, "shape", None)
        if isinstance(shape, tuple) and len(shape) <= DIMENSIONS:
            return [int(one) for one in shape]
    except Exception:  # the value's own code raised an error
        pass
    return None
