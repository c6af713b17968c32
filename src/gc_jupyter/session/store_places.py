"""The place of a store: a folder of this machine, or of an endpoint, which tasks access."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from gc_jupyter.capture.compose import runner
from gc_jupyter.capture.worker_side import storing
from gc_jupyter.future import TaskFuture
from gc_jupyter.journal.sessions import UNRECORDED, Note
from gc_jupyter.remote_text import one_line
from gc_jupyter.serialize.streamed import StreamedArguments
from gc_jupyter.travel.store import MissingParts, Store, StoreError, is_name

if TYPE_CHECKING:
    from gc_jupyter.session.core import Session
    from gc_jupyter.session.target import Target


class StorePlace(Protocol):
    """A store's place. Each call returns a future at once; the result may be a `StoreError`."""

    #: Whether the store is a folder of this machine.
    near: bool

    def missing(self, names: Sequence[str], room: int) -> concurrent.futures.Future[Any]:
        """The missing ones of these parts; so many bytes will be put."""

    def put(self, parts: Sequence[Any]) -> concurrent.futures.Future[Any]:
        """Store parts; returns their names."""

    def get(self, names: Sequence[str]) -> concurrent.futures.Future[Any]:
        """The bytes of parts."""

    def forget(self, names: Sequence[str]) -> concurrent.futures.Future[Any]:
        """Remove parts; returns how many were there."""

    def kept(self, idents: Sequence[str]) -> concurrent.futures.Future[Any]:
        """The records of these names with their parts, None for a missing one; without names, all
        records without their parts."""

    def unkeep(self, names: Mapping[str, Sequence[str]]) -> concurrent.futures.Future[Any]:
        """Remove these names from records."""


class Near:
    """A folder of this machine.

    Parameters
    ----------
    store:
        The folder.
    """

    near = True

    def __init__(self, store: Store) -> None:
        self._store = store

    def missing(self, names: Sequence[str], room: int) -> concurrent.futures.Future[Any]:
        """See StorePlace."""

        def look() -> list[str]:
            found = self._store.missing(names)
            if found:
                self._store.sweep(room)
            return found

        return _done(look)

    def put(self, parts: Sequence[Any]) -> concurrent.futures.Future[Any]:
        """See StorePlace."""
        return _done(lambda: [self._store.put(one) for one in parts])

    def get(self, names: Sequence[str]) -> concurrent.futures.Future[Any]:
        """See StorePlace."""
        return _done(lambda: [self._store.read(one) for one in names])

    def forget(self, names: Sequence[str]) -> concurrent.futures.Future[Any]:
        """See StorePlace."""
        return _done(lambda: self._store.forget(names))

    def kept(self, idents: Sequence[str]) -> concurrent.futures.Future[Any]:
        """See StorePlace."""
        return _done(lambda: storing.kept(self._store, {"ids": idents}))

    def unkeep(self, names: Mapping[str, Sequence[str]]) -> concurrent.futures.Future[Any]:
        """See StorePlace."""
        return _done(lambda: storing.unkeep(self._store, {"ids": names}))


def _done(call: Callable[[], Any]) -> concurrent.futures.Future[Any]:
    future: concurrent.futures.Future[Any] = concurrent.futures.Future()
    try:
        future.set_result(call())
    except StoreError as error:
        future.set_exception(error)
    return future


class _TransferFuture(TaskFuture):
    """The future of one of the store's own tasks."""

    def decode(self, value: Any) -> Any:
        """See TaskFuture."""
        if not isinstance(value, dict) or value.get("version") != 1:
            raise StoreError("The worker's reply isn't that of a store.")
        if "error" in value:
            missing = [one for one in value.get("missing", ()) if is_name(one)]
            text = one_line(str(value["error"]), 500)
            if missing:
                error = MissingParts(missing, "")
                error.args = (text,)
                raise error
            raise StoreError(text)
        return value["result"]


class Far:
    """The store of an endpoint's account.

    Parameters
    ----------
    session, target:
        The session that submits tasks, and their target.
    options:
        The store's options for the worker.
    """

    near = False

    def __init__(self, session: Session, target: Target, options: Mapping[str, Any]) -> None:
        self._session = session
        self._target = target
        self._options = dict(options)

    def missing(self, names: Sequence[str], room: int) -> concurrent.futures.Future[Any]:
        """See StorePlace."""
        return self._task("has", names=list(names), room=room)

    def put(self, parts: Sequence[Any]) -> concurrent.futures.Future[Any]:
        """See StorePlace."""
        return self._task("put", parts, sizes=list(map(len, parts)))

    def get(self, names: Sequence[str]) -> concurrent.futures.Future[Any]:
        """See StorePlace."""
        return self._task("get", names=list(names))

    def forget(self, names: Sequence[str]) -> concurrent.futures.Future[Any]:
        """See StorePlace."""
        return self._task("forget", names=list(names))

    def kept(self, idents: Sequence[str]) -> concurrent.futures.Future[Any]:
        """See StorePlace."""
        return self._task("kept", ids=list(idents))

    def unkeep(self, names: Mapping[str, Sequence[str]]) -> concurrent.futures.Future[Any]:
        """See StorePlace."""
        return self._task("unkeep", ids={one: list(some) for one, some in names.items()})

    def _task(self, what: str, parts: Sequence[Any] = (), **task: Any) -> TaskFuture:
        future = _TransferFuture()
        future._describe(Note(UNRECORDED, self._target.name), label=f"store: {what}")
        task["store"] = what
        options = {"task": task, "store": self._options, "tag": {"kind": UNRECORDED}}
        executor = self._session.executor(self._target)
        return executor.submit_as(future, runner(), StreamedArguments(parts, options))
