"""Messages about tasks of earlier kernels, by %load_ext, and of earlier runs of a cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gc_jupyter.journal import Entry, Journal
    from gc_jupyter.session import Session

#: The state of a task whose kernel has not heard of its end. The service wasn't asked again.
_OPEN = "not over"
#: The entries of earlier kernels that %load_ext has announced in this kernel.
_told: list[Entry] = []


def announce(journal: Journal) -> str:
    """The message about earlier kernels' tasks; empty if there are none. It uses no network."""
    nothing: list[Entry] = []
    _told[:] = journal.ask(lambda db: db.earlier(journal.session), nothing)
    return summary(_told)


def summary(entries: Sequence[Entry]) -> str:
    """``3 earlier tasks: 1 failed, 1 success, 1 not over. %gc attach``"""
    if not entries:
        return ""
    counts = Counter(
        entry.vain if entry.looked_at is not None else entry.state if entry.done else _OPEN
        for entry in entries
    )
    words = sorted(counts, key=lambda word: (word == _OPEN, word))
    shown = ", ".join(f"{counts[word]:,} {word}" for word in words)
    tasks = "1 earlier task" if len(entries) == 1 else f"{len(entries):,} earlier tasks"
    return f"{tasks}: {shown}. %gc attach"


def attached(entries: Sequence[Entry]) -> None:
    """Note that this kernel has attached to these tasks."""
    keys = {(one.session, one.serial) for one in entries}
    _told[:] = [one for one in _told if (one.session, one.serial) not in keys]


def still_running(session: Session) -> str | None:
    """A warning where an earlier run of the cell that runs now isn't over."""
    if session.journal is None or not (cell := session.journal.place().cell_id):
        return None
    running = [one for one in session.open_tasks() if one.note and one.note.place.cell_id == cell]
    if running:
        ids = [one.task_id or "" for one in running]
        where = running[0].note.endpoint
    else:
        entries = [one for one in _told if one.cell_id == cell and not one.done]
        if not entries:
            return None
        ids, where = [one.task_id for one in entries], entries[0].endpoint
    picked = ids[0] if len(ids) == 1 else ""
    tasks = f"Task {ids[0]} of an earlier run" if len(ids) == 1 else f"{len(ids):,} tasks of"
    tasks += "" if len(ids) == 1 else " earlier runs"
    verb = "isn't" if len(ids) == 1 else "aren't"
    return (
        f"{tasks} of this cell {verb} over at {where}: `{f'%gc attach {picked}'.strip()}`"
        " picks up what is there. This run is sent all the same."
    )
