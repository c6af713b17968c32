"""Choose a cell's data that goes to the endpoint's store: large buffers and large pickles."""

from __future__ import annotations

import concurrent.futures
import os
import types
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from gc_jupyter.capture.worker_side.storing import LARGE
from gc_jupyter.travel.near import NearFiles, large_buffers, new_name
from gc_jupyter.travel.sending import SendingPickler
from gc_jupyter.travel.store import BOUND, PartsWriter, name_of, slices

#: From this number of parts on, threads compute their hashes.
_MANY = 4
Stored = dict[str, Any]


class Storing:
    """Takes large data out of the pickles of one cell.

    Parameters
    ----------
    folder:
        The store's folder at the endpoint; empty for the endpoint's own choice.
    least:
        The bytes from which on a value is large.
    bound:
        The most bytes of the whole store.
    endpoint:
        Whose store it is.
    most:
        The most bytes of a value that is fetched by itself; None for no bound.
    near:
        Has the values in place of the store, where the workers are this kernel's own; they stay as
        long as this does.

    Attributes
    ----------
    parts:
        The parts that must be in the store, by name. Their buffers belong to the notebook's own
        objects until `copy` or `sent` is called.
    """

    def __init__(
        self,
        folder: str = "",
        least: int = LARGE,
        bound: int = BOUND,
        endpoint: str = "",
        most: int | None = None,
        near: NearFiles | None = None,
    ) -> None:
        self.most = most
        self.near = near
        self.folder = folder
        self.endpoint = endpoint
        self.least = least
        self.bound = bound
        self.parts: dict[str, Any] = {}
        #: The pickles of values that have their own pickle.
        self.values: list[Stored] = []
        #: The bytes of these pickles, by the values' names.
        self.alone: dict[str, int] = {}
        self.known: dict[int, tuple[int, int]] = {}
        #: Set if the data is sent while the notebook goes on: what sends it.
        self.later = False
        self.going: Any = None
        self._done = False
        self._alive: list[Any] = []  # they stay alive, since their ids are keys above

    def options(self) -> dict[str, Any]:
        """Return the options for the worker; see `worker_side.storing.Taken`."""
        told = {"folder": self.folder, "bound": self.bound, "values": self.values}
        if self.near is not None:
            told["near"] = self.near.folder
        return told if self.most is None else {**told, "most": self.most}

    def add(self, data: Any) -> Stored:
        """Add bytes that must be in the store, in parts."""
        parts = slices(data) if self.near is None else [memoryview(data).cast("B")]
        if self.near is not None:
            names = [new_name()]
        elif len(parts) < _MANY:
            names = list(map(name_of, parts))
        else:
            with concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
                names = list(pool.map(name_of, parts))
        self.parts.update(zip(names, parts, strict=True))
        return {"size": len(memoryview(data).cast("B")), "parts": names}

    def pickled(self, data: Any, buffers: list[Any]) -> Stored:
        """Describe a pickle whose buffers are in the store."""
        return {"pickle": data, "buffers": [self.add(one) for one in buffers]}

    def callback(self, into: list[Any]) -> Callable[[Any], bool]:
        """Decide as a pickler's `buffer_callback` does."""
        take: Callable[[Any], bool] = large_buffers(into, self.least)
        return take

    def take_large(
        self,
        values: Mapping[str, Any],
        pieces: Mapping[str, bytes],
        options: Mapping[str, Any],
        passing: type[Exception],
    ) -> bool:
        """Give each value whose piece is large its own pickle. Returns whether there are any.
        An error of type `passing` means that everything must be pickled anew."""
        for name, value in values.items():
            if len(pieces[name]) > self.least and (size := self._take(value, options, passing)):
                self.alone[name] = size
        return bool(self.alone)

    def _take(self, value: Any, options: Mapping[str, Any], passing: type[Exception]) -> int:
        """Give a large value its own pickle, which is the same for each cell that uses the value.

        Parameters
        ----------
        value:
            Plain data. A value that brings functions or classes needs the cell's other values.
        options, passing:
            The pickler's options, and the same as for `take_large`.

        Returns
        -------
        int
            The pickle's bytes, or 0 if the value can't have its own pickle.
        """
        found: dict[str, Any] = {}
        buffers: list[Any] = []

        def take(part: bytes) -> str:
            name = name_of(part) if self.near is None else new_name()
            found[name] = part
            return name

        writer: Any = PartsWriter(take)
        made = _PlainReferring if self.known else _Plain
        pickler = made(writer, buffers=self.callback(buffers), **options)
        pickler.stored = self.known
        try:
            pickler.dump(value)
        except passing:
            raise
        except Exception:  # the error comes again when it is pickled with the others
            return 0
        memo = pickler.memo.copy()
        if id(value) not in memo or pickler.brought:
            return 0
        stored = writer.stored()
        number = len(self.values)
        for at, one in memo.values():
            if one is value or _met_again(one):
                self.known.setdefault(id(one), (number, at))
        self._alive.append((pickler, memo))
        self.parts.update(found)
        self.values.append({"pickle": stored, "buffers": [self.add(one) for one in buffers]})
        return int(stored["size"]) + sum(len(one) for one in buffers)

    @property
    def done(self) -> bool:
        """Whether nothing has to be put into the store."""
        return self._done or not self.parts

    def pickler(self) -> type[SendingPickler]:
        """Return the pickler for data that refers to these values."""
        return _Referring if self.known else SendingPickler

    def copy(self) -> None:
        """Copy the buffers: the notebook may change its objects from now on."""
        self.parts = {name: bytes(part) for name, part in self.parts.items()}

    def write_near(self) -> None:
        """Write what `near` is to have; it is removed with this."""
        assert self.near is not None
        weakref.finalize(self, self.near.forget, list(self.parts))
        for name, part in self.parts.items():
            self.near.put(part, name)
        self.sent()
        self.parts = {}

    def sent(self) -> None:
        """Let go of the notebook's objects, since all of the data is in the store."""
        self._done = True
        self.parts = dict.fromkeys(self.parts)
        self.known = {}
        self._alive.clear()


def _met_again(one: Any) -> bool:
    """Whether an object matters by its identity, and not only by its value."""
    if isinstance(one, (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)):
        return False
    hashed: Any = type(one).__hash__
    return hashed is None or hashed is object.__hash__


class _Referring(SendingPickler):
    """Refers to objects of values that have their own pickle."""

    stored: Mapping[int, tuple[int, int]] = {}

    def persistent_id(self, obj: Any) -> Any:
        return self.stored.get(id(obj))


class _Plain(SendingPickler):
    """Refuses objects that aren't data and would travel by value."""

    stored: Mapping[int, tuple[int, int]] = {}

    def code(self, one: types.CodeType) -> Any:
        raise TypeError(one.co_name)

    def kind(self, one: type) -> Any:
        found = self.reference(one)
        if found is None:
            raise TypeError(one.__name__)
        return found


class _PlainReferring(_Plain):
    def persistent_id(self, obj: Any) -> Any:
        return self.stored.get(id(obj))
