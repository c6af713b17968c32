"""A journal with the tasks of many days."""

from __future__ import annotations

import time
from pathlib import Path

from gc_jupyter.journal import Database, Entry, KernelSession

STATES = ("success", "failed", "running", "waiting for nodes", "success")


def fill_journal(path: Path, count: int = 10_000, cells: int = 40) -> None:
    """Tasks of a kernel that has ended, of so many cells, with markup for an error."""
    now = time.time()
    database = Database(path)
    with database:
        database.add_session(
            KernelSession(session="old", host="login7", notebook="/data/deep.ipynb")
        )
        database.add_tasks(
            Entry(
                **{
                    "session": "old",
                    "serial": n,
                    "task_id": f"{n:08d}-1d3c-4f8f-9f6f-39921e5864df",
                },
                **{"group_id": "g", "endpoint_id": "e", "endpoint": "polaris", "function_id": "f"},
                **{"label": f"fit #{n}", "kind": "cell", "notebook": "/data/deep.ipynb"},
                **{"cell_id": "c", "execution_count": n % cells, "bind": "", "out": ""},
                **{"state": STATES[n % 5], "submitted_at": now - 3600 - n},
                started_at=now - 3590 - n if n % 5 < 3 else None,
                ended_at=now - 3500 - n if n % 5 < 2 else None,
                error="ValueError: <script>window.hacked=1</script>" if n % 5 == 1 else "",
            )
            for n in range(count)
        )
    database.close()
