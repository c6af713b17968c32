"""A journal with the tasks of many days."""

from __future__ import annotations

import time
from pathlib import Path

from gc_jupyter.journal import Database, Entry, KernelSession

STATES = ("success", "failed", "running", "waiting for nodes", "success")
#: Tasks of a kernel: the journal drops the oldest ended ones of a kernel that has had more.
_OF_A_KERNEL = 50_000


def fill_journal(
    path: Path, count: int = 10_000, cells: int = 40, *, fan_outs: bool = False
) -> None:
    """Tasks of kernels that have ended, of so many cells, with markup for an error. As `fan_outs`,
    each task says its place in one, as those of ``--map`` do, and its run of the cell."""
    now = time.time()
    database = Database(path)
    with database:
        for first in range(0, count, _OF_A_KERNEL):
            session = f"old{first or ''}"
            database.add_session(
                KernelSession(session=session, host="login7", notebook="/data/deep.ipynb")
            )
            database.add_tasks(
                Entry(
                    **{
                        "session": session,
                        "serial": n,
                        "task_id": f"{n:08d}-1d3c-4f8f-9f6f-39921e5864df",
                    },
                    **{"group_id": "g", "endpoint_id": "e", "endpoint": "polaris"},
                    **{"function_id": "f", "label": f"fit #{n}", "kind": "cell"},
                    **{"notebook": "/data/deep.ipynb", "bind": "", "out": ""},
                    **{"cell_id": "c", "execution_count": n % cells},
                    **{"state": STATES[n % 5], "submitted_at": now - 3600 - n},
                    started_at=now - 3590 - n if n % 5 < 3 else None,
                    ended_at=now - 3500 - n if n % 5 < 2 else None,
                    error="ValueError: <script>window.hacked=1</script>" if n % 5 == 1 else "",
                    cell=f"{n % cells:032x}:fit #{n % cells}" if fan_outs else "",
                    part=f"{n % cells:032x}:{n // cells}:{count // cells}" if fan_outs else "",
                )
                for n in range(first, min(count, first + _OF_A_KERNEL))
            )
    database.close()
