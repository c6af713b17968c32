"""What the panels show of the journal: one statement each, off the server's loop."""

from __future__ import annotations

import json
import os
import time

from gc_jupyter.journal.database import REACHABLE_S, Database
from gc_jupyter.journal.sessions import KernelSession, may_run
from gc_jupyter.server.messages import COLUMNS
from gc_jupyter.types import LOCAL_ENDPOINT_ID

#: What isn't a column of the table of tasks.
_COMPUTED = {
    "kernel_alive": "session IN (SELECT value FROM json_each(?))",
    "collected": "task_id IN (SELECT task_id FROM results)",
}
_BOOLEANS = [COLUMNS.index(name) for name in ("seen", *_COMPUTED)]
_NOTEBOOK = COLUMNS.index("notebook")
_SELECTED = ", ".join(_COMPUTED.get(name, name) for name in COLUMNS)


def task_rows(
    database: Database, here: KernelSession, limit: int, root: str = ""
) -> tuple[list[list[object]], int]:
    """Rows of `messages.COLUMNS`, the newest first, and how many tasks there are. Notebooks below
    the server's `root` get the paths that its contents have."""
    found = database.select(
        f"SELECT {_SELECTED} FROM tasks ORDER BY submitted_at DESC, serial DESC LIMIT ?",
        (_alive(database, here), limit),
    )
    rows = [list(row) for row in found]
    folder = os.path.join(root, "") if root else ""
    for row in rows:
        for at in _BOOLEANS:
            row[at] = bool(row[at])
        row[_NOTEBOOK] = _contents_path(row[_NOTEBOOK], folder)
    ((total,),) = database.select("SELECT count(*) FROM tasks")
    return rows, total


def _contents_path(notebook: str, folder: str) -> str:
    if not folder or not notebook.startswith(folder):
        return notebook
    return notebook.removeprefix(folder).replace(os.sep, "/")


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


def _alive(database: Database, here: KernelSession) -> str:
    return json.dumps([one.session for one in database.sessions() if may_run(one, here)])
