"""Results that were collected while no kernel ran, and the claims on task groups.

Two consumers of one group's queue take results from each other. So a consumer claims the group here
first. A collector checks its claim in the transaction that stores a result: it stores nothing of a
group that a kernel has claimed meanwhile, and acknowledges only what it has stored. Other messages
go back to the queue. What it stored before the claim can be read after it.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from typing import TYPE_CHECKING

from gc_jupyter.errors import DeserializationError
from gc_jupyter.journal.sessions import SESSION_COLUMNS, KernelSession
from gc_jupyter.protocol.nonces import nonce_in
from gc_jupyter.types import LOCAL_ENDPOINT_ID

if TYPE_CHECKING:
    from gc_jupyter.protocol.messages import ResultMessage
    from gc_jupyter.service.base import TaskStatus

#: The most bytes of all results together. The oldest are removed, those first that were shown.
KEPT_BYTES = 512 * 1024 * 1024

SCHEMA = """
CREATE TABLE IF NOT EXISTS results (
    task_id TEXT PRIMARY KEY, form TEXT, size INTEGER, at REAL, body BLOB
);
CREATE TABLE IF NOT EXISTS claims (group_id TEXT PRIMARY KEY, session TEXT, at REAL);
"""

_CLAIM = "group_id, session, at"
_MESSAGE = "message"  # a result message's bytes, as they came
_STATUS = "status"  # a TaskStatus as JSON


@dataclass(frozen=True, slots=True)
class Collected:
    """A result to keep, as it came, with its task's fields for the journal. `body` is not
    unpickled. `group_id` is empty for a task that the journal doesn't know."""

    task_id: str
    group_id: str
    form: str
    body: bytes
    state: str
    started_at: float | None = None
    ended_at: float | None = None
    error: str = ""


def message_form(body: bytes) -> tuple[str, bytes]:
    """The kept form and body of a result message."""
    return _MESSAGE, body


def status_form(status: TaskStatus) -> tuple[str, bytes]:
    """The kept form and body of a task's status."""
    # without what isn't known: another version may have no such field
    known = {name: value for name, value in asdict(status).items() if value is not None}
    return _STATUS, json.dumps(known).encode()


def read(form: str, body: bytes) -> ResultMessage | TaskStatus:
    """A kept result as a type of the runtime; its value is still serialized.

    Raises
    ------
    DeserializationError
        The kept result is damaged.
    """
    from gc_jupyter.protocol.messages import unpack_result
    from gc_jupyter.service.base import TaskStatus

    if form == _MESSAGE:
        return unpack_result(body)
    try:
        return TaskStatus(**json.loads(body))
    except (ValueError, TypeError, RecursionError) as error:
        raise DeserializationError("A kept result is damaged.") from error


