"""What the panels show of the journal: one statement each, off the server's loop."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from gc_jupyter.journal.database import REACHABLE_S, Database
from gc_jupyter.journal.schema import OPEN
from gc_jupyter.journal.sessions import RUN, KernelSession, may_run, surely_ended
from gc_jupyter.server.messages import BOOLEAN, COLUMNS, PAGE_ROWS, JournalState
from gc_jupyter.types import LOCAL_ENDPOINT_ID, LOCAL_NAME, TaskState

#: What isn't a plain column of the table of tasks.
_COMPUTED = {
    # an executor's tasks know its id alone
    "endpoint": f"coalesce(nullif(endpoint, ''), iif(endpoint_id = '{LOCAL_ENDPOINT_ID}',"
    f" '{LOCAL_NAME}', (SELECT name FROM endpoints WHERE endpoint_id = tasks.endpoint_id)), '')",
    # it is written down right before it is sent; one of local ends with its kernel
    "state": f"CASE WHEN {OPEN} AND endpoint_id = '{LOCAL_ENDPOINT_ID}' AND session"
    f" IN (SELECT value FROM json_each(:ended)) THEN '{TaskState.CANCELLED.value}'"
    f" WHEN {OPEN} AND progress IS NOT NULL THEN '{TaskState.RUNNING.value}'"
    f" WHEN state = '{TaskState.UNSENT.value}' THEN '{TaskState.UNCONFIRMED.value}'"
    " ELSE state END",
    "notebook": "iif(:folder != '' AND substr(notebook, 1, length(:folder)) = :folder,"
    " replace(substr(notebook, length(:folder) + 1), :separator, '/'), notebook)",
    "kernel_alive": "session IN (SELECT value FROM json_each(:alive))",
    "collected": "task_id IN (SELECT task_id FROM results)",
    "progress": f"iif({OPEN}, progress, NULL)",
    "run": RUN,
    "id": "tasks.rowid",
}
_PLAIN = ("session", "serial", "part", "cell", *(n for n in COLUMNS if n not in _COMPUTED))
_SELECTED = ", ".join((*_PLAIN, *(f"{how} AS {name}" for name, how in _COMPUTED.items())))
#: Every task as a panel has it.
_ALL = f"(SELECT {_SELECTED} FROM tasks)"
#: As `again`, the fan-outs' parts that were run again, and when the last time.
AGAIN = """again AS (
    SELECT part, max(submitted_at) AS last FROM tasks WHERE part != '' GROUP BY part
    HAVING count(*) > 1
)"""
#: The tasks without those that were run again: of the attempts at one part, the last. A subquery to
#: be written wherever it is needed, so that each use finds its rows by an index.
NEWEST = (
    f"(SELECT {_SELECTED} FROM tasks LEFT JOIN again USING (part)"
    " WHERE last IS NULL OR submitted_at = last)"
)
#: Whether a row of `NEWEST` has the text, in any of its texts.
HAS_TEXT = (
    "instr(lower(cell || char(10) || label || char(10) || task_id || char(10) || group_id"
    " || char(10) || endpoint || char(10) || notebook || char(10) || error), :text) > 0"
)


@dataclass(frozen=True)
class Filter:
    """Which rows, and which page of them.

    Parameters
    ----------
    text:
        In any of the texts of a task; of a run, one of its tasks has it. Upper and lower case are
        the same (of ASCII letters).
    state:
        A word of `TaskState`, or ``"open"`` for all before the end; of runs, ``"failed"`` are those
        with failures. Empty for any.
    run:
        The run, as `messages.Run` names it; empty for all.
    offset, limit:
        How many rows are left out before, and answered at most.
    """

    text: str = ""
    state: str = ""
    run: str = ""
    offset: int = 0
    limit: int = PAGE_ROWS


def tasks_json(
    database: Database, here: KernelSession, wanted: Filter, journal: JournalState, root: str = ""
) -> str:
    """`messages.Page` of tasks as JSON: those of a run in the order in which they were submitted,
    all of them newest first. Notebooks below the server's `root` get the paths that its contents
    have. SQLite writes it: in half the time, and none of that holds up the server's loop."""
    of_all = not wanted.run
    conditions = [
        "1" if of_all else "run = :run",
        {"": "1", "open": OPEN}.get(wanted.state, "state = :state"),
        HAS_TEXT if wanted.text else "1",
    ]
    order = "submitted_at DESC, serial DESC" if of_all else "submitted_at, serial"
    tasks = _ALL if of_all else NEWEST
    found = f"FROM {tasks} WHERE {' AND '.join(conditions)}"
    ((rows, total),) = database.select(
        f"WITH {AGAIN}, here AS (SELECT id {found} ORDER BY {order} LIMIT :limit OFFSET :offset)"
        f" SELECT (SELECT json_group_array(json_array({as_json(COLUMNS)})) FROM (SELECT *"
        f" FROM {tasks} WHERE id IN (SELECT id FROM here) ORDER BY {order})),"
        f" (SELECT count(*) {found})",
        values(database, here, wanted, root),
    )
    return page(rows, COLUMNS, total, journal)


