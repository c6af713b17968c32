"""Turn rows into a static table: HTML without styles of its own, and text.

It reads well in a reopened, untrusted notebook, on GitHub, in nbviewer and after papermill. Remote
text is escaped and bounded, so that a fan-out of 10,000 tasks leaves a small output.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from concurrent.futures import Future
from html import escape
from typing import Any

from gc_jupyter.durations import duration
from gc_jupyter.moments import clock_utc
from gc_jupyter.types import TaskState
from gc_jupyter.widgets.headline import ICONS, URGENCY, headline, summary
from gc_jupyter.widgets.outcomes import traceback_text
from gc_jupyter.widgets.task_rows import TaskRows

SHOWN = 100  # the most rows, once all tasks have ended
_SHOWN_OPEN = _SHOWN_AS_TEXT = 20
_TRACEBACKS = 4  # the most different tracebacks
_TRACEBACK = 4_000  # the most characters of each

_HEAD = ("Task", "State", "Endpoint", "Queued", "Running", "Result")
_LEFT = ' style="text-align:left"'
_ONE_LINE = ' style="text-align:left;white-space:nowrap"'


def static_table(
    rows: TaskRows, futures: Sequence[Future[Any]], title: str, at: float
) -> dict[str, str]:
    """Return `text/html` and `text/plain` of the present rows: up to `SHOWN` in HTML and 20 in
    text, failures first if there are more. While tasks are open, the text says as of when it is.
    Once all have ended, the HTML is a line that unfolds."""
    caption = f"{title}: {summary(rows)}"
    if len(rows) and not rows.done:
        caption += f", {as_of(at)}"
    bound = SHOWN if rows.done else _SHOWN_OPEN
    shown, rest = list(range(min(bound, len(rows)))), len(rows) - bound
    if rest > 0:
        urgency = {state: place for place, state in enumerate(URGENCY)}
        shown = heapq.nsmallest(bound, range(len(rows)), key=lambda row: urgency[rows.state(row)])
    more = f"{rest:,} more" if rest > 0 else ""
    cells = [_cells(rows, row) for row in shown]
    html = _html(caption, shown, cells, _tracebacks(rows, futures, shown), more)
    if len(rows) and rows.done:
        unfolded = " open" if rows.count(TaskState.FAILED) else ""
        line = escape(headline(rows, title))
        html = f"<details{unfolded}><summary>{line}</summary>{html}</details>"
    return {
        "text/html": html,
        "text/plain": _plain(caption, _most_urgent(rows, shown, cells), len(rows)),
    }


def _most_urgent(
    rows: TaskRows, shown: Sequence[int], cells: Sequence[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """Choose the shown rows that appear in the text, failures first if not all do."""
    if len(cells) <= _SHOWN_AS_TEXT:
        return list(cells)
    urgency = {state: place for place, state in enumerate(URGENCY)}
    order = sorted(range(len(shown)), key=lambda at: urgency[rows.state(shown[at])])
    return [cells[at] for at in order[:_SHOWN_AS_TEXT]]


def _tracebacks(
    rows: TaskRows, futures: Sequence[Future[Any]], shown: Sequence[int]
) -> dict[int, tuple[str, int]]:
    """Return the first few different tracebacks, each with its first row and its number of rows."""
    found: dict[str, tuple[int, str, int]] = {}
    for row in shown:
        if rows.state(row) is not TaskState.FAILED:
            continue
        text = traceback_text(futures[row], _TRACEBACK)
        _, line, same = text.partition("\n")  # the first line has the task's id and time
        if not line or (len(found) == _TRACEBACKS and same not in found):
            continue
        first, whole, count = found.get(same, (row, text, 0))
        found[same] = first, whole, count + 1
    return {row: (text, count) for row, text, count in found.values()}


def as_of(at: float) -> str:
    """Write a time in UTC, since readers of a notebook may be anywhere."""
    return f"as of {clock_utc(at)}"


def _cells(rows: TaskRows, row: int) -> tuple[str, ...]:
    state = rows.state(row)
    submitted, started, ended = (rows.field(row, f) for f in ("submitted", "started", "ended"))
    queued = (started - submitted) / 1000 if None not in (submitted, started) else None
    running = (ended - started) / 1000 if None not in (started, ended) else None
    return (
        rows.field(row, "label"),
        f"{ICONS[state]} {state.value}{_percent(rows.field(row, 'progress'))}",
        rows.endpoints[rows.field(row, "endpoint")],
        "" if queued is None or queued < 0 else duration(queued),  # by two clocks
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
    tracebacks: dict[int, tuple[str, int]],
    more: str,
) -> str:
    head = "".join(f'<th scope="col"{_LEFT}>{name}</th>' for name in _HEAD)
    body = []
    for row, (label, *others) in zip(shown, cells, strict=True):
        *short, text = [escape(text) for text in others]
        if row in tracebacks:
            whole, count = tracebacks[row]
            many = f" (the same in {count:,} tasks)" if count > 1 else ""
            pre = f"<pre>{escape(whole)}</pre>"
            text = f"<details><summary>{text}{many}</summary>{pre}</details>"
        tds = "".join(f"<td{_ONE_LINE}>{cell}</td>" for cell in short) + f"<td{_LEFT}>{text}</td>"
        body.append(f'<tr><th scope="row"{_ONE_LINE}>{escape(label)}</th>{tds}</tr>')
    if more:
        body.append(f'<tr><td colspan="{len(_HEAD)}"{_LEFT}>… and {more}</td></tr>')
    return (
        f"<table><caption{_LEFT}>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def _plain(caption: str, cells: Sequence[tuple[str, ...]], total: int) -> str:
    if not cells:
        return caption
    more = f"{total - len(cells):,} more" if total > len(cells) else ""
    table = [_HEAD, *cells]
    widths = [max(len(line[column]) for line in table) for column in range(len(_HEAD))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]
    return "\n".join([caption, *lines, *([f"… and {more}"] if more else [])])
