"""The runtime's record of a queued task, and of its origin."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gc_jupyter.future import TaskFuture
from gc_jupyter.protocol.batches import Route
from gc_jupyter.service.base import FunctionRegistration
from gc_jupyter.types import TaskInfo

if TYPE_CHECKING:
    from gc_jupyter.runtime.completer import Finished
    from gc_jupyter.serialize.streamed import StreamedArguments

#: Numbers the tasks of this process; `next` is atomic, so any thread may call it.
serials = itertools.count(1)


@dataclass(slots=True)
class Origin:
    """The submitter, shared by all tasks of one executor.

    `deserialize` turns a result's wire text into a value. `submitted` counts the tasks that the
    service has accepted; the loop's thread alone writes it.
    """

    deserialize: Callable[[str], Any]
    submitted: int = 0


@dataclass(slots=True)
class QueuedTask:
    """A task on its way to the service. `function` is a function id, or what to register."""

    future: TaskFuture
    origin: Origin
    route: Route
    function: FunctionRegistration | str
    payload: str | StreamedArguments
    size: int = field(default=0)


class Stray(TaskFuture):
    """Stands for a task of a group that is not matched with a future yet.

    Parameters
    ----------
    task_id, group:
        The task, and its group.
    arrived:
        Called on the loop with its outcome, in place of a result.
    """

    def __init__(self, task_id: str, group: str, arrived: Callable[[Finished], None]) -> None:
        super().__init__()
        self._learn(TaskInfo(task_id, group))
        self.arrived = arrived
        #: Futures that were made for its id meanwhile.
        self.also: list[tuple[TaskFuture, Origin]] = []
