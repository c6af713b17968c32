"""Stores: parts of values, brought to the stores of endpoints and back by tasks of the runner."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gc_jupyter.capture.storing import Storing
from gc_jupyter.errors import StoreRefused, ValuesMissing
from gc_jupyter.own_files import check_own, data_directory, write_own
from gc_jupyter.remote_text import one_line
from gc_jupyter.session.places import Far, Near, Place
from gc_jupyter.session.transfer import Progress, batches_of, transfer
from gc_jupyter.session.waiting import Interrupted, Line
from gc_jupyter.travel.store import (
    BOUND,
    PART,
    UNUSED_S,
    MissingParts,
    Store,
    StoreError,
    is_name,
    megabytes,
    name_of,
)

if TYPE_CHECKING:
    from gc_jupyter.session.core import Session
    from gc_jupyter.session.target import Target

#: What is taken to be there still, less than the store keeps it.
_KNOWN_S = UNUSED_S - 86400.0
_MOST_KNOWN = 20_000
#: After so many seconds it is said what is waited for.
_LATE_S = 2.0


class _Known:
    """What is known to be in the store of one endpoint, by this kernel and earlier ones; a file
    that can't be read or written costs a question."""

    def __init__(self, key: str) -> None:
        self._path = data_directory() / "stores" / f"{name_of(key.encode())[:32]}.json"
        self._lock = threading.Lock()
        self._times: dict[str, float] = {}
        try:
            check_own(self._path)
            found = json.loads(self._path.read_text("utf-8"))
            oldest = time.time() - _KNOWN_S
            self._times = {
                name: float(at) for name, at in found.items() if is_name(name) and at > oldest
            }
        except (OSError, ValueError, TypeError, AttributeError, RuntimeError):
            pass

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Those of which it isn't known; the others are used now."""
        with self._lock:
            return [name for name in names if name not in self._times]

    def add(self, names: Iterable[str]) -> None:
        """These were put, found, or used."""
        with self._lock:
            self._times.update(dict.fromkeys(names, time.time()))

    def remove(self, names: Iterable[str]) -> None:
        """These aren't there."""
        with self._lock:
            for name in names:
                self._times.pop(name, None)
        self.save()

    def save(self) -> None:
        """For the next kernel."""
        with self._lock:
            newest = sorted(self._times.items(), key=lambda one: -one[1])[:_MOST_KNOWN]
        with contextlib.suppress(OSError):
            write_own(self._path, json.dumps(dict(newest)))


