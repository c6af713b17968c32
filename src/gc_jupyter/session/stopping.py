"""Stop tasks: which ones can be stopped, the question before it, and the outcome of each.

`%gc cancel`, the table's button and the panel's say the same, from here.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gc_jupyter.future import TaskFuture, dropped, stop
from gc_jupyter.journal.sessions import UNRECORDED
from gc_jupyter.runtime.shared import registry
from gc_jupyter.session.waiting import IDS_S, drop, wait_for_ids

if TYPE_CHECKING:
    from gc_jupyter.session.core import Session

_ENDS_S = 2.0  # in which a killed process ends
_LISTED = 5
_CANNOT = "A Globus Compute task cannot be stopped: the service has no way to do that."


def can_be_stopped(future: TaskFuture) -> bool:
    """Whether a task is open and runs on this machine, or was not sent yet.

    Parameters
    ----------
    future:
        The task's.
    """
    return not future.done() and (future.stoppable or _unsent(future))


def open_tasks(session: Session) -> list[TaskFuture]:
    """This kernel's open tasks in the order of submission, also those of the user's own executors.

    Parameters
    ----------
    session:
        The kernel's.
    """
    others = [one for one in registry.open_futures() if not _is_ours(one) and not one.done()]
    every = dict.fromkeys([*session.open_tasks(), *others])
    return sorted(every, key=lambda one: one.serial)


def _is_ours(future: TaskFuture) -> bool:
    """Whether the task is this package's own, such as one of a store."""
    return future.note is not None and future.note.kind == UNRECORDED


def question(futures: Sequence[TaskFuture]) -> tuple[str, str]:
    """The question to ask before tasks are stopped, and the text of the answer that stops them.

    Parameters
    ----------
    futures:
        The tasks to stop; ended ones are ignored.

    Returns
    -------
    tuple
        Question and answer. If nothing can be stopped, the answer is empty and the question says
        why.
    """
    still = [future for future in futures if not future.done()]
    those = [future for future in still if can_be_stopped(future)]
    sent = len(still) - len(those)
    if not still:
        return "Nothing is left to stop: all of it has ended.", ""
    if not those:
        goes_on = "It goes on, and its result comes" if sent == 1 else "They go on, and their"
        goes_on += "." if sent == 1 else " results come."
        return f"{_CANNOT} {goes_on}", ""
    begun = sum(not _unsent(future) for future in those)
    if len(those) == 1:
        what = "Stop this task?" if len(still) == 1 else "Stop 1 task?"
        lost = "It ends now, without a result." if begun else "It was not sent, and won't be."
    else:
        what = f"Stop {len(those):,} tasks?"
        lost = "They end now, without results." if begun else "They were not sent, and won't be."
    rest = ""
    if sent:
        rest = f" {sent:,} more {'was' if sent == 1 else 'were'} sent to an endpoint. {_CANNOT}"
    answer = "Stop it" if len(still) == 1 else f"Stop {_count(len(those))}"
    return f"{what} {lost}{rest}", answer


def stop_tasks(futures: Sequence[TaskFuture]) -> list[str]:
    """Drop tasks that were not sent, and stop those that run on this machine.

    Parameters
    ----------
    futures:
        The tasks to stop.

    Returns
    -------
    list of str
        One line for each kind of outcome, or for each task if there are few.
    """
    over = [one for one in futures if one.done()]
    unsent = [one for one in futures if not one.done() and drop(one)]
    here = [one for one in futures if one.stoppable and not one.done()]
    wait_for_ids(here, IDS_S)
    stop(here)
    concurrent.futures.wait(here, _ENDS_S)
    known = {*over, *unsent}
    sent = [one for one in futures if not one.stoppable and one not in known]
    ended = [one for one in here if one.done() and not one.cancelled()]
    stopped = [one for one in here if one not in set(ended)]
    return [
        *_said(over + ended, "has ended already.", "have ended already."),
        *_said(stopped, "is stopped.", "are stopped."),
        *_said(unsent, "won't be sent.", "won't be sent."),
        *_said(
            sent,
            "was sent, and the service can't stop a task: it isn't over.",
            "were sent, and the service can't stop a task: they aren't over.",
        ),
    ]


def _unsent(future: TaskFuture) -> bool:
    return not future.running()


def _said(futures: Sequence[TaskFuture], one: str, many: str) -> list[str]:
    if len(futures) > _LISTED:
        return [f"{len(futures):,} tasks {many}"]
    names = [future.task_id if not dropped(future) else None for future in futures]
    return [f"{name or future.label} {one}" for name, future in zip(names, futures, strict=True)]


def _count(count: int) -> str:
    return "1 task" if count == 1 else f"{count:,} tasks"
