"""What the panels show of the journal: one statement each, off the server's loop."""

from __future__ import annotations

import json
import os
import time

from gc_jupyter.journal.database import REACHABLE_S, Database
from gc_jupyter.journal.sessions import KernelSession, may_run, surely_ended
from gc_jupyter.server.messages import COLUMNS, JournalState
from gc_jupyter.types import LOCAL_ENDPOINT_ID, LOCAL_NAME, TaskState

_DONE = ", ".join(f"'{state.value}'" for state in TaskState if state.done)
#: What isn't a plain column of the table of tasks.
_COMPUTED = {
    # an executor's tasks know its id alone
    "endpoint": f"coalesce(nullif(endpoint, ''), iif(endpoint_id = '{LOCAL_ENDPOINT_ID}',"
    f" '{LOCAL_NAME}', (SELECT name FROM endpoints WHERE endpoint_id = tasks.endpoint_id)), '')",
    # it is written down right before it is sent; one of local ends with its kernel
    "state": f"CASE WHEN state NOT IN ({_DONE}) AND endpoint_id = '{LOCAL_ENDPOINT_ID}' AND session"
    f" IN (SELECT value FROM json_each(:ended)) THEN '{TaskState.CANCELLED.value}'"
    f" WHEN state = '{TaskState.UNSENT.value}' THEN '{TaskState.UNCONFIRMED.value}'"
    " ELSE state END",
    "notebook": "iif(:folder != '' AND substr(notebook, 1, length(:folder)) = :folder,"
    " replace(substr(notebook, length(:folder) + 1), :separator, '/'), notebook)",
    "seen": "json(iif(seen, 'true', 'false'))",
    "kernel_alive": "json(iif(session IN (SELECT value FROM json_each(:alive)), 'true', 'false'))",
    "collected": "json(iif(task_id IN (SELECT task_id FROM results), 'true', 'false'))",
}
_SELECTED = ", ".join(_COMPUTED.get(name, name) for name in COLUMNS)


def tasks_json(
    database: Database, here: KernelSession, limit: int, journal: JournalState, root: str = ""
) -> str:
    """`messages.Tasks` as JSON. Notebooks below the server's `root` get the paths that its contents
    have. SQLite writes it: in half the time, and none of that holds up the server's loop."""
    values = {
        "folder": os.path.join(root, "") if root else "",
        "separator": os.sep,
        "alive": _alive(database, here),
        "ended": json.dumps(
            [one.session for one in database.sessions() if surely_ended(one, here)]
        ),
        "limit": limit,
    }
    ((rows, total),) = database.select(
        f"SELECT (SELECT json_group_array(json_array({_SELECTED})) FROM"
        " (SELECT * FROM tasks ORDER BY submitted_at DESC, serial DESC LIMIT :limit) AS tasks),"
        " (SELECT count(*) FROM tasks)",
        values,
    )
    return tasks_text(rows, total, journal)


def tasks_text(rows: str, total: int, journal: JournalState) -> str:
    """`messages.Tasks` as JSON, from the rows' JSON."""
    rest = json.dumps({"columns": COLUMNS, "total": total, "journal": journal})
    return f'{{"rows":{rows},{rest[1:]}'


def counts(database: Database, here: KernelSession) -> tuple[int, int]:
    """How many tasks haven't ended, and how many results are kept. (A task of ``local`` ends with
    its kernel, and one that is older than the service keeps it has no end to wait for.)"""
    ((pending, collected),) = database.select(
        "SELECT (SELECT count(*) FROM tasks WHERE state NOT IN ('success', 'failed', 'cancelled')"
        " AND submitted_at > ? AND (endpoint_id != ? OR session IN"
        " (SELECT value FROM json_each(?)))), (SELECT count(*) FROM results)",
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
        f" WHERE state NOT IN ({_DONE}) AND submitted_at > ? GROUP BY session",
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
