"""The journal by runs of cells: one row for each, grouped by SQLite."""

from __future__ import annotations

from gc_jupyter.journal.database import Database
from gc_jupyter.journal.schema import OPEN
from gc_jupyter.journal.sessions import RUN, KernelSession
from gc_jupyter.server.messages import RUN_COLUMNS, Failure, JournalState
from gc_jupyter.server.panel import AGAIN, HAS_TEXT, NEWEST, Filter, as_json, page, values
from gc_jupyter.types import TaskState

_SUCCESS, _FAILED = f"'{TaskState.SUCCESS.value}'", f"'{TaskState.FAILED.value}'"
_CANCELLED, _RUNNING = f"'{TaskState.CANCELLED.value}'", f"'{TaskState.RUNNING.value}'"
#: Different errors of a run that are told.
_ERRORS = 50

#: A run's fields, from those of its tasks.
_FIELDS = {
    "run": "run",
    "label": "coalesce(nullif(substr(cell, instr(cell, ':') + 1), ''),"
    " iif(min(label) = max(label), label, min(label) || ' …'))",
    "notebook": "notebook",
    "cell_id": "cell_id",
    "execution_count": "execution_count",
    "endpoint": "iif(min(endpoint) = max(endpoint), coalesce(nullif(endpoint, ''), endpoint_id),"
    " min(endpoint) || ' and others')",
    "ids": "CASE WHEN count(*) = 1 THEN max(task_id) WHEN min(part) != ''"
    " AND substr(min(part), 1, instr(part, ':')) = substr(max(part), 1, instr(part, ':'))"
    " THEN substr(part, 1, instr(part, ':') - 1) ELSE '' END",
    "tasks": "count(*)",
    "open": f"sum({OPEN})",
    "failed": f"sum(state = {_FAILED})",
    "cancelled": f"sum(state = {_CANCELLED})",
    "state": f"CASE WHEN sum(state = {_RUNNING}) THEN {_RUNNING}"
    f" WHEN sum({OPEN}) THEN max(iif({OPEN}, state, ''))"
    f" WHEN sum(state = {_FAILED}) THEN {_FAILED}"
    f" WHEN sum(state = {_CANCELLED}) THEN {_CANCELLED} ELSE {_SUCCESS} END",
    "submitted_at": "min(submitted_at)",
    "started_at": "min(started_at)",
    "ended_at": f"iif(sum({OPEN}), NULL, max(ended_at))",
    "error": "max(error)",
    "seen": f"min(seen OR {OPEN})",
    "kernel_alive": "max(kernel_alive)",
    "collected": "max(collected)",
    "progress": "sum(progress)",
}
_HAVING = {"": "1", "open": f"sum({OPEN}) > 0", "failed": f"sum(state = {_FAILED}) > 0"}


def runs_json(
    database: Database, here: KernelSession, wanted: Filter, journal: JournalState, root: str = ""
) -> str:
    """`messages.Page` of runs as JSON, newest first; see `panel.tasks_json`."""
    fields = ", ".join(f"{how} AS {name}" for name, how in _FIELDS.items())
    if wanted.text or wanted.state or wanted.run:
        conditions = [
            _HAVING.get(wanted.state, f"{_FIELDS['state']} = :state"),
            f"sum({HAS_TEXT}) > 0" if wanted.text else "1",
        ]
        runs = (
            f"runs AS (SELECT {fields} FROM {NEWEST} AS shown"
            f" WHERE {'run = :run' if wanted.run else '1'}"
            f" GROUP BY shown.run HAVING {' AND '.join(conditions)})"
        )
        limits, total_of = "LIMIT :limit OFFSET :offset", "runs"
    else:  # only those of the page are put together
        runs = (
            f"sent AS (SELECT {RUN} AS run, min(submitted_at) AS at FROM tasks GROUP BY 1),"
            " here AS (SELECT run FROM sent ORDER BY at DESC, run LIMIT :limit OFFSET :offset),"
            f" runs AS (SELECT {fields} FROM {NEWEST} AS shown WHERE run IN here"
            " GROUP BY shown.run)"
        )
        limits, total_of = "", "sent"
    ((rows, total),) = database.select(
        f"WITH {AGAIN}, {runs}"
        f" SELECT (SELECT json_group_array(json_array({as_json(RUN_COLUMNS)})) FROM"
        f" (SELECT * FROM runs ORDER BY submitted_at DESC, run {limits})),"
        f" (SELECT count(*) FROM {total_of})",
        values(database, here, wanted, root),
    )
    return page(rows, RUN_COLUMNS, total, journal)


def failures(database: Database, here: KernelSession, run: str) -> list[Failure]:
    """A run's errors, each with how many tasks have it, the most frequent first."""
    found = database.select(
        f"WITH {AGAIN}, errors AS (SELECT error, count(*) AS tasks FROM {NEWEST}"
        f" WHERE run = :run AND state = {_FAILED} GROUP BY error ORDER BY 2 DESC, 1"
        f" LIMIT {_ERRORS}) SELECT error, tasks, coalesce(text, '') FROM errors"
        " LEFT JOIN (SELECT error, text FROM tracebacks WHERE run = :run) USING (error)"
        " ORDER BY tasks DESC, error",
        values(database, here, Filter(run=run)),
    )
    return [{"error": error, "tasks": tasks, "traceback": text} for error, tasks, text in found]
