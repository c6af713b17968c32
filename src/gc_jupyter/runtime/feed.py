"""The feed of results: a stream, and requests for results that it doesn't bring. Lives on the loop.

The feed keeps a state for each task group. While a group's queue is not heard, the service is asked
for the group's open tasks. So the first results of a kernel don't wait for the broker, and results
arrive even if AMQP is blocked, or if another consumer took the messages. A group without open tasks
is dropped after a while, and the stream is closed with the last group.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from gc_jupyter.errors import ComputeError, DeserializationError, StreamError
from gc_jupyter.protocol.batches import StatusChunks
from gc_jupyter.protocol.messages import unpack_result
from gc_jupyter.protocol.pacing import question_gap
from gc_jupyter.runtime.answers import Blocked
from gc_jupyter.runtime.loop import KernelLoop
from gc_jupyter.runtime.requests import Requests
from gc_jupyter.runtime.taker import Taker
from gc_jupyter.service.base import Service, Stream, TaskStatus

log = logging.getLogger(__name__)

EARLY_S = 0.02  # from new tasks to the first question while a group isn't heard; then doubled
ASK_LOST_S = 2.0  # between questions for tasks that a message has, or may have, announced
ASK_UP_S = 20.0  # while the stream is up: it only finds what another consumer took or a broker lost
ASK_UNLIMITED_S = 0.5  # while somebody shows states, for a service without a limit
LINGER_S = 120.0  # how long a group without open tasks is still heard
DOUBT_S = 180.0  # how long the broker may still send messages to a dead connection
LATE_S = 3.0  # a message that is so much later than its result never comes


@dataclass(slots=True, eq=False)
class _Group:
    """The state of a followed group."""

    used_at: float
    heard: bool = False  # whether its queue is heard
    patience: int = 0  # questions since new tasks came, or the queue was lost
    head_start: float = 0.0  # how long new tasks had run when the feed was told, in s


class Feed:
    """See the module.

    Parameters
    ----------
    loop, service, requests:
        The service whose results are fed, and what that needs.
    taker:
        Gets the results.
    port:
        AMQP port to use instead of the one that the service names.
    up_s:
        Seconds between questions while all is well.
    """

    def __init__(
        self,
        loop: KernelLoop,
        service: Callable[[], Service],
        requests: Requests,
        taker: Taker,
        *,
        port: int | None = None,
        up_s: float | None = None,
    ) -> None:
        self._loop = loop
        self._service = service
        self._requests = requests
        self._taker = taker
        self._port = port
        self._up_s = up_s
        self._stream: Stream | None = None
        self.up = False
        self.error: Exception | None = None  # why the stream is down
        self._blocked = Blocked(loop.aio, lambda: taker.busy)
        self.unreadable = 0
        self._groups: dict[str, _Group] = {}
        self._referenced: dict[str, object] = {}  # task id -> tag; the data is at the service
        self._wanted: dict[str, None] = {}  # tasks to ask for next, whatever the stream does
        self._late: asyncio.TimerHandle | None = None  # when a message should have come
        self._late_task = ""
        self._doubt_until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._tidying: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None
        self._again = False  # whether something to ask for came while a question was under way
        self._outages = 0
        self._swept = 0  # the number of the last outage after which all open tasks were asked for
        self._turn = 0  # while nothing is missing, open tasks are asked for in turn
        self._chunks = StatusChunks()
        self.watchers = 0  # how many show states

    # --- what is followed ------------------------------------------------------------------

    def open(self) -> Stream:
        """Open the stream, before the first submission or while it is still on its way."""
        if self._stream is None:
            self._blocked.opened()
            self._stream = self._service().open_stream(
                self._loop.aio, self._requests.send, self, port=self._port
            )
            self.settled()  # a task may never come
        return self._stream

    def follow(self, group_id: str, on_its_way_s: float = 0.0) -> None:
        """Note that a group has more open tasks; `group` may not be known yet. The service has had
        them for a part of the time that their submission took."""
        stream, now = self.open(), self._loop.aio.time()
        if not self.up:
            self._blocked.expected()
        if not group_id:
            self._arm()
            return
        group = self._groups.get(group_id)
        if group is None:
            group = self._groups[group_id] = _Group(now)
            stream.subscribe(group_id)
        group.used_at, group.patience, group.head_start = now, 0, on_its_way_s
        self._arm(restart=not group.heard)

    def settled(self) -> None:
        """Note that tasks have ended, perhaps the last ones of their group."""
        if self._tidying is None:
            self._tidying = self._loop.aio.call_later(LINGER_S, self._tidy)

    def _tidy(self) -> None:
        """Drop the groups without open tasks, and the stream if there is no open task."""
        self._tidying = None
        now, open_ones = self._loop.aio.time(), self._taker.open_groups()
        for group_id, group in list(self._groups.items()):
            if group_id in open_ones or "" in open_ones:
                continue  # `settled` will be called again
            if now - group.used_at >= LINGER_S:
                self.drop(group_id)
            else:
                self.settled()
        if not self._groups and not open_ones:
            self._close_stream()

    def drop(self, group_id: str) -> None:
        """Stop following a group."""
        if self._groups.pop(group_id, None) is None or self._stream is None:
            return
        if self._groups:
            self._stream.unsubscribe(group_id)
        else:
            self._close_stream()

    def ack(self, tags: Iterable[object]) -> None:
        """Acknowledge messages."""
        tags = [tag for tag in tags if tag is not None]
        if tags and self._stream is not None:
            self._stream.ack(tags)

    def ask_for(self, task_ids: Iterable[str]) -> None:
        """Ask for these tasks now, whether their groups are heard or not."""
        self._wanted.update(dict.fromkeys(task_ids))
        self._arm(now=True)

    def watch(self, more: int) -> None:
        """So many more (or, negative, fewer) show states: the service is asked often for them."""
        self.watchers += more
        if more > 0:
            self._arm(now=True)

    def close(self) -> None:
        """Stop receiving."""
        for timer in (self._timer, self._late):
            if timer is not None:
                timer.cancel()
        self._timer = self._late = None
        if self._asking is not None:
            self._asking.cancel()
        self._groups.clear()
        self._close_stream()

    def _close_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self.up, self.error = None, False, None
        self._blocked.close()
        self._referenced.clear()
        if self._tidying is not None:
            self._tidying.cancel()
            self._tidying = None

    # --- the stream's sink -----------------------------------------------------------------

    def on_message(self, body: bytes, tag: object, *, by_reference: bool = False) -> None:
        """See StreamSink."""
        try:
            message = unpack_result(body)
        except DeserializationError as error:
            # if it were requeued, it would come back for ever
            self.unreadable += 1
            log.warning("dropped a message that can't be read: %s", error.reason)
            self.ack([tag])
            return
        if self._late is not None and message.task_id == self._late_task:
            self._late.cancel()
            self._late = None
        if by_reference:
            self.ack([self._referenced.get(message.task_id)])  # a duplicate
            self._referenced[message.task_id] = tag
            self._arm(now=True)
            return
        self._chunks.saw(len(body))
        self._taker.take(message, body, tag)

    def on_message_of(self, task_id: str, message: bytes) -> None:
        """See StreamSink."""
        self._taker.take_said(task_id, message)

    def on_stream_up(self) -> None:
        """See StreamSink."""
        self.up = True
        self._blocked.up()
        recovered, self.error = self.error is not None, None
        if recovered:  # messages of the meantime may have gone to another consumer
            self._arm(now=True)

    def on_stream_down(self, error: Exception) -> None:
        """See StreamSink."""
        log.info("result stream is down: %s", type(error).__name__)
        self.up, self.error = False, error
        self._blocked.down(error)
        self._outages += 1
        for group in self._groups.values():
            group.heard = False
        self._arm(restart=True)

    def on_group_up(self, task_group_id: str) -> None:
        """See StreamSink."""
        if (group := self._groups.get(task_group_id)) is not None:
            group.heard = True
            if self._timer is not None:  # the question is less urgent now
                self._arm(restart=True)

    def on_group_down(self, task_group_id: str, error: Exception) -> None:
        """See StreamSink."""
        log.info("a task group's queue is lost: %s", type(error).__name__)
        if (group := self._groups.get(task_group_id)) is not None and group.heard:
            group.heard, group.patience = False, 0
            self._arm(restart=True)

    # --- questions -------------------------------------------------------------------------

    def _arm(self, *, now: bool = False, restart: bool = False) -> None:
        """Schedule the next question, unless one is due or under way."""
        if self._timer is not None and (now or restart):
            self._timer.cancel()
            self._timer = None
        if self._asking is not None:
            self._again = self._again or now
            return
        if self._timer is None:
            pause = 0.0 if now else self._pause()
            self._timer = self._loop.aio.call_later(pause, self._start)

    def _pause(self) -> float:
        """Seconds to the next question."""
        if self._wanted:
            return 0.0
        gap = self._gap(self._groups)
        pauses = [max(gap, ASK_UP_S) if self._up_s is None else self._up_s]
        if self.watchers:
            pauses.append(gap if self._service().rate_limited else ASK_UNLIMITED_S)
        if self._referenced or self._loop.aio.time() < self._doubt_until:
            pauses.append(ASK_LOST_S)
        unheard = self._unheard()
        tasks = self._taker.open_tasks(unheard) if unheard else []
        if tasks:
            patience = min(group.patience for group in unheard.values())
            if len(tasks) > self._chunks.most:  # each question takes many requests
                patience = max(patience, 7)
            head_start = 0.0 if patience else max(one.head_start for one in unheard.values())
            early = EARLY_S * 2.0 ** min(patience, 12)
            pauses.append(max(0.0, min(early, self._gap(unheard)) - head_start))
        return min(pauses)

    def _gap(self, groups: Mapping[str, _Group]) -> float:
        """The gap of `question_gap`; a group with new tasks counts as new."""
        newest = max((one.used_at for one in groups.values()), default=0.0)
        return question_gap(self._loop.aio.time() - newest)

    def _unheard(self) -> dict[str, _Group]:
        return {name: group for name, group in self._groups.items() if not group.heard}

    @property
    def _needed(self) -> bool:
        return bool(self._referenced or self._wanted or self._taker.busy)

    def _start(self) -> None:
        self._timer = None
        if self._needed:
            self._asking = self._loop.aio.create_task(self._ask())
            self._asking.add_done_callback(self._end)

    def _end(self, asking: asyncio.Task[None]) -> None:
        self._asking = None
        if not asking.cancelled() and (error := asking.exception()) is not None:
            log.warning("asking for open tasks failed: %s", error)
        again, self._again = self._again, False
        if self._needed and not asking.cancelled():
            self._arm(now=again)

    async def _ask(self) -> None:
        outages, missing = self._outages, True
        unheard = self._unheard()
        for group in unheard.values():
            group.patience += 1
        ids = list(self._wanted)
        self._wanted.clear()
        everything = self.up and self._swept != outages  # the broker may have lost messages
        if everything:
            ids = self._taker.open_tasks(None)
        elif unheard:
            ids += self._taker.open_tasks(unheard)
        if not ids and not self._referenced:  # a part at a time is enough
            missing, every = False, self._taker.open_tasks(None)
            first = self._turn % max(1, len(every))
            after = first + self._chunks.most
            self._turn = after if after < len(every) else 0
            ids = every[first:after]
        for part in self._chunks.of(list({**self._referenced, **dict.fromkeys(ids)})):
            asked = [one for one in part if one in self._referenced or self._taker.is_open(one)]
            if not asked:
                continue
            try:
                ask = partial(self._service().task_statuses, asked)
                found = await self._requests.send(ask, spare=not missing)
            except ComputeError as error:
                log.info("batch_status failed: %s", error.reason)
                self._taker.asked(error)
                return
            self._taker.asked(None)
            self._chunks.saw(*(one.size for one in found.values() if one.done))
            await self._taker.take_statuses(asked, found, self._tags(asked, found, missing))
        if everything:
            self._swept = outages

    def _tags(
        self, asked: Sequence[str], found: Mapping[str, TaskStatus], missing: bool
    ) -> dict[str, object]:
        """The tags of messages whose data has just come."""
        tags = {}
        for task_id in asked:
            status = found.get(task_id)
            if status is not None and status.done:
                tags[task_id] = self._referenced.pop(task_id, None)
                if not missing:
                    self._expect_message(task_id)
            elif status is None and not self._taker.is_open(task_id):
                self.ack([self._referenced.pop(task_id, None)])  # or it is asked for endlessly
        return tags

    def _expect_message(self, task_id: str) -> None:
        """Note that a heard group has a result, whose message should come soon."""
        stream = self._stream
        if stream is not None and self._late is None and self._taker.is_open(task_id):
            self._late_task = task_id
            self._late = self._loop.aio.call_later(
                LATE_S, self._never_came, stream, stream.received
            )

    def _never_came(self, stream: Stream, received: int) -> None:
        """A message didn't come: the connection is dead, because packets vanish. (If other bytes
        came meanwhile, the message may wait behind a large one.)"""
        self._late = None
        now = self._loop.aio.time()
        alive = stream.received != received
        if stream is self._stream and self.up and not alive and now > self._doubt_until:
            self._doubt_until = now + DOUBT_S
            stream.reconnect(StreamError("The connection to the broker brings nothing any more."))
