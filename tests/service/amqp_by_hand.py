"""An AMQP connection in a test's hand: it opens, delivers and ends when told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from gc_jupyter.service import amqp
from gc_jupyter.service.amqp import AmqpStream
from gc_jupyter.service.amqp_address import AmqpAddress

TIMEOUT = 30


class Channel:
    """What the stream does with a channel."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.channel_number = 1
        self.is_open = True
        self.queue = ""
        self.acked: list[tuple[int, bool]] = []
        self.on_close: Any = None
        self.on_message: Any = None
        self.on_consuming: Any = None

    def add_on_close_callback(self, callback: Any) -> None:
        self.on_close = callback

    def add_on_cancel_callback(self, callback: Any) -> None:
        self.on_cancel = callback

    def basic_qos(self, prefetch_count: int) -> None:
        self.prefetch = prefetch_count

    def basic_consume(self, queue: str, on_message_callback: Any, callback: Any) -> None:
        self.queue, self.on_message, self.on_consuming = queue, on_message_callback, callback

    def basic_ack(self, tag: int, multiple: bool = False) -> None:
        self.acked.append((tag, multiple))

    def close(self) -> None:
        self.is_open = False

    def deliver(self, number: int, body: bytes, **headers: object) -> None:
        self.on_message(
            self, SimpleNamespace(delivery_tag=number), SimpleNamespace(headers=headers), body
        )


class Connection:
    """A connection that opens when told, and its channels likewise."""

    made: list[Connection] = []

    def __init__(self, parameters: Any, **callbacks: Any) -> None:
        self.parameters = parameters
        self.callbacks = callbacks
        self.is_open = False
        self.opening: list[Callable[[Channel], None]] = []
        self.made.append(self)

    def open(self) -> None:
        self.is_open = True
        self.callbacks["on_open_callback"](self)

    def lose(self, reason: Exception) -> None:
        name = "on_close_callback" if self.is_open else "on_open_error_callback"
        self.is_open = False
        self.callbacks[name](self, reason)

    def receive(self, channel_number: int, receiver: Any) -> None:
        self.receiver = channel_number, receiver

    def channel(self, on_open_callback: Callable[[Channel], None]) -> None:
        self.opening.append(on_open_callback)

    def open_channel(self) -> Channel:
        made = Channel(self)
        self.opening.pop(0)(made)
        return made

    def close(self) -> None:
        self.is_open = False


class Sink:
    """What the stream tells."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, object, bool]] = []
        self.states: list[str] = []

    def on_message(self, body: bytes, tag: object, *, by_reference: bool = False) -> None:
        self.messages.append((body, tag, by_reference))

    def on_stream_up(self) -> None:
        self.states.append("up")

    def on_stream_down(self, error: Exception) -> None:
        self.states.append(str(error))

    def on_group_up(self, task_group_id: str) -> None:
        self.states.append(f"{task_group_id}: up")

    def on_group_down(self, task_group_id: str, error: Exception) -> None:
        self.states.append(f"{task_group_id}: {error}")


class Setup:
    """A stream whose addresses come from `fetch`."""

    def __init__(
        self, fetch: Callable[[], AmqpAddress] | None = None, port: int | None = None
    ) -> None:
        self.sink = Sink()
        self.fetched = 0
        self._fetch = fetch
        loop = asyncio.get_running_loop()
        self.stream = AmqpStream(loop, self.ask, self.sink, self.fetch, port)

    def fetch(self) -> AmqpAddress:
        self.fetched += 1
        if self._fetch is not None:
            return self._fetch()
        return AmqpAddress("results.", f"amqp://user:secret{self.fetched}@127.0.0.1:5672/%2F")

    async def ask(self, call: Callable[[], Any], *, repeatable: bool = True) -> Any:
        assert repeatable
        return call()

    async def connection(self, number: int = 1) -> Connection:
        """The n-th connection, once the stream has made it."""
        await until(lambda: len(Connection.made) >= number)
        return Connection.made[number - 1]


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop turn until this holds."""

    async def turn() -> None:
        while not condition():
            await asyncio.sleep(0.001)

    await asyncio.wait_for(turn(), TIMEOUT)


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Connection.made.clear()
    monkeypatch.setattr(amqp, "DeliveryConnection", Connection)
    monkeypatch.setattr(amqp, "backoff", lambda *_args, **_more: 0.0)
    yield
    Connection.made.clear()
