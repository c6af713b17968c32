"""Wait for tasks on the caller's thread, and handle an interrupt or a time-out."""

from __future__ import annotations

import concurrent.futures
import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from gc_jupyter.errors import ComputeError, TaskStopped
from gc_jupyter.future import TaskFuture, dropped, stop
from gc_jupyter.moments import clock
from gc_jupyter.protocol.nonces import SHORT, run_of
from gc_jupyter.remote_text import one_line
from gc_jupyter.types import Hold

#: Waits until all futures are done, for so many seconds or for ever; returns whether they are.
Pause = Callable[[Sequence[TaskFuture], "float | None"], bool]
#: How long an interrupt waits for the reply that names tasks which are being submitted.
IDS_S = 2.0
_SHOWN = 3  # how many of the tasks that occupy the workers are named
#: Seconds that interrupted tasks of this machine have until their processes are killed.
PATIENCE_S = 2.0
_ANSWER_S = 5.0  # in which the workers' host reports that
#: A wait for the service's limit is reported from this length on.
HELD_S = 1.0


class StoppedWaiting(BaseException):
    """Nobody waits any more. One line is shown; the cell's status is an error."""

    def _render_traceback_(self) -> list[str]:
        return [str(self).replace("\n", " ")]


class Interrupted(StoppedWaiting, KeyboardInterrupt):
    """The user stopped waiting: as in a plain cell, ``except Exception`` doesn't catch it."""


class StillRunning(StoppedWaiting, ComputeError, TimeoutError):
    """The time for waiting is over; the tasks are not."""


def wait(
    futures: Sequence[TaskFuture],
    endpoint: str,
    *,
    timeout: float | None = None,
    when_late: Callable[[], object] | None = None,
    late_s: float = 2.0,
    others: Callable[[], object] | None = None,
    quiet: bool = False,
    pause: Pause | None = None,
) -> None:
    """Wait until all tasks are done.

    Parameters
    ----------
    futures, endpoint:
        The tasks, and their endpoint's name for the user.
    timeout:
        The most seconds to wait. It doesn't limit the tasks themselves.
    when_late:
        Called once after `late_s` seconds, if tasks are open then. The waiting time for the
        service's limit doesn't count.
    others:
        Called on an interrupt: drops other tasks that were not sent yet.
    quiet:
        Whether to suppress the line that says that the service's limit delays the tasks.
    pause:
        Waits until all are done, for so many seconds or for ever, and returns whether they are.

    Raises
    ------
    KeyboardInterrupt
        On an interrupt of tasks on this machine: they were interrupted, too, and have ended. It
        shows what they raised. If a single task ends normally all the same, or raises something
        else, `wait` returns.
    Interrupted
        On an interrupt of other tasks. Those that were not sent yet are dropped. The others go on,
        since the service can't cancel them.
    StillRunning
        After `timeout`.
    """
    pause, full = pause or _pause, Line()
    end = math.inf if timeout is None else time.monotonic() + timeout
    try:
        late_s = late_s if when_late is not None else math.inf
        if _done_before(futures, end, late_s, quiet, pause, None if quiet else full):
            full.clear()
            return
        if when_late is not None and time.monotonic() < end:
            when_late()
        if not _wait(futures, end, pause):
            raise StillRunning(
                f"Stopped waiting after {timeout:g} s: {_running(futures, endpoint)}"
            )
        full.clear()
    except KeyboardInterrupt:
        here = all(future.stoppable for future in futures)
        error = halted(futures, endpoint, pause) if here else interrupted(futures, endpoint)
        if others is not None:
            others()
        if error is not None:
            raise error from None


def _pause(futures: Sequence[TaskFuture], seconds: float | None) -> bool:
    return not concurrent.futures.wait(futures, seconds).not_done


def _wait(futures: Sequence[TaskFuture], end: float, pause: Pause) -> bool:
    """Wait until all are done, or until `end` (`time.monotonic`); returns whether they are."""
    return pause(futures, None if end == math.inf else max(0.0, end - time.monotonic()))


