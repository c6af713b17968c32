"""The journal's SQLite file: writes and queries. Each thread has its own `Database`.

Homes on clusters are NFS or Lustre, where write-ahead logging doesn't work: hence the rollback
journal. `synchronous` is off: the operating system has what a killed kernel wrote. A loss of power
may cost the journal, but no task.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from gc_jupyter.journal import results
from gc_jupyter.journal.progress import Progress
from gc_jupyter.journal.schema import OTHER_FORMAT, VERSION, prepare
from gc_jupyter.journal.sessions import SESSION_COLUMNS, UNTOLD, KernelSession, may_run
from gc_jupyter.journal.tracebacks import Tracebacks
from gc_jupyter.moments import clock
from gc_jupyter.own_files import check_own_database, make_own
from gc_jupyter.remote_text import one_line
from gc_jupyter.types import LOCAL_ENDPOINT_ID, TaskState

R = TypeVar("R", "Entry", "KnownEndpoint")

LOCK_TIMEOUT_S = 5.0
KEPT_S = 30 * 86400.0
#: How many ended tasks of a session stay, the newest ones; otherwise a sweep a minute would fill a
#: home's quota. Older tasks can be found by their task group only.
KEPT_TASKS = 50_000
#: The service keeps an idle task for two weeks (docs/protocol.md, "Limits").
REACHABLE_S = 14 * 86400.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A task as the journal knows it. `task_id` is empty until the service's reply was read; times
    are unix seconds; `seen` says that its result was shown. `nonce` is what its own reply carries
    (`protocol.nonces`); empty for a plain function's. `looked_at` is when the service was last
    asked for it in vain, `looked_as` the identity that asked, or `UNTOLD`. `decodes` names the
    strategies that may read its result (`serialize.limits`), `part` its place in a fan-out, `cell`
    the run of the cell that submitted it (`sessions.Part`, `sessions.run_of_cell`)."""

    session: str
    serial: int
    task_id: str
    group_id: str
    endpoint_id: str
    endpoint: str
    function_id: str
    label: str
    kind: str
    notebook: str
    cell_id: str
    execution_count: int
    bind: str
    out: str
    state: str
    submitted_at: float
    started_at: float | None = None
    ended_at: float | None = None
    error: str = ""
    seen: int = 0
    nonce: str = ""
    looked_at: float | None = None
    looked_as: str = ""
    decodes: str = ""
    part: str = ""
    cell: str = ""

    @property
    def vain(self) -> str:
        """What came of asking the service for it, in words."""
        return UNTOLD if self.looked_as == UNTOLD else "not seen at the service"

    @property
    def unseen(self) -> str:
        """When the service was last asked for it in vain, in words; empty if it wasn't."""
        if self.looked_at is None:
            return ""
        who = f" as {self.looked_as}" if self.looked_as not in ("", UNTOLD) else ""
        return f"{self.vain} at {clock(self.looked_at)}{who}"

    @property
    def word(self) -> str:
        """Its state for the user: the journal records a task right before it is sent."""
        unsent = self.state == TaskState.UNSENT.value
        return TaskState.UNCONFIRMED.value if unsent else self.state

    @property
    def done(self) -> bool:
        """Whether its kernel has recorded its end."""
        return TaskState(self.state).done


@dataclass(frozen=True, slots=True)
class KnownEndpoint:
    """The last known facts about an endpoint; `at` in unix seconds."""

    endpoint_id: str
    name: str = ""
    status: str = ""
    python: str = ""
    dill: str = ""
    at: float = 0.0


_DONE = ", ".join(f"'{state.value}'" for state in TaskState if state.done)
_COLUMNS = ", ".join(one.name for one in fields(Entry))
_ENDPOINT = ", ".join(one.name for one in fields(KnownEndpoint))
_FROM_JSON = ", ".join(f"json_extract(value, '$[{at}]')" for at in range(len(fields(Entry))))
#: The fields of `update_tasks`, in order.
_NEWS = ("state", "task_id", "group_id", "function_id", "started_at", "ended_at", "error")
_CHANGED = ", ".join(f"json_extract(c.value, '$[{at}]')" for at in range(len(_NEWS)))
_COALESCED = ", ".join(f"{name} = coalesce(excluded.{name}, {name})" for name in _NEWS)


