"""TaskFuture: a future for a task's result, with what is known about the task so far."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from gc_jupyter.errors import TaskStopped
from gc_jupyter.types import EventSource, TaskInfo

_UNKNOWN = TaskInfo()
#: Stops tasks that were sent: interrupts them, and ends them after these seconds. Returns whether
#: it could.
Stop: TypeAlias = "Callable[[Sequence[TaskFuture], float], bool]"


@dataclass(frozen=True, slots=True)
class Later:
    """What `TaskFuture.decode` returns while parts of a result still have to be fetched.

    Parameters
    ----------
    ready:
        A future that is done once the parts have arrived, or can't be fetched.
    decode:
        Called after that; returns the result, as `TaskFuture.decode` does.
    """

    ready: concurrent.futures.Future[Any]
    decode: Callable[[], Any]


class _LeanCondition(threading.Condition):
    """A `threading.Condition` without its five bound methods and its deque, which save memory.

    A fan-out of 100,000 tasks has as many futures. These objects were half of all objects that the
    garbage collector traverses, and a third of the memory.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waiters: list[Any] = []

    def acquire(self, *args: Any) -> bool:
        return self._lock.acquire(*args)

    def release(self) -> None:
        self._lock.release()

    def _release_save(self) -> Any:
        return self._lock._release_save()  # type: ignore[attr-defined]

    def _acquire_restore(self, state: Any) -> None:
        self._lock._acquire_restore(state)  # type: ignore[attr-defined]

    def _is_owned(self) -> bool:
        owned: bool = self._lock._is_owned()  # type: ignore[attr-defined]
        return owned


