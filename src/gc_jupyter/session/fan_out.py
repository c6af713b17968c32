"""Tasks: the futures of a fan-out in order, and the error when some fail.

A task that is run again takes its old place: here, in the lists that were bound to names, and in
the tables that show it.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, MutableMapping, Sequence
from functools import partial
from typing import Any, overload

from gc_jupyter.errors import ComputeError, gist
from gc_jupyter.future import TaskFuture, dropped
from gc_jupyter.remote_text import one_line
from gc_jupyter.session.fan_out_failed import FanOutFailed, error_of, fan_out_failed
from gc_jupyter.session.futures import NotebookFuture

_UNSET = object()


class NoValue:
    """Stands in a list of a fan-out's values for a task without one.

    Parameters
    ----------
    label:
        The task's label, such as ``x=3``.
    reason:
        Why it has no value, in one line.
    future:
        The task's future; ``future.exception()`` is its failure, ``future.out`` has the variables
        that it set before.
    """

    __slots__ = ("future", "label", "reason")

    def __init__(self, label: str, reason: str, future: TaskFuture) -> None:
        self.label = label
        self.reason = reason
        self.future = future

    @property
    def error(self) -> BaseException | None:
        """The task's failure; None if it was not sent, or has not set the variable."""
        return error_of(self.future)

    def __repr__(self) -> str:
        return f"<no value: {self.label}: {self.reason}>"

    def gc_refusal(self) -> tuple[str, str]:
        """Why this object can't be sent to an endpoint, and what to do."""
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
        Their labels, such as ``x=3``.
    run:
        The name of these tasks for `%gc attach`; empty if they were put together here.
    title:
        The title of their table.
    """

    def __init__(
        self,
        futures: Sequence[TaskFuture],
        labels: Sequence[str] = (),
        *,
        run: str = "",
        title: str = "Tasks",
    ) -> None:
        self._futures = list(futures)
        self.labels = list(labels) or [future.label for future in futures]
        self.run = run
        self.title = title
        #: Whether their display is a line of text instead of a table.
        self.quiet = False
        self._lock = threading.Lock()
        self._open = 0  # how many tasks have not reported their end, once somebody has asked for it
        self._followed = False
        self._when_over: list[Callable[[], object]] = []
        self._bound: list[tuple[str, list[Any]]] = []
        self._watchers: list[Callable[[int, TaskFuture], object]] = []
        if run:
            for future in futures:
                if isinstance(future, NotebookFuture):
                    future.fan_out = self

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
        """The failed tasks."""
        return [one for one in self._futures if one.done() and not _succeeded(one)]

    @property
    def pending(self) -> list[TaskFuture]:
        """The open tasks."""
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
        """All results, in order, with a `NoValue` for each task that is open or has failed."""
        return [
            future.result() if _over(future) else self._none(at)
            for at, future in enumerate(self._futures)
        ]

    def out(self, name: str) -> list[Any]:
        """A variable's values, in order, with a `NoValue` for each task that has not set it.

        Parameters
        ----------
        name:
            One of `--out`.
        """
        return [self._value(at, name) for at in range(len(self))]

    def bind(self, names: Sequence[str], namespace: MutableMapping[str, Any]) -> None:
        """Bind each variable to its list of values: now, if all tasks have ended, otherwise when
        they have, unless the notebook sets the name meanwhile.

        Parameters
        ----------
        names:
            As for `out`.
        namespace:
            The notebook's variables.
        """
        if not names:
            return
        if not self.pending:
            self._bind_now(names, namespace)
            return
        before = {name: namespace.get(name, _UNSET) for name in names}

        def bind() -> None:
            same = [name for name in names if namespace.get(name, _UNSET) is before[name]]
            self._bind_now(same, namespace)

        self._follow(bind)

    def _bind_now(self, names: Sequence[str], namespace: MutableMapping[str, Any]) -> None:
        if not self._futures or not all(dropped(one) for one in self._futures):
            for name in names:
                namespace[name] = values = self.out(name)
                self._bound.append((name, values))

    def _follow(self, when_over: Callable[[], object]) -> None:
        """Call `when_over` once, when all tasks have ended."""
        with self._lock:
            self._when_over.append(when_over)
            first, self._followed = not self._followed, True
            if first:
                self._open = len(self._futures)
            elif self._open:
                return
        if first:
            for future in self._futures:
                future.add_done_callback(self._one_over)
        else:
            self._tell_over()

    def _one_over(self, _future: object) -> None:
        with self._lock:
            self._open -= 1
            if self._open:
                return
        self._tell_over()

    def _tell_over(self) -> None:
        with self._lock:
            calls, self._when_over = self._when_over, []
        for call in calls:
            call()

    # --- again -----------------------------------------------------------------------------

    def rerun(self, *places: int) -> Tasks:
        """Run tasks again. Their results replace the old ones, here, in the lists that `--out` has
        bound, and in tables.

        Parameters
        ----------
        *places:
            Their places, from 0; by default those of all failed tasks.

        Returns
        -------
        Tasks
            These tasks.

        Raises
        ------
        ComputeError
            A task is still open, or an earlier kernel has the data that was sent for it.
        """
        failed = set(self.failed)
        chosen = places or [at for at, one in enumerate(self._futures) if one in failed]
        for place in chosen:
            future = self._futures[place]
            if not future.done():
                raise ComputeError(f"{self.labels[place]} isn't over: it can't be run again yet.")
            if getattr(future, "again", None) is None:
                raise ComputeError(
                    f"{self.labels[place]} can't be run again from here: what was sent for it went"
                    " with the kernel that had sent it.",
                    next_step="Run the cell again.",
                )
        for place in chosen:
            self._replace(place, self._futures[place].again())  # type: ignore[attr-defined]
        return self

    def _replace(self, place: int, future: TaskFuture) -> None:
        with self._lock:
            self._futures[place] = future
            if self._followed:
                self._open += 1
        if isinstance(future, NotebookFuture) and self.run:
            future.fan_out = self
        for watcher in list(self._watchers):
            watcher(place, future)
        future.add_done_callback(partial(self._mend, place))
        if self._followed:
            future.add_done_callback(self._one_over)

    def fill(self, place: int, future: TaskFuture) -> None:
        """Put a task in the place of its stand-in, which then ends.

        Parameters
        ----------
        place:
            The place, from 0.
        future:
            The task.
        """
        stood_in = self._futures[place]
        self.labels[place] = future.label or self.labels[place]
        self._replace(place, future)
        stood_in.set_result(None)

    def _mend(self, place: int, future: object) -> None:
        """Put the value of a task that was run again into the bound lists."""
        if self._futures[place] is not future:
            return  # if it is run again
        for name, values in self._bound:
            value = self._value(place, name)
            there = values[place] if place < len(values) else None
            if isinstance(there, NoValue) or not isinstance(value, NoValue):
                values[place : place + 1] = [value]

    def on_replaced(self, watcher: Callable[[int, TaskFuture], object]) -> None:
        """Call `watcher` with the place and the new future of each task that is run again."""
        self._watchers.append(watcher)

    def _value(self, at: int, name: str) -> Any:
        future = self._futures[at]
        out = getattr(future, "out", {})
        return out[name] if _over(future) and name in out else self._none(at, name)

    def _none(self, at: int, name: str = "") -> NoValue:
        future = self._futures[at]
        if not future.done():
            reason = "it has not ended yet"
        elif _succeeded(future):
            reason = f"the cell has not set {name}"
        else:
            error = error_of(future)
            reason = "not sent" if error is None else one_line(gist(error), 200)
        return NoValue(self.labels[at], reason, future)

    def failure(self, how_to_see: str = "", where_good: str = "", again: str = "") -> FanOutFailed:
        """The error for the failed tasks, with the first few different failures.

        Parameters
        ----------
        how_to_see:
            A text that says where the failed tasks are listed.
        where_good:
            A text that says where the other values are.
        again:
            A text that says how to run the failed tasks again.
        """
        those = set(self.failed)
        failed = [at for at, one in enumerate(self._futures) if one in those]
        return fan_out_failed(self, failed, how_to_see, where_good, again)

    def __repr__(self) -> str:
        cancelled = sum(one.cancelled() for one in self._futures)
        counts = {
            "failed": len(self.failed) - cancelled,
            "cancelled": cancelled,
            "not over": len(self.pending),
            "success": sum(_over(one) for one in self._futures),
        }
        shown = ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)
        return f"<{len(self):,} tasks: {shown or 'none'}>"


def _succeeded(future: TaskFuture) -> bool:
    return not dropped(future) and future.exception() is None


def _over(future: TaskFuture) -> bool:
    return future.done() and _succeeded(future)
