"""Result messages -> the task book -> the completer; sweeps `batch_status` for what is missing.

Lives on the loop. A message is acknowledged only after its future is resolved. While the stream is
down, and now and then while it is up, the service is asked for the open tasks: results arrive even
where AMQP is blocked altogether, or another consumer took them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from gc_jupyter.errors import ComputeError, DeserializationError
from gc_jupyter.future import TaskFuture
from gc_jupyter.protocol.batches import StatusChunks
from gc_jupyter.protocol.messages import ResultMessage, unpack_result
from gc_jupyter.protocol.task_book import TaskBook, Unclaimed
from gc_jupyter.remote_text import one_line
from gc_jupyter.runtime.completer import Finished, Outcome, resolve_all
from gc_jupyter.runtime.loop import KernelLoop
from gc_jupyter.runtime.requests import Requests
from gc_jupyter.runtime.tasks import Origin, Stray
from gc_jupyter.service.base import Service, Stream, TaskStatus
from gc_jupyter.types import TaskEvent, TaskState

log = logging.getLogger(__name__)

Listener = Callable[[Sequence[TaskEvent]], None]
_Result = ResultMessage | TaskStatus

SWEEP_DOWN_S = 2.0  # between sweeps while the stream is down
SWEEP_UP_S = 20.0  # while it is up: only what another consumer took, or a broker lost
SWEEP_WATCHED_S = 2.0  # while states are shown
ENDPOINTS_S = 15.0  # between questions whether an endpoint that shown tasks wait for is there
SWEEP_UNLIMITED_S = 0.5  # the same, for a service without a limit

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
    """The sink of one stream and the owner of its task book (the loop's thread alone)."""

    def __init__(
        self, loop: KernelLoop, service: Service, requests: Requests, port: int | None
    ) -> None:
        self._loop = loop
        self._service = service
        self._requests = requests
        self._port = port
        self._stream: Stream | None = None
        self.stream_error: Exception | None = None
        self.unreadable = 0
        self.book: TaskBook[tuple[TaskFuture, Origin], tuple[_Result, object]] = TaskBook()
        self._ready: list[Finished] = []
        self._resolving: deque[list[Finished]] = deque()  # at `gc-results`, in order
        self._referenced: dict[str, object] = {}  # task id -> tag; the data is at the service
        self._timer: asyncio.TimerHandle | None = None
        self._sweep: asyncio.Task[None] | None = None
        self._again = False  # something to ask for came while a sweep was under way
        self._outages = 0
        self._swept = 0  # so many outages had ended before all open tasks were asked for
        self.listeners: list[Listener] = []
        self._watchers = 0
        self._chunks = StatusChunks()
        self._asked = 0  # open tasks asked for in turn while nothing is missing
        self._endpoints: dict[str, tuple[bool, float]] = {}  # online, and when that is old

    # --- submissions -----------------------------------------------------------------------

    def prepare(self) -> None:
        """Open the stream while the first submission is still on its way."""
        if self._stream is None:
            self._stream = self._service.open_stream(
                self._loop.aio, self._requests.send, self, port=self._port
            )

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
        self, task_group_id: str, tasks: Iterable[tuple[str, tuple[TaskFuture, Origin]]]
    ) -> None:
        """As `expect`, while the submission goes on: results of other tasks are kept."""
        self.prepare()
        assert self._stream is not None
        if task_group_id:
            self._stream.subscribe(task_group_id)
        for (future, origin), (message, tag) in self.book.expect(tasks):
            self._complete(Finished(future, message, origin, tag))
        self._arm()

    def give_up(self, submission: int) -> None:
        """A submission failed: no ids will come of it."""
        self._end(submission)

    def finish(
        self, future: TaskFuture, origin: Origin, outcome: Outcome, tag: object = None
    ) -> None:
        """This task ended, perhaps without a message to acknowledge: resolve it."""
        self._complete(Finished(future, outcome, origin, tag))

    def dismiss(self, tag: object) -> None:
        """Nobody here wants this message."""
        self._ack([tag])

    def _end(self, submission: int) -> None:
        self._ack([tag for _, tag in self.book.end(submission).dropped])

    # --- the stream's sink -----------------------------------------------------------------

    def on_message(self, body: bytes, tag: object, *, by_reference: bool = False) -> None:
        """See StreamSink."""
        try:
            message = unpack_result(body)
        except DeserializationError as error:
            # requeued, it would come back for ever
            self.unreadable += 1
            log.warning("dropped a message that can't be read: %s", error.reason)
            self._ack([tag])
            return
        if by_reference:
            self._ack([self._referenced.get(message.task_id)])  # a duplicate
            self._referenced[message.task_id] = tag
            self._arm(now=True)
            return
        self._chunks.saw(len(body))
        self._deliver(message.task_id, message, tag)

    def on_stream_up(self) -> None:
        """See StreamSink."""
        recovered = self.stream_error is not None
        self.stream_error = None
        if recovered:  # what came meanwhile may have gone elsewhere
            self._arm(now=True)

    def on_stream_down(self, error: Exception) -> None:
        """See StreamSink."""
        log.info("result stream is down: %s", type(error).__name__)
        self.stream_error = error
        self._outages += 1
        self._arm(restart=True)

    def _deliver(self, task_id: str, result: _Result, tag: object) -> None:
        owner = self.book.deliver(task_id, (result, tag))
        if owner is Unclaimed.DROPPED:
            self._ack([tag])
        elif not isinstance(owner, Unclaimed):
            self._complete(Finished(owner[0], result, owner[1], tag))

    def _ack(self, tags: Sequence[object]) -> None:
        tags = [tag for tag in tags if tag is not None]
        if tags and self._stream is not None:
            self._stream.ack(tags)

    # --- completion ------------------------------------------------------------------------

    def unresolved(self) -> Iterator[tuple[TaskFuture, Origin]]:
        """Tasks that the service has accepted, or refused, and whose futures are still pending."""
        yield from self.book.owners()
        for finished in (*self._resolving, self._ready):
            yield from ((one.future, one.origin) for one in finished if not one.future.done())

    def _complete(self, finished: Finished) -> None:
        """Hand over to `gc-results`, everything of one turn of the loop at once."""
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
        self._ack([one.tag for one in finished])
        if self.listeners:
            self.announce(
                (one.future, TaskState.FAILED if one.error else TaskState.SUCCESS, one.error)
                for one in finished
            )

    def announce(
        self, changes: Iterable[tuple[TaskFuture, TaskState, BaseException | None]]
    ) -> None:
        """Tell the listeners of tasks' new states."""
        if not self.listeners:
            return
        now = time.time()
        events = [
            TaskEvent(f.serial, state, now, f.label, f.info, _last_line(error))
            for f, state, error in changes
        ]
        for listener in self.listeners:
            try:
                listener(events)
            except Exception:  # a broken view must not stop results
                log.exception("a listener of task events failed")

    def watch(self, listener: Listener) -> None:
        """Tell this listener of tasks' states, and ask the service for them so often that the
        words shown are true: waiting for the endpoint, for nodes, or running."""
        self.listeners.append(listener)
        self._watchers += 1
        self._arm(now=True)

    def unwatch(self, listener: Listener) -> None:
        """End of `watch`."""
        self.listeners.remove(listener)
        self._watchers -= 1

    # --- sweeps ----------------------------------------------------------------------------

    def _arm(self, *, now: bool = False, restart: bool = False) -> None:
        """Have a sweep start in time, if one isn't due or running."""
        if self._timer is not None and (now or restart):
            self._timer.cancel()
            self._timer = None
        if now and self._sweep is not None:
            self._again = True
        if self._timer is not None or self._sweep is not None:
            return
        delay = 0.0 if now else self._pause()
        self._timer = self._loop.aio.call_later(delay, self._start_sweep)

    def _pause(self) -> float:
        if self.stream_error is not None or self._referenced:
            return SWEEP_DOWN_S
        if not self._watchers:
            return SWEEP_UP_S
        return SWEEP_WATCHED_S if self._service.rate_limited else SWEEP_UNLIMITED_S

    def _start_sweep(self) -> None:
        self._timer = None
        if self._referenced or len(self.book):
            self._sweep = self._loop.aio.create_task(self._ask_for_open_tasks())
            self._sweep.add_done_callback(self._end_sweep)

    def _end_sweep(self, sweep: asyncio.Task[None]) -> None:
        self._sweep = None
        if not sweep.cancelled() and (error := sweep.exception()) is not None:
            log.warning("asking for open tasks failed: %s", error)
        again, self._again = self._again, False
        if self._referenced or len(self.book):
            self._arm(now=again)

    async def _ask_for_open_tasks(self) -> None:
        ids = list({**self._referenced, **dict.fromkeys(self.book)})
        up, outages = self.stream_error is None, self._outages
        if up and not self._referenced and self._swept == outages:
            first = self._asked % len(ids)  # nothing is missing: a part is enough, each in turn
            after = first + self._chunks.most
            self._asked = after if after < len(ids) else 0
            ids = ids[first:after]
        for part in self._chunks.of(ids):
            chunk = [
                task_id
                for task_id in part
                if task_id in self._referenced or self.book.owner(task_id) is not None
            ]
            if not chunk:
                continue
            try:
                found = await self._requests.send(
                    partial(self._service.task_statuses, chunk),
                    spare=self.stream_error is None and not self._referenced,
                )
            except ComputeError as error:
                log.info("batch_status failed: %s", error.reason)
                return
            await self._look_at_endpoints(found.values())
            self._use(found.values())
            for task_id in chunk:  # what nobody knows would be asked for for ever
                if task_id not in found and self.book.owner(task_id) is None:
                    self._ack([self._referenced.pop(task_id, None)])
            await self._all_resolved()
        if up:  # what the broker had lost has been asked for
            self._swept = outages

    async def _all_resolved(self) -> None:
        """Wait for `gc-results`: no more is fetched than it can take in."""
        await asyncio.sleep(0)  # `_flush` comes first
        await self._loop.aio.run_in_executor(self._loop.results, _nothing)

    async def _look_at_endpoints(self, statuses: Iterable[TaskStatus]) -> None:
        """Ask whether the endpoints are there that shown tasks wait for."""
        if not self._watchers:
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
        """The word for what the service says of a task that isn't over."""
        if status == _FOR_ENDPOINT and self._watchers:
            online, _ = self._endpoints.get(future.info.endpoint_id or "", (True, 0.0))
            if not online:
                return TaskState.ENDPOINT_OFFLINE
        return _SERVICE_STATES.get(status)

    def _use(self, statuses: Iterable[TaskStatus]) -> None:
        changes: list[tuple[TaskFuture, TaskState, BaseException | None]] = []
        for status in statuses:
            owner = self.book.owner(status.task_id)
            if status.done:
                self._chunks.saw(status.size)
                tag = self._referenced.pop(status.task_id, None)
                if owner is not None or tag is not None:
                    self._deliver(status.task_id, status, tag)
            elif (
                owner is not None
                and not isinstance(owner[0], Stray)
                and (state := self._state(owner[0], status.status))
            ):
                changes.append((owner[0], state, None))
        self.announce(changes)

    def close(self) -> None:
        """Stop receiving; open futures stay pending."""
        if self._timer is not None:
            self._timer.cancel()
        if self._sweep is not None:
            self._sweep.cancel()
        if self._stream is not None:
            self._stream.close()


def _last_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines() if error is not None else []
    return one_line(lines[-1], 500) if lines else ""


def _nothing() -> None:
    """Runs when all that was posted before has ended."""