def values(
    database: Database, here: KernelSession, wanted: Filter, root: str = ""
) -> dict[str, object]:
    """What a question about tasks refers to."""
    ended = [one.session for one in database.sessions() if surely_ended(one, here)]
    return {
        **asdict(wanted),
        "text": wanted.text.lower(),
        "folder": os.path.join(root, "") if root else "",
        "separator": os.sep,
        "alive": _alive(database, here),
        "ended": json.dumps(ended),
    }


def as_json(columns: Iterable[str]) -> str:
    """Fields for SQLite's JSON, which has no true and false of its own."""
    return ", ".join(
        f"json(iif({name}, 'true', 'false'))" if name in BOOLEAN else name for name in columns
    )


def page(rows: str, columns: Sequence[str], total: int, journal: JournalState) -> str:
    """`messages.Page` as JSON, from the rows' JSON."""
    rest = json.dumps({"columns": columns, "total": total, "journal": journal})
    return f'{{"rows":{rows},{rest[1:]}'


def counts(database: Database, here: KernelSession) -> tuple[int, int]:
    """How many tasks haven't ended, and how many results are kept. (A task of ``local`` ends with
    its kernel, and one that is older than the service keeps it has no end to wait for.)"""
    ((pending, collected),) = database.select(
        f"SELECT (SELECT count(*) FROM tasks WHERE {OPEN} AND submitted_at > ?"
        " AND (endpoint_id != ? OR session IN (SELECT value FROM json_each(?)))),"
        " (SELECT count(*) FROM results)",
        (time.time() - REACHABLE_S, LOCAL_ENDPOINT_ID, _alive(database, here)),
    )
    return pending, collected


def running(database: Database, here: KernelSession) -> list[KernelSession]:
    """The kernels of this machine that may still run."""
    return [
        one
        for one in database.sessions()
        if one.host == here.host and one.pid != here.pid and may_run(one, here)
    ]


def states(database: Database) -> dict[str, int]:
    """State -> how many tasks have it."""
    return dict(database.select("SELECT state, count(*) FROM tasks GROUP BY state"))


def active_until(
    database: Database, here: KernelSession, hours: float, *, collecting: bool
) -> dict[str, float]:
    """Id of a kernel of this machine with open tasks -> until when these count as activity, so many
    hours after the last was sent, in unix seconds. Where their kernels have ended and the server
    collects their results, they are the server's, under an empty id."""
    rows = database.select(
        "SELECT session, max(submitted_at), max(iif(endpoint_id = ?, 0, submitted_at)) FROM tasks"
        f" WHERE {OPEN} AND submitted_at > ? GROUP BY session",
        (LOCAL_ENDPOINT_ID, time.time() - min(3600 * hours, REACHABLE_S)),
    )
    sessions = {one.session: one for one in database.sessions()}
    found: dict[str, float] = {}
    for session, last, last_remote in rows:
        owner = sessions.get(session)
        if owner is None or owner.host != here.host:
            continue
        kernel, last = owner.kernel.removeprefix("kernel-").removesuffix(".json"), last
        if not may_run(owner, here):
            kernel, last = "", last_remote if collecting else 0.0
        if last:
            found[kernel] = max(found.get(kernel, 0.0), last + 3600 * hours)
    return found


def _alive(database: Database, here: KernelSession) -> str:
    return json.dumps([one.session for one in database.sessions() if may_run(one, here)])
