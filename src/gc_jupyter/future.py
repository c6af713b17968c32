"""TaskFuture: a task's result to come, with what is known of the task so far."""

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
#: Really stops tasks, so many seconds after an interrupt; whether it could.
Stop: TypeAlias = "Callable[[Sequence[TaskFuture], float], bool]"


@dataclass(frozen=True, slots=True)
class Later:
    """What `TaskFuture.decode` returns where parts of a result are still to be fetched.

    Parameters
    ----------
    ready:
        Is done once they are here, or can't be had.
    decode:
        The result, from then on, as `TaskFuture.decode` gives it.
    """

    ready: concurrent.futures.Future[Any]
    decode: Callable[[], Any]


class _LeanCondition(threading.Condition):
    """A condition as `threading.Condition()` makes it, less its five bound methods and its deque.

    A fan-out of 100,000 tasks waits with as many futures: these made up half of the objects that
    the garbage collector walks through, and a third of the memory.
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
        Where the service has accepted the task already.
    serial:
        Numbers the tasks of this process.
    label:
        Shown beside the task.

    Notes
    -----
    What becomes of a task is written here by three methods and by nothing else, in this order;
    `tests/test_future.py` holds it.

    ===========  ====================  =====================================================
    method       fields                who, and when
    ===========  ====================  =====================================================
    `_describe`  `note`, `nonce`,      who makes the future, before it is submitted; its own
                 `limit`, `label`,     reply, where nobody here knew what it is
                 `ready`
    `_enter`     `serial`, `label`,    whoever submits or adopts the task: once, on that thread,
                 `source`              before anybody else has the future
    `_learn`     `info`                `gc-loop`, with the ids: a task's id never changes;
                                       `gc-results`, with what the worker says, before the
                                       result is set
    ===========  ====================  =====================================================
    """

    #: What a recorder of tasks keeps with this one: the cell that it came from.
    note: Any = None
    #: What the task's own reply carries (`protocol.nonces`); empty for a plain function's.
    nonce: str = ""
    #: By what its result may be read (`serialize.limits`).
    limit: str = ""
    #: Is done once the task may be sent, or can't be; None where it may be at once.
    ready: concurrent.futures.Future[Any] | None = None

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
        """Say what this task is, before it is submitted, or from its reply.

        Parameters
        ----------
        note:
            For the recorder of tasks.
        nonce:
            Among the task's arguments, for its reply to carry.
        limit:
            By what its result may be read (`serialize.limits`).
        label:
            Shown beside the task.
        ready:
            Is done once the task may be sent. Its exception becomes the task's; it is cancelled
            where no task waits for it any more.

        Raises
        ------
        concurrent.futures.InvalidStateError
            It was submitted already, and it is known what it is.
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
        """The runtime has the task from now on.

        Parameters
        ----------
        serial:
            Its number in this process.
        source:
            Announces its states.
        label:
            Where it has none yet.
        stop:
            Really stops such tasks, and says whether it could; None where nothing can.

        Raises
        ------
        concurrent.futures.InvalidStateError
            It was submitted already: one future is one task.
        """
        if self.source is not None:
            raise concurrent.futures.InvalidStateError("A future can be submitted once.")
        self.serial = serial
        self.source = source
        self.label = self.label or label
        self._stop = stop

    def _learn(self, info: TaskInfo) -> None:
        """More is known of the task; nothing that was known may change.

        Parameters
        ----------
        info:
            All that is known.

        Raises
        ------
        concurrent.futures.InvalidStateError
            It has another task's id.
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
        """Whether it can be stopped once it was sent: it runs on this machine."""
        return self._stop is not None

    def cancelled(self) -> bool:
        """Whether `cancel` had its way: the task was dropped before it was sent, or stopped."""
        return dropped(self) or (self.done() and isinstance(self.exception(), TaskStopped))

    def hear(self, message: bytes) -> None:
        """The task says something while it runs (`service.local_worker.say`): nobody listens.

        A subclass may. Called on `gc-loop`, in the order in which it was said, before the result.

        Parameters
        ----------
        message:
            As it was said.
        """

    def decode(self, value: Any) -> Any:
        """The future's result, from what the task returned: the value itself.

        A subclass may unpack a reply, and raise what makes the task a failed one. Called on the
        `gc-results` thread, before any callback. Where it returns a `Later`, the future is done
        when that is.

        Parameters
        ----------
        value:
            What the task returned.
        """
        return value

    def __await__(self) -> Generator[Any, None, Any]:
        return asyncio.wrap_future(self).__await__()

    def __repr__(self) -> str:
        if dropped(self):
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
        Those that are left when the caller stops asking are cancelled.
    timeout:
        Seconds from now for all of them.
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
    """Stop tasks that were sent, together: those that wait never run, whichever ends first.

    Parameters
    ----------
    futures:
        Tasks that have an id; others are left alone.
    patience:
        Seconds from an interrupt, which a running task gets, until its process is ended.

    Returns
    -------
    bool
        Whether all can be stopped: those that run on this machine.
    """
    stops = {one._stop for one in futures}
    said = [
        call is not None and call([one for one in futures if one._stop == call], patience)
        for call in stops
    ]
    return bool(said) and all(said)


def dropped(future: concurrent.futures.Future[Any]) -> bool:
    """Whether a task was cancelled before it was sent: it has no outcome.

    Parameters
    ----------
    future:
        A TaskFuture, or any other future.
    """
    return concurrent.futures.Future.cancelled(future)
