"""Send queued tasks to the service in batches. Lives on the loop.

A batch leaves at once if no request of its route is under way. Tasks that arrive meanwhile form the
next batch. A failed batch fails its own futures only.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from gc_jupyter.errors import (
    NOT_ON_THE_LIST,
    ComputeError,
    NotFound,
    ServiceError,
    ServiceRefused,
    SubmitUncertain,
)
from gc_jupyter.protocol.batches import Route, TaskQueue, match_reply
from gc_jupyter.runtime.collector import Collector
from gc_jupyter.runtime.functions import Functions
from gc_jupyter.runtime.loop import KernelLoop
from gc_jupyter.runtime.recorder import Recorder
from gc_jupyter.runtime.recovery import Recovery
from gc_jupyter.runtime.remembered import Remembered
from gc_jupyter.runtime.requests import Requests
from gc_jupyter.runtime.tasks import QueuedTask
from gc_jupyter.service.base import Service, SubmitReply, SubmitRequest
from gc_jupyter.types import LOCAL_ENDPOINT_ID, TaskInfo, TaskState

log = logging.getLogger(__name__)

#: Seconds without another task after which a gathering counts as ended.
GATHERING_S = 1.0


@dataclass(slots=True, eq=False)
class _Sender:
    """The sender of one route's tasks: those that wait, and those whose request has no reply yet.
    It ends when there are none."""

    queue: TaskQueue[QueuedTask] = field(default_factory=TaskQueue)
    under_way: list[QueuedTask] = field(default_factory=list)
    request: asyncio.Task[None] | None = None
    work: asyncio.Task[None] | None = None

    def has_left(self, group: str) -> bool:
        """Whether its request is for this group and may have arrived."""
        infos = [task.future.info for task in self.under_way]
        return any(one.task_group_id == group and one.submitted_at is not None for one in infos)


class Submitter:
    """Owns the unsent tasks of one service."""

    def __init__(
        self,
        loop: KernelLoop,
        service: Service,
        requests: Requests,
        collector: Collector,
        recovery: Recovery,
        memory: Remembered | None = None,
    ) -> None:
        self._loop = loop
        self.recorder: Recorder | None = None
        self._service = service
        self._requests = requests
        self._collector = collector
        self._recovery = recovery
        self._inbox: deque[QueuedTask] = deque()
        self._called = 0  # the last wake-up that was asked for, and the last that came
        self._taken = 0
        self._gathering: set[object] = set()
        self._held: asyncio.TimerHandle | None = None  # while somebody gathers
        self._senders: dict[Route, _Sender] = {}
        self.functions = Functions(loop, service, requests, memory, self._fail)
        self._first_group = asyncio.Lock()  # two first batches at once would make two groups
        self.task_group_id: str | None = None
        requests.when_held = self._kept_back
        recovery.answered = self.answered

    def put(self, task: QueuedTask) -> None:
        """Queue a task; any thread. One wake-up of the loop serves many calls."""
        try:
            self._inbox.append(task)
            if self._held is None:
                self._wake()
        except BaseException:  # after an interrupt nobody gets this future
            concurrent.futures.Future.cancel(task.future)
            raise

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """Take in together, at the end, the tasks that are put in the block; any thread. A
        gathering without a new task for a second counts as ended: an interrupt may have skipped
        its end."""
        token = object()
        try:
            self._gathering.add(token)
            yield
        finally:
            self._gathering.discard(token)
            self._loop.call(self._look)

    def _wake(self) -> None:
        # An interrupt may come between any two lines. So a call is noted after it was made. A call
        # that was not noted is made again, and nothing waits for a call that was not made.
        if self._called <= self._taken:
            number = self._taken + 1
            self._loop.call(self._woken, number)
            self._called = number

    def _woken(self, number: int) -> None:
        self._taken = number  # first: a task that is put from here on wakes the loop again
        if self._held is None:
            self._look()

    def _look(self, before: int = -1) -> None:
        """Take in the tasks, unless a gathering has put more since the last look."""
        if self._held is not None:
            self._held.cancel()
            self._held = None
        if not self._gathering:
            self._take_in()
        elif (now := len(self._inbox)) > before:
            self._held = self._loop.aio.call_later(GATHERING_S, self._look, now)
        else:
            self._gathering.clear()
            self._take_in()

    def keep_task_group(self, task_group_id: str) -> None:
        """Set the group of tasks that name none; the first submission makes it."""
        self.task_group_id = self.task_group_id or task_group_id

    def unsent(self) -> list[QueuedTask]:
        """The tasks that no request carries yet (loop's thread)."""
        self._take_in()
        return [task for sender in self._senders.values() for task in sender.queue]

    @property
    def under_way(self) -> list[QueuedTask]:
        """The tasks of the requests that have no reply yet (loop's thread)."""
        return [task for sender in self._senders.values() for task in sender.under_way]

    async def answered(self, group: str) -> None:
        """Wait for the group's requests that have left. After that each is answered, or a recovery
        looks for its tasks."""
        senders = [one for one in self._senders.values() if one.has_left(group)]
        if requests := [one.request for one in senders if one.request is not None]:
            await asyncio.wait(requests)

    async def all_sent(self) -> None:
        """Wait until no task waits for its request or for the reply to it."""
        self._take_in()
        while self._senders:
            await asyncio.wait([one.work for one in self._senders.values() if one.work])

    def _take_in(self) -> None:
        route, queue = None, None
        while self._inbox:
            task = self._inbox.popleft()
            if queue is None or task.route is not route:
                route, queue = task.route, self._queue_of(task.route)
            queue.put(task, task.size)

    def _queue_of(self, route: Route) -> TaskQueue[QueuedTask]:
        sender = self._senders.get(route)
        if sender is None:  # no request of this route is under way
            sender = self._senders[route] = _Sender()
            self._collector.feed.open()
            sender.work = self._loop.aio.create_task(self._send(route, sender))
        return sender.queue

    async def _send(self, route: Route, sender: _Sender) -> None:
        queue = sender.queue
        try:
            while queue:
                if len(self._collector.book) and len(queue) < route.max_tasks:  # a fan-out gathers
                    await asyncio.sleep(self._requests.spacing(full=queue.full))
                batch = [
                    task
                    for task in queue.take(route.max_tasks)
                    if task.future.set_running_or_notify_cancel()
                ]
                if batch:
                    sender.under_way = batch
                    sender.request = self._loop.aio.create_task(self._send_batch(route, batch))
                    await sender.request
                    sender.under_way = []
        finally:
            del self._senders[route]

    async def _send_batch(self, route: Route, batch: list[QueuedTask]) -> None:
        try:
            sent = await self.functions.sort(batch)
            if not sent:
                return
            if route.task_group_id or self.task_group_id:
                await self._submit(route, sent)
                return
            async with self._first_group:
                await self._submit(route, sent)
        except Exception as error:  # even a defect here must not leave futures pending for ever
            log.exception("submitting a batch failed")
            wrapped = ServiceError(f"Submitting failed: {type(error).__name__}: {error}")
            self._fail(batch, wrapped)

    async def _submit(self, route: Route, sent: dict[str, list[QueuedTask]]) -> None:
        group = route.task_group_id or self.task_group_id
        request = SubmitRequest(
            endpoint_id=route.endpoint_id,
            tasks={function: [task.payload for task in tasks] for function, tasks in sent.items()},
            task_group_id=group,
            resource_specification=_from_json(route.resource_specification),
            user_endpoint_config=_from_json(route.user_endpoint_config),
            result_serializers=route.result_serializers,
        )
        if self.recorder is not None:
            await self.recorder.sending(route, group, sent)
        now = time.time()
        submission = self._collector.book.begin()
        try:
            leave = partial(self._leave, request, route, sent)
            reply = await self._requests.send(leave, submission=True)
        except SubmitUncertain as error:
            self._left(route, sent, now, group)
            self._recover(submission, group or error.task_group_id, sent.values(), error)
        except ComputeError as error:
            self._collector.give_up(submission)
            refused = (
                isinstance(error, ServiceRefused)
                and error.status in (403, 404)
                and error.code != NOT_ON_THE_LIST
            )
            renewed = await self.functions.renew(sent) if refused else None
            if renewed is not None:
                if renewed:
                    await self._submit(route, renewed)
                return
            if isinstance(error, NotFound):  # a function may have been deleted: register it again
                self.functions.forget(sent)
            for tasks in sent.values():
                self._fail(tasks, error)
        except Exception as error:  # after any other error the request may have left
            log.exception("submitting a batch failed")
            what = f"{type(error).__name__}: {error}"
            uncertain = SubmitUncertain(f"Submitting failed, perhaps after it was sent ({what}).")
            uncertain.__cause__ = error
            self._recover(submission, group, sent.values(), uncertain)
        else:
            if group is None:
                self._recovery.made.add(reply.task_group_id)
            if group is None and self.recorder is not None:
                # the group is recorded before anybody sees an id: it finds all tasks again
                await self.recorder.sending(route, reply.task_group_id, sent)
            self._accept(route, submission, reply, sent, now)

    def _leave(
        self, request: SubmitRequest, route: Route, sent: dict[str, list[QueuedTask]]
    ) -> SubmitReply:
        """Send the batch in its slot (on a `gc-http` thread)."""
        if self._service.here:
            return self._service.submit(request)
        self._loop.tell(self._left, route, sent, time.time(), request.task_group_id)
        try:
            return self._service.submit(request)
        except ComputeError as error:
            if not isinstance(error, SubmitUncertain):
                self._loop.tell(self._left, route, sent, None, request.task_group_id)
            raise

    def _left(
        self, route: Route, sent: dict[str, list[QueuedTask]], now: float | None, group: str | None
    ) -> None:
        """Note that a request has left, or was certainly not accepted."""
        state = TaskState.UNSENT if now is None else TaskState.UNCONFIRMED
        for function_id, tasks in sent.items():
            for task in tasks:
                if task.future.task_id is None:
                    info = TaskInfo(None, group, route.endpoint_id, function_id, submitted_at=now)
                    task.future._learn(info)
            self._collector.show((task.future for task in tasks), state)

    def _kept_back(self) -> None:
        """Announce that no request leaves for a while."""
        tasks = [task.future for task in (*self.unsent(), *self.under_way)]
        kept = (one for one in tasks if one.info.submitted_at is None)
        self._collector.show(kept, TaskState.WAITING_LIMIT)

    def _recover(
        self,
        submission: int,
        group: str | None,
        lost: Iterable[Sequence[QueuedTask]],
        error: SubmitUncertain,
    ) -> None:
        tasks = [(task.future, task.origin) for some in lost for task in some]
        self._recovery.recover(submission, group, tasks, error)

    def _accept(
        self,
        route: Route,
        submission: int,
        reply: SubmitReply,
        sent: dict[str, list[QueuedTask]],
        now: float,
    ) -> None:
        group = reply.task_group_id
        if reply.ha_warning:
            log.warning("%s", reply.ha_warning)
        matched, unmatched = match_reply(sent, reply.tasks)
        for function_id, task_id, task in matched:
            task.future._learn(TaskInfo(task_id, group, reply.endpoint_id, function_id, now))
            task.origin.submitted += 1
        if matched:
            tasks = ((task_id, (task.future, task.origin)) for _, task_id, task in matched)
            self._collector.expect_more(group, tasks, time.time() - now)
        waits = TaskState.WAITING_ENDPOINT
        if reply.endpoint_id == LOCAL_ENDPOINT_ID:
            waits = TaskState.WAITING_WORKER
        self._collector.announce((task.future, waits, None) for _, _, task in matched)
        if unmatched:
            self._recover(submission, group, [[task for task, _ in unmatched]], unmatched[0][1])
        else:
            self._collector.give_up(submission)
        if route.task_group_id is None and matched:
            self.keep_task_group(group)

    def _fail(self, tasks: list[QueuedTask], error: ComputeError) -> None:
        for task in tasks:
            self._collector.finish(task.future, task.origin, error)


def _from_json(text: str) -> Any:
    return json.loads(text) if text else None
