"""The journal's file: its path, and a quick look whether it has unseen tasks.

`%load_ext` waits for both, so they import nothing else of this package.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from gc_jupyter.own_files import check_own_database, data_directory


def journal_path() -> Path:
    """The file, in this package's data directory; it may not exist yet."""
    return data_directory() / "journal.sqlite"


def worth_reading(path: Path) -> bool:
    """Whether there are tasks, not of `local`, whose results nobody has seen."""
    if not path.exists():
        return False
    try:
        check_own_database(path)
    except OSError:
        return True  # the full query reports what is wrong
    with contextlib.closing(sqlite3.connect(path, timeout=0.1)) as connection:
        try:
            found = connection.execute(
                "SELECT 1 FROM tasks WHERE seen = 0 AND endpoint != 'local'"
                " AND state != 'cancelled' LIMIT 1"
            )
            return found.fetchone() is not None
        except sqlite3.Error:
            return True
