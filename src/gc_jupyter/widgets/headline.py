"""Summarize ended tasks in one line, with the icons of their states.

`headline.ts` writes the same.
"""

from __future__ import annotations

from gc_jupyter.durations import duration
from gc_jupyter.types import TaskState
from gc_jupyter.widgets.task_rows import TaskRows

ICONS = {
    TaskState.UNSENT: "○",
    TaskState.WAITING_LIMIT: "◎",
    TaskState.UNCONFIRMED: "?",
    TaskState.WAITING_ENDPOINT: "◔",
    TaskState.ENDPOINT_OFFLINE: "◌",
    TaskState.WAITING_NODES: "◑",
    TaskState.WAITING_WORKER: "◑",
    TaskState.RUNNING: "▶",
    TaskState.SUCCESS: "✓",
    TaskState.FAILED: "✗",
    TaskState.CANCELLED: "⊘",
}
#: The states, most urgent first.
URGENCY = (
    TaskState.FAILED,
    TaskState.ENDPOINT_OFFLINE,
    TaskState.RUNNING,
    TaskState.WAITING_NODES,
    TaskState.WAITING_WORKER,
    TaskState.WAITING_ENDPOINT,
    TaskState.UNCONFIRMED,
    TaskState.WAITING_LIMIT,
    TaskState.UNSENT,
    TaskState.CANCELLED,
    TaskState.SUCCESS,
)
_OWN_TITLES = ("Tasks", "Task")  # nobody has named them


def summary(rows: TaskRows) -> str:
    """Count the tasks by state, most urgent first: ``2 failed, 198 success``."""
    if not len(rows):
        return "no tasks"
    counts = dict(zip(TaskState, rows.counts, strict=True))
    return ", ".join(f"{counts[state]:,} {state.value}" for state in URGENCY if counts[state])


def headline(rows: TaskRows, title: str) -> str:
    """Summarize ended tasks: ``✓ Squares: 200 tasks · 4.1 s · polaris``."""
    failed, cancelled = rows.count(TaskState.FAILED), rows.count(TaskState.CANCELLED)
    what = f"{len(rows):,} {'task' if len(rows) == 1 else 'tasks'}"
    if failed:
        what = f"{failed:,} of {what} failed"
    if title not in _OWN_TITLES:
        what = f"{title}: {what}"
    if cancelled:
        what += f", {cancelled:,} cancelled"
    names = [name for name in rows.endpoints if name]
    where = f"{len(names)} endpoints" if len(names) > 1 else "".join(names)
    state = TaskState.SUCCESS
    if failed or cancelled:
        state = TaskState.FAILED if failed else TaskState.CANCELLED
    parts = [f"{ICONS[state]} {what}", duration(_whole_seconds(rows)), where]
    return " · ".join(part for part in parts if part)


def _whole_seconds(rows: TaskRows) -> float | None:
    """Return the seconds from the first submission to the last end."""
    begun = [at for row in range(len(rows)) if (at := rows.field(row, "submitted")) is not None]
    ended = [at for row in range(len(rows)) if (at := rows.field(row, "ended")) is not None]
    if not begun or not ended or max(ended) <= min(begun):
        return None
    whole: int = max(ended) - min(begun)
    return whole / 1000
