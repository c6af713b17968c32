"""%gc tasks, attach, result and cancel."""

from __future__ import annotations

import argparse
import concurrent.futures
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from IPython.core.error import UsageError

from gc_jupyter.capture import CellFuture
from gc_jupyter.errors import ComputeError, SubmitUncertain, TaskPending
from gc_jupyter.future import TaskFuture, dropped
from gc_jupyter.journal import Database, Entry
from gc_jupyter.magics import earlier
from gc_jupyter.magics.attached import report
from gc_jupyter.magics.cells import bind_when_done
from gc_jupyter.magics.notebook import NotebookMagics, short
from gc_jupyter.magics.tables import show_table, text_table
from gc_jupyter.remote_text import one_line
from gc_jupyter.session import Tasks, show_output, without_markup
from gc_jupyter.session.attach import Attached, attach, attach_by_id, who_asks
from gc_jupyter.widgets.front_end import has_front_end

_LISTED = 50
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
    entries = [one for one in entries if (one.session, one.serial) not in shown][:_LISTED]
    rows = [
        (
            one.task_id or "(no id yet)",
            one.state,
            one.endpoint or one.endpoint_id,
            time.strftime("%m-%d %H:%M:%S", time.localtime(one.submitted_at)),
            f"In[{one.execution_count}]" if one.execution_count else "",
            one.label,
            (one.unseen or one.error)[:60],
        )
        for one in entries
    ]
    if rows:
        print(text_table(("Task", "State", "Endpoint", "Sent", "Cell", "Label", "Error"), rows))
    if len(entries) == _LISTED:
        print(f"The newest {_LISTED}.")


def _list_own(magics: NotebookMagics, failed: bool) -> None:
    futures = [future for _, future in sorted(magics.session.tasks.items())]
    futures = [one for one in futures if not failed or one in Tasks(futures).failed]
    rows = [
        (one.task_id or "(no id yet)", "done" if one.done() else "open", one.label)
        for one in futures[-_LISTED:]
    ]
    print(text_table(("Task", "State", "Label"), rows) if rows else "No tasks of this kernel.")


def attach_tasks(magics: NotebookMagics, line: argparse.Namespace) -> Any:
    """%gc attach."""
    session = magics.session
    own, entries, foreign = _wanted(magics, line.ids, line.all)
    if line.forget:
        _forget(magics, entries)
        return None
    found = Attached()
    if entries:
        found = attach(session, entries, magics.shell.user_ns)
        earlier.attached(entries)
    futures = [*own, *found.futures, *_from_elsewhere(magics, foreign)]
    report(found)
    if not futures:
        if not entries:
            print("There is nothing to attach to.")
        return None
    session.keep(futures)
    names = _bind(magics, futures)
    if names:
        print(f"Bound: {', '.join(names)}.")
    if len(futures) == 1 and futures[0].done():
        return _finished(magics, futures[0])
    show_table(futures, "Attached")
    if len(futures) == 1:
        return futures[0]
    return Tasks(futures)


def _wanted(
    magics: NotebookMagics, ids: Sequence[str], any_notebook: bool
) -> tuple[list[TaskFuture], list[Entry], list[str]]:
    """What is meant, by task or group id, or all that nobody has seen: this kernel's futures,
    entries of the journal that nobody waits for, and ids of which nothing is known here."""
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
            if one in (future.task_id, future.info.task_group_id) and not _uncertain(future)
        ]
        known = [entry for entry in session.unconfirmed() if entry.group_id == one]
        if not mine and journal is not None:
            known = journal.ask(partial(_known_as, one), known) or known
        own += sorted(mine, key=lambda future: future.serial)
        entries += known
        if not mine and not known:
            foreign.append(one)
    return own, entries, foreign


def _known_as(one: str, database: Database) -> list[Entry]:
    return database.tasks("task_id = ? OR group_id = ?", (one, one))


def _uncertain(future: TaskFuture) -> bool:
    """Whether it ended without anybody knowing what became of the task."""
    if not future.done() or dropped(future):
        return False
    return isinstance(future.exception(), SubmitUncertain)


def _from_elsewhere(magics: NotebookMagics, ids: Sequence[str]) -> list[TaskFuture]:
    """Futures of tasks that no journal here knows."""
    session = magics.session
    futures: list[TaskFuture] = []
    for one in ids:
        found = attach_by_id(session, one, magics.shell.user_ns)
        if not found:
            raise UsageError(
                f"No task or task group {one} is known here, or at the service as"
                f" {one_line(who_asks(session), 200)}. %gc tasks --all lists those known here."
            )
        running = [future for future in found if not future.done()]
        if running:
            print(
                f"{_tasks(len(running))} not over: what a task is called is in its reply."
                f" %gc attach {one} then binds its names, too."
            )
        futures += found
    return futures


def _forget(magics: NotebookMagics, entries: Sequence[Entry]) -> None:
    """Offer no more what the service was asked for in vain."""
    journal = magics.session.journal
    vain = [one for one in entries if one.looked_at is not None]
    if journal is None or not vain:
        print("There is nothing to forget: no task was looked for in vain.")
        return
    journal.give_up(vain)
    earlier.attached(vain)
    print(f"{_tasks(len(vain))} forgotten. What the service has of them, it keeps.")


def _tasks(count: int) -> str:
    return "1 task is" if count == 1 else f"{count:,} tasks are"


def _bind(magics: NotebookMagics, futures: Sequence[TaskFuture]) -> list[str]:
    """Bind what the cells were to bind; returns the names."""
    namespace = magics.shell.user_ns
    by_name: dict[str, list[TaskFuture]] = {}
    names: dict[str, None] = {}
    for future in futures:
        note = future.note
        if note is None:
            continue
        if note.bind:
            by_name.setdefault(note.bind, []).append(future)
        if note.out and isinstance(future, CellFuture):
            bind_when_done(future, note.out, namespace)
            names.update(dict.fromkeys(name for name in note.out if name in future.out))
    for name, some in by_name.items():
        old = namespace.get(name)
        if old is some[0] or (isinstance(old, Tasks) and some[0] in list(old)):
            continue  # it is bound already
        namespace[name] = some[0] if len(some) == 1 else Tasks(some)
        names.setdefault(name)
    return list(names)


def _finished(magics: NotebookMagics, future: TaskFuture) -> Any:
    """What the cell would have shown."""
    if isinstance(future, CellFuture):
        show_output(future)
    magics.session.seen([future])
    try:
        return without_markup(future.result())
    except ComputeError as error:
        raise short(error, f"task {future.task_id}") from error.__cause__


def show_result(magics: NotebookMagics, line: argparse.Namespace) -> Any:
    """%gc result."""
    own, entries, foreign = _wanted(magics, [line.id], True)
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
    """%gc cancel."""
    own, entries, foreign = _wanted(magics, line.ids, True)
    if foreign:
        raise UsageError(f"No task {foreign[0]} is known. %gc tasks --all lists them.")
    if not own and entries:
        print("It is a task of an earlier kernel: the service can't stop a task, and finishes it.")
    for future in own:
        name = future.task_id or future.label
        if future.done():
            print(f"{name} has ended already.")
        elif future.cancel():
            print(f"{name} is stopped." if future.task_id else f"{name} won't be sent.")
        else:
            print(f"{name} was sent, and the service can't stop a task: it isn't over.")
