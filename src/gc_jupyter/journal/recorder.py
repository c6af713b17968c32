"""Journal: records tasks through one thread, which writes many at a time."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from gc_jupyter.future import TaskFuture
from gc_jupyter.journal.database import LOCK_TIMEOUT_S, Database, Entry, KnownEndpoint
from gc_jupyter.journal.results import outcomes
from gc_jupyter.journal.sessions import UNRECORDED, CellPlace, KernelSession, Note, placed
from gc_jupyter.own_files import NotOwn
from gc_jupyter.runtime.loop import time_left
from gc_jupyter.types import LOCAL_ENDPOINT_ID, TaskEvent, TaskState

if TYPE_CHECKING:
    from gc_jupyter.protocol.batches import Route
    from gc_jupyter.runtime.completer import Outcome
    from gc_jupyter.runtime.tasks import QueuedTask

T = TypeVar("T")
Write = Callable[[Database], object]

log = logging.getLogger(__name__)

#: How long a request waits until its tasks are recorded. After that it leaves all the same.
PATIENCE_S = 1.0
#: How many rows, the newest ones, are kept for the next attempt while the journal fails.
KEPT_ROWS = 10_000
_ON_THE_WAY = (TaskState.WAITING_LIMIT, TaskState.UNCONFIRMED)  # this state was recorded already
#: Seconds to write the rest, also at the interpreter's end and after earlier failures.
_CLOSING_S, _CLOSING_BROKEN_S = 1.8, 0.2


class _Posted(NamedTuple):
    """A write, how many rows it has, and what to call when it was tried."""

    write: Write
    rows: int = 1
    done: Callable[[], object] | None = None


class Journal:
    """See `runtime.recording.Recorder`.

    Parameters
    ----------
    path:
        The SQLite file; opened at the first write, by the thread that owns it.
    session:
        This kernel.
    place:
        Returns the running cell; called on the threads that submit.

    Attributes
    ----------
    problem:
        Why nothing can be written; empty while all is well. One warning has reported it.

    Notes
    -----
    If the journal fails, there is one warning, and tasks run on. What could not be written is tried
    again with the next write.
    """

    def __init__(
        self, path: Path, session: KernelSession, place: Callable[[], CellPlace] = CellPlace
    ) -> None:
        self.path = path
        self.session = session
        self.place = place
        self.problem = ""
        self._warned = False
        self._trusted = True  # whether a request should wait for the write
        self._inbox: queue.SimpleQueue[_Posted | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()  # a task and a magic may both make the first write
        self._closed = False
        # before the dispatchers register, so that their last events are written before
        atexit.register(lambda: self.close(time_left(_CLOSING_S)))

    # --- Recorder --------------------------------------------------------------------------

    def queued(self, future: TaskFuture) -> None:
        """See Recorder."""
        if future.note is None:
            future._describe(Note())
        placed(future.note, self)
        self._has_thread()  # start it now: Python 3.12 starts no thread while the interpreter ends

    async def sending(
        self, route: Route, task_group_id: str | None, tasks: Mapping[str, Sequence[QueuedTask]]
    ) -> None:
        """See Recorder: from here on, a killed kernel leaves a record of these tasks."""
        now = time.time()
        where = task_group_id or "", route.endpoint_id
        entries = [
            self._entry(task.future, *where, function_id, now)
            for function_id, some in tasks.items()
            for task in some
            if _is_recorded(task.future)
        ]
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()

        def done() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(_settle, written)

        wait = self._trusted and route.endpoint_id != LOCAL_ENDPOINT_ID
        self.post(lambda db: db.add_tasks(entries), done if wait else None, rows=len(entries))
        if wait and not (await asyncio.wait({written}, timeout=PATIENCE_S))[0]:
            self._trusted = False

    def started(self, futures: Iterable[TaskFuture], kind: str) -> None:
        """See Recorder."""
        entries = []
        for future in filter(_is_recorded, futures):
            info = future.info
            known = info.task_group_id or "", info.endpoint_id or "", info.function_id or ""
            made = self._entry(future, *known, info.submitted_at or time.time())
            state = TaskState.WAITING_ENDPOINT if info.task_id else TaskState.UNSENT
            made = replace(made, task_id=info.task_id or "", state=state.value)
            entries.append(made if future.note is not None else replace(made, kind=kind))
        if entries:
            self.post(lambda db: db.add_tasks(entries), rows=len(entries))

    def on_events(self, events: Sequence[TaskEvent]) -> None:
        """See Recorder."""
        changes = [self._change(event) for event in events if event.state not in _ON_THE_WAY]
        failed = {event.serial: event.full_text for event in events if event.full_text}
        here = self.session.session
        self.post(lambda db: db.take_news(changes, here, failed), rows=len(changes))
        workers = {
            event.info.endpoint_id: event.info.worker
            for event in events
            if event.info.worker is not None and event.info.endpoint_id
        }
        if workers:
            heard = [
                KnownEndpoint(
                    endpoint, python=worker.python_version, dill=worker.dill_version, at=time.time()
                )
                for endpoint, worker in workers.items()
            ]
            self.post(lambda db: db.remember_endpoints(heard))

    def take(self, task_group_id: str, task_ids: Sequence[str]) -> Mapping[str, Outcome]:
        """See Recorder."""
        # read after the claim was written, since nothing more is stored then
        self._write(lambda db: db.results.take_group(task_group_id, self.session.session))
        return outcomes(self.ask(lambda db: db.results.get(task_ids), {}))

    def limits(self, task_ids: Sequence[str]) -> Mapping[str, str]:
        """See Recorder."""
        from gc_jupyter.serialize.limits import both, results_limit  # %load_ext needn't wait for it

        known: list[tuple[str, str, str]] = self.ask(lambda db: db.limits(task_ids), [])
        return {task_id: both(limit, results_limit(where)) for task_id, limit, where in known}

    def release(self, task_group_id: str) -> None:
        """See Recorder."""
        self.post(lambda db: db.results.release_group(task_group_id, self.session.session))

    def _entry(
        self, future: TaskFuture, group: str, endpoint_id: str, function_id: str, now: float
    ) -> Entry:
        note: Note = future.note or Note()
        return Entry(
            session=self.session.session,
            serial=future.serial,
            task_id="",
            group_id=group,
            endpoint_id=endpoint_id,
            endpoint=note.endpoint,
            function_id=function_id,
            label=future.label,
            kind=note.kind,
            **asdict(note.place),
            bind=note.bind,
            out=",".join(note.out),
            state=TaskState.UNSENT.value,
            submitted_at=now,
            nonce=future.nonce,
            decodes=future.limit,
            part=note.part,
        )

    def _change(self, event: TaskEvent) -> tuple[object, ...]:
        info, state = event.info, event.state
        if event.uncertain and info.task_id is None:
            state = TaskState.UNSENT
        return (
            state.value,
            *(info.task_id, info.task_group_id, info.function_id, info.started_at, info.ended_at),
            *(event.error or None, info.task_id, self.session.session, event.serial),
        )

    # --- for others ------------------------------------------------------------------------

    def seen(self, futures: Iterable[TaskFuture]) -> None:
        """Note that these results were shown, so that no later kernel offers them."""
        serials = [future.serial for future in futures]
        self.post(lambda db: db.see(self.session.session, serials))

    def name(self, found: Mapping[str, Entry]) -> None:
        """Record the ids of tasks whose reply was lost."""
        rows = [(task_id, one.session, one.serial) for task_id, one in found.items()]
        self.post(lambda db: db.name_tasks(rows))

    def claim(self, futures: Iterable[TaskFuture]) -> None:
        """Move tasks of earlier kernels to this one."""
        rows = [(self.session.session, one.serial, one.task_id or "") for one in futures]
        self.post(lambda db: db.claim(rows))

    def claim_nameless(self, found: Iterable[tuple[Entry, TaskFuture]]) -> None:
        """As `claim`, for tasks whose ids aren't known."""
        here = self.session.session
        rows = [(here, future.serial, one.session, one.serial) for one, future in found]
        self.post(lambda db: db.claim_nameless(rows))

    def look_in_vain(self, entries: Iterable[Entry], identity: str) -> None:
        """Note that the service was asked for these tasks in vain; see `Entry.looked_as`."""
        tasks, now = [(one.session, one.serial) for one in entries], time.time()
        self.post(lambda db: db.look_in_vain(tasks, now, identity))

    def give_up(self, entries: Iterable[Entry]) -> None:
        """Give these tasks up: nothing more will be known of them."""
        for one in entries:
            self.post(partial(Database.see, session=one.session, serials=[one.serial]))

    def post(
        self, write: Write, done: Callable[[], object] | None = None, *, rows: int = 1
    ) -> None:
        """Queue a write of so many rows; any thread. `done` is called when it was tried."""
        if self._has_thread():
            self._inbox.put(_Posted(write, rows, done))
        elif done is not None:
            done()

    def check(self) -> None:
        """Try to write; `problem` then says what is wrong, if anything is."""
        self._write(lambda _db: None)

    def _write(self, write: Write) -> None:
        """Queue a write, and wait until it was tried."""
        tried = threading.Event()
        self.post(write, tried.set)
        tried.wait(LOCK_TIMEOUT_S + PATIENCE_S)

    def ask(self, question: Callable[[Database], T], default: T) -> T:
        """Read on the calling thread, after all queued writes; `default` if there is no journal, or
        it can't be read (which warns once)."""
        if self._thread is not None and not self._closed:
            tried = threading.Event()
            self._inbox.put(_Posted(lambda _db: None, 1, tried.set))
            tried.wait(PATIENCE_S)
        if not self.path.exists():
            return default
        try:
            database = Database(self.path, lock_timeout=PATIENCE_S)
            try:
                return question(database)
            finally:
                database.close()
        except (sqlite3.Error, OSError) as error:
            self._fail(error)
            return default

    def close(self, limit_s: float = _CLOSING_S) -> None:
        """Write the rest, for at most `limit_s` seconds. Idempotent."""
        if self._closed or self._thread is None or self.session.pid != os.getpid():
            self._closed = True
            return
        self._closed = True
        self._inbox.put(None)
        self._thread.join(min(limit_s, _CLOSING_BROKEN_S) if self.problem else limit_s)

    # --- gc-journal ------------------------------------------------------------------------

    def _has_thread(self) -> bool:
        """Whether there is a thread that writes; started at first use."""
        if self._closed or self.session.pid != os.getpid():  # a forked child has no thread
            return False
        if self._thread is None or not self._thread.is_alive():
            with self._starting, contextlib.suppress(RuntimeError):
                if self._thread is None or not self._thread.is_alive():
                    # in this order: an interrupt in between must not make two threads
                    self._thread = threading.Thread(
                        target=self._run, name="gc-journal", daemon=True
                    )
                    self._thread.start()
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        database: Database | None = None
        kept: list[_Posted] = []
        closing = False
        while not closing:
            items = [self._inbox.get()]  # sleeps until there is something to write
            while not self._inbox.empty():
                items.append(self._inbox.get())
            closing = None in items
            kept += [item for item in items if item is not None]
            try:
                if database is None:
                    database = Database(self.path)
                    kept.insert(0, _Posted(lambda db: db.add_session(self.session)))
                with database:
                    for item in kept:
                        item.write(database)
            except Exception as error:
                if not isinstance(error, (sqlite3.DatabaseError, OSError)):
                    log.exception("a write of the journal is wrong")
                    kept.clear()
                kept = _newest(kept, KEPT_ROWS)  # the next write tries again
                self._fail(error)
                if database is not None:
                    database.close()
                    database = None
            else:
                kept.clear()
                self.problem = ""
                self._trusted = True
            for tried in items:
                if tried is not None and tried.done is not None:
                    tried.done()
        if database is not None:
            database.close()

    def _fail(self, error: Exception) -> None:
        self._trusted = False
        self.problem = explain(error, self.path)
        if not self._warned:
            self._warned = True
            log.warning(
                "%s Cells run as ever; a restarted kernel won't know of them.", self.problem
            )


