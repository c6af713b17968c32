"""The interface of a journal to the runtime: it is told of every task before the request leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

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
        """Undo `take`: this process does not wait for the group's results, so others may collect
        them again."""
