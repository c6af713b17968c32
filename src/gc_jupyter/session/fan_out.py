"""Many tasks of one cell: their futures in order, and what to say when some fail."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any, overload

from gc_jupyter.errors import RemoteException, gist
from gc_jupyter.future import TaskFuture, dropped
from gc_jupyter.remote_text import one_line

#: How many failures are shown.
SHOWN = 4


class FanOutFailed(RemoteException):
    """Some tasks of a fan-out failed; the first failure is its `__cause__`.

    Attributes
    ----------
    tasks:
        All futures, in order; `tasks.failed` are those that failed.
    """

    tasks: Tasks

    def _render_traceback_(self) -> list[str]:
        return self.remote_data.split("\n")


class NoValue:
    """Stands in a list of a fan-out's values where a task has none.

    Parameters
    ----------
    label:
        What the task is called, such as ``x=3``.
    reason:
        Why it has none, in one line.
    future:
        The task; ``future.exception()`` is its failure, ``future.out`` has what it set before.
    """

    __slots__ = ("future", "label", "reason")

    def __init__(self, label: str, reason: str, future: TaskFuture) -> None:
        self.label = label
        self.reason = reason
        self.future = future

    @property
    def error(self) -> BaseException | None:
        """The task's failure; None where it was not sent, or has not set the variable."""
        return _error(self.future)

    def __repr__(self) -> str:
        return f"<no value: {self.label}: {self.reason}>"

    def gc_refusal(self) -> tuple[str, str]:
        """Why it can't be sent, and what to do."""
        return f"{self!r} stands for a task that failed", "Send the values of the others only."

    def __reduce__(self) -> Any:
        raise pickle.PicklingError(": ".join(self.gc_refusal()))


class Tasks(Sequence[TaskFuture]):
    """The futures of a fan-out, in order.

    Parameters
    ----------
    futures:
        The tasks.
    labels:
        What each is called, such as ``x=3``.
    """

    def __init__(self, futures: Sequence[TaskFuture], labels: Sequence[str] = ()) -> None:
        self._futures = list(futures)
        self.labels = list(labels) or [future.label for future in futures]

    @overload
    def __getitem__(self, index: int) -> TaskFuture: ...
    @overload
    def __getitem__(self, index: slice) -> list[TaskFuture]: ...
    def __getitem__(self, index: int | slice) -> TaskFuture | list[TaskFuture]:
        return self._futures[index]

    def __len__(self) -> int:
        return len(self._futures)

    @property
    def failed(self) -> list[TaskFuture]:
        """Those that have failed."""
        return [one for one in self._futures if one.done() and not _succeeded(one)]

    @property
    def pending(self) -> list[TaskFuture]:
        """Those that have not ended."""
        return [one for one in self._futures if not one.done()]

    def result(self, timeout: float | None = None) -> list[Any]:
        """All results, in order.

        Raises
        ------
        FanOutFailed
            Some failed.
        TimeoutError
            Some have no result after so many seconds.
        """
        from concurrent.futures import wait

        if wait(self._futures, timeout).not_done:
            raise TimeoutError(f"{len(self.pending)} tasks have no result yet")
        if self.failed:
            raise self.failure()
        return [future.result() for future in self._futures]

    results = result

    def values(self) -> list[Any]:
        """All results, in order, with a `NoValue` for each task that has none yet or has failed."""
        return [
            future.result() if _over(future) else self._none(at)
            for at, future in enumerate(self._futures)
        ]

    def out(self, name: str) -> list[Any]:
        """A variable's values, in order, with a `NoValue` for each task that has none.

        Parameters
        ----------
        name:
            One of `--out`.
        """
        return [
            out[name] if _over(future) and name in out else self._none(at, name)
            for at, future in enumerate(self._futures)
            for out in (getattr(future, "out", {}),)
        ]

    def _none(self, at: int, name: str = "") -> NoValue:
        future = self._futures[at]
        if not future.done():
            reason = "it has not ended yet"
        elif _succeeded(future):
            reason = f"the cell has not set {name}"
        else:
            error = _error(future)
            reason = "not sent" if error is None else one_line(gist(error), 200)
        return NoValue(self.labels[at], reason, future)

    def failure(self, how_to_see: str = "", where_good: str = "") -> FanOutFailed:
        """The error for the tasks that failed, with the first few.

        Parameters
        ----------
        how_to_see:
            Where the failed ones are listed.
        where_good:
            Where the others' values are.
        """
        those = set(self.failed)
        failed = [at for at, one in enumerate(self._futures) if one in those]
        lines = [f"{len(failed):,} of {len(self):,} tasks failed."]
        if len(failed) < len(self):
            lines.append(where_good or "The error's tasks.values() has the other results.")
        for at in failed[:SHOWN]:
            lines += ["", f"{self.labels[at]}: {_text(self._futures[at])}"]
        if len(failed) > SHOWN:
            ids = self._futures[failed[SHOWN]].task_id
            see = how_to_see or "the error's tasks.failed lists them"
            lines += ["", f"{len(failed) - SHOWN:,} more failed: {see}; %gc result {ids}."]
        error = FanOutFailed("\n".join(lines), code="RemoteExecutionError")
        error.tasks = self
        error.__cause__ = _error(self._futures[failed[0]])
        return error

    def __repr__(self) -> str:
        done = len(self) - len(self.pending)
        return f"<{len(self):,} tasks: {done:,} done, {len(self.failed):,} failed>"


def _succeeded(future: TaskFuture) -> bool:
    return not dropped(future) and future.exception() is None


def _over(future: TaskFuture) -> bool:
    return future.done() and _succeeded(future)


def _error(future: TaskFuture) -> BaseException | None:
    return None if dropped(future) else future.exception()


def _text(future: TaskFuture) -> str:
    error = _error(future)
    if error is None:
        return "not sent"
    render = getattr(error, "_render_traceback_", None)
    if render is not None:
        return "\n".join(render())
    return f"{type(error).__name__}: {str(error).strip()}"