class Database:
    """An open journal.

    Parameters
    ----------
    path:
        The file; made, for this user alone, where it doesn't exist.
    lock_timeout:
        Seconds to wait for another program's lock; `LOCK_TIMEOUT_S` by default.

    Raises
    ------
    sqlite3.Error, OSError
        From every method: the file is locked, damaged, read-only, or the disk is full.
    """

    def __init__(self, path: Path, *, lock_timeout: float | None = None) -> None:
        make_own(path)
        check_own_database(path)  # it holds what `%gc attach` decodes
        timeout = LOCK_TIMEOUT_S if lock_timeout is None else lock_timeout
        self._connection = sqlite3.connect(path, timeout=timeout, isolation_level=None)
        # a label with half a character must not make the whole journal unreadable
        self._connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        self.results = results.Results(self._connection)
        self.progress = Progress(self._connection)
        self.tracebacks = Tracebacks(self._connection)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = TRUNCATE")
        self._connection.execute("PRAGMA synchronous = OFF")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version >= OTHER_FORMAT:
            raise sqlite3.DatabaseError("it was made by a newer gc_jupyter")
        if version < VERSION:
            with self:
                prepare(self._connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Database:
        self._connection.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    # --- writes: within `with database:` ---------------------------------------------------

    def add_session(self, session: KernelSession) -> None:
        """Add a kernel that begins to write, and remove very old tasks."""
        row = astuple(session)
        self._connection.execute(
            f"INSERT OR REPLACE INTO sessions ({SESSION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        oldest = time.time() - KEPT_S
        self._connection.execute("DELETE FROM tasks WHERE submitted_at < ?", (oldest,))
        self.results.expire(oldest)
        self.tracebacks.expire(oldest)
        idle = self.sessions(
            "session NOT IN (SELECT session FROM tasks)"
            " AND session NOT IN (SELECT session FROM claims)"
        )
        self._connection.executemany(
            "DELETE FROM sessions WHERE session = ?",
            [(one.session,) for one in idle if one != session and not may_run(one, session)],
        )

    def add_tasks(self, entries: Iterable[Entry]) -> None:
        """Add tasks that are about to be sent."""
        # one statement, since each releases the GIL, and a busy cell returns it 5 ms later
        rows = [astuple(entry) for entry in entries]
        self._connection.execute(
            f"INSERT OR REPLACE INTO tasks ({_COLUMNS}) SELECT {_FROM_JSON} FROM json_each(?)",
            (json.dumps(rows),),
        )
        if rows:
            session, newest = rows[-1][:2]
            self._connection.execute(
                f"DELETE FROM tasks WHERE session = ? AND serial <= ? AND state IN ({_DONE})",
                (session, newest - KEPT_TASKS),
            )

    def update_tasks(self, changes: Iterable[tuple[object, ...]]) -> None:
        """Update tasks: (state, task id, group id, function id, started, ended, error, task id,
        session, serial); None leaves a field as it is. The second task id finds the row; while
        the row has none, session and serial do."""
        # one statement, as in `add_tasks`; it inserts nothing, since each row that it reads exists
        self._connection.execute(
            f"INSERT INTO tasks (session, serial, {', '.join(_NEWS)})"
            f" SELECT t.session, t.serial, {_CHANGED} FROM json_each(?) c JOIN tasks t"
            " ON t.rowid = coalesce("
            "(SELECT rowid FROM tasks WHERE task_id = json_extract(c.value, '$[7]')),"
            " (SELECT rowid FROM tasks WHERE session = json_extract(c.value, '$[8]')"
            " AND serial = json_extract(c.value, '$[9]'))) WHERE true"
            f" ON CONFLICT (session, serial) DO UPDATE SET {_COALESCED}",
            (json.dumps(list(changes)),),
        )

    def take_news(
        self, changes: Iterable[tuple[object, ...]], session: str, failed: Mapping[int, str]
    ) -> None:
        """`update_tasks`, and with it what tasks of a session have failed with, by their serials:
        who sees a failure sees its traceback."""
        self.update_tasks(changes)
        self.tracebacks.put(session, failed)

    def see(self, session: str, serials: Iterable[int]) -> None:
        """These tasks' results were shown."""
        self._connection.execute(
            "UPDATE tasks SET seen = 1 WHERE session = ?"
            " AND serial IN (SELECT value FROM json_each(?))",
            (session, json.dumps(list(serials))),
        )

    def drop(self, task: tuple[str, int]) -> None:
        """Take a task out: (session, serial)."""
        self._connection.execute("DELETE FROM tasks WHERE session = ? AND serial = ?", task)

    def name_tasks(self, names: Iterable[tuple[str, str, int]]) -> None:
        """Set task ids that were found later: (task id, session, serial)."""
        name = "UPDATE tasks SET task_id = ? WHERE session = ? AND serial = ?"
        self._connection.executemany(name, names)

    def claim(self, moves: Iterable[tuple[str, int, str]]) -> None:
        """Move tasks to another session: (session, serial, task id)."""
        move = "UPDATE OR REPLACE tasks SET session = ?, serial = ? WHERE task_id = ?"
        self._connection.executemany(move, moves)

    def claim_nameless(self, moves: Iterable[tuple[str, int, str, int]]) -> None:
        """As `claim`, for tasks without ids: (session, serial, old session, old serial)."""
        to, of = "session = ?, serial = ?", "session = ? AND serial = ?"
        self._connection.executemany(f"UPDATE OR REPLACE tasks SET {to} WHERE {of}", moves)

    def look_in_vain(self, tasks: Iterable[tuple[str, int]], at: float, identity: str) -> None:
        """Note that the service was asked for these (session, serial), and didn't list them."""
        self._connection.executemany(
            "UPDATE tasks SET looked_at = ?, looked_as = ? WHERE session = ? AND serial = ?",
            [(at, identity, session, serial) for session, serial in tasks],
        )

    def remember_endpoints(self, endpoints: Iterable[KnownEndpoint]) -> None:
        """Store facts about endpoints; empty fields leave the known ones."""
        self._connection.executemany(
            f"INSERT INTO endpoints ({_ENDPOINT}) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (endpoint_id) DO UPDATE"
            " SET name = coalesce(nullif(excluded.name, ''), name),"
            " status = coalesce(nullif(excluded.status, ''), status),"
            " python = coalesce(nullif(excluded.python, ''), python),"
            " dill = coalesce(nullif(excluded.dill, ''), dill), at = excluded.at",
            map(astuple, endpoints),
        )

    # --- queries ---------------------------------------------------------------------------

    def tasks(
        self, where: str = "1", values: Sequence[object] = (), limit: int = -1
    ) -> list[Entry]:
        """Entries, newest last."""
        rows = self.select(
            f"SELECT {_COLUMNS} FROM (SELECT * FROM tasks WHERE {where}"
            " ORDER BY submitted_at DESC, serial DESC LIMIT ?) ORDER BY submitted_at, serial",
            (*values, limit),
        )
        return [one for row in rows if (one := _plain(Entry(*row))) is not None]

    def select(
        self, question: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        """The rows that answer a SELECT."""
        return self._connection.execute(question, values).fetchall()

    def sessions(self, where: str = "1") -> list[KernelSession]:
        """The sessions that have written."""
        rows = self.select(f"SELECT {SESSION_COLUMNS} FROM sessions WHERE {where}")
        return [KernelSession(*row) for row in rows]

    def limits(self, task_ids: Iterable[str]) -> list[tuple[Any, ...]]:
        """The known ones of these tasks: task id, `Entry.decodes` and endpoint id."""
        return self.select(
            "SELECT task_id, decodes, endpoint_id FROM tasks"
            " WHERE task_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(task_ids)),),
        )

    def task_ids(self, group_id: str) -> set[str]:
        """The known task ids of a group, of all sessions."""
        named = "SELECT task_id FROM tasks WHERE group_id = ? AND task_id != ''"
        return {row[0] for row in self.select(named, (group_id,))}

    def unconfirmed(self, session: str) -> list[Entry]:
        """This session's tasks that the service may or may not have."""
        return self.tasks(
            "session = ? AND task_id = '' AND state = 'unsent' AND seen = 0 AND endpoint_id != ?",
            (session, LOCAL_ENDPOINT_ID),
        )

    def earlier(self, here: KernelSession, *, any_notebook: bool = False) -> list[Entry]:
        """Tasks of ended kernels whose results were never shown, oldest first: those of this
        notebook, and those whose notebook isn't known."""
        entries = self.tasks(
            "session != ? AND seen = 0 AND endpoint_id != ? AND submitted_at > ?"
            " AND state != 'cancelled' AND (task_id != '' OR state = 'unsent')",
            (here.session, LOCAL_ENDPOINT_ID, time.time() - REACHABLE_S),
        )
        sessions = self.sessions() if entries else []
        ended = {one.session for one in sessions if not may_run(one, here)}
        return [
            one
            for one in entries
            if one.session in ended
            and (any_notebook or not here.notebook or one.notebook in ("", here.notebook))
        ]

    def endpoints(self) -> list[KnownEndpoint]:
        """All known endpoints."""
        rows = self.select(f"SELECT {_ENDPOINT} FROM endpoints ORDER BY name")
        return [one for row in rows if (one := _plain(KnownEndpoint(*row))) is not None]


_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "float | None": (float, int, type(None)),
}
#: The columns with others' texts that are shown.
_SHOWN: dict[type, tuple[str, ...]] = {
    Entry: ("label", "endpoint", "error", "looked_as"),
    KnownEndpoint: ("name", "status", "python", "dill"),
}
_STATES = frozenset(state.value for state in TaskState)


def _plain(row: R) -> R | None:
    """A row, made safe to show; None if it is damaged, since SQLite stores any value anywhere."""
    for one in fields(row):
        if not isinstance(getattr(row, one.name), _TYPES[str(one.type)]):
            return None
    if isinstance(row, Entry) and row.state not in _STATES:
        return None
    shown: dict[str, Any] = {name: getattr(row, name) for name in _SHOWN[type(row)]}
    if all(text.isprintable() for text in shown.values()):
        return row
    shown = {name: one_line(text, 500) for name, text in shown.items()}
    return replace(row, **shown)
