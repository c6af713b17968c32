"""The result stream of the web service: one AMQP connection, one channel for each task group.

Lives on the kernel's loop, by pika's asyncio adapter. Every reconnect fetches a fresh address (each
fetch makes a new password: docs/protocol.md, "Routes"), tries its ports in turn, and backs off with
jitter once none has worked; it never gives up while a task group is subscribed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from gc_jupyter.errors import StreamError
from gc_jupyter.protocol.pacing import backoff
from gc_jupyter.service.amqp_address import AmqpAddress, KnownPorts, PortTrial
from gc_jupyter.service.amqp_connection import DeliveryConnection
from gc_jupyter.service.base import Ask, StreamSink

log = logging.getLogger(__name__)
# Our own errors say the same as pika's log, which without a handler would go to the notebook.
logging.getLogger("pika").addHandler(logging.NullHandler())

PREFETCH = 2000  # unacknowledged small messages of one group: so the connection never idles
PREFETCH_LARGE = 8  # of any size, up to 10 MB each
HELD_BYTES = 64 * 1024 * 1024  # bytes of one group's unacknowledged messages
QUICK_S = 2.0  # for a TCP connection while other ports are untried: a blocked port doesn't answer
PATIENT_S = 10.0  # once all have been tried
OUTAGE_S = 15.0  # between two tries at most, after the broker was reached
BLOCKED_S = 300.0  # if it was never reached: each try fetches an address, which makes a password
LONG_OUT = 20  # failed tries, after which the network counts as another one


@dataclass(slots=True, eq=False)
class _Consumer:
    """One group's channel. Tags are acknowledged in order, up to the first that is still needed."""

    group: str
    channel: Any = None
    prefetch: int = PREFETCH
    unacked: deque[int] = field(default_factory=deque)
    needed: dict[int, int] = field(default_factory=dict)  # those of them, with their sizes
    held: int = 0  # their bytes
    failures: int = 0

    def begin(self, channel: Any) -> None:
        self.channel, self.held = channel, 0
        self.unacked.clear()
        self.needed.clear()

    def leave(self) -> Any:
        """Stop consuming; returns the channel."""
        channel, self.channel = self.channel, None
        return channel

    def take(self, tag: int, size: int) -> None:
        self.unacked.append(tag)
        self.needed[tag] = size
        self.held += size

    def settle(self, tag: int) -> None:
        self.held -= self.needed.pop(tag, 0)

    def flush(self) -> None:
        last = None
        while self.unacked and self.unacked[0] not in self.needed:
            last = self.unacked.popleft()
        if last is not None and self.channel is not None and self.channel.is_open:
            self.channel.basic_ack(last, multiple=True)

    def refit(self) -> bool:
        """Fit the prefetch to the sizes of the messages; returns whether it changed. It changes if
        too many bytes are held, or if it is so small that it delays a fan-out."""
        count = len(self.needed)
        if self.held <= HELD_BYTES and count < self.prefetch:
            return False
        before = self.prefetch
        fits = HELD_BYTES // 2 * count // max(self.held, 1)
        if self.held > HELD_BYTES or fits >= 2 * before:
            self.prefetch = min(max(fits, PREFETCH_LARGE), PREFETCH)
        return self.prefetch != before


class _Tag(NamedTuple):
    """A delivery of one channel. It is invalid once that channel is gone."""

    consumer: _Consumer
    channel: Any
    number: int


