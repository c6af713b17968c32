"""Group attached tasks as they were submitted: single tasks, and fan-outs with each task in its
place.

Two runs of one cell stay two. The newest gets the names that the cell binds; a line says how to get
the others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from gc_jupyter.capture import CellFuture
from gc_jupyter.future import TaskFuture
from gc_jupyter.journal.sessions import Part
from gc_jupyter.magics.cells import bind_when_done
from gc_jupyter.magics.notebook import NotebookMagics
from gc_jupyter.moments import clock
from gc_jupyter.protocol.nonces import SHORT, place_of, run_of
from gc_jupyter.remote_text import one_line
from gc_jupyter.session import Tasks
from gc_jupyter.session.replied_future import RepliedFuture, StandIn, await_replies, stand_ins

Run: TypeAlias = "TaskFuture | Tasks"

#: The most places of a fan-out that get a stand-in: a reply may claim any number of tasks.
_MOST_ABSENT = 100_000
#: The text by which `%gc attach` finds a fan-out.
RUN = re.compile(r"gcj-[0-9a-f]{8,32}")


def runs_of(futures: Iterable[TaskFuture], alone: Sequence[str] = ()) -> list[Run]:
    """The tasks grouped by the run that submitted them, oldest first.

    Parameters
    ----------
    futures:
        In the order of submission. If two have the same place, the later one counts.
    alone:
        Ids of tasks that the user named one by one. If these are all tasks of a fan-out, they are
        the fan-out.
    """
    found: list[Run] = []
    nameless: list[TaskFuture] = []
    runs: dict[str, dict[int, TaskFuture]] = {}
    totals: dict[str, int] = {}
    for future in dict.fromkeys(futures):
        is_open = not future.done()  # before the look at its reply, which may come now
        part = part_of(future)
        if part is None:
            unknown = is_open and isinstance(future, RepliedFuture) and future.note is None
            (nameless if unknown else found).append(future)
        else:
            runs.setdefault(part.run, {})[part.place] = future
            totals[part.run] = max(totals.get(part.run, 0), part.total, part.place + 1)
    named = set(alone)
    for run, some in runs.items():
        total = totals[run]
        if len(some) < total and all(one.task_id in named for one in some.values()):
            found += some.values()
        elif total == 1 and not some[0].note.part:
            found.append(some[0])
        else:
            found.append(_together(run, some, total, nameless))
    places = sum(not one.done() for run in found for one in stand_ins(tasks_of(run)).values())
    if len(nameless) > places:  # tasks that fan-outs wait for aren't listed a second time
        found += nameless
    return sorted(found, key=_submitted)


def _together(
    run: str, some: Mapping[int, TaskFuture], total: int, nameless: Sequence[TaskFuture]
) -> Tasks:
    """The fan-out of these tasks: the existing one, or a new one with stand-ins for tasks that may
    belong to it."""
    own: Tasks | None = next((its for one in some.values() if (its := _fan_out(one))), None)
    if own is None:
        absent = StandIn("a task") if total - len(some) > _MOST_ABSENT else None
        every = [some.get(at) or absent or StandIn(f"task {at + 1}") for at in range(total)]
        own = Tasks(every, [one.label for one in every], run=run)
        nameless = [] if absent else nameless
    await_replies(own, nameless)
    return own


def _fan_out(future: TaskFuture) -> Tasks | None:
    return getattr(future, "fan_out", None)


def part_of(future: TaskFuture) -> Part | None:
    """A task's place in a fan-out, from the journal or its reply; from its nonce if its cell isn't
    known. None for a single task."""
    if future.note is not None and future.note.part:
        return Part.read(future.note.part)
    if future.nonce and future.note is not None and not future.note.place.execution_count:
        place = place_of(future.nonce)
        return Part.read(str(Part(run_of(future.nonce), place, place + 1)))
    return None


def tasks_of(run: Run) -> list[Any]:
    """A run's futures."""
    return list(run) if isinstance(run, Tasks) else [run]


def bind(magics: NotebookMagics, runs: Sequence[Run]) -> None:
    """Bind the names that these runs' cells bind, and say so.

    Parameters
    ----------
    magics:
        The magics of the notebook.
    runs:
        Oldest first.
    """
    session, namespace = magics.session, magics.shell.user_ns
    newest = {name: run for run in runs for name in _names(run)}
    bound: dict[str, None] = {}
    later: dict[str, None] = {}
    for run in runs:
        note, at = _first(run).note, _submitted(run)
        mine = [name for name in _names(run) if namespace.get(name) is run]
        free = [
            name
            for name in _names(run)
            if newest[name] is run and (name in mine or session.names.get(name, 0.0) <= at)
        ]
        session.names.update((name, at) for name in free if at != math.inf)
        if note is not None and note.bind in free and note.bind not in mine:
            namespace[note.bind] = run
            bound.setdefault(note.bind)
        outs = [name for name in note.out if name in free] if note is not None else []
        if isinstance(run, Tasks):
            run.bind(outs, namespace)
            (later if run.pending else bound).update(dict.fromkeys(outs))
        elif isinstance(run, CellFuture) and outs:
            over = run.done()  # before the look at its result, which may come now
            bind_when_done(run, outs, namespace)
            some = [name for name in outs if name in run.out] if over else outs
            (bound if over else later).update(dict.fromkeys(some))
        for name in _names(run):
            if name not in free:
                print(one_line(f"{name} is a newer run's. {describe(run)}", 1000))
        if not isinstance(run, Tasks):
            _say_of_what(run)
    if bound:
        print(f"Bound: {', '.join(bound)}.")
    if later:
        print(f"Bound when all have ended: {', '.join(later)}.")


def _say_of_what(future: TaskFuture) -> None:
    """Say how to get the other tasks of a task's fan-out."""
    note = future.note
    part = Part.read(note.part) if note is not None else None
    if part is not None:
        of = f" of {note.bind}" if note.bind else ""
        # the journal knows the run
        known = not isinstance(future, RepliedFuture)
        every = f": %gc attach {part.run[:SHORT]} gives all" if known else ""
        print(one_line(f"{future.label} is one of {part.total:,} tasks{of}{every}.", 1000))


def describe(run: Run) -> str:
    """Describe a run, and say how to get it."""
    first = _first(run)
    count = f"{len(run):,} tasks" if isinstance(run, Tasks) else "1 task"
    place = first.note.place if first.note is not None else None
    cell = f" of cell [{place.execution_count}]" if place and place.execution_count else ""
    at = _submitted(run)
    sent = "" if at == math.inf else f", sent {clock(at)}"
    got = run.run[:SHORT] if isinstance(run, Tasks) else first.task_id
    return (
        f"{count}{cell}{sent}: %gc attach {got} gives {'them' if len(tasks_of(run)) > 1 else 'it'}."
    )


def _names(run: Run) -> list[str]:
    """The names that the run's cell binds; none for one task of a fan-out, since the names mean all
    of it."""
    note = _first(run).note
    if note is None or (note.part and not isinstance(run, Tasks)):
        return []
    return list(dict.fromkeys([*([note.bind] if note.bind else []), *note.out]))


def _first(run: Run) -> TaskFuture:
    """The first future that isn't a stand-in: it knows its cell."""
    some: list[TaskFuture] = tasks_of(run)
    return next((one for one in some if one.note is not None), some[0])


def _submitted(run: Run) -> float:
    times = [one.info.submitted_at for one in tasks_of(run) if one.info.submitted_at is not None]
    return min(times, default=math.inf)
