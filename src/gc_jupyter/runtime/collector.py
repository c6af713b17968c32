"""Match the results of one service with its open tasks, and hand them to the completer.

Lives on the loop. A message is acknowledged only after its future is resolved.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from gc_jupyter.credentials import masked
from gc_jupyter.errors import ComputeError, SubmitUncertain, full_text, gist
from gc_jupyter.future import Later, TaskFuture
from gc_jupyter.protocol.messages import ResultMessage
from gc_jupyter.protocol.task_book import TaskBook, Unclaimed
from gc_jupyter.remote_text import one_line
from gc_jupyter.runtime.completer import Finished, Outcome, resolve_all
from gc_jupyter.runtime.feed import Feed
from gc_jupyter.runtime.loop import KernelLoop
from gc_jupyter.runtime.requests import Requests
from gc_jupyter.runtime.tasks import Origin, Stray
from gc_jupyter.service.base import Service, TaskStatus
from gc_jupyter.types import TaskEvent, TaskState

log = logging.getLogger(__name__)

Listener = Callable[[Sequence[TaskEvent]], None]
_Result = ResultMessage | TaskStatus

ENDPOINTS_S = 15.0  # between questions whether an endpoint is connected that shown tasks wait for

_FOR_ENDPOINT = "waiting-for-ep"
_SERVICE_STATES = {
    _FOR_ENDPOINT: TaskState.WAITING_ENDPOINT,
    "waiting-for-nodes": TaskState.WAITING_NODES,
    "waiting-for-launch": TaskState.WAITING_NODES,
    "waiting-for-worker": TaskState.WAITING_WORKER,
    "running": TaskState.RUNNING,
    "exec-start": TaskState.RUNNING,
}


class Collector:
    """The taker of one feed, and the owner of its task book (loop's thread only)."""

    def __init__(
        self, loop: KernelLoop, service: Service, requests: Requests, port: int | None
    ) -> None:
        self._loop = loop
        self._service = service
        self._requests = requests
        self.feed = Feed(loop, lambda: service, requests, self, port=port)
        self.book: TaskBook[tuple[TaskFuture, Origin], tuple[_Result, object]] = TaskBook()
        self._ready: list[Finished] = []
        self._resolving: deque[list[Finished]] = deque()  # handed to `gc-results`, in order
        self._later: dict[int, Finished] = {}  # by serial: parts of their results are fetched
        self.listeners: list[Listener] = []
        self._endpoints: dict[str, tuple[bool, float]] = {}  # online, and until when that is known

    # --- submissions -----------------------------------------------------------------------

    def expect(
        self,
        submission: int,
        task_group_id: str,
        tasks: Iterable[tuple[str, tuple[TaskFuture, Origin]]],
    ) -> None:
        """A submission was accepted with these task ids: wait for their results."""
        self.expect_more(task_group_id, tasks)
        self._end(submission)

    def expect_more(
        self,
        task_group_id: str,
        tasks: Iterable[tuple[str, tuple[TaskFuture, Origin]]],
        on_its_way_s: float = 0.0,
    ) -> None:
        """As `expect`, while the submission goes on: results of other tasks are kept."""
        for (future, origin), (message, tag) in self.book.expect(tasks):
            self._complete(Finished(future, message, origin, tag))
        self.feed.follow(task_group_id, on_its_way_s)

    def give_up(self, submission: int) -> None:
        """A submission failed: it will give no ids."""
        self._end(submission)

    def finish(
        self, future: TaskFuture, origin: Origin, outcome: Outcome, tag: object = None
    ) -> None:
        """Resolve a task that has ended, perhaps without a message to acknowledge."""
        self._complete(Finished(future, outcome, origin, tag))

    def dismiss(self, tag: object) -> None:
        """Acknowledge a message that no task here waits for."""
        self.feed.ack([tag])

    def _end(self, submission: int) -> None:
        self.feed.ack([tag for _, tag in self.book.end(submission).dropped])

    # --- the feed's taker ------------------------------------------------------------------

    def take(self, message: ResultMessage, body: bytes, tag: object) -> None:  # noqa: ARG002
        """See Taker."""
        self._deliver(message.task_id, message, tag)

    def take_said(self, task_id: str, message: bytes) -> None:
        """See Taker."""
        owner = self.book.owner(task_id)
        if owner is not None and not isinstance(owner[0], Stray):
            owner[0].hear(message)

    async def take_statuses(
        self,
        asked: Sequence[str],  # noqa: ARG002
        found: Mapping[str, TaskStatus],
        tags: Mapping[str, object],
    ) -> None:
        """See Taker."""
        await self._look_at_endpoints(found.values())
        changes: list[tuple[TaskFuture, TaskState, BaseException | None]] = []
        for task_id, status in found.items():
            owner = self.book.owner(task_id)
            if status.done:
                tag = tags.get(task_id)
                if owner is not None or tag is not None:
                    self._deliver(task_id, status, tag)
            elif (
                owner is not None
                and not isinstance(owner[0], Stray)
                and (state := self._state(owner[0], status.status))
            ):
                if status.started_at is not None:
                    owner[0]._learn(replace(owner[0].info, started_at=status.started_at))
                changes.append((owner[0], state, None))
        self.announce(changes)
        # fetch no more than `gc-results` can take in
        await asyncio.sleep(0)  # `_flush` comes first
        await self._loop.aio.run_in_executor(self._loop.results, _nothing)

    def asked(self, error: ComputeError | None) -> None:
        """See Taker."""

    def open_tasks(self, groups: Collection[str] | None) -> list[str]:
        """See Taker."""
        if groups is None:
            return list(self.book)
        # a task whose group isn't known may be in any group
        return [one for one in self.book if (its := self._group_of(one)) in groups or not its]

    def open_groups(self) -> Collection[str]:
        """See Taker."""
        return {self._group_of(one) for one in self.book}

    def _group_of(self, task_id: str) -> str:
        owner = self.book.owner(task_id)
        return "" if owner is None else owner[0].info.task_group_id or ""

    def is_open(self, task_id: str) -> bool:
        """See Taker."""
        return self.book.owner(task_id) is not None

    @property
    def busy(self) -> bool:
        """See Taker."""
        return len(self.book) > 0

    def _deliver(self, task_id: str, result: _Result, tag: object) -> None:
        owner = self.book.deliver(task_id, (result, tag))
        if owner is Unclaimed.DROPPED:
            self.feed.ack([tag])
        elif not isinstance(owner, Unclaimed):
            self._complete(Finished(owner[0], result, owner[1], tag))

    # --- completion ------------------------------------------------------------------------

    def unresolved(self) -> Iterator[tuple[TaskFuture, Origin]]:
        """Tasks that the service has accepted, or refused, and whose futures are still pending."""
        yield from self.book.owners()
        for finished in (*self._resolving, self._ready, list(self._later.values())):
            yield from ((one.future, one.origin) for one in finished if not one.future.done())

    def _complete(self, finished: Finished) -> None:
        """Hand finished tasks to `gc-results`, all those of one turn of the loop together."""
        if isinstance(finished.future, Stray):
            finished.future.arrived(finished)
            for future, origin in finished.future.also:
                self._complete(Finished(future, finished.outcome, origin))
            return
        if not self._ready:
            self._loop.aio.call_soon(self._flush)
        self._ready.append(finished)

    def _flush(self) -> None:
        ready, self._ready = self._ready, []
        self._resolving.append(ready)
        done = partial(self._loop.tell, self._resolved, ready)
        self._loop.results.post(partial(resolve_all, ready, done))

    def _resolved(self, finished: list[Finished]) -> None:
        self._resolving.popleft()
        self.feed.settled()
        self.feed.ack([one.tag for one in finished])
        for one in finished:
            if one.later is not None:
                self._complete_later(one, one.later)
        if self.listeners:
            self.announce(
                (one.future, _end(one), one.error) for one in finished if one.later is None
            )

    def _complete_later(self, one: Finished, later: Later) -> None:
        """Go on with a result once its parts are here. Its message is no longer needed, since the
        service's state of the task says the same."""
        self._later[one.future.serial] = one

        def ready() -> None:
            if self._later.pop(one.future.serial, None) is not None:
                self._complete(replace(one, tag=None))

        later.ready.add_done_callback(lambda _: self._loop.tell(ready))

    def announce(
        self, changes: Iterable[tuple[TaskFuture, TaskState, BaseException | None]]
    ) -> None:
        """Tell the listeners of tasks' new states."""
        if not self.listeners:
            return
        now = time.time()
        events = [
            TaskEvent(
                *(f.serial, state, now, f.label, f.info, _in_a_line(error)),
                isinstance(error, SubmitUncertain),
                full_text(error) if state is TaskState.FAILED else "",
            )
            for f, state, error in changes
        ]
        for listener in self.listeners:
            try:
                listener(events)
            except Exception:  # an error in a view must not stop results
                log.exception("a listener of task events failed")

    def show(self, futures: Iterable[TaskFuture], state: TaskState) -> None:
        """As `announce`, for events that only matter while somebody watches."""
        if self.feed.watchers:
            self.announce((one, state, None) for one in futures if not one.done())

    def watch(self, listener: Listener) -> None:
        """Tell this listener the states of tasks. The service is asked often enough that the shown
        words are true: waiting for the endpoint, for nodes, or running."""
        self.listeners.append(listener)
        self.feed.watch(1)

    def unwatch(self, listener: Listener) -> None:
        """End of `watch`."""
        self.listeners.remove(listener)
        self.feed.watch(-1)

    async def _look_at_endpoints(self, statuses: Iterable[TaskStatus]) -> None:
        """Ask whether the endpoints are connected that shown tasks wait for."""
        if not self.feed.watchers:
            return
        owners = [self.book.owner(one.task_id) for one in statuses if one.status == _FOR_ENDPOINT]
        for endpoint in {owner[0].info.endpoint_id for owner in owners if owner is not None}:
            _, old = self._endpoints.get(endpoint or "", (True, 0.0))
            if not endpoint or time.monotonic() < old:
                continue
            online = True
            try:
                ask = partial(self._service.endpoint_online, endpoint)
                online = await self._requests.send(ask, spare=True)
            except ComputeError as error:
                log.info("the state of an endpoint can't be asked for: %s", error.reason)
            self._endpoints[endpoint] = online, time.monotonic() + ENDPOINTS_S

    def _state(self, future: TaskFuture, status: str) -> TaskState | None:
        """The state of an open task, from the service's word for it."""
        if status == _FOR_ENDPOINT and self.feed.watchers:
            online, _ = self._endpoints.get(future.info.endpoint_id or "", (True, 0.0))
            if not online:
                return TaskState.ENDPOINT_OFFLINE
        return _SERVICE_STATES.get(status)

    def close(self) -> None:
        """Stop receiving; open futures stay pending."""
        self.feed.close()


def _end(finished: Finished) -> TaskState:
    if finished.error is None:
        return TaskState.SUCCESS
    return TaskState.CANCELLED if finished.future.cancelled() else TaskState.FAILED


def _in_a_line(error: BaseException | None) -> str:
    if error is None:
        return ""
    if isinstance(error, ComputeError):
        return one_line(masked(gist(error)), 500)
    lines = str(error).strip().splitlines()
    return one_line(masked(f"{type(error).__name__}: {lines[-1]}"), 500) if lines else ""


def _nothing() -> None:
    """A call that runs when all calls posted before it have ended."""