class Stores:
    """The stores of the endpoints that a session uses.

    Parameters
    ----------
    session:
        Submits; its settings say what is large.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, _Known] = {}

    def folder(self, target: Target) -> str:
        """Where a target's store is; empty where the endpoint says it."""
        if target.local:
            return str(data_directory() / "store")
        return str(self._session.settings.get("store_folder") or "")

    def storing(self, target: Target) -> Storing:
        """What takes large values out of a cell for this target."""
        get = self._session.settings.get
        large, bound = get("large_mb"), get("store_gb")
        options: dict[str, Any] = {} if large is None else {"least": int(large * 1e6)}
        bound = BOUND if bound is None else int(bound * 1e9)
        return Storing(self.folder(target), bound=bound, **options)

    def sending(self, target: Target) -> dict[str, Any]:
        """What a capture is told of where it goes."""
        python = self._session.directory.python_of(target)
        return {"python": python, "storing": self.storing(target)}

    def place(self, target: Target) -> Place:
        """A target's store."""
        storing = self.storing(target)
        if target.local:
            return Near(Store(storing.folder, storing.bound))
        return Far(self._session, target, storing.options())

    def known(self, target: Target) -> _Known:
        """What is known of it."""
        key = f"{target.endpoint.endpoint_id} {self.folder(target)}"
        if key not in self._known:
            self._known[key] = _Known(key)
        return self._known[key]

    # --- there -----------------------------------------------------------------------------

    def send(
        self, storing: Storing | None, target: Target, *, what: str = "", quiet: bool = False
    ) -> tuple[int, int]:
        """Have everything be in a target's store that a cell takes from there.

        Parameters
        ----------
        storing, target:
            What was captured, and for whom.
        what:
            What the user knows it by.
        quiet:
            Whether to show nothing.

        Returns
        -------
        int, int
            Bytes that were sent, and in how many parts.

        Raises
        ------
        StoreRefused
            The store can't take them.
        Interrupted
            The user has stopped it. What was sent stays there.
        """
        if storing is None or storing.done:
            return 0, 0
        known, place = self.known(target), self.place(target)
        parts: dict[str, Any] = storing.parts
        todo = known.unknown(parts)
        try:
            if todo:
                sizes = {name: len(parts[name]) for name in todo}
                if sum(sizes.values()) > storing.bound:
                    raise StoreRefused(
                        f"{what or 'It'} has {megabytes(sum(sizes.values()))}, and the store may"
                        f" have {megabytes(storing.bound)}.",
                        next_step="%gc config store_gb GB allows more. Globus Transfer moves files"
                        " of any size between collections (docs/values.md).",
                    )
                missing = self._asked(place.missing(todo, sum(sizes.values())), target, quiet)
                todo = [name for name in dict.fromkeys(missing) if name in sizes]
            self._put_all(todo, parts, place, target, what, quiet)
            known.add(parts)
        finally:
            known.save()
        sent = sum(len(parts[name]) for name in todo)
        storing.sent()
        return sent, len(todo)

    def _put_all(
        self,
        todo: Sequence[str],
        parts: Mapping[str, Any],
        place: Place,
        target: Target,
        what: str,
        quiet: bool,
    ) -> None:
        known = self.known(target)
        batches = list(batches_of(todo, {name: len(parts[name]) for name in todo}))
        progress = Progress(f"Sending {what}".rstrip(), sum(len(parts[one]) for one in todo))

        def put(names: Sequence[str]) -> concurrent.futures.Future[Any]:
            return place.put([parts[name] for name in names])

        def arrived(names: Sequence[str], result: Any) -> int:
            if list(result) != list(names):
                raise StoreRefused(
                    f"{what or 'A value'} was changed while it was sent to {target.name}.",
                    next_step="Run the cell again.",
                )
            known.add(names)
            return sum(len(parts[name]) for name in names)

        self._moved(target, batches, put, arrived, progress, quiet)

    # --- and back --------------------------------------------------------------------------

    def fetch(
        self,
        stored: Sequence[Mapping[str, Any]],
        target: Target,
        *,
        what: str = "",
        quiet: bool = False,
    ) -> list[bytearray]:
        """The bytes of what is in a target's store.

        Parameters
        ----------
        stored:
            As `travel.store.Store.write` returned them.
        target, what, quiet:
            As for `send`.

        Raises
        ------
        StoreRefused, Interrupted
            As `send`.
        """
        found: list[bytearray] = []
        places: dict[str, list[tuple[bytearray, int]]] = {}
        for one in stored:
            names, size = list(one["parts"]), int(one["size"])
            if not (all(map(is_name, names)) and 0 <= size <= len(names) * PART):
                raise StoreRefused("What is in the store isn't described as it should be.")
            found.append(bytearray(size))
            for at, name in enumerate(names):
                places.setdefault(name, []).append((found[-1], at * PART))
        sizes = {name: min(PART, len(some[0][0]) - some[0][1]) for name, some in places.items()}
        progress = Progress(f"Fetching {what}".rstrip(), sum(sizes.values()))
        place = self.place(target)

        def arrived(names: Sequence[str], result: Any) -> int:
            for name, data in zip(names, result, strict=True):
                if name_of(data) != name or len(data) != sizes[name]:
                    raise StoreRefused(f"What came from the store of {target.name} is damaged.")
                for into, at in places[name]:
                    into[at : at + len(data)] = data
            return sum(sizes[name] for name in names)

        self._moved(target, list(batches_of(places, sizes)), place.get, arrived, progress, quiet)
        return found

    def forget(self, names: Sequence[str], target: Target) -> int:
        """Remove parts from a target's store; how many there were."""
        self.known(target).remove(names)
        return int(self._asked(self.place(target).forget(names), target))

    def purged(self, error: ValuesMissing, target: Target) -> None:
        """These aren't there any more: they are sent again, where somebody has them."""
        self.known(target).remove(error.names)

    # --- both ways -------------------------------------------------------------------------

    def _asked(
        self, future: concurrent.futures.Future[Any], target: Target, quiet: bool = True
    ) -> Any:
        line = Line()
        try:
            if concurrent.futures.wait([future], _LATE_S).not_done and not quiet:
                line.show(f"waiting for {target.name} to say what its store has")
            return future.result()
        except StoreError as error:
            raise self._refused(error, target) from None
        except KeyboardInterrupt:
            future.cancel()
            raise Interrupted(
                f"Interrupted: {target.name} has not said yet what its store has. Nothing of this"
                " cell was sent."
            ) from None
        finally:
            line.clear()

    def _moved(self, target: Target, *transferred: Any) -> None:
        try:
            transfer(*transferred)
        except StoreError as error:
            raise self._refused(error, target) from None

    def _refused(self, error: StoreError, target: Target) -> StoreRefused:
        if isinstance(error, MissingParts):
            return self.missing(error.names, target, str(error))
        return StoreRefused(f"{one_line(str(error), 500)}.")

    def missing(self, names: Sequence[str], target: Target, text: str) -> ValuesMissing:
        """The error for parts that an endpoint hasn't got, which are forgotten here, too."""
        error = ValuesMissing(f"{one_line(text, 500)}.", names)
        self.purged(error, target)
        return error