class Results:
    """The part of `Database` for results and claims. Writes belong within `with database:`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # --- for kernels -----------------------------------------------------------------------

    def take_group(self, group_id: str, session: str) -> None:
        """Claim a group for this session, whose process waits for its results."""
        self._connection.execute(
            "INSERT OR REPLACE INTO claims (group_id, session, at) VALUES (?, ?, ?)",
            (group_id, session, time.time()),
        )

    def release_group(self, group_id: str, session: str) -> None:
        """Release a claim of `take_group`, if this session still has it."""
        self._connection.execute(
            "DELETE FROM claims WHERE group_id = ? AND session = ?", (group_id, session)
        )

    def kept(self, task_ids: Iterable[str]) -> set[str]:
        """The tasks among these whose results are kept."""
        rows = self._connection.execute(
            "SELECT task_id FROM results WHERE task_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(task_ids)),),
        )
        return {row[0] for row in rows}

    def get(self, task_ids: Iterable[str]) -> dict[str, tuple[str, bytes]]:
        """Form and body of these tasks' kept results."""
        rows = self._connection.execute(
            "SELECT task_id, form, body FROM results"
            " WHERE task_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(task_ids)),),
        )
        return {task_id: (form, body) for task_id, form, body in rows}

    # --- for the collector -----------------------------------------------------------------

    def claim_groups(
        self, here: KernelSession, since: float, ended: Callable[[KernelSession], bool]
    ) -> dict[str, list[str]]:
        """Claim every group with results to collect whose processes have all ended.

        Parameters
        ----------
        here:
            The session that collects.
        since:
            Unix seconds; the service no longer has older tasks.
        ended:
            Whether a session's process has surely ended.

        Returns
        -------
        dict
            Task group -> tasks whose results aren't kept. An empty text among them stands for tasks
            whose ids aren't known. Earlier claims of `here` are in it, or are released.
        """
        missing: dict[str, list[str]] = {}
        for group_id, task_id in self._connection.execute(
            "SELECT group_id, task_id FROM tasks WHERE group_id != '' AND seen = 0"
            " AND endpoint_id != ? AND submitted_at > ? AND state != 'cancelled'"
            " AND (task_id != '' OR state = 'unsent')"
            " AND task_id NOT IN (SELECT task_id FROM results)",
            (LOCAL_ENDPOINT_ID, since),
        ):
            missing.setdefault(group_id, []).append(task_id)
        for group_id in self._used(here, ended, missing):
            missing.pop(group_id, None)
        if missing:
            self._connection.execute(
                f"INSERT OR IGNORE INTO sessions ({SESSION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
                astuple(here),
            )
        self._connection.execute(
            "DELETE FROM claims WHERE session = ?"
            " AND group_id NOT IN (SELECT value FROM json_each(?))",
            (here.session, json.dumps(list(missing))),
        )
        self._connection.executemany(
            f"INSERT INTO claims ({_CLAIM}) VALUES (?, ?, ?) ON CONFLICT (group_id) DO UPDATE"
            " SET session = excluded.session, at = excluded.at"
            " WHERE session != excluded.session",
            [(group_id, here.session, time.time()) for group_id in missing],
        )
        return missing

    def _used(
        self,
        here: KernelSession,
        ended: Callable[[KernelSession], bool],
        groups: Collection[str],
    ) -> set[str]:
        """The groups among these that a process may still use."""
        if not groups:
            return set()
        rows = self._connection.execute(
            "WITH wanted (group_id) AS (SELECT value FROM json_each(?))"
            " SELECT group_id, session FROM tasks JOIN wanted USING (group_id)"
            " UNION SELECT group_id, session FROM claims JOIN wanted USING (group_id)",
            (json.dumps(list(groups)),),
        ).fetchall()
        sessions = {
            session.session: session
            for session in (
                KernelSession(*row)
                for row in self._connection.execute(f"SELECT {SESSION_COLUMNS} FROM sessions")
            )
        }
        running = {
            name
            for name, session in sessions.items()
            if name != here.session and not ended(session)
        }
        return {group_id for group_id, session in rows if session in running}

    def free(self, task_ids: Sequence[str]) -> list[str]:
        """The tasks among these that have no entry and no kept result."""
        rows = self._connection.execute(
            "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT task_id FROM tasks)"
            " AND value NOT IN (SELECT task_id FROM results) ORDER BY key",
            (json.dumps(list(task_ids)),),
        )
        return [row[0] for row in rows]

    def _name(self, found: Iterable[Collected]) -> None:
        """Give entries without a task id the id of the result that has their nonce."""
        unknown = {one.task_id: one for one in found if one.group_id}
        rows = self._connection.execute(
            "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT task_id FROM tasks)",
            (json.dumps(list(unknown)),),
        ).fetchall()
        for (task_id,) in rows:
            one = unknown[task_id]
            nonce = nonce_in(_text(one))
            if nonce:
                self._connection.execute(
                    "UPDATE tasks SET task_id = ? WHERE group_id = ? AND nonce = ?"
                    " AND task_id = ''",
                    (task_id, one.group_id, nonce),
                )

    def store(self, here: KernelSession, found: Iterable[Collected]) -> set[str]:
        """Keep results of groups that `here` still has.

        Returns
        -------
        set
            The groups that it no longer has: their results are not kept.
        """
        mine = {
            row[0]
            for row in self._connection.execute(
                # a kernel that submits into a group uses it without a claim
                "SELECT group_id FROM claims c WHERE session = ? AND NOT EXISTS (SELECT 1 FROM"
                " tasks t WHERE t.group_id = c.group_id AND t.submitted_at > c.at)",
                (here.session,),
            )
        }
        found, now = list(found), time.time()
        kept = [one for one in found if one.group_id in mine or not one.group_id]
        self._connection.executemany(
            "INSERT OR IGNORE INTO results (task_id, form, size, at, body) VALUES (?, ?, ?, ?, ?)",
            [(one.task_id, one.form, len(one.body), now, one.body) for one in kept],
        )
        self._name(kept)
        self._connection.executemany(
            "UPDATE tasks SET state = ?, started_at = coalesce(?, started_at),"
            " ended_at = coalesce(?, ended_at), error = ? WHERE task_id = ?"
            " AND state NOT IN ('success', 'failed', 'cancelled')",
            [(one.state, one.started_at, one.ended_at, one.error, one.task_id) for one in kept],
        )
        self.trim()
        return {one.group_id for one in found if one.group_id} - mine

    def trim(self, most: int | None = None) -> None:
        """Remove the oldest results while there are too many bytes, those first that were shown."""
        most = KEPT_BYTES if most is None else most
        (total,) = self._connection.execute("SELECT total(size) FROM results").fetchone()
        if total > most:
            self._connection.execute(
                "DELETE FROM results WHERE task_id IN (SELECT task_id FROM ("
                " SELECT task_id, sum(size) OVER (ORDER BY EXISTS (SELECT 1 FROM tasks t WHERE"
                " t.task_id = r.task_id AND t.seen), at DESC, rowid DESC) AS total"
                " FROM results r) WHERE total > ?)",
                (most,),
            )

    def expire(self, before: float) -> None:
        """Remove results older than this, in unix seconds, and claims on groups without tasks."""
        self._connection.execute("DELETE FROM results WHERE at < ?", (before,))
        self._connection.execute(
            "DELETE FROM claims WHERE group_id NOT IN (SELECT group_id FROM tasks)"
        )

    def release_all(self, session: str) -> None:
        """Release all claims of this session."""
        self._connection.execute("DELETE FROM claims WHERE session = ?", (session,))


def outcomes(found: Mapping[str, tuple[str, bytes]]) -> dict[str, ResultMessage | TaskStatus]:
    """Kept results, read. Damaged ones are left out, so that the service is asked for them."""
    good: dict[str, ResultMessage | TaskStatus] = {}
    for task_id, (form, body) in found.items():
        try:
            good[task_id] = read(form, body)
        except DeserializationError:
            continue
    return good


def _text(one: Collected) -> str:
    """A result's serialized text; empty for a failure and for a damaged result."""
    from gc_jupyter.protocol.messages import ResultMessage

    try:
        outcome = read(one.form, one.body)
    except DeserializationError:
        return ""
    if isinstance(outcome, ResultMessage):
        return "" if outcome.error_code is not None else outcome.data
    return outcome.result or ""
