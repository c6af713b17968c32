"""The journal's tables, columns and indexes, and how an older file gets them."""

from __future__ import annotations

import sqlite3

from gc_jupyter.journal import results, tracebacks
from gc_jupyter.journal.sessions import RUN
from gc_jupyter.types import TaskState

VERSION = 8
#: Below this number a version only adds tables, and columns that may be left out: so kernels and
#: servers of several versions of this package use one file, and a downgrade goes on with it.
OTHER_FORMAT = 50

#: SQL: the states of tasks that have ended, and whether a task hasn't.
DONE = ", ".join(f"'{state.value}'" for state in TaskState if state.done)
OPEN = f"state NOT IN ({DONE})"

#: Makes what a file lacks: version 1 had neither results nor claims, later ones lack columns.
_TABLES = f"""
CREATE TABLE IF NOT EXISTS sessions (
    kernel TEXT, notebook TEXT, host TEXT, pid INTEGER, started TEXT, session TEXT PRIMARY KEY
);
CREATE TABLE IF NOT EXISTS tasks (
    session TEXT, serial INTEGER, task_id TEXT, group_id TEXT, endpoint_id TEXT, endpoint TEXT,
    function_id TEXT, label TEXT, kind TEXT, notebook TEXT, cell_id TEXT, execution_count INTEGER,
    bind TEXT, out TEXT, state TEXT, submitted_at REAL, started_at REAL, ended_at REAL, error TEXT,
    seen INTEGER DEFAULT 0, nonce TEXT DEFAULT '', looked_at REAL, looked_as TEXT DEFAULT '',
    decodes TEXT DEFAULT '', part TEXT DEFAULT '', cell TEXT DEFAULT '', progress REAL,
    PRIMARY KEY (session, serial)
);
CREATE TABLE IF NOT EXISTS endpoints (
    endpoint_id TEXT PRIMARY KEY, name TEXT, status TEXT, python TEXT, dill TEXT, at REAL
);
{results.SCHEMA}{tracebacks.SCHEMA}"""
#: Columns of `tasks` that older files lack.
_ADDED = {
    **dict.fromkeys(("nonce", "looked_as", "decodes", "part", "cell"), "TEXT DEFAULT ''"),
    **dict.fromkeys(("looked_at", "progress"), "REAL"),
}
#: The last three are for the panels: a page of 100,000 tasks isn't found by reading all of them.
_INDEXES = f"""
CREATE INDEX IF NOT EXISTS tasks_by_id ON tasks (task_id);
CREATE INDEX IF NOT EXISTS tasks_by_group ON tasks (group_id);
CREATE INDEX IF NOT EXISTS tasks_by_run ON tasks ({RUN}, submitted_at, serial);
CREATE INDEX IF NOT EXISTS tasks_by_part ON tasks (part, submitted_at) WHERE part != '';
CREATE INDEX IF NOT EXISTS tasks_open ON tasks (session, submitted_at, endpoint_id) WHERE {OPEN}
"""


def prepare(connection: sqlite3.Connection) -> None:
    """Bring a file of an earlier version, or an empty one, to `VERSION`. In a transaction."""
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    known = {row[1] for row in connection.execute("PRAGMA table_info(tasks)")}
    for new in _ADDED.keys() - known:
        connection.execute(f"ALTER TABLE tasks ADD COLUMN {new} {_ADDED[new]}")
    for statement in _INDEXES.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