class TaskFuture(concurrent.futures.Future[Any]):
    """A `concurrent.futures.Future` that knows its task.

    Works with `concurrent.futures.wait` and `as_completed`, and with asyncio: ``await future``
    and `asyncio.wrap_future`. Done-callbacks run on the `gc-results` thread.

    Parameters
    ----------
    task_id:
        The task's id, if the service has accepted the task already.
    serial:
        The task's number in this process.
    label:
        The text that tables show for the task.

    Notes
    -----
    Only three methods write what is known about a task, in this order (`tests/test_future.py`).

    ===========  ====================  =====================================================
    method       fields                who, and when
    ===========  ====================  =====================================================
    `_describe`  `note`, `nonce`,      who makes the future, before it is submitted; its own
                 `limit`, `label`,     reply, where nobody here knew what it is
                 `ready`
    `_enter`     `serial`, `label`,    whoever submits or adopts the task: once, on that thread,
                 `source`              before anybody else has the future
    `_learn`     `info`                `gc-loop`, with the ids: a task's id never changes; and
                                       when a task of this machine runs;
                                       `gc-results`, with what the worker and the reply say,
                                       before the result is set
    ===========  ====================  =====================================================
    """

    #: What a recorder of tasks stores with the task: the cell that submitted it.
    note: Any = None
    #: The nonce in the task's reply (`protocol.nonces`); empty for a plain function.
    nonce: str = ""
    #: The formats that its result may have (`serialize.limits`).
    limit: str = ""
    #: Done once the task may be sent, or can't be sent; None if it may be sent at once.
    ready: concurrent.futures.Future[Any] | None = None
    #: Whether `stop` was called for it.
    _halted = False

    def __init__(self, task_id: str | None = None, *, serial: int = 0, label: str = "") -> None:
        super().__init__()
        self._condition = _LeanCondition()
        self.serial = serial
        self.label = label
        #: The runtime that announces this task's states; None before it is submitted.
        self.source: EventSource | None = None
        self._info = TaskInfo(task_id=task_id) if task_id else _UNKNOWN
        self._stop: Stop | None = None

    @property
    def task_id(self) -> str | None:
        """The service's id of the task; None until the service has accepted it."""
        return self._info.task_id

    @property
    def info(self) -> TaskInfo:
        """Identifiers and, once done, the times that the worker measured (protocol: the
        `task_statuses` of a result)."""
        return self._info

    def _describe(
        self,
        note: Any = None,
        nonce: str = "",
        limit: str = "",
        label: str = "",
        ready: concurrent.futures.Future[Any] | None = None,
    ) -> None:
        """Set what this task is: before it is submitted, or later from its reply.

        Parameters
        ----------
        note:
            What the recorder of tasks stores with it.
        nonce:
            The nonce among the task's arguments, which its reply returns.
        limit:
            The formats that its result may have (`serialize.limits`).
        label:
            The text that tables show for the task.
        ready:
            Done once the task may be sent. Its exception becomes the task's. It is cancelled when
            no task waits for it any more.

        Raises
        ------
        concurrent.futures.InvalidStateError
            The task was submitted already, and this is known already.
        """
        if self.source is not None and self.note is not None:
            raise concurrent.futures.InvalidStateError("The task was submitted already.")
        if note is not None:
            self.note = note
        if nonce:
            self.nonce = nonce
        if limit:
            self.limit = limit
        if label:
            self.label = label
        if ready is not None:
            self.ready = ready

    def _enter(
        self,
        serial: int,
        source: EventSource | None,
        label: str = "",
        stop: Stop | None = None,
    ) -> None:
        """Hand the task to the runtime.

        Parameters
        ----------
        serial:
            The task's number in this process.
        source:
            The runtime that announces its states.
        label:
            The text for tables, used if the task has none yet.
        stop:
            Stops such tasks after they were sent; None if nothing can.

        Raises
        ------
        concurrent.futures.InvalidStateError
            The future was submitted already; each future is for one task.
        """
        if self.source is not None:
            raise concurrent.futures.InvalidStateError("A future can be submitted once.")
        self.serial = serial
        self.source = source
        self.label = self.label or label
        self._stop = stop

    def _learn(self, info: TaskInfo) -> None:
        """Add to what is known about the task. What was known may not change.

        Parameters
        ----------
        info:
            Everything that is known now.

        Raises
        ------
        concurrent.futures.InvalidStateError
            `info` has the id of another task.
        """
        if self._info.task_id not in (None, info.task_id):
            raise concurrent.futures.InvalidStateError(
                f"This is task {self._info.task_id}, not {info.task_id}."
            )
        self._info = info

    def cancel(self) -> bool:
        """Cancel a task that was not sent yet, or stop one that runs on this machine.

        Returns
        -------
        bool
            False when the task was sent to the web service: it offers no way to cancel (protocol,
            "Limits"), so the task may still run.
        """
        if super().cancel():
            return True
        return not self.done() and stop([self])

    @property
    def stoppable(self) -> bool:
        """Whether the task can be stopped after it was sent, because it runs on this machine."""
        return self._stop is not None

    def cancelled(self) -> bool:
        """Whether the task was cancelled: dropped before it was sent, or stopped."""
        if dropped(self) or not self.done():
            return dropped(self)
        error = self.exception()
        if isinstance(error, TaskStopped):
            return True
        # an interrupted task has a reply: its cell may have caught the interrupt, or have failed
        cause = error.__cause__ if error is not None and self._halted else None
        return isinstance(cause, KeyboardInterrupt)

    def hear(self, message: bytes) -> None:
        """Take a message that the task sends while it runs (`service.local_worker.say`).

        This class ignores it; a subclass may use it. Called on `gc-loop`, in the order in which
        the messages were sent, before the result.

        Parameters
        ----------
        message:
            The bytes that the task sent.
        """

    def decode(self, value: Any) -> Any:
        """Turn what the task returned into the future's result. Here it is the value itself.

        A subclass may unpack a reply; what it raises makes the task a failed one. Called on the
        `gc-results` thread, before any callback. If it returns a `Later`, the future is done
        when the `Later` is.

        Parameters
        ----------
        value:
            What the task returned.
        """
        return value

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.wrap_future(self).__await__()

    def __repr__(self) -> str:
        if self.cancelled():
            state = "cancelled"
        elif self.done():
            state = "success" if self.exception() is None else "failed"
        else:  # where it is now, nobody was asked
            state = "not over" if self.running() else "not sent"
        label = f" {self.label!r}" if self.label else ""
        return f"<TaskFuture{label} task_id={self.task_id} {state}>"


def results_in_order(futures: list[TaskFuture], timeout: float | None) -> Iterator[Any]:
    """The results of futures, as `concurrent.futures.Executor.map` yields them.

    Parameters
    ----------
    futures:
        The futures. Those that remain when the caller stops iterating are cancelled.
    timeout:
        Seconds from now, for all of them together.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    futures.reverse()
    return _results(futures, deadline)


def _results(futures: list[TaskFuture], deadline: float | None) -> Iterator[Any]:
    try:
        while futures:
            left = None if deadline is None else deadline - time.monotonic()
            yield futures.pop().result(left)
    finally:
        for future in futures:
            future.cancel()


def stop(futures: Sequence[TaskFuture], patience: float = 0.0) -> bool:
    """Stop tasks that were sent. They are stopped together, so no waiting one starts meanwhile.

    Parameters
    ----------
    futures:
        Tasks that have an id; others are ignored.
    patience:
        Seconds between the interrupt that a running task gets and the end of its process.

    Returns
    -------
    bool
        Whether all of them can be stopped, because they run on this machine.
    """
    for one in futures:
        one._halted = True
    stops = {one._stop for one in futures}
    said = [
        call is not None and call([one for one in futures if one._stop == call], patience)
        for call in stops
    ]
    return bool(said) and all(said)


def dropped(future: concurrent.futures.Future[Any]) -> bool:
    """Whether a task was cancelled before it was sent, so that it has no outcome.

    Parameters
    ----------
    future:
        A TaskFuture, or any other future.
    """
    return concurrent.futures.Future.cancelled(future)
