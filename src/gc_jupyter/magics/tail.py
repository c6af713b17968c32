"""%gc tail: shows the output of a running task as it appears."""

from __future__ import annotations

import argparse

from IPython.core.error import UsageError

from gc_jupyter.capture import CellFuture
from gc_jupyter.future import TaskFuture
from gc_jupyter.magics.attached import report
from gc_jupyter.magics.cancel import whole_ids
from gc_jupyter.magics.notebook import NotebookMagics
from gc_jupyter.magics.task_commands import wanted
from gc_jupyter.remote_text import one_line
from gc_jupyter.session import Interrupted
from gc_jupyter.session.attach import attach
from gc_jupyter.session.futures import NotebookFuture
from gc_jupyter.session.live import follow
from gc_jupyter.session.target import Target
from gc_jupyter.session.watching import Watch
from gc_jupyter.types import LOCAL_ENDPOINT_ID, Endpoint
from gc_jupyter.widgets.outcomes import outcome


def follow_task(magics: NotebookMagics, line: argparse.Namespace) -> None:
    """%gc tail: follows a task until its end. An interrupt ends the following, not the task."""
    [line.id] = whole_ids(magics, [line.id])
    future = _task(magics, line.id)
    stop = None
    if not future.done() and not future.live.followed:
        if future.again is not None:  # this kernel submitted it
            raise UsageError(
                f"Task {line.id} was sent without --live: its output comes at its end. %gc attach"
                f" {line.id} shows it then."
            )
        where = Endpoint(future.info.endpoint_id or "", one_line(future.endpoint))
        stop = follow(magics.session, future, Target(where))
    watch = Watch(future)
    watch.screen.follow(future)
    try:
        watch.pause([future], None)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped following. Task {line.id} isn't over; %gc attach {line.id} picks it up."
        ) from None
    finally:
        if stop is not None:
            stop()
        watch.end()
    state, text = outcome(future)
    came = f": {text}" if text not in ("", "None") else ""
    print(f"It has ended: {state.value}{came}. %gc result {line.id} shows it again.")


def _task(magics: NotebookMagics, name: str) -> NotebookFuture:
    """The task of an id or name.

    Raises
    ------
    UsageError
        There is no such task, there are several, or the task's output can't be followed.
    """
    own, entries, foreign = wanted(magics, [name], True)
    if not own and entries and len(entries) == 1:
        if entries[0].endpoint_id == LOCAL_ENDPOINT_ID:
            raise UsageError(
                f"Task {name} is another kernel's on local: its output is in that kernel's"
                " notebook, and it ends with that kernel."
            )
        found = attach(magics.session, entries, magics.shell.user_ns)
        report(found)
        magics.session.keep(found.futures)
        own = found.futures
    futures: list[TaskFuture] = [one for one in own if isinstance(one, CellFuture)]
    if foreign:
        raise UsageError(f"No task {name} is known here. %gc tasks --all lists them.")
    if len(own) > 1 or (not own and len(entries) > 1):
        raise UsageError(
            f"{name} means {len(own) or len(entries)} tasks, and %gc tail follows one:"
            " %gc tasks lists their ids."
        )
    if not futures or not isinstance(futures[0], NotebookFuture):
        raise UsageError(f"{name} is no cell's, call's or script's task: it prints nothing.")
    return futures[0]
