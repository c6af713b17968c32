"""%gc tasks, attach, result and cancel."""

from __future__ import annotations

import argparse
import concurrent.futures
import time
from collections.abc import Sequence
from functools import partial
from pathlib import PurePath
from typing import Any

from IPython.core.error import UsageError

from gc_jupyter.capture import CellFuture
from gc_jupyter.errors import ComputeError, TaskPending
from gc_jupyter.future import TaskFuture
from gc_jupyter.journal import Database, Entry
from gc_jupyter.magics import earlier
from gc_jupyter.magics.cells import bind_when_done
from gc_jupyter.magics.notebook import NotebookMagics, short
from gc_jupyter.magics.tables import show_table, text_table
from gc_jupyter.remote_text import one_line
from gc_jupyter.session import Tasks, show_output, without_markup
from gc_jupyter.session.attach import Attached, attach
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
            one.error[:60],
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
    own, entries = _wanted(magics, line.ids, line.all)
    found = Attached()
    if entries:
        found = attach(session, entries, magics.shell.user_ns)
        earlier.attached(entries)
    futures = [*own, *(future for _, future in found.tasks)]
    _report(found)
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
) -> tuple[list[TaskFuture], list[Entry]]:
    """This kernel's futures, and earlier kernels' entries, that are meant: by task or group id, or
    all that nobody has seen."""
    session, journal = magics.session, magics.session.journal
    entries: list[Entry] = []
    if not ids:
        if journal is not None:
            entries = journal.ask(
                lambda db: db.earlier(journal.session, any_notebook=any_notebook), entries
            )
        return list(session.unseen.values()), entries
    own: list[TaskFuture] = []
    for one in ids:
        mine = [f for f in session.tasks.values() if one in (f.task_id, f.info.task_group_id)]
        if mine:
            own += sorted(mine, key=lambda future: future.serial)
            continue
        known: list[Entry] = []
        if journal is not None:
            known = journal.ask(partial(_known_as, one), known)
        if not known:
            raise UsageError(f"No task or task group {one} is known. %gc tasks --all lists them.")
        entries += known
    return own, entries


def _known_as(one: str, database: Database) -> list[Entry]:
    return database.tasks("task_id = ? OR group_id = ?", (one, one))


def _report(found: Attached) -> None:
    local = [one for one in found.lost if one.endpoint == "local"]
    if local:
        print(
            f"{_tasks(len(local))} gone: those of local, and their results, end with their kernel."
            " Run the cell again."
        )
    if len(found.lost) > len(local):
        print(
            f"{_tasks(len(found.lost) - len(local))} not at the service: never accepted, older than"
            " two weeks, or another user's. %gc whoami says who you are."
        )
    if found.unknown:
        _report_unknown(found.unknown)


def _report_unknown(entries: Sequence[Entry]) -> None:
    """Of tasks whose group was never told: all that is known, and what is left to do."""
    by_cell: dict[tuple[str, str, int], list[Entry]] = {}
    for one in entries:
        cell = (one.endpoint or one.endpoint_id, one.session, one.execution_count)
        by_cell.setdefault(cell, []).append(one)
    for (endpoint, _, number), some in by_cell.items():
        first = some[0]
        place = f"cell [{number}]" if number else "a cell"
        place += f" of {PurePath(first.notebook).name}" if first.notebook else ""
        sent = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(first.submitted_at))
        label = f", {first.label}" if len(some) == 1 and first.label else ""
        count = "1 task" if len(some) == 1 else f"{len(some):,} tasks"
        line = (
            f"{count} of {place}{label}: on the way to {endpoint} when the kernel ended ({sent})."
        )
        print(one_line(line, 1000))  # a notebook's name is as it is on disk
    where = one_line(" and ".join(dict.fromkeys(endpoint for endpoint, _, _ in by_cell)), 500)
    print(
        "Whether the service accepted them, it can't be asked: these were their kernel's first"
        " tasks, and only the reply would have named their task group. If it did, they run at"
        f" {where} all the same: %gc status shows what waits there, and Globus's web app or the"
        " endpoint's administrator may know more. Running the cell again runs them a second time."
    )


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
    own, entries = _wanted(magics, [line.id], True)
    if not own:
        found = attach(magics.session, entries, magics.shell.user_ns)
        _report(found)
        own = [future for _, future in found.tasks]
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
    own, _ = _wanted(magics, line.ids, True)
    if not own:
        print("It is a task of an earlier kernel: the service can't stop a task, and finishes it.")
    for future in own:
        name = future.task_id or future.label
        if future.done():
            print(f"{name} has ended already.")
        elif future.cancel():
            print(f"{name} is stopped." if future.task_id else f"{name} won't be sent.")
        else:
            print(f"{name} was sent, and the service can't stop a task: it isn't over.")
