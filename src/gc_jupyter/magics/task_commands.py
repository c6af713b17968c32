"""%gc tasks, attach, result and cancel."""

from __future__ import annotations

import argparse
import concurrent.futures
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import Any

from IPython.core.error import UsageError
from IPython.display import display

from gc_jupyter.capture import CellFuture
from gc_jupyter.errors import ComputeError, SubmitUncertain, TaskPending
from gc_jupyter.future import TaskFuture, dropped
from gc_jupyter.journal import Database, Entry
from gc_jupyter.journal.sessions import KernelSession, Part, surely_ended
from gc_jupyter.magics import earlier_tasks
from gc_jupyter.magics.attached import report
from gc_jupyter.magics.cancel import cancel as cancel_tasks
from gc_jupyter.magics.cancel import whole_ids
from gc_jupyter.magics.notebook import NotebookMagics, short
from gc_jupyter.magics.runs import RUN, bind, part_of, runs_of, tasks_of
from gc_jupyter.magics.tables import show_table, text_table
from gc_jupyter.moments import clock
from gc_jupyter.remote_text import one_line
from gc_jupyter.session import Session, Tasks, show_output, without_markup
from gc_jupyter.session.attach import Attached, attach, who_asks
from gc_jupyter.session.unknown_tasks import attach_by_id, attach_rest
from gc_jupyter.types import LOCAL_ENDPOINT_ID, TaskState
from gc_jupyter.widgets.front_end import has_front_end

_LISTED = 50
_WIDTH = 80  # characters of a line in a terminal and in a narrow notebook
_ID = 8  # characters of an id, which every %gc command takes
_NAMED = 5  # notebooks in a line
_RESULT_S = 30.0


def list_tasks(magics: NotebookMagics, line: argparse.Namespace) -> None:
    """%gc tasks: a table that follows this kernel's open tasks, and a list of the others."""
    session, journal = magics.session, magics.session.journal
    if journal is None or journal.problem:
        _list_own(magics, line.failed)
        return
    followed = session.open_tasks() if has_front_end() and not line.failed else []
    if followed:
        show_table(followed, "Open tasks of this kernel")
    own = journal.session.session
    conditions = ["1" if line.all else "session = ?"]
    conditions += ["state = 'failed'"] if line.failed else []
    of = " AND ".join(conditions), () if line.all else (own,)
    entries: list[Entry] = journal.ask(lambda db: db.tasks(*of, _LISTED + len(followed)), [])
    if not entries:
        print("No tasks." if line.all else "No tasks of this kernel; %gc tasks --all shows all.")
        return
    shown = {(own, one.serial) for one in followed}
    gone: set[str] = journal.ask(lambda db: _ended(db, journal.session), set())
    entries = [
        replace(one, state="cancelled", error="its kernel has ended")
        if one.session in gone and one.endpoint_id == LOCAL_ENDPOINT_ID and not one.done
        else one
        for one in entries
        if (one.session, one.serial) not in shown
    ][:_LISTED]
    rows = [
        (
            one.task_id[:_ID] or "(no id)",
            f"✗ {one.word}" if one.state == TaskState.FAILED.value else one.word,
            one.endpoint or one.endpoint_id,
            clock(one.submitted_at),
            f"In[{one.execution_count}]" if one.execution_count else "",
            one.label,
        )
        for one in entries
    ]
    if rows:
        names = "Task", "State", "Endpoint", "Sent", "Cell", "Label"
        head, *lines = text_table(names, rows, width=_WIDTH, free=("Endpoint", "Label")).split("\n")
        print(head)
        for text, one in zip(lines, entries, strict=True):
            print(text)
            if one.unseen or one.error:  # in lines of their own: a column would be too narrow
                print(" " * (_ID + 2) + one_line(one.unseen or one.error, _WIDTH - _ID - 2))
    if len(entries) == _LISTED:
        print(f"The newest {_LISTED}.")


def _ended(database: Database, here: KernelSession) -> set[str]:
    """The sessions whose kernels have certainly ended, and with them their tasks on `local`."""
    return {one.session for one in database.sessions() if surely_ended(one, here)}


def _list_own(magics: NotebookMagics, failed: bool) -> None:
    futures = [future for _, future in sorted(magics.session.tasks.items())]
    futures = [one for one in futures if not failed or one in Tasks(futures).failed]
    rows = [
        ((one.task_id or "(no id)")[:_ID], "ended" if one.done() else "open", one.label)
        for one in futures[-_LISTED:]
    ]
    print(text_table(("Task", "State", "Label"), rows) if rows else "No tasks of this kernel.")


