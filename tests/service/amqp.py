"""The service's own connection to its broker, on asyncio."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

import pika
from pika import frame, spec
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.channel import Channel

EXCHANGES = ("tasks", "results", "heartbeats")
_FRAME_OVERHEAD = 8

# Connections are cut on purpose: its lines would fill the report of whatever test fails.
logging.getLogger("pika").setLevel(logging.CRITICAL)


class Amqp:
    """One connection, one channel. Declaring is awaited, publishing is not."""

    def __init__(self, parameters: pika.ConnectionParameters) -> None:
        self._parameters = parameters
        self._connection: AsyncioConnection | None = None
        self._channel: Channel | None = None
        self._declared: set[str] = set()
        self._consumers: dict[str, Callable[[bytes], None]] = {}
        self._outgoing: list[bytes] = []

    async def open(self) -> None:
        """Connect, open the channel, declare the exchanges; anew after the broker was away."""
        opened: asyncio.Future[Channel] = asyncio.get_running_loop().create_future()
        self._connection = AsyncioConnection(
            self._parameters,
            on_open_callback=lambda c: c.channel(on_open_callback=opened.set_result),
            on_open_error_callback=lambda _c, error: opened.set_exception(error),
        )
        self._channel = await opened
        for exchange in EXCHANGES:
            await self._call("exchange_declare", exchange, "direct", durable=True)
        for queue, on_body in self._consumers.items():
            await self._start_consumer(queue, on_body)
        self._flush()  # what was published meanwhile

    async def _call(self, method: str, *args: object, **kwargs: object) -> None:
        done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        getattr(self._channel, method)(*args, callback=done.set_result, **kwargs)
        await done

    async def declare(self, queue: str, exchange: str = "") -> None:
        """A durable queue, bound to `exchange` under its own name where one is given."""
        if queue in self._declared:
            return
        await self._call("queue_declare", queue, durable=True)
        if exchange:
            await self._call("queue_bind", queue, exchange, routing_key=queue)
        self._declared.add(queue)

    async def delete(self, queue: str) -> None:
        """Remove a queue and what is in it."""
        await self._call("queue_delete", queue)
        self._declared.discard(queue)

    def publish(
        self,
        queue: str,
        body: bytes,
        *,
        exchange: str = "",
        headers: dict[str, object] | None = None,
    ) -> None:
        """Send one persistent message; results go to their queue through the default exchange.

        What is published in one turn of the loop leaves in one write. pika's `basic_publish`
        writes three times a message, which would be most of this service's cost.
        """
        assert self._channel is not None
        assert self._connection is not None
        if not self._outgoing:
            asyncio.get_running_loop().call_soon(self._flush)
        number = self._channel.channel_number
        properties = pika.BasicProperties(
            headers=headers, delivery_mode=2, timestamp=int(time.time())
        )
        publish = spec.Basic.Publish(exchange=exchange, routing_key=queue)
        size = self._connection.params.frame_max - _FRAME_OVERHEAD
        self._outgoing += (
            frame.Method(number, publish).marshal(),
            frame.Header(number, len(body), properties).marshal(),
            *(
                frame.Body(number, body[start : start + size]).marshal()
                for start in range(0, len(body), size)
            ),
        )

    def _flush(self) -> None:
        if not self._outgoing or self._channel is None or not self._channel.is_open:
            return  # `open` comes back to it
        assert self._connection is not None
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        self._connection._adapter_emit_data(data)

    async def consume(self, queue: str, on_body: Callable[[bytes], None]) -> None:
        """Hand every message of `queue` to `on_body`."""
        self._consumers[queue] = on_body
        await self._start_consumer(queue, on_body)

    async def _start_consumer(self, queue: str, on_body: Callable[[bytes], None]) -> None:
        await self._call(
            "basic_consume",
            queue,
            on_message_callback=lambda _channel, _deliver, _properties, body: on_body(body),
            auto_ack=True,
        )

    def close(self) -> None:
        """Leave the broker."""
        if self._connection is not None and self._connection.is_open:
            self._connection.close()