def _done_before(
    futures: Sequence[TaskFuture],
    end: float,
    late_s: float,
    quiet: bool,
    pause: Pause,
    full: Line | None,
) -> bool:
    """Wait until all are done or late; returns whether they are done. Say meanwhile why they can't
    leave, and through `full` which tasks occupy the workers."""
    while True:
        begin, held = time.monotonic(), None
        for look in (min(HELD_S, late_s), late_s):
            if _wait(futures, min(begin + look, end), pause):
                return True
            held = _hold(futures)
            if held is not None:
                break
            if full is not None and (text := _full(futures)):
                full.show(text)
                full = None
        if held is None or time.monotonic() >= end:
            return False
        line = None if quiet else Line()
        try:
            while (held := _hold(futures)) is not None and time.monotonic() < end:
                if line is not None:
                    line.show(f"waiting {math.ceil(held.until - time.monotonic())} s: {held.why}")
                if _wait(futures, min(held.until, end), pause):
                    return True
        finally:
            if line is not None:
                line.clear()


def _full(futures: Sequence[TaskFuture]) -> str:
    """The tasks that occupy the workers which these tasks wait for, in words; empty if none do."""
    source = futures[0].source
    holders = [] if source is None else list(source.holders())
    if not holders or not {one for _, one, _ in holders}.isdisjoint(futures):
        return ""
    shown = []
    for task_id, future, since in holders[:_SHOWN]:
        place = getattr(getattr(future, "note", None), "place", None)
        cell = f"In[{place.execution_count}] " if place is not None else ""
        label = "" if future is None or not future.label else f"{one_line(future.label, 40)!r} "
        at = clock(since)
        shown.append(f"{cell}{label}(task {task_id[:8]}, since {at})")
    if len(holders) > _SHOWN:
        shown.append(f"{len(holders) - _SHOWN:,} more")
    now = clock()
    return (
        f"{now}: waiting for a worker of local. All {len(holders):,} are taken:"
        f" {', '.join(shown)}. Stop this cell, and %gc cancel {holders[0][0][:8]} ends the first of"
        " them; %%gcrun local --workers N has more from then on."
    )


def _hold(futures: Sequence[TaskFuture]) -> Hold | None:
    """Why none of these tasks can leave for a while."""
    source = next((future.source for future in futures if not future.done()), None)
    hold = None if source is None else source.hold
    if hold is None or hold.until - time.monotonic() < HELD_S:
        return None
    return None if any(future.task_id for future in futures) else hold


