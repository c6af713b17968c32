"""Who is told of every task of this process before it leaves: a notebook's journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from gc_jupyter.future import TaskFuture
    from gc_jupyter.protocol.batches import Route
    from gc_jupyter.runtime.completer import Outcome
    from gc_jupyter.runtime.tasks import QueuedTask
    from gc_jupyter.types import TaskEvent


class Recorder(Protocol):
    """Keeps a record of tasks from before their request leaves."""

    def queued(self, future: TaskFuture) -> None:
        """A task was submitted; on the thread that submits it."""

    async def sending(
        self, route: Route, task_group_id: str | None, tasks: Mapping[str, Sequence[QueuedTask]]
    ) -> None:
        """A request with these tasks, by function id, leaves as soon as this returns (loop's
        thread); told once more where only the reply has named the group. Raises nothing."""

    def started(self, futures: Iterable[TaskFuture], kind: str) -> None:
        """These tasks were submitted before there was a recorder, or elsewhere (loop's thread);
        `kind` says how to read the results of those that have no note."""

    def on_events(self, events: Sequence[TaskEvent]) -> None:
        """Tasks changed their states (loop's thread)."""

    def take(self, task_group_id: str, task_ids: Sequence[str]) -> Mapping[str, Outcome]:
        """This process waits for a group's results from now on, and nobody collects them for it
        any more. Returns what was collected of these tasks. Blocks; not on the loop."""

    def limits(self, task_ids: Sequence[str]) -> Mapping[str, str]:
        """By what the results of those of these tasks that are known may be read
        (`serialize.limits`). Blocks; not on the loop."""

    def release(self, task_group_id: str) -> None:
        """It doesn't, after all."""


class Memory(Protocol):
    """What outlasts a kernel; blocking."""

    def get(self, name: str) -> str | None:
        """What is remembered under a name."""

    def put(self, name: str, value: str, for_s: float) -> None:
        """Remember `value` for so many seconds."""

    def forget(self, name: str) -> None:
        """It isn't true any more."""


class Recorded(Protocol):
    """Has tasks that can be recorded: a dispatcher."""

    def record(self) -> None:
        """There is a recorder now."""


#: Gives the recorder for each dispatcher that is made from now on; None where nobody keeps one.
make: Callable[[], Recorder | None] | None = None
#: Those that were made.
dispatchers: WeakSet[Recorded] = WeakSet()


def start(maker: Callable[[], Recorder | None]) -> None:
    """Record the tasks of every dispatcher from now on, of those that exist already, too."""
    global make
    make = maker
    for one in list(dispatchers):
        one.record()


def limits(task_ids: Sequence[str]) -> Mapping[str, str]:
    """See `Recorder.limits`; nothing where no record is kept."""
    recorder = make() if make is not None else None
    return {} if recorder is None else recorder.limits(task_ids)
