"""Results that were collected while no kernel ran, and who collects which task group's.

Two consumers of one group's queue steal results from each other. So whoever wants a group's results
claims it here, in the transaction of its writes: a collector stores nothing of a group that a
kernel has claimed meanwhile, and acknowledges nothing that it hasn't stored. What it was sent goes
back to the queue, and what it has stored before the claim is there to read after it.
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

#: What all results together may take, in bytes; the oldest go, those first that were shown.
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
    """A result to keep, as it came, and what the journal says of its task. Nothing of `body` is
    unpickled. `group_id` is empty for a task that no journal knows."""

    task_id: str
    group_id: str
    form: str
    body: bytes
    state: str
    started_at: float | None = None
    ended_at: float | None = None
    error: str = ""


def message_form(body: bytes) -> tuple[str, bytes]:
    """What is kept of a result message: form and body."""
    return _MESSAGE, body


def status_form(status: TaskStatus) -> tuple[str, bytes]:
    """What is kept of a task's status: form and body."""
    return _STATUS, json.dumps(asdict(status)).encode()


def read(form: str, body: bytes) -> ResultMessage | TaskStatus:
    """A kept result as the runtime has it; its value is still wire text.

    Raises
    ------
    DeserializationError
        It is damaged.
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
        """From now on this session's process waits for the group's results."""
        self._connection.execute(
            "INSERT OR REPLACE INTO claims (group_id, session, at) VALUES (?, ?, ?)",
            (group_id, session, time.time()),
        )

    def release_group(self, group_id: str, session: str) -> None:
        """End of `take_group`, where the claim is still this session's."""
        self._connection.execute(
            "DELETE FROM claims WHERE group_id = ? AND session = ?", (group_id, session)
        )

    def kept(self, task_ids: Iterable[str]) -> set[str]:
        """Those of these tasks whose results are kept."""
        rows = self._connection.execute(
            "SELECT task_id FROM results WHERE task_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(task_ids)),),
        )
        return {row[0] for row in rows}

    def get(self, task_ids: Iterable[str]) -> dict[str, tuple[str, bytes]]:
        """Form and body of these tasks' results, as far as they are kept."""
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
            Who collects.
        since:
            Unix seconds; older tasks are gone from the service.
        ended:
            Whether a session's process has surely ended.

        Returns
        -------
        dict
            Task group -> tasks whose results aren't kept; an empty text among them stands for
            tasks whose ids were never told. Earlier claims of `here` are in it, or have ended.
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
        """Those of these groups that a process may still use."""
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
        """Those of these tasks that no entry has, and whose results aren't kept."""
        rows = self._connection.execute(
            "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT task_id FROM tasks)"
            " AND value NOT IN (SELECT task_id FROM results) ORDER BY key",
            (json.dumps(list(task_ids)),),
        )
        return [row[0] for row in rows]

    def _name(self, found: Iterable[Collected]) -> None:
        """Give tasks whose ids were never told those of the results that carry their nonces."""
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
            The groups among them that it has no more: nothing of theirs is kept.
        """
        mine = {
            row[0]
            for row in self._connection.execute(
                # a kernel that submits into a group uses it, without a word
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
        """Let go of the oldest results while there are too many bytes, first of those shown."""
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
        """Forget results older than this, in unix seconds, and claims of groups without tasks."""
        self._connection.execute("DELETE FROM results WHERE at < ?", (before,))
        self._connection.execute(
            "DELETE FROM claims WHERE group_id NOT IN (SELECT group_id FROM tasks)"
        )

    def release_all(self, session: str) -> None:
        """This session claims nothing any more."""
        self._connection.execute("DELETE FROM claims WHERE session = ?", (session,))


def outcomes(found: Mapping[str, tuple[str, bytes]]) -> dict[str, ResultMessage | TaskStatus]:
    """Kept results, read; what is damaged is left out: the service is asked for it."""
    good: dict[str, ResultMessage | TaskStatus] = {}
    for task_id, (form, body) in found.items():
        try:
            good[task_id] = read(form, body)
        except DeserializationError:
            continue
    return good


def _text(one: Collected) -> str:
    """A result's wire text; empty for a failure, and for what is damaged."""
    from gc_jupyter.protocol.messages import ResultMessage

    try:
        outcome = read(one.form, one.body)
    except DeserializationError:
        return ""
    if isinstance(outcome, ResultMessage):
        return "" if outcome.error_code is not None else outcome.data
    return outcome.result or ""