def _is_recorded(future: TaskFuture) -> bool:
    return future.note is None or future.note.kind != UNRECORDED


def _newest(posted: Sequence[_Posted], most: int) -> list[_Posted]:
    """The last writes, with at most so many rows together."""
    rows = 0
    for at in range(len(posted) - 1, -1, -1):
        rows += posted[at].rows
        if rows > most:
            return list(posted[at + 1 :])
    return list(posted)


def explain(error: Exception, path: Path) -> str:
    """What is wrong with a journal, and what to do about it."""
    text = str(error)
    if isinstance(error, NotOwn):
        return (
            f"The journal {path} isn't used: {error.strerror}. Move it away, or set"
            " JUPYTER_DATA_DIR to a directory of your own."
        )
    if isinstance(error, OSError):
        return (
            f"The journal {path} can't be opened ({error.strerror or text}): make its directory"
            " writable, or set JUPYTER_DATA_DIR to one that is."
        )
    if "locked" in text:
        return (
            f"The journal {path} is locked by another program, or its file system has no locks: end"
            " that program, or set JUPYTER_DATA_DIR to another directory."
        )
    if "newer" in text:
        return (
            f"The journal {path} was made by a newer gc_jupyter: update this one, or move it away."
        )
    if "readonly" in text or "unable to open" in text or "full" in text or "I/O" in text:
        return (
            f"The journal {path} can't be written ({text}): make room or make it writable, or set"
            " JUPYTER_DATA_DIR to another directory."
        )
    return f"The journal {path} is damaged ({text}): move it away."


def _settle(written: asyncio.Future[None]) -> None:
    if not written.done():
        written.set_result(None)
