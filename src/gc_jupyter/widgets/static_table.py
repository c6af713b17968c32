"""Rows -> a table that needs nothing: HTML without styles of its own, and text.

Reads well in a reopened, untrusted notebook, on GitHub, in nbviewer and after papermill. Remote
text is escaped, and bounded: a fan-out of 10,000 leaves a small output.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence
from concurrent.futures import Future
from html import escape
from typing import Any

from gc_jupyter.types import TaskState
from gc_jupyter.widgets.durations import duration
from gc_jupyter.widgets.outcomes import traceback_text
from gc_jupyter.widgets.task_rows import TaskRows

SHOWN = 20  # rows
_TRACEBACKS = 4
_TRACEBACK = 4_000  # characters of each

_ICONS = {
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
#: Most urgent first: what a user must see stands on top.
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
_HEAD = ("Task", "State", "Endpoint", "Queued", "Running", "Result")
_LEFT = ' style="text-align:left"'
_ONE_LINE = ' style="text-align:left;white-space:nowrap"'


def static_table(
    rows: TaskRows, futures: Sequence[Future[Any]], title: str, at: float
) -> dict[str, str]:
    """`text/html` and `text/plain` of the rows as they are now: up to `SHOWN` of them, failures
    first when there are more. While tasks are open, it says of when it is."""
    caption = f"{title}: {summary(rows)}"
    if len(rows) and not rows.done:
        caption += f", {as_of(at)}"
    shown, rest = list(range(min(SHOWN, len(rows)))), len(rows) - SHOWN
    if rest > 0:
        urgency = {state: place for place, state in enumerate(URGENCY)}
        shown = heapq.nsmallest(SHOWN, range(len(rows)), key=lambda row: urgency[rows.state(row)])
    more = f"{rest:,} more" if rest > 0 else ""
    cells = [_cells(rows, row) for row in shown]
    failed = [row for row in shown if rows.state(row) is TaskState.FAILED][:_TRACEBACKS]
    tracebacks = {
        row: text for row in failed if "\n" in (text := traceback_text(futures[row], _TRACEBACK))
    }
    return {
        "text/html": _html(caption, shown, cells, tracebacks, more),
        "text/plain": _plain(caption, cells, more),
    }


def as_of(at: float) -> str:
    """A moment, for whoever reads a notebook anywhere: in UTC."""
    return time.strftime("as of %Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def summary(rows: TaskRows) -> str:
    """How many tasks are in which state, most urgent first: ``2 failed, 198 success``."""
    if not len(rows):
        return "no tasks"
    counts = dict(zip(TaskState, rows.counts, strict=True))
    return ", ".join(f"{counts[state]:,} {state.value}" for state in URGENCY if counts[state])


def _cells(rows: TaskRows, row: int) -> tuple[str, ...]:
    state = rows.state(row)
    submitted, started, ended = (rows.field(row, f) for f in ("submitted", "started", "ended"))
    queued = max(0, started - submitted) / 1000 if None not in (submitted, started) else None
    running = (ended - started) / 1000 if None not in (started, ended) else None
    return (
        rows.field(row, "label"),
        f"{_ICONS[state]} {state.value}{_percent(rows.field(row, 'progress'))}",
        rows.endpoints[rows.field(row, "endpoint")],
        duration(queued),
        duration(running),
        rows.field(row, "text"),
    )


def _percent(progress: list[float | None] | None) -> str:
    done, total = progress or (None, None)
    return "" if done is None or total is None else f" {100 * done / total:.0f}%"


def _html(
    caption: str,
    shown: Sequence[int],
    cells: Sequence[tuple[str, ...]],
    tracebacks: dict[int, str],
    more: str,
) -> str:
    head = "".join(f'<th scope="col"{_LEFT}>{name}</th>' for name in _HEAD)
    body = []
    for row, (label, *others) in zip(shown, cells, strict=True):
        *short, text = [escape(text) for text in others]
        if row in tracebacks:
            pre = f"<pre>{escape(tracebacks[row])}</pre>"
            text = f"<details><summary>{text}</summary>{pre}</details>"
        tds = "".join(f"<td{_ONE_LINE}>{cell}</td>" for cell in short) + f"<td{_LEFT}>{text}</td>"
        body.append(f'<tr><th scope="row"{_ONE_LINE}>{escape(label)}</th>{tds}</tr>')
    if more:
        body.append(f'<tr><td colspan="{len(_HEAD)}"{_LEFT}>… and {more}</td></tr>')
    return (
        f"<table><caption{_LEFT}>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _plain(caption: str, cells: Sequence[tuple[str, ...]], more: str) -> str:
    if not cells:
        return caption
    table = [_HEAD, *cells]
    widths = [max(len(line[column]) for line in table) for column in range(len(_HEAD))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]
    return "\n".join([caption, *lines, *([f"… and {more}"] if more else [])])
