"""The interface of a service for the runtime: register, submit, look up, stream results."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from gc_jupyter.protocol.batches import StatusChunks

if TYPE_CHECKING:
    from gc_jupyter.serialize.streamed import StreamedArguments

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class FunctionRegistration:
    """The data of a function that the service stores (POST /v3/functions).

    `code` is one packed buffer if `serialized`, else plain source with an entry point `name`.
    """

    name: str
    code: str
    serialized: bool = True
    description: str | None = None
    public: bool = False
    group: str | None = None
    ha_endpoint_id: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    #: The same text for all users of this version of the package, so its id is remembered. Called
    #: with None for each argument, the function only prepares itself.
    lasting: bool = False

    def fingerprint(self) -> bytes:
        """A digest that tells registrations apart without keeping their texts."""
        parts = (
            self.name,
            self.code,
            str(self.serialized),
            self.description or "",
            str(self.public),
            self.group or "",
            self.ha_endpoint_id or "",
        )
        return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class SubmitRequest:
    """One batch for one endpoint: function id -> packed `[args, kwargs]` texts, in order."""

    endpoint_id: str
    tasks: Mapping[str, Sequence[str | StreamedArguments]]
    task_group_id: str | None = None
    create_queue: bool = True
    resource_specification: Mapping[str, Any] | None = None
    user_endpoint_config: Mapping[str, Any] | None = None
    result_serializers: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class SubmitReply:
    """The ids given to a batch: function id -> task ids, in the order of the request."""

    task_group_id: str
    endpoint_id: str
    request_id: str
    tasks: Mapping[str, Sequence[str]]
    ha_warning: str = ""


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """One task as `batch_status` knows it; `result` and `exception` are wire text.

    `reason` is the service's word on a failed task that has neither. `started_at` is unix seconds,
    while the task runs; only this machine's service knows it.
    """

    task_id: str
    status: str
    completion_t: str | None = None
    result: str | None = None
    exception: str | None = None
    details: Mapping[str, Any] | None = None
    reason: str = ""
    started_at: float | None = None

    @property
    def done(self) -> bool:
        """Whether the service has the task's outcome."""
        return self.result is not None or self.exception is not None

    @property
    def code(self) -> str:
        """The kind of its failure, as `protocol.failures.task_error` takes it."""
        return "TaskAbandoned" if self.status == "abandoned" else "RemoteExecutionError"

    @property
    def size(self) -> int:
        """The size of its result, in characters."""
        return len(self.result or "")


class Ask(Protocol):
    """Runs a blocking call off the loop, and repeats it where that helps; it must be repeatable."""

    def __call__(self, call: Callable[[], Reply]) -> Awaitable[Reply]: ...


class StreamSink(Protocol):
    """Receives the stream. Every method is called on the loop's thread."""

    def on_message(self, body: bytes, tag: object, *, by_reference: bool = False) -> None:
        """A result message. `tag` is for `Stream.ack`; `by_reference`: the data must be fetched
        by `task_statuses` (high assurance)."""

    def on_message_of(self, task_id: str, message: bytes) -> None:
        """A message that a task sends while it runs, before its result. Only tasks on this machine
        can send one (`local_worker.say`)."""

    def on_stream_up(self) -> None:
        """Messages come (again). Ask for the results whose messages were missed meanwhile."""

    def on_stream_down(self, error: Exception) -> None:
        """No messages come. The stream reconnects by itself while it has subscriptions."""

    def on_group_up(self, task_group_id: str) -> None:
        """This group's queue is heard (again)."""

    def on_group_down(self, task_group_id: str, error: Exception) -> None:
        """This group's queue is not heard: it doesn't exist (any more). Others aren't affected."""


class Stream(Protocol):
    """A stream of result messages. Every method is called on the loop's thread, and returns at
    once."""

    def subscribe(self, task_group_id: str) -> None:
        """Receive this group's results from now on; a second call changes nothing."""

    def unsubscribe(self, task_group_id: str) -> None:
        """Stop receiving this group's results. Unacknowledged messages stay in the queue."""

    def ack(self, tags: Sequence[object]) -> None:
        """Acknowledge messages whose futures are resolved, or whose bytes are stored."""

    @property
    def received(self) -> int:
        """The number of bytes that the connection has received. While it grows, the connection is
        alive."""

    def reconnect(self, error: Exception) -> None:
        """Connect anew, because the caller has found the connection dead."""

    def close(self) -> None:
        """End the stream; idempotent."""


class Service(Protocol):
    """The small interface behind every executor.

    The blocking calls run on the `gc-http` threads. A service that is `here` belongs to the loop:
    its calls don't block, and only the loop's thread makes them. All raise only
    `gc_jupyter.errors`.
    """

    #: Whether submissions count against the service's limit of 20 in 10 s.
    rate_limited: bool
    #: The service's name in the budget: requests of services with one name share one limit.
    address: str
    #: How long a request waits for its answer, in seconds; None without a limit.
    answer_s: float | None
    #: Whether its tasks run on this machine, where they can be stopped, and end with this process.
    here: bool

    @property
    def connecting(self) -> bool:
        """Whether a connection is being made, so that its request has not been sent yet."""

    def register_function(self, registration: FunctionRegistration) -> str:
        """Store a function; returns its function id. Blocks."""

    def submit(self, request: SubmitRequest) -> SubmitReply:
        """Send one batch. Blocks. Raises `SubmitUncertain` when it may have been accepted."""

    def task_statuses(self, task_ids: Sequence[str]) -> Mapping[str, TaskStatus]:
        """The state of these tasks; unknown ones are absent. Blocks."""

    def task_group(self, task_group_id: str) -> Sequence[str]:
        """The ids of a group's tasks. Blocks."""

    def endpoint_online(self, endpoint_id: str) -> bool:
        """Whether the endpoint is connected. Tasks for one that isn't must wait. Blocks."""

    def stop_tasks(self, task_ids: Sequence[str], patience: float = 0.0) -> bool:
        """Stop these tasks; False where that is impossible, as for registered tasks at the web
        service. Any thread; returns at once.

        Those that wait never run, whatever ends before them. One that runs is killed, and its
        result says `TaskStopped`; with `patience`, it first gets a KeyboardInterrupt, and so many
        seconds to end by it.
        """

    def holders(self) -> Sequence[tuple[str, float]]:
        """The tasks that occupy this machine's workers, and since when (unix seconds), while other
        tasks wait. Only for a service whose tasks run here; on the loop."""

    def open_stream(
        self,
        loop: asyncio.AbstractEventLoop,
        ask: Ask,
        sink: StreamSink,
        *,
        port: int | None = None,
    ) -> Stream:
        """A stream that delivers to `sink` on `loop`; blocking set-up work goes through `ask`.
        `port` overrides the one that the service names."""

    def close(self) -> None:
        """Release what the service holds; idempotent."""


def statuses_of(
    task_ids: Sequence[str], ask: Callable[[Sequence[str]], Mapping[str, TaskStatus]]
) -> Iterator[Mapping[str, TaskStatus]]:
    """The states of many tasks, asked for in parts that bound the size of each reply; blocks.

    Parameters
    ----------
    task_ids:
        As many as there are.
    ask:
        `Service.task_statuses` of some of them.
    """
    chunks = StatusChunks()
    for chunk in chunks.of(task_ids):
        statuses = ask(chunk)
        chunks.saw(*(one.size for one in statuses.values() if one.done))
        yield statuses