class AmqpStream:
    """Delivers the messages of the subscribed groups' queues to `sink`.

    Parameters
    ----------
    loop, ask, sink:
        See `Service.open_stream`.
    fetch:
        Blocking call that gives a fresh address.
    port:
        The only port to use. By default the address's own, then the others that the service has.
    known:
        The record of ports, shared by the streams of one service, on `loop`.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ask: Ask,
        sink: StreamSink,
        fetch: Callable[[], AmqpAddress],
        port: int | None = None,
        known: KnownPorts | None = None,
    ) -> None:
        self._loop = loop
        self._ask = ask
        self._sink = sink
        self._fetch = fetch
        self._port = port
        self._known = KnownPorts() if known is None else known
        self._trial: PortTrial | None = None
        self._prefix = ""
        self._consumers: dict[str, _Consumer] = {}
        self._connection: DeliveryConnection | None = None
        self._attempt = 0
        self._reached = False  # whether the broker ever was
        self._retry: asyncio.TimerHandle | None = None
        self._opening: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._closed = False
        self._open_connection()

    # --- Stream ----------------------------------------------------------------------------

    def subscribe(self, task_group_id: str) -> None:
        """See Stream."""
        if task_group_id not in self._consumers:
            consumer = self._consumers[task_group_id] = _Consumer(task_group_id)
            self._consume(consumer)

    def unsubscribe(self, task_group_id: str) -> None:
        """See Stream."""
        consumer = self._consumers.pop(task_group_id, None)
        channel = consumer.leave() if consumer is not None else None
        if channel is not None and channel.is_open:
            channel.close()

    def ack(self, tags: Sequence[object]) -> None:
        """See Stream. Tags of a channel that is gone are dropped."""
        touched: dict[_Consumer, None] = {}
        for tag in tags:
            if isinstance(tag, _Tag) and tag.channel is tag.consumer.channel:
                tag.consumer.settle(tag.number)
                touched[tag.consumer] = None
        for consumer in touched:
            consumer.flush()

    @property
    def received(self) -> int:
        """See Stream."""
        return 0 if self._connection is None else int(self._connection.bytes_received)

    def reconnect(self, error: Exception) -> None:
        """See Stream."""
        connection = self._connection
        if connection is None or not connection.is_open:
            return
        self._connection = None
        for consumer in self._consumers.values():
            consumer.channel = None
        connection.close()  # its last message may take minutes, and is ignored
        self._down(error)

    def close(self) -> None:
        """See Stream."""
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        if self._opening is not None:
            self._opening.cancel()
        if self._connection is not None and self._connection.is_open:
            self._connection.close()

    # --- connection ------------------------------------------------------------------------

    def _open_connection(self) -> None:
        self._retry = None
        if not self._closed:
            self._opening = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        try:
            if self._trial is None:
                address = await self._ask(self._fetch_address)
                self._trial = PortTrial(address, self._port, self._known)
            limit = PATIENT_S if self._attempt else QUICK_S
            parameters = self._trial.next(connect_s=limit)
            self._prefix = self._trial.address.queue_prefix
            self._connection = DeliveryConnection(
                parameters,
                on_open_callback=self._on_open,
                on_open_error_callback=self._on_failed,
                on_close_callback=self._on_lost,
                custom_ioloop=self._loop,
            )
        except Exception as error:  # the next try may succeed, whatever this is
            self._trial = None
            self._down(error)

    def _fetch_address(self) -> AmqpAddress:
        address = self._fetch()
        self._known.recall(address.host)
        return address

    async def _keep(self, host: str) -> None:
        """Keep the record of ports for the next kernel, also if no port worked."""
        with contextlib.suppress(Exception):  # without it the next kernel loses some seconds
            if self._port is None and self._known.changed(host):
                await self._ask(partial(self._known.keep, host))

    def _on_open(self, _connection: DeliveryConnection) -> None:
        if self._closed:
            assert self._connection is not None
            self._connection.close()
            return
        self._attempt, self._reached = 0, True
        if self._trial is not None:
            self._trial.opened()
            self._keeping = self._loop.create_task(self._keep(self._trial.host))
            self._trial = None
        for consumer in self._consumers.values():
            self._consume(consumer)
        self._sink.on_stream_up()

    def _on_failed(self, connection: DeliveryConnection, reason: object) -> None:
        """No broker answers at this port: try the next, or all of them later."""
        if self._connection is not connection and self._connection is not None:
            return  # an older connection's last word
        self._connection = None
        trial, self._trial = self._trial, None
        if self._closed or trial is None:
            return
        if trial.failed(reason):
            if trial.first and not self._attempt:  # the rest may take a while
                self._sink.on_stream_down(trial.error)
            self._trial = trial
            self._open_connection()
        else:
            self._keeping = self._loop.create_task(self._keep(trial.host))
            self._down(trial.error)

    def _on_lost(self, connection: DeliveryConnection, reason: object) -> None:
        if self._connection is not connection:
            return  # an older connection's last word
        self._connection = None
        for consumer in self._consumers.values():
            consumer.channel = None
        if self._closed:
            return
        self._down(StreamError(f"The connection to the broker ended ({type(reason).__name__})."))

    def _down(self, error: Exception) -> None:
        outage = self._reached and self._attempt < LONG_OUT
        delay = backoff(self._attempt, random.random(), cap=OUTAGE_S if outage else BLOCKED_S)
        self._attempt += 1
        self._retry = self._loop.call_later(delay, self._open_connection)
        self._sink.on_stream_down(error)

    # --- channels --------------------------------------------------------------------------

    def _consume(self, consumer: _Consumer) -> None:
        connection = self._connection
        if (
            connection is None
            or not connection.is_open
            or self._consumers.get(consumer.group) is not consumer
        ):
            return  # `_on_open` comes back to it

        def opened(channel: Any) -> None:
            if consumer.channel is not None or self._consumers.get(consumer.group) is not consumer:
                channel.close()  # another channel was faster, or nobody wants this one any more
                return
            consumer.begin(channel)
            channel.add_on_close_callback(lambda ch, _reason: self._on_channel_lost(consumer, ch))
            channel.add_on_cancel_callback(lambda _frame: channel.close())
            receive = partial(self._on_message, consumer, channel)
            connection.receive(channel.channel_number, receive)
            channel.basic_qos(prefetch_count=consumer.prefetch)
            channel.basic_consume(
                queue=f"{self._prefix}{consumer.group}",
                on_message_callback=lambda _channel, deliver, properties, body: receive(
                    deliver.delivery_tag, properties.headers, body
                ),
                callback=lambda _frame: self._on_consuming(consumer),
            )

        connection.channel(on_open_callback=opened)

    def _on_consuming(self, consumer: _Consumer) -> None:
        consumer.failures = 0
        self._sink.on_group_up(consumer.group)

    def _on_channel_lost(self, consumer: _Consumer, channel: Any) -> None:
        """The broker closed this group's channel: its queue is missing, or was deleted."""
        if consumer.channel is not channel:
            return
        consumer.channel = None
        if self._closed or self._connection is None or not self._connection.is_open:
            return
        delay = backoff(consumer.failures, random.random(), base=0.5)
        consumer.failures += 1
        self._loop.call_later(delay, self._consume, consumer)
        if consumer.group in self._consumers:
            self._sink.on_group_down(consumer.group, StreamError("The queue is not there."))

    def _on_message(
        self,
        consumer: _Consumer,
        channel: Any,
        number: int,
        headers: dict[str, Any] | None,
        body: bytes,
    ) -> None:
        if channel is not consumer.channel:
            return
        consumer.take(number, len(body))
        by_reference = bool(headers and headers.get("high_assurance"))
        self._sink.on_message(body, _Tag(consumer, channel, number), by_reference=by_reference)
        if consumer.refit():
            # a new channel: a consumer's prefetch can't be changed, and only so does what the
            # broker has already sent go back to the queue (what is held comes twice, and is known)
            consumer.leave().close()
            self._consume(consumer)
