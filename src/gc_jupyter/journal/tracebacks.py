"""The part of `Database` for tracebacks of failed tasks: one for each error of a run of a cell."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Mapping

from gc_jupyter.journal.sessions import RUN, SECRET
from gc_jupyter.remote_text import harmless

#: Characters of a traceback, of its end; tracebacks of a run; and those of all runs, the newest.
_LENGTH = 20_000
_OF_A_RUN = 50
_KEPT = 500
#: Before a text is searched for secrets. What is cut here is cut again after that.
_READ = 10 * _LENGTH
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")

SCHEMA = """
CREATE TABLE IF NOT EXISTS tracebacks (
    run TEXT, error TEXT, text TEXT, at REAL, PRIMARY KEY (run, error)
);
"""


class Tracebacks:
    """Tasks of a run that failed with the same error share the first one's traceback. Writes
    belong within `with database:`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, session: str, found: Mapping[int, str]) -> None:
        """What these tasks of a session have failed with, by their serials. Their rows have the
        error's line already."""
        if not found:
            return
        # few statements, since each releases the GIL, and a busy cell returns it 5 ms later
        new = self._connection.execute(
            "SELECT min(serial) FROM tasks WHERE session = ?"
            " AND serial IN (SELECT value FROM json_each(?))"
            f" AND NOT EXISTS (SELECT 1 FROM tracebacks t WHERE t.run = {RUN}"
            " AND t.error = tasks.error)"
            f" AND (SELECT count(*) FROM tracebacks WHERE run = {RUN}) < ?"
            f" GROUP BY {RUN}, error LIMIT ?",
            (session, json.dumps(list(found)), _OF_A_RUN, _OF_A_RUN),
        ).fetchall()
        if not new:
            return
        texts = {serial: _shown(found[serial]) for (serial,) in new}
        self._connection.execute(
            f"INSERT OR IGNORE INTO tracebacks (run, error, text, at) SELECT {RUN}, error, value, ?"
            " FROM json_each(?) JOIN tasks ON session = ? AND serial = CAST(key AS INTEGER)",
            (time.time(), json.dumps(texts), session),
        )
        self._connection.execute(
            "DELETE FROM tracebacks WHERE rowid <= (SELECT max(rowid) FROM tracebacks) - ?",
            (_KEPT,),
        )

    def expire(self, before: float) -> None:
        """Remove those older than this, in unix seconds."""
        self._connection.execute("DELETE FROM tracebacks WHERE at < ?", (before,))


def _shown(text: str) -> str:
    from gc_jupyter.credentials import masked  # not imported by %load_ext

    lines = _COLOUR.sub("", harmless(text[-_READ:])).strip().split("\n")
    text = masked("\n".join("***" if SECRET.search(line) else line for line in lines))
    return text if len(text) <= _LENGTH else "…\n" + text[-_LENGTH:]