class Line:
    """A line in the cell's output that can be removed."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._text = ""

    def show(self, text: str) -> None:
        if text == self._text:
            return
        self._text = text
        kernel = None
        if "IPython" in sys.modules:
            from IPython.core.getipython import get_ipython

            kernel = getattr(get_ipython(), "kernel", None)
        if kernel is None:  # a terminal's line can't be removed
            sys.stderr.write(f"{text}\n")
        elif self._handle is not None:
            self._handle.update({"text/plain": text}, raw=True)
        else:
            from IPython.display import display

            show: Any = display
            self._handle = show({"text/plain": text}, raw=True, display_id=True)

    def clear(self) -> None:
        if self._handle is not None:
            self._handle.update({"text/plain": ""}, raw=True)


def halted(
    futures: Sequence[TaskFuture], endpoint: str, pause: Pause = _pause
) -> BaseException | None:
    """Interrupt tasks of this machine, and kill those that go on.

    Parameters
    ----------
    futures, endpoint, pause:
        As of `wait`. A second interrupt kills them at once.

    Returns
    -------
    BaseException or None
        What to raise; None if the only task has a result, or has failed by itself.
    """
    for future in futures:
        if not future.done():
            drop(future)
    with contextlib.suppress(KeyboardInterrupt):
        wait_for_ids(futures, IDS_S)
    for patience in (PATIENCE_S, 0.0):
        stop([one for one in futures if not one.done()], patience)
        try:
            if pause(futures, patience + _ANSWER_S):
                break
        except KeyboardInterrupt:  # the button was pressed again
            continue
    if len(futures) > 1:
        good = sum(one.done() and not dropped(one) and not one.exception() for one in futures)
        others = "the others were ended, or never began"
        return _as_interrupt(f"{good:,} of {len(futures):,} tasks are done, {others}.")
    [future] = futures
    if dropped(future):
        return _as_interrupt(f"the task was not sent. {endpoint} has nothing of this cell.")
    if not future.done():
        how = f"%gc cancel {future.task_id} tries again"
        return _as_interrupt(f"{endpoint} doesn't say whether the task has ended. {how}.")
    error = future.exception()
    if isinstance(error, TaskStopped):
        return _as_interrupt(str(error).strip())
    if error is None or not isinstance(error.__cause__, KeyboardInterrupt):
        return None
    raised = KeyboardInterrupt(*error.__cause__.args)
    render = getattr(error, "_render_traceback_", lambda: str(error).split("\n"))

    def shown() -> list[str]:
        error.__traceback__ = raised.__traceback__  # the lines that called it
        return list(render())

    raised._render_traceback_ = shown  # type: ignore[attr-defined]
    return raised


def _as_interrupt(text: str) -> KeyboardInterrupt:
    error = KeyboardInterrupt(text)
    lines = [f"KeyboardInterrupt: {text}"]
    error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
    return error


def interrupted(futures: Sequence[TaskFuture], endpoint: str) -> Interrupted:
    """Drop the tasks that were not sent yet; returns an error that names those that were."""
    dropped = sum(not future.done() and drop(future) for future in futures)
    with contextlib.suppress(KeyboardInterrupt):  # the user is in a hurry
        wait_for_ids(futures, IDS_S)
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
    """The line about open tasks, and how to get their results. (Whether they run isn't known.)"""
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
        if fetching := getattr(open_ones[0], "fetching", None):
            return (
                f"the result of task {ids[0]} is on its way here and goes on coming."
                f" {fetching.text()}. %gc attach {ids[0]} shows it."
            )
        return (
            f"task {ids[0]} was sent to {endpoint} and isn't over. %gc attach {ids[0]} picks it up."
        )
    return (
        f"{len(open_ones):,} tasks were sent to {endpoint} and aren't over, the first is {ids[0]}."
        " %gc attach"
        f" {_known_by(open_ones)} picks them up."
    )


def _known_by(futures: Sequence[TaskFuture]) -> str | None:
    """The name of these tasks for `%gc attach`: their run's, else their group's."""
    runs = {run_of(one.nonce) for one in futures}
    part = futures[0].note.part if futures[0].note is not None else ""
    return runs.pop()[:SHORT] if len(runs) == 1 and part else futures[0].info.task_group_id


def _tasks(count: int) -> str:
    return "1 task is" if count == 1 else f"{count:,} tasks are"


def drop(future: TaskFuture) -> bool:
    """Cancel a task that no request carries yet; returns whether it was one. (`TaskFuture.cancel`
    would stop a local task.)

    Parameters
    ----------
    future:
        The task's.
    """
    return concurrent.futures.Future.cancel(future)


def wait_for_ids(futures: Sequence[TaskFuture], limit_s: float) -> bool:
    """Wait until these tasks have ids or are done.

    Parameters
    ----------
    futures:
        Tasks that were submitted.
    limit_s:
        How long to wait, in seconds.

    Returns
    -------
    bool
        Whether all have ids or are done.
    """
    nameless = [future for future in futures if not future.done() and future.task_id is None]
    known = threading.Event()

    def look(_events: object) -> None:
        if all(future.task_id or future.done() for future in nameless):
            known.set()

    sources: dict[int, Any] = {id(future.source): future.source for future in nameless}
    try:
        for source in sources.values():
            source.watch(look)
        look(())
        return known.wait(limit_s)
    finally:
        for source in sources.values():
            source.unwatch(look)