def attach_tasks(magics: NotebookMagics, line: argparse.Namespace) -> Any:
    """%gc attach: makes futures for tasks of earlier kernels, of other machines, or interrupted
    ones."""
    session = magics.session
    line.ids = whole_ids(magics, line.ids)
    own, entries, foreign = wanted(magics, line.ids, line.all)
    if line.forget:
        _forget(magics, entries)
        return None
    missed = [] if line.ids else magics.shown.missed()
    found = Attached()
    if entries:
        entries = _whole_runs(magics, entries, line.ids)
        found = attach(session, entries, magics.shell.user_ns)
        earlier_tasks.attached(entries)
        # a result that was shown and is gone needs no line
        found.unseen = [one for one in found.unseen if not one.seen]
    futures = [*own, *found.futures, *_from_elsewhere(magics, foreign)]
    report(found)
    for one in set(line.ids) - set(foreign):
        futures += _rest_of(magics, one, found)
    runs = [one for one in runs_of(futures, line.ids) if one not in missed]
    if not runs and not missed:
        if not entries:
            of_others = "" if line.ids or line.all else _of_other_notebooks(magics)
            print(f"There is nothing to attach to.{of_others}")
        return None
    for result in missed[: len(missed) if runs else -1]:
        _show_again(result)
    if not runs:
        return _finished(magics, missed[-1])
    session.keep(futures)
    session.keep([future for run in runs for future in tasks_of(run) if future.source])
    bind(magics, runs)
    if len(runs) > 1:
        show_table([future for run in runs for future in tasks_of(run)], "Attached")
        return runs
    if isinstance(runs[0], TaskFuture) and runs[0].done():
        return _finished(magics, runs[0])
    return runs[0]


def _of_other_notebooks(magics: NotebookMagics) -> str:
    """A hint at tasks of notebooks with other names: this one may have been renamed."""
    journal, entries = magics.session.journal, list[Entry]()
    if journal is not None:
        entries = journal.ask(lambda db: db.earlier(journal.session, any_notebook=True), entries)
    if not entries:
        return ""
    names = dict.fromkeys(PurePath(one.notebook).name for one in entries if one.notebook)
    of = f" ({', '.join([*names][:_NAMED])}{', …' * (len(names) > _NAMED)})" if names else ""
    return one_line(f" {_tasks(len(entries))} of other notebooks{of}: %gc attach --all.", 1000)


def _whole_runs(
    magics: NotebookMagics, entries: Sequence[Entry], ids: Sequence[str]
) -> list[Entry]:
    """The entries and the other tasks of their fan-outs, also those that were shown: a list of
    values needs all of them."""
    journal = magics.session.journal
    there = {(one.session, one.serial) for one in entries}
    wanted = [one for one in entries if one.task_id not in ids]
    runs = {part.run for one in wanted if (part := Part.read(one.part)) is not None}
    every = list(entries)
    for run in runs:
        others: list[Entry] = []
        if journal is not None:
            others = journal.ask(partial(_of_run, run), others)
        every += [one for one in others if (one.session, one.serial) not in there]
    return sorted(every, key=lambda one: (one.submitted_at, one.serial))


def _of_run(run: str, database: Database) -> list[Entry]:
    return database.tasks("substr(part, 1, ?) = ? AND seen = 1", (len(run), run))


def _show_again(result: CellFuture | Tasks) -> None:
    """Show again the results that a cell has shown to a page that is gone."""
    first = tasks_of(result)[0]
    print(f"In[{first.note.place.execution_count}]:")
    try:
        value = _finished_value(result)
    except ComputeError as error:
        render = getattr(error, "_render_traceback_", None)
        print("\n".join(render()) if render is not None else error)
    else:
        if value is not None:
            display(value)


def wanted(
    magics: NotebookMagics, ids: Sequence[str], any_notebook: bool
) -> tuple[list[TaskFuture], list[Entry], list[str]]:
    """The tasks that ids of tasks or groups mean, or without ids all unseen ones: this kernel's
    futures, the journal's entries that nobody waits for, and ids that are unknown here."""
    session, journal = magics.session, magics.session.journal
    entries: list[Entry] = []
    if not ids:
        if journal is not None:
            entries = journal.ask(
                lambda db: db.earlier(journal.session, any_notebook=any_notebook), entries
            )
        return list(session.unseen.values()), entries + session.unconfirmed(), []
    own: list[TaskFuture] = []
    foreign: list[str] = []
    for one in ids:
        mine = [
            future
            for future in session.tasks.values()
            if not _uncertain(future) and _is_meant(future, one)
        ]
        known = [entry for entry in session.unconfirmed() if entry.group_id == one]
        if journal is not None:
            every: list[Entry] = journal.ask(partial(_known_as, one), [])
            known = _not_held(session, every, known) if mine else every or known
        own += sorted(mine, key=lambda future: future.serial)
        entries += known
        if not mine and not known:
            foreign.append(one)
    return own, entries, foreign


def _not_held(session: Session, every: Sequence[Entry], known: Sequence[Entry]) -> list[Entry]:
    """The entries without a future here. (Results of `local` that were shown are gone.)"""
    here = session.journal.session.session if session.journal is not None else ""
    ids = {future.task_id for future in session.tasks.values()} - {None}
    held = {(here, serial) for serial in session.tasks}
    more = [
        one
        for one in every
        if one.task_id not in ids
        and (one.session, one.serial) not in held
        and not (one.session == here and one.endpoint_id == LOCAL_ENDPOINT_ID)
    ]
    return list(dict.fromkeys([*known, *more]))


