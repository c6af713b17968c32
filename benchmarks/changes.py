"""Changes states of tasks in a journal, as kernels do: so many a second, ten transactions a second.

Run: ``python -m benchmarks.changes JOURNAL CHANGES_A_SECOND``, until it is ended.
"""

from __future__ import annotations

import sys
import time
from itertools import cycle
from pathlib import Path

from gc_jupyter.journal import Database

STEPS = 10  # a second


def main(path: Path, rate: int) -> None:
    """All tasks in turn, the newest first: they run, and end."""
    database = Database(path)
    tasks = database.select(
        "SELECT task_id, session, serial FROM tasks ORDER BY submitted_at DESC LIMIT 50000"
    )
    lives = cycle((state, *task) for state in ("running", "success") for task in tasks)
    start, done = time.monotonic(), 0
    while True:
        done += 1
        now = time.time()
        with database:
            database.update_tasks(
                (state, task_id, None, None, now, now, None, task_id, session, serial)
                for state, task_id, session, serial in (next(lives) for _ in range(rate // STEPS))
            )
        time.sleep(max(0.0, start + done / STEPS - time.monotonic()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
