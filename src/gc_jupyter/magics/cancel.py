"""%gc cancel, and finding the tasks that a shortened id means."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from gc_jupyter.future import TaskFuture
from gc_jupyter.journal import Database, Entry
from gc_jupyter.magics.runs import runs_of, tasks_of
from gc_jupyter.session.stopping import can_be_stopped, open_tasks, stop_tasks
from gc_jupyter.types import LOCAL_ENDPOINT_ID

if TYPE_CHECKING:
    from gc_jupyter.magics.notebook import NotebookMagics

#: What a table shows of an id, or more of it.
_SHORT = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,27}")
_LISTED = 5


def whole_ids(magics: NotebookMagics, ids: Sequence[str]) -> list[str]:
    """Complete shortened ids of tasks and task groups.

    Parameters
    ----------
    magics:
        The magics whose kernel and journal know the tasks.
    ids:
        Ids as they were typed, whole or shortened.

    Raises
    ------
    UsageError
        No known id, or more than one, begins with the text.
    """
    return [_whole(magics, one) if _SHORT.fullmatch(one) else one for one in ids]


def _whole(magics: NotebookMagics, short: str) -> str:
    session = magics.session
    infos = [future.info for future in session.tasks.values()]
    found = {one for info in infos for one in (info.task_id, info.task_group_id)}
    if session.journal is not None:
        found.update(session.journal.ask(partial(_known, short), []))
    meant = sorted(one for one in found if one is not None and one.startswith(short))
    if not meant:
        raise UsageError(
            f"No task {short}… is known here. %gc tasks --all lists those that are; of another"
            " machine's task, write the whole id."
        )
    if len(meant) > 1:
        raise UsageError(f"{short} begins {len(meant)} ids: {', '.join(meant[:_LISTED])}.")
    return meant[0]


def _known(short: str, database: Database) -> list[str]:
    like = (len(short), short)
    rows = database.select(
        "SELECT task_id FROM tasks WHERE substr(task_id, 1, ?) = ?"
        " UNION SELECT group_id FROM tasks WHERE substr(group_id, 1, ?) = ?",
        (*like, *like),
    )
    return [str(row[0]) for row in rows]


def cancel(
    magics: NotebookMagics,
    line: argparse.Namespace,
    wanted: Callable[..., tuple[list[TaskFuture], list[Entry], list[str]]],
) -> None:
    """%gc cancel: stops the named tasks.

    Without ids it stops those of the newest cell that has any to stop; with `--all`, every open
    task of this kernel.

    Parameters
    ----------
    magics:
        The magics whose kernel has the tasks.
    line:
        The parsed arguments: `ids` and `all`.
    wanted:
        `task_commands.wanted`, which finds the tasks of ids.
    """
    if line.ids and line.all:
        raise UsageError("%gc cancel: either ids or --all.")
    if line.ids:
        ids = whole_ids(magics, line.ids)
        own, entries, foreign = wanted(magics, ids, True)
        of = {
            one: {one.task_id, one.info.task_group_id} & {*ids}
            for one in open_tasks(magics.session)
        }
        own = [*dict.fromkeys([*own, *(one for one, found in of.items() if found)])]
        foreign = [one for one in foreign if not any(one in found for found in of.values())]
        if foreign:
            raise UsageError(f"No task {foreign[0]} is known. %gc tasks --all lists them.")
        if not own and entries:
            print(_of_another(entries))
        if own:
            print("\n".join(stop_tasks(own)))
        return
    tasks = open_tasks(magics.session)
    if not tasks:
        print("No task of this kernel is open.")
        return
    chosen = tasks
    if not line.all:
        runs = [tasks_of(run) for run in runs_of(tasks)]
        can_be = [one for one in runs if any(can_be_stopped(future) for future in one)]
        chosen = [one for one in (can_be or runs)[-1] if not one.done()]
    print("\n".join(stop_tasks(chosen)))
    if rest := [one for one in tasks if one not in set(chosen) and not one.done()]:
        print(f"{_count(len(rest))} still open: %gc tasks lists them, %gc cancel --all stops them.")


def _of_another(entries: Sequence[Entry]) -> str:
    if all(one.endpoint_id == LOCAL_ENDPOINT_ID for one in entries):
        return (
            "It is another kernel's task on local: what runs there ends with its kernel, and is"
            " stopped from its notebook."
        )
    return (
        "It is a task of an earlier kernel, or of another one: the service can't stop a task, and"
        " finishes it."
    )


def _count(count: int) -> str:
    return "1 task is" if count == 1 else f"{count:,} tasks are"