def _rest_of(magics: NotebookMagics, group: str, found: Attached) -> list[TaskFuture]:
    """Futures of a group's tasks that are unknown here: another machine's, or those that a damaged
    journal has lost."""
    session, journal = magics.session, magics.session.journal
    own = [one for one in session.tasks.values() if one.info.task_group_id == group]
    entries: list[Entry] = []
    if journal is not None:
        entries = journal.ask(lambda db: db.tasks("group_id = ?", (group,)), entries)
    if not own and not entries:
        return []  # `one` is a task's id
    known = {one.task_id or "" for one in own} | {one.task_id for one in entries}
    known |= set(found.strays)
    told = all(one.task_id or one.done() for one in own)
    some, left = attach_rest(session, group, magics.shell.user_ns, known, told=told)
    if some:
        print(f"{_tasks(len(some))} of the group and not known here: the replies say whose.")
    if left > sum(not one.task_id and not one.done() for one in own):
        print(f"Others of the group aren't over: %gc attach {group} gives them once they are.")
    return some


def _known_as(one: str, database: Database) -> list[Entry]:
    if RUN.fullmatch(one):
        return database.tasks("substr(part, 1, ?) = ?", (len(one), one))
    return database.tasks("task_id = ? OR group_id = ?", (one, one))


def _is_meant(future: TaskFuture, one: str) -> bool:
    """Whether the id is the task's own, its group's, or its fan-out's."""
    if RUN.fullmatch(one):
        part = part_of(future)
        return part is not None and part.run.startswith(one)
    return one in (future.task_id, future.info.task_group_id)


def _uncertain(future: TaskFuture) -> bool:
    """Whether the future has an error that leaves open whether the task runs."""
    if not future.done() or dropped(future):
        return False
    return isinstance(future.exception(), SubmitUncertain)


def _from_elsewhere(magics: NotebookMagics, ids: Sequence[str]) -> list[TaskFuture]:
    """Futures of tasks that this machine's journal doesn't know."""
    session = magics.session
    futures: list[TaskFuture] = []
    for one in ids:
        found = attach_by_id(session, one, magics.shell.user_ns)
        if not found:
            raise UsageError(
                f"No task or task group {one} is known here, or at the service as"
                f" {one_line(who_asks(session), 200)}. %gc tasks --all lists those known here."
            )
        running = [future for future in found if not future.done() and future.note is None]
        if running:
            print(
                f"{_tasks(len(running))} not over: what a task is called is in its reply. One of a"
                " fan-out that is shown here takes its place in it then; of others,"
                f" %gc attach {one} then binds the names."
            )
        futures += found
    return futures


def _forget(magics: NotebookMagics, entries: Sequence[Entry]) -> None:
    """Stop offering the tasks that the service was asked for in vain."""
    journal = magics.session.journal
    vain = [one for one in entries if one.looked_at is not None]
    if journal is None or not vain:
        print("There is nothing to forget: no task was looked for in vain.")
        return
    journal.give_up(vain)
    earlier_tasks.attached(vain)
    print(f"{_tasks(len(vain))} forgotten. What the service has of them, it keeps.")


def _tasks(count: int) -> str:
    return "1 task is" if count == 1 else f"{count:,} tasks are"


def _finished(magics: NotebookMagics, result: TaskFuture | Tasks) -> Any:
    """The value that the cell would have returned. If the task failed, its error is raised."""
    magics.session.seen(tasks_of(result))
    try:
        return _finished_value(result)
    except ComputeError as error:
        where = f"task {result.task_id}" if isinstance(result, TaskFuture) else ""
        raise short(error, where) from error.__cause__


def _finished_value(result: TaskFuture | Tasks) -> Any:
    futures = tasks_of(result)
    show_output(*(one for one in futures if isinstance(one, CellFuture)))
    value = result.result()
    if isinstance(value, list) and isinstance(result, Tasks):
        return None if value and all(one is None for one in value) else value
    return without_markup(value)


def show_result(magics: NotebookMagics, line: argparse.Namespace) -> Any:
    """%gc result: shows a task's output and result."""
    [line.id] = whole_ids(magics, [line.id])
    own, entries, foreign = wanted(magics, [line.id], True)
    if not own:
        found = attach(magics.session, entries, magics.shell.user_ns)
        report(found)
        own = [*found.futures, *_from_elsewhere(magics, foreign)]
        magics.session.keep(own)
    if not own:
        return None
    done = [one for one in own if one.done()]
    if not done:
        raise short(TaskPending(f"it isn't over; %gc attach {line.id} follows it"))
    concurrent.futures.wait(done, _RESULT_S)
    if len(own) == 1:
        return _finished(magics, own[0])
    return Tasks(own).result(0)


def cancel(magics: NotebookMagics, line: argparse.Namespace) -> None:
    """%gc cancel: see `magics.cancel`."""
    cancel_tasks(magics, line, wanted)
