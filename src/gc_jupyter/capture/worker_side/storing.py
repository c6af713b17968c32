"""Read a task's data from its account's store, and perform the store's own tasks."""

from __future__ import annotations

import os
import platform
from typing import Any

from gc_jupyter.travel.kept import KeptGone, gone, load_kept, summary
from gc_jupyter.travel.near import NearFiles
from gc_jupyter.travel.rebuild import Reading
from gc_jupyter.travel.store import BOUND, MissingParts, Store, StoreError

#: The bytes from which on a buffer or a pickle gets a file of its own.
LARGE = 1000000


def store_of(options: dict[str, Any] | None, near: bool = False) -> Store:
    """The store; for what goes there and back once, the files of `local`, where there are any."""
    options = options or {}
    if near and options.get("near"):
        return NearFiles(options["near"])
    return Store(options.get("folder") or "", int(options.get("bound") or BOUND))


def perform(task: dict[str, Any], inputs: bytes, options: dict[str, Any]) -> dict[str, Any]:
    """Perform one of the store's own tasks.

    Parameters
    ----------
    task:
        `store`: ``"has"`` (`names`, `room`), ``"put"`` (`sizes`), ``"get"`` (`names`), or
        ``"forget"`` (`names`); ``"kept"`` (`ids`, or empty for the records that there are), or
        ``"unkeep"`` (`ids` -> the names that are to go).
    inputs:
        The parts to put, joined.
    options:
        `store`: the folder.
    """
    reply: dict[str, Any] = {"tag": options.get("tag"), "version": 1, "host": platform.node()}
    store = store_of(options.get("store"))
    reply.update(folder=store.folder, pid=os.getpid())
    try:
        reply["result"] = OPERATIONS[task["store"]](store, task, inputs)
        store.sweep_sometimes()
    except MissingParts as error:
        reply.update(error=str(error), missing=error.names)
    except StoreError as error:
        reply["error"] = str(error)
    return reply


def has(store: Store, task: dict[str, Any], _inputs: bytes) -> Any:
    missing = store.missing(task["names"])
    if missing and task["room"]:
        store.sweep(task["room"])
    return missing


def put(store: Store, task: dict[str, Any], inputs: bytes) -> Any:
    store.sweep_sometimes(len(inputs))
    view, names = memoryview(inputs), []
    for size in task["sizes"]:
        names.append(store.put(view[:size]))
        view = view[size:]
    return names


def get(store: Store, task: dict[str, Any], _inputs: bytes) -> Any:
    return [store.read(name) for name in task["names"]]


def forget(store: Store, task: dict[str, Any], _inputs: bytes) -> Any:
    return store.forget(task["names"])


def kept(store: Store, task: dict[str, Any], _inputs: bytes = b"") -> Any:
    store.missing(())  # checks the folder
    try:
        if task["ids"]:
            return [store.records.read(one) for one in task["ids"]]
        return [summary(one) for one in store.records.every()]
    except OSError as error:
        raise store.failed(error, "read") from None


def unkeep(store: Store, task: dict[str, Any], _inputs: bytes = b"") -> None:
    store.missing(())
    try:
        store.forget(store.records.forget(task["ids"]))
    except OSError as error:
        raise store.failed(error, "written") from None


OPERATIONS: dict[str, Any] = {
    **{"has": has, "put": put, "get": get, "forget": forget},
    **{"kept": kept, "unkeep": unkeep},
}


class Taken:
    """Reads data from the store for the pickles of one task.

    Parameters
    ----------
    options:
        `folder`; `near`: the folder of `NearFiles`, if any; `values`: pickles of their own, which
        the others refer to.
    """

    def __init__(self, options: dict[str, Any] | None) -> None:
        self.store = store_of(options, near=True)
        self.values: list[dict[str, Any]] = (options or {}).get("values", [])
        self.memos: dict[int, Any] = {}
        #: Values by their records' names. Each record is loaded once for a task.
        self.records: dict[str, Any] = {}

    def kept(self, folder: str, ident: str, needs: dict[Any, Any]) -> Any:
        """Return the values of a record; see `rebuild.kept`."""
        if ident not in self.records:
            store = Store(folder)
            try:
                self.records[ident] = load_kept(store, ident, needs, Reading)
            except (KeptGone, MissingParts) as error:
                text = str(error) if isinstance(error, KeptGone) else gone(None, store.folder)
                raise StoreError(text) from None
            except OSError as error:
                raise store.failed(error, "read") from None
        return self.records[ident]

    def check(self, *pickles: dict[str, Any]) -> None:
        """Check, before anything runs, that all parts are there."""
        names = [name for one in (*pickles, *self.values) for name in parts_of(one)]
        missing = self.store.missing(names) if names else []
        if missing:
            raise MissingParts(missing, self.store.folder)

    def stream(self, one: dict[str, Any]) -> Any:
        return self.store.open(one["pickle"])

    def buffers(self, one: dict[str, Any]) -> Any:
        """Yield a pickle's buffers. Each is read when its turn comes."""
        return (self.store.read_all(stored) for stored in one["buffers"])


def parts_of(one: dict[str, Any]) -> list[str]:
    """Return the parts of a pickle and of its buffers."""
    stored = [one["pickle"]] if isinstance(one["pickle"], dict) else []
    return [name for some in (*stored, *one["buffers"]) for name in some["parts"]]


def leave_in(store: Store, data: Any, buffers: Any = ()) -> dict[str, Any]:
    """Put a pickle and its buffers into the store.

    Returns
    -------
    dict
        The data to fetch it by: `pickle` and `buffers` as `Store.write` returns them, `size` in
        bytes, and the `folder`.
    """
    size = sum(memoryview(one).nbytes for one in (data, *buffers))
    store.sweep(size)
    kept = [store.write(one) for one in (data, *buffers)]
    return {"pickle": kept[0], "buffers": kept[1:], "size": size, "folder": store.folder}
