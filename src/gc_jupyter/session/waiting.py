"""Waiting for tasks on the caller's thread, and what an interrupt or a time-out says of them."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from gc_jupyter.errors import ComputeError
from gc_jupyter.future import TaskFuture

#: How long an interrupt waits for the reply that names the tasks on their way.
_IDS_S = 2.0


class Interrupted(ComputeError):
    """The user stopped waiting. One line is shown; the cell's status is an error."""

    def _render_traceback_(self) -> list[str]:
        return [str(self).replace("\n", " ")]


class StillRunning(Interrupted, TimeoutError):
    """The time for waiting is over; the tasks are not."""


def wait(
    futures: Sequence[TaskFuture],
    endpoint: str,
    *,
    timeout: float | None = None,
    when_late: Callable[[], object] | None = None,
    late_s: float = 2.0,
    others: Callable[[], object] | None = None,
) -> None:
    """Wait until all tasks are done.

    Parameters
    ----------
    futures, endpoint:
        The tasks, and what the user knows their endpoint by.
    timeout:
        Seconds to wait at most; the tasks themselves are not bounded by it.
    when_late:
        Called once after `late_s` seconds, if tasks are open then.
    others:
        Called on an interrupt: drops what else was not sent yet.

    Raises
    ------
    Interrupted
        On an interrupt. Tasks that were not sent yet are dropped; those that were go on: the
        service can't cancel them.
    StillRunning
        After `timeout`.
    """
    end = None if timeout is None else time.monotonic() + timeout
    try:
        if when_late is not None and (timeout is None or late_s < timeout):
            if not concurrent.futures.wait(futures, late_s).not_done:
                return
            when_late()
        left = None if end is None else max(0.0, end - time.monotonic())
        if concurrent.futures.wait(futures, left).not_done:
            raise StillRunning(
                f"Stopped waiting after {timeout:g} s: {_running(futures, endpoint)}"
            )
    except KeyboardInterrupt:
        error = interrupted(futures, endpoint)
        if others is not None:
            others()
        raise error from None


def interrupted(futures: Sequence[TaskFuture], endpoint: str) -> Interrupted:
    """Drop what was not sent yet; the error says what was sent."""
    dropped = sum(not future.done() and _drop(future) for future in futures)
    _learn_ids(futures)
    done = sum(future.done() for future in futures) - dropped
    parts = []
    if dropped == len(futures):
        what = "the task was not" if dropped == 1 else f"none of the {dropped:,} tasks was"
        return Interrupted(f"Interrupted: {what} sent. {endpoint} has nothing of this cell.")
    if dropped:
        parts.append(f"{_tasks(dropped)} not sent, and won't be;")
    if done:
        parts.append(f"{_tasks(done)} done;")
    return Interrupted(f"Interrupted: {' '.join([*parts, _running(futures, endpoint)])}")


def _running(futures: Sequence[TaskFuture], endpoint: str) -> str:
    """The tasks that are not over, and how to get at them. (Whether they run, nobody was asked.)"""
    open_ones = [future for future in futures if not future.done()]
    ids = [future.task_id for future in open_ones if future.task_id]
    if not open_ones:
        return "nothing is left to wait for. %gc attach shows the results."
    if not ids:
        return (
            f"{_tasks(len(open_ones))} on the way to {endpoint}. %gc tasks shows the ids,"
            " %gc attach picks them up."
        )
    if len(open_ones) == 1:
        return (
            f"task {ids[0]} was sent to {endpoint} and isn't over. %gc attach {ids[0]} picks it up."
        )
    return (
        f"{len(open_ones):,} tasks were sent to {endpoint} and aren't over, the first is {ids[0]}."
        " %gc attach"
        f" {open_ones[0].info.task_group_id} picks them up."
    )


def _tasks(count: int) -> str:
    return "1 task is" if count == 1 else f"{count:,} tasks are"


def _drop(future: TaskFuture) -> bool:
    """Cancel a task that no request carries yet. (`TaskFuture.cancel` would stop a local one.)"""
    return concurrent.futures.Future.cancel(future)


def _learn_ids(futures: Sequence[TaskFuture]) -> None:
    """Wait a little for the ids of the tasks that are on their way."""
    nameless = [future for future in futures if not future.done() and future.task_id is None]
    if not nameless:
        return
    source: Any = nameless[0].source
    known = threading.Event()

    def look(_events: object) -> None:
        if all(future.task_id or future.done() for future in nameless):
            known.set()

    try:
        source.watch(look)
        look(())
        known.wait(_IDS_S)
    except KeyboardInterrupt:
        pass  # in a hurry
    finally:
        source.unwatch(look)
