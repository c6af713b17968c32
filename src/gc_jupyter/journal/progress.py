"""The part of `Database` for the progress of running tasks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping


class Progress:
    """A column of the table of tasks. Writes belong within `with database:`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, session: str, parts: Mapping[int, float]) -> None:
        """Set the share that is done of these tasks, from 0 to 1, by their serials in this
        session."""
        self._connection.execute(
            "WITH news AS (SELECT CAST(key AS INTEGER) AS serial, value FROM json_each(?))"
            " UPDATE tasks SET progress = (SELECT value FROM news WHERE news.serial = tasks.serial)"
            " WHERE session = ? AND serial IN (SELECT serial FROM news)",
            (json.dumps(dict(parts)), session),
        )
