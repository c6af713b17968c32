"""Fetch values from an endpoint's store: their parts are put together here."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gc_jupyter.errors import StoreRefused, ValuesMissing
from gc_jupyter.own_files import data_directory
from gc_jupyter.remote_text import one_line
from gc_jupyter.serialize.near import near_files
from gc_jupyter.session.transfer import Transfer
from gc_jupyter.travel.near import NearFiles
from gc_jupyter.travel.store import PART, Store, StoreError, is_name, name_of

if TYPE_CHECKING:
    from gc_jupyter.session.known_parts import KnownParts
    from gc_jupyter.session.store_places import StorePlace
    from gc_jupyter.session.stores import Stores
    from gc_jupyter.session.target import Target

#: The size in bytes up to which a result is fetched by itself.
FETCHED = 100_000_000


class Fetching(Transfer):
    """A transfer from a store to here.

    Parts are files of this machine until the last one has come, so that another kernel can go on
    with them.

    Parameters
    ----------
    what:
        As for Transfer.
    stored:
        As `travel.store.Store.write` returned them.
    place:
        The store.
    known:
        The record of the parts in it.

    Attributes
    ----------
    data:
        The bytes of each of `stored`, when it is over.

    Raises
    ------
    StoreRefused
        `stored` doesn't describe parts of a store.
    """

    #: Each result is in memory as text and as bytes when it comes; the endpoint may publish all
    #: of them at once. Three of them use the whole request budget if each takes 1.5 s at most.
    under_way = 3

    def __init__(
        self, what: str, stored: Sequence[Mapping[str, Any]], place: StorePlace, known: KnownParts
    ) -> None:
        self.data: list[bytearray] = []
        self._places: dict[str, list[tuple[bytearray, int]]] = {}
        self._place, self._known = place, known
        self._kept = None if place.near else Store(str(data_directory() / "fetched"))
        for one in stored:
            names, size = list(one["parts"]), int(one["size"])
            if not (all(map(is_name, names)) and 0 <= size <= len(names) * PART):
                raise StoreRefused("What is in the store isn't described as it should be.")
            self.data.append(bytearray(size))
            for at, name in enumerate(names):
                self._places.setdefault(name, []).append((self.data[-1], at * PART))
        sizes = {
            name: max(0, min(PART, len(some[0][0]) - some[0][1]))
            for name, some in self._places.items()
        }
        super().__init__(what, sizes, self._ask, self._take)

    def prepare(self) -> Sequence[str]:
        """The parts that have come to an earlier kernel, or before an interrupt."""
        found: list[str] = []
        if self._kept is None:
            return found
        with contextlib.suppress(StoreError):
            missing = set(self._kept.missing(self._places))
            for name in [one for one in self._places if one not in missing]:
                with contextlib.suppress(StoreError, StoreRefused):
                    self._fill(name, self._kept.read(name))
                    found.append(name)
        return found

    def _ask(self, names: Sequence[str]) -> Any:
        return self._place.get(names)

    def _take(self, names: Sequence[str], result: Any) -> None:
        for name, data in zip(names, result, strict=True):
            self._fill(name, data)
            if self._kept is not None:
                with contextlib.suppress(StoreError):  # a full disk: nothing to go on with
                    self._kept.put(data)
        if isinstance(result, list):
            result.clear()  # the task's future is held until its message is acknowledged
        self._known.add(names)

    def _fill(self, name: str, data: bytes) -> None:
        if len(data) != self.sizes[name] or name_of(data) != name:
            raise StoreRefused("What came from the store is damaged.")
        for into, at in self._places[name]:
            into[at : at + len(data)] = data

    def finish(self) -> None:
        """See Transfer."""
        if self._kept is not None:
            with contextlib.suppress(StoreError):
                self._kept.forget(self._places)
        self._known.save()


class Mapped:
    """Values that the workers of this machine have left in files, which are taken away.

    Parameters
    ----------
    stored:
        As `NearFiles.write` returned them.
    files:
        Theirs.

    Attributes
    ----------
    over, listeners, data:
        See `capture.reply.StoreFetch`: it is over at once.
    """

    def __init__(self, stored: Sequence[Mapping[str, Any]], files: NearFiles) -> None:
        self.over: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self.listeners: list[Callable[[], object]] = []
        self.data: list[Any] = []
        try:
            self.data += [files.read_all(dict(one)) for one in stored]
            self.over.set_result(None)
        except StoreError as error:
            self.over.set_exception(StoreRefused(f"{one_line(str(error), 500)}."))
        files.forget(name for one in stored for name in one["parts"] if is_name(name))

    def text(self) -> str:
        """See `capture.reply.Moving`."""
        return ""


class StoreFetcher:
    """See `capture.reply.Fetcher`.

    Parameters
    ----------
    stores, target:
        The target of the store.
    """

    def __init__(self, stores: Stores, target: Target) -> None:
        self._stores = stores
        self._target = target

    def configured(self, config: dict[str, Any]) -> StoreFetcher:
        """See `capture.reply.Fetcher`."""
        if self._target.config is not None:
            return self
        return StoreFetcher(self._stores, replace(self._target, config=config))

    def purged(self, error: ValuesMissing) -> None:
        """See `capture.reply.Fetcher`."""
        self._stores.purged(error, self._target)

    def begin(
        self, stored: Sequence[Mapping[str, Any]], folder: str, what: str
    ) -> Fetching | Mapped:
        """Begin to fetch; returns at once."""
        if self._target.local and folder == near_files().folder:
            return Mapped(stored, near_files())
        made = self._stores.fetching(stored, self._target, what=what, folder=folder)
        made.over.add_done_callback(self._look)
        made.begin()
        return made

    def _look(self, over: concurrent.futures.Future[None]) -> None:
        if isinstance(error := over.exception(), StoreError):
            self._stores.refused(error, self._target)

    def fetch(self, stored: Sequence[Mapping[str, Any]], folder: str) -> Sequence[bytearray]:
        """Fetch and wait, and show the progress."""
        return self._stores.fetch(stored, self._target, folder=folder)
