"""Reports of `%gc attach` about tasks whose results it could not get."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from gc_jupyter.journal import Entry
from gc_jupyter.moments import clock
from gc_jupyter.remote_text import one_line
from gc_jupyter.session.attach import Attached

_NAMED = 5  # the most ids in a line


def report(found: Attached) -> None:
    """Print which tasks are unknown, why, and what to do."""
    if found.ended:
        print(
            f"{_tasks(len(found.ended))} gone: those of local, and their results, end with their"
            " kernel. Run the cell again."
        )
    if found.nameless:
        print(
            f"{_tasks(found.nameless)} waited for whose ids no reply has told: each is recognised"
            " by its own result."
        )
    if found.unseen:
        _report_unseen(found)
    if found.unnamed:
        print(
            f"{_tasks(len(found.unnamed))} of plain functions, whose results say nothing of where"
            " they belong: nothing is bound to them. They are kept: %gc attach --forget ends that."
        )
    if found.strays:
        ids = ", ".join(one_line(one) for one in found.strays[:_NAMED])
        more = f", and {len(found.strays) - _NAMED:,} more" if len(found.strays) > _NAMED else ""
        print(
            f"It can't be told whose these are: {ids}{more}. %gc result ID shows what came of one."
        )
    if found.unknown:
        _report_unknown(found.unknown)


def _report_unseen(found: Attached) -> None:
    at = clock()
    for some in _by_cell(found.unseen):
        what = f"{_place(some)}: not seen at the service at {at} as {found.identity}."
        print(one_line(what, 1000))
    print(
        "Never accepted, older than two weeks, or another user's (%gc whoami says who you are)."
        " They are kept: %gc attach looks again, %gc attach --forget ends that. Running the cell"
        " again runs them a second time if they were accepted after all."
    )


def _report_unknown(entries: Sequence[Entry]) -> None:
    """Print what is known about tasks whose group is unknown, and what can be done."""
    cells = _by_cell(entries)
    for some in cells:
        first = some[0]
        sent = clock(first.submitted_at)
        endpoint = first.endpoint or first.endpoint_id
        line = f"{_place(some)}: on the way to {endpoint} at {sent}, and no reply was read."
        print(one_line(line, 1000))  # the notebook's file name may have any characters
    endpoints = (some[0].endpoint or some[0].endpoint_id for some in cells)
    where = one_line(" and ".join(dict.fromkeys(endpoints)), 500)
    print(
        "The service can't be asked whether it accepted these tasks: they were the kernel's first,"
        " and their task group was named only in the lost reply. If it accepted them, they run at"
        f" {where} all the same: %gc status shows what waits there, and Globus's web app or the"
        " endpoint's administrator may know more. Running the cell again runs them a second time."
        " They stay listed until %gc attach --forget."
    )


def _by_cell(entries: Sequence[Entry]) -> list[list[Entry]]:
    by_cell: dict[tuple[str, str, int], list[Entry]] = {}
    for one in entries:
        cell = (one.endpoint or one.endpoint_id, one.session, one.execution_count)
        by_cell.setdefault(cell, []).append(one)
    return list(by_cell.values())


def _place(some: Sequence[Entry]) -> str:
    """Their number and their cell, as words."""
    first = some[0]
    place = f"cell [{first.execution_count}]" if first.execution_count else "a cell"
    place += f" of {PurePath(first.notebook).name}" if first.notebook else ""
    label = f", {first.label}" if len(some) == 1 and first.label else ""
    name = f" ({first.bind})" if first.bind else ""
    count = "1 task" if len(some) == 1 else f"{len(some):,} tasks"
    return f"{count} of {place}{label}{name}"


def _tasks(count: int) -> str:
    return "1 task is" if count == 1 else f"{count:,} tasks are"
