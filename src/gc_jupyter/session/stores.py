"""Stores: move parts of values to the stores of endpoints and back, by tasks of the runner."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gc_jupyter.capture.storing import Storing
from gc_jupyter.errors import StoreRefused, ValuesMissing
from gc_jupyter.own_files import data_directory
from gc_jupyter.remote_text import one_line
from gc_jupyter.serialize.near import near_files
from gc_jupyter.session.background import Sending
from gc_jupyter.session.fetching import FETCHED, Fetching, StoreFetcher
from gc_jupyter.session.known_parts import KnownParts
from gc_jupyter.session.store_places import Far, Near, StorePlace
from gc_jupyter.session.transfer import Transfer, wait_for
from gc_jupyter.session.waiting import Interrupted, Line
from gc_jupyter.travel.store import (
    BOUND,
    MissingParts,
    Store,
    StoreError,
    megabytes,
)

if TYPE_CHECKING:
    from gc_jupyter.capture import Captured
    from gc_jupyter.session.core import Session
    from gc_jupyter.session.target import Target

#: Seconds after which a line says what the kernel waits for.
_LATE_S = 2.0
#: The most bytes that are copied to be sent while the notebook goes on.
_COPIED = 100_000_000


class Stores:
    """The stores of the endpoints that a session uses.

    Parameters
    ----------
    session:
        The session that submits. Its settings say what is large.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, KnownParts] = {}

    def folder(self, target: Target) -> str:
        """The folder of a target's store; empty if the endpoint decides."""
        if target.local:
            return str(data_directory() / "store")
        return str(self._session.settings.get("store_folder") or "")

    def storing(self, target: Target) -> Storing:
        """The object that takes large values out of a capture for this target."""
        get = self._session.settings.get
        large, bound, most = get("large_mb"), get("store_gb"), get("fetch_mb")
        options: dict[str, Any] = {} if large is None else {"least": int(large * 1e6)}
        options["endpoint"] = target.endpoint.endpoint_id
        if not target.local:  # no network is involved on this machine
            options["most"] = FETCHED if most is None else int(most * 1e6)
        bound = BOUND if bound is None else int(bound * 1e9)
        if target.local:
            options["near"] = near_files()
        return Storing(self.folder(target), bound=bound, **options)

    def sending(
        self, target: Target, *, later: bool = False, keep: Sequence[str] = ()
    ) -> dict[str, Any]:
        """The options of a capture that depend on its target.

        Parameters
        ----------
        later:
            Whether large values are sent while the notebook goes on.
        keep:
            Names whose values stay there.
        """
        from gc_jupyter.session.keeping import keeping

        storing, python = self.storing(target), self._session.directory.python_of(target)
        storing.later = later and not target.local  # it takes no longer than a copy
        kept = keeping(self._session, target, keep)
        return {"python": python, "storing": storing, "keep": kept}

    def place(self, target: Target, folder: str = "") -> StorePlace:
        """A target's store; `folder` is the one that the endpoint has named."""
        storing = self.storing(target)
        storing.folder = folder or storing.folder
        if target.local:
            return Near(Store(storing.folder, storing.bound))
        return Far(self._session, target, storing.options())

    def known(self, target: Target) -> KnownParts:
        """The record of the parts in it."""
        key = f"{target.endpoint.endpoint_id} {self.folder(target)}"
        if key not in self._known:
            self._known[key] = KnownParts(key)
        return self._known[key]

    # --- there -----------------------------------------------------------------------------

    def send(
        self, storing: Storing | None, target: Target, *, what: str = "", quiet: bool = False
    ) -> tuple[int, int]:
        """Put all values into a target's store that a cell takes from there.

        Parameters
        ----------
        storing, target:
            The captured values, and the target.
        what:
            Its name for the user.
        quiet:
            Whether to show nothing.

        Returns
        -------
        int, int
            Bytes that were sent, and in how many parts.

        Raises
        ------
        StoreRefused
            The store can't take the values.
        Interrupted
            The user has stopped it. Parts that were sent stay there.
        """
        if storing is None or storing.done:
            return 0, 0
        if storing.near is not None:
            try:
                storing.write_near()
            except StoreError as error:
                raise self.refused(error, target) from None
            return 0, 0
        known, place = self.known(target), self.place(target)
        parts: dict[str, Any] = storing.parts
        todo, size = self._unknown(storing, target, what)
        try:
            if todo:
                missing = set(self.asked(place.missing(todo, size), target, quiet))
                todo = [name for name in todo if name in missing]
            self._moved(target, self._putting(todo, parts, place, target, what), quiet)
            known.add(parts)
        finally:
            known.save()
        sent = sum(len(parts[name]) for name in todo)
        storing.sent()
        return sent, len(todo)

    def bring(self, captured: Captured, target: Target) -> Sending | None:
        """As `send`, but values to send `later` are still being sent when it returns.

        Returns
        -------
        Sending
            The transfer; None if all values are there already.
        """
        storing, what = captured.storing, captured.large
        if storing is None or not storing.later:
            self.send(storing, target, what=what)
            return None
        going: Sending | None = storing.going
        if storing.done or (going is not None and not going.over.done()):
            return None if storing.done else going
        known, place = self.known(target), self.place(target)
        todo, size = self._unknown(storing, target, what)
        if not todo:
            known.add(storing.parts)
            known.save()
            storing.sent()
            return None
        if size <= _COPIED:
            storing.copy()
        parts = storing.parts

        def put(missing: Iterable[str]) -> Transfer:
            lacking = set(missing)
            some = [name for name in todo if name in lacking]
            return self._putting(some, parts, place, target, what)

        def ended(over: concurrent.futures.Future[None]) -> None:
            if not over.cancelled() and over.exception() is None:
                known.add(parts)
                storing.sent()
            known.save()

        def told(error: BaseException) -> BaseException:
            return self.refused(error, target) if isinstance(error, StoreError) else error

        storing.going = made = Sending(place.missing(todo, size), put, told)
        made.over.add_done_callback(ended)
        return made

    def _unknown(self, storing: Storing, target: Target, what: str) -> tuple[list[str], int]:
        """The parts that may be missing there, and their bytes."""
        todo = self.known(target).unknown(storing.parts)
        size = sum(len(storing.parts[name]) for name in todo)
        if size > storing.bound:
            raise StoreRefused(
                f"{what or 'It'} has {megabytes(size)}, and the store may"
                f" have {megabytes(storing.bound)}.",
                next_step="%gc config store_gb GB allows more. Globus Transfer moves files"
                " of any size between collections (docs/values.md).",
            )
        return todo, size

    def _putting(
        self,
        todo: Sequence[str],
        parts: Mapping[str, Any],
        place: StorePlace,
        target: Target,
        what: str,
    ) -> Transfer:
        known = self.known(target)

        def put(names: Sequence[str]) -> concurrent.futures.Future[Any]:
            return place.put([parts[name] for name in names])

        def arrived(names: Sequence[str], result: Any) -> None:
            if list(result) != list(names):
                raise StoreRefused(
                    f"{what or 'A value'} was changed while it was sent to {target.name}.",
                    next_step="Run the cell again, and change it once it is sent.",
                )
            known.add(names)

        sizes = {name: len(parts[name]) for name in todo}
        return Transfer(f"Sending {what}".rstrip(), sizes, put, arrived)

    # --- and back --------------------------------------------------------------------------

    def fetch(
        self,
        stored: Sequence[Mapping[str, Any]],
        target: Target,
        *,
        what: str = "",
        folder: str = "",
        quiet: bool = False,
    ) -> Sequence[bytearray]:
        """The bytes of values in a target's store.

        Parameters
        ----------
        stored:
            As `travel.store.Store.write` returned them.
        folder:
            The folder that the endpoint has named.
        target, what, quiet:
            As for `send`.

        Raises
        ------
        StoreRefused, Interrupted
            As `send`.
        """
        fetching = self.fetching(stored, target, what=what, folder=folder)
        self._moved(target, fetching, quiet)
        return fetching.data

    def fetching(
        self,
        stored: Sequence[Mapping[str, Any]],
        target: Target,
        *,
        what: str = "",
        folder: str = "",
    ) -> Fetching:
        """As `fetch`, as a transfer that the caller begins."""
        place = self.place(target, folder)
        return Fetching(f"Fetching {what}".rstrip(), stored, place, self.known(target))

    def fetcher(self, target: Target) -> StoreFetcher:
        """The fetcher for the futures of a target's tasks."""
        return StoreFetcher(self, target)

    def forget(self, names: Sequence[str], target: Target) -> int:
        """Remove parts from a target's store; returns how many were there."""
        self.known(target).remove(names)
        return int(self.asked(self.place(target).forget(names), target))

    def purged(self, error: ValuesMissing, target: Target) -> None:
        """Note that parts are no longer there, so that they are sent again."""
        self.known(target).remove(error.names)

    # --- both ways -------------------------------------------------------------------------

    def asked(
        self, future: concurrent.futures.Future[Any], target: Target, quiet: bool = True
    ) -> Any:
        """Wait for a store's answer.

        Raises
        ------
        StoreRefused, Interrupted
            As `send`.
        """
        line = Line()
        try:
            if concurrent.futures.wait([future], _LATE_S).not_done and not quiet:
                line.show(f"waiting for {target.name} to say what its store has")
            return future.result()
        except StoreError as error:
            raise self.refused(error, target) from None
        except KeyboardInterrupt:
            future.cancel()
            raise Interrupted(
                f"Interrupted: {target.name} has not said yet what its store has. Nothing else was"
                " sent."
            ) from None
        finally:
            line.clear()

    def _moved(self, target: Target, transfer: Transfer, quiet: bool) -> None:
        try:
            wait_for(transfer, quiet)
        except StoreError as error:
            raise self.refused(error, target) from None

    def refused(self, error: StoreError, target: Target) -> StoreRefused:
        if isinstance(error, MissingParts):
            return self.missing(error.names, target, str(error))
        return StoreRefused(f"{one_line(str(error), 500)}.")

    def missing(self, names: Sequence[str], target: Target, text: str) -> ValuesMissing:
        """The error for parts that an endpoint doesn't have; they are forgotten here, too."""
        error = ValuesMissing(f"{one_line(text, 500)}.", names)
        self.purged(error, target)
        return error
