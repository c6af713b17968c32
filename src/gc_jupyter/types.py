"""The types that every layer shares: endpoint, task, state, event. They are plain values."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Union

UUIDLike = Union[uuid.UUID, str]  # noqa: UP007 - evaluated at run time on 3.10

LOCAL_NAME = "local"
#: The embedded endpoint's id. It is fixed, since journals and notebooks keep it.
LOCAL_ENDPOINT_ID = str(uuid.uuid5(uuid.NAMESPACE_DNS, "local.gc-jupyter"))


class TaskState(str, enum.Enum):
    """The state of a task; the value is the word that a user reads."""

    UNSENT = "unsent"
    WAITING_LIMIT = "waiting for request limit"  # `EventSource.hold` says why
    UNCONFIRMED = "not confirmed"  # sent, and no reply says whether the service has it
    WAITING_ENDPOINT = "waiting for endpoint"
    ENDPOINT_OFFLINE = "endpoint offline"
    WAITING_NODES = "waiting for nodes"
    WAITING_WORKER = "waiting for a worker"  # for a worker of this machine: `local`
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"  # never sent, or stopped here; not a task that may still run

    @property
    def done(self) -> bool:
        """Whether this state is final."""
        return self in (TaskState.SUCCESS, TaskState.FAILED, TaskState.CANCELLED)


@dataclass(frozen=True, slots=True)
class WorkerInfo:
    """What a worker reports of itself with each result (protocol: `details`)."""

    python_version: str = ""
    dill_version: str = ""
    os: str = ""
    sdk_version: str = ""
    endpoint_id: str = ""


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """The facts about one task: its ids, and times from the worker's own clock.

    `submitted_at` is unix seconds on this machine, `started_at`/`ended_at` unix seconds on the
    worker. `running_s` is exact. `queued_s` mixes both clocks. The worker's times come with the
    message of a result. Where the service was asked for the result before that message came,
    they stay None. On `local`, `started_at` is known as soon as a running task was asked about.
    """

    task_id: str | None = None
    task_group_id: str | None = None
    endpoint_id: str | None = None
    function_id: str | None = None
    submitted_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    worker: WorkerInfo | None = None

    @property
    def queued_s(self) -> float | None:
        """Seconds from submission to the worker's start, or None before it is known, and where the
        worker's clock is behind this one."""
        if self.submitted_at is None or self.started_at is None:
            return None
        between = self.started_at - self.submitted_at
        return between if between >= 0 else None

    @property
    def running_s(self) -> float | None:
        """Seconds that the worker spent on the task, or None before it is known."""
        if self.started_at is None or self.ended_at is None:
            return None
        return self.ended_at - self.started_at


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """A task changed state. `serial` numbers the tasks of this process; `at` is unix seconds."""

    serial: int
    state: TaskState
    at: float
    label: str = ""
    info: TaskInfo = TaskInfo()
    error: str = ""  # the last line of the remote traceback, as plain text
    uncertain: bool = False  # it failed here, but the service may have the task
    full_text: str = ""  # the whole remote traceback, or the error's message; as it came


@dataclass(frozen=True, slots=True)
class Hold:
    """Why tasks aren't sent yet, and until when (`time.monotonic`)."""

    why: str
    until: float


class EventSource(Protocol):
    """Announces the states of tasks. Listeners get the events of one moment together."""

    @property
    def hold(self) -> Hold | None:
        """Why the next submission can't leave yet; None if it can. Any thread."""

    def holders(self) -> Sequence[tuple[str, Any, float]]:
        """The tasks that occupy this machine's workers while others wait: task id, future (None
        if this process has none), and since when (unix seconds). Any thread."""

    def watch(self, listener: Callable[[Sequence[TaskEvent]], None]) -> None:
        """Call `listener` on the loop's thread from now on."""

    def unwatch(self, listener: Callable[[Sequence[TaskEvent]], None]) -> None:
        """End of `watch`."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What an endpoint's record at the service says of its workers.

    Parameters
    ----------
    python:
        Their Python version, or empty text.
    threads:
        Whether they are threads of one process (ThreadPoolEngine), as far as the record tells.
    """

    python: str = ""
    threads: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as a user sees it. `status` is the service's word, or empty when never asked."""

    endpoint_id: str
    name: str = ""
    status: str = ""
    python_version: str = ""
