"""AmqpStream over a connection in the test's hand: channels, acknowledgements, reconnects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pika
import pika.exceptions
import pytest
from pika.adapters.utils.connection_workflow import AMQPConnectorTransportSetupError

from gc_jupyter.service import amqp
from gc_jupyter.service.amqp import AmqpStream
from gc_jupyter.service.amqp_address import AmqpAddress
from gc_jupyter.service.amqp_failures import no_connection, why

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
            await asyncio.sleep(0)

    await asyncio.wait_for(turn(), TIMEOUT)


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Connection.made.clear()
    monkeypatch.setattr(amqp, "DeliveryConnection", Connection)
    monkeypatch.setattr(amqp, "backoff", lambda *_args, **_more: 0.0)
    yield
    Connection.made.clear()


def test_messages_and_acknowledgements() -> None:
    async def test() -> None:
        setup = Setup()
        setup.stream.subscribe("g")
        connection = await setup.connection()
        connection.open()
        setup.stream.subscribe("g")  # changes nothing
        channel = connection.open_channel()
        assert not connection.opening
        assert (channel.queue, channel.prefetch) == ("results.g", amqp.PREFETCH)
        for number in (1, 2, 3, 4):
            channel.deliver(number, b"%d" % number)
        channel.deliver(5, b"5", high_assurance=True)
        assert [(body, ref) for body, _, ref in setup.sink.messages] == [
            *((b"%d" % n, False) for n in (1, 2, 3, 4)),
            (b"5", True),
        ]
        tags = [tag for _, tag, _ in setup.sink.messages]
        setup.stream.ack([tags[1], tags[2]])
        assert channel.acked == []  # the first is still needed
        setup.stream.ack([tags[0]])
        assert channel.acked == [(3, True)]
        setup.stream.ack([tags[0], tags[4]])
        setup.stream.ack([tags[3]])
        assert channel.acked == [(3, True), (5, True)]
        setup.stream.close()
        assert not connection.is_open

    asyncio.run(test())


def test_tags_of_an_older_channel_are_dropped() -> None:
    async def test() -> None:
        setup = Setup()
        setup.stream.subscribe("g")
        first = await setup.connection()
        first.open()
        first.open_channel().deliver(1, b"old")
        first.lose(pika.exceptions.StreamLostError("cut"))
        second = await setup.connection(2)
        assert setup.fetched == 2  # each fetch makes a new password
        assert second.parameters.credentials.password == "secret2"
        second.open()
        channel = second.open_channel()
        channel.deliver(1, b"new")
        (_, old, _), (_, new, _) = setup.sink.messages
        setup.stream.ack([old])
        assert channel.acked == []
        setup.stream.ack([new])
        assert channel.acked == [(1, True)]
        assert setup.sink.states[0] == setup.sink.states[-1] == "up"
        assert "StreamLostError" in setup.sink.states[1]
        setup.stream.close()

    asyncio.run(test())


def test_one_channel_for_each_group_whatever_the_order() -> None:
    """A channel that a timer asked for, and one that the reconnect asked for: one consumer."""

    async def test() -> None:
        setup = Setup()
        setup.stream.subscribe("g")
        connection = await setup.connection()
        connection.open()
        setup.stream._consume(setup.stream._consumers["g"])  # as a timer would
        kept, surplus = connection.open_channel(), connection.open_channel()
        assert kept.is_open
        assert not surplus.is_open
        assert surplus.queue == ""
        setup.stream.close()

    asyncio.run(test())


def test_unsubscribing_while_the_channel_opens() -> None:
    async def test() -> None:
        setup = Setup()
        setup.stream.subscribe("g")
        connection = await setup.connection()
        connection.open()
        setup.stream.unsubscribe("g")
        assert not connection.open_channel().is_open
        setup.stream.subscribe("h")
        channel = connection.open_channel()
        assert channel.queue == "results.h"
        setup.stream.unsubscribe("h")
        assert not channel.is_open
        setup.stream.close()

    asyncio.run(test())


def test_a_queue_that_goes_away() -> None:
    async def test() -> None:
        setup = Setup()
        setup.stream.subscribe("g")
        connection = await setup.connection()
        connection.open()
        channel = connection.open_channel()
        channel.on_close(channel, pika.exceptions.ChannelClosedByBroker(404, "no queue"))
        assert setup.sink.states[-1] == "The result queue is not there."
        await until(lambda: bool(connection.opening))
        again = connection.open_channel()
        again.on_consuming(None)
        assert setup.sink.states[-1] == "up"
        setup.stream.close()

    asyncio.run(test())


@pytest.mark.parametrize(
    ("fetch", "says"),
    [
        (lambda: AmqpAddress("p", "amqp://user:hidden@[::1/"), "can't be read"),
        (lambda: 1 // 0, "division"),
    ],
    ids=["a bad address", "a defect"],
)
def test_whatever_fails_is_tried_again(fetch: Callable[[], AmqpAddress], says: str) -> None:
    async def test() -> None:
        setup = Setup(fetch)
        await until(lambda: setup.fetched >= 3)
        assert says in setup.sink.states[0]
        assert "hidden" not in "".join(setup.sink.states)
        setup._fetch = None
        (await setup.connection()).open()
        assert setup.sink.states[-1] == "up"
        setup.stream.close()

    asyncio.run(test())


def test_a_connection_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def refuse(*_args: object, **_more: object) -> None:
        made.append(1)
        raise OSError("too many open files")

    async def test() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(amqp, "DeliveryConnection", refuse)
            setup = Setup()
            await until(lambda: len(made) >= 3)
        (await setup.connection()).open()
        assert setup.sink.states[0] == "too many open files"
        assert setup.sink.states[-1] == "up"
        setup.stream.close()

    asyncio.run(test())


def test_ports_are_tried_in_turn() -> None:
    """A hub that lets out port 443 alone: the address's port says nothing, 443 answers."""

    async def test() -> None:
        url = "amqp://user:secret@broker:5671/%2F"
        setup = Setup(lambda: AmqpAddress("results.", url))
        setup.stream.subscribe("g")
        first = await setup.connection()
        assert (first.parameters.port, first.parameters.socket_timeout) == (5671, amqp.QUICK_S)
        first.lose(pika.exceptions.AMQPConnectionError(TimeoutError()))
        second = await setup.connection(2)
        assert second.parameters.port == 443
        assert setup.fetched == 1  # one password is good for every port
        assert setup.sink.states == [setup.sink.states[0]]
        assert setup.sink.states[0].startswith(
            "No connection to the broker (port 5671: no answer in time)."
        )
        second.open()
        assert setup.sink.states[-1] == "up"
        second.lose(pika.exceptions.StreamLostError("cut"))
        third = await setup.connection(3)
        assert third.parameters.port == 443  # what has worked comes first
        assert setup.fetched == 2
        setup.stream.close()

    asyncio.run(test())


def test_no_port_works() -> None:
    async def test() -> None:
        url = "amqp://user:secret@broker:1234/%2F"
        setup = Setup(lambda: AmqpAddress("results.", url))
        tried = []
        for number in range(1, 6):
            connection = await setup.connection(number)
            tried.append(connection.parameters.port)
            reason: Exception = ConnectionRefusedError()
            if number == 2:
                reason = pika.exceptions.IncompatibleProtocolError("HTTP/1.1")
            connection.lose(pika.exceptions.AMQPConnectionError(reason))
        assert tried == [1234, 443, 5671, 5672, 1234]
        assert connection.parameters.socket_timeout == amqp.PATIENT_S
        told, _, _ = setup.sink.states  # once at the first port, once after the last
        assert told.startswith("No connection to the broker (port 1234: refused).")
        assert setup.sink.states[1].startswith(
            "No connection to the broker (port 1234: refused; port 443: something answers that is"
            " no broker; port 5671: refused; port 5672: refused).\nAsk for one of the ports"
        )
        assert "secret" not in "".join(setup.sink.states)
        setup.stream.close()

    asyncio.run(test())


def test_a_port_that_the_user_chose_is_the_only_one() -> None:
    async def test() -> None:
        setup = Setup(port=5672)
        for number in (1, 2):
            connection = await setup.connection(number)
            assert connection.parameters.port == 5672
            connection.lose(pika.exceptions.AMQPConnectionError(ConnectionRefusedError()))
            await until(lambda made=number + 1: len(Connection.made) >= made)
        assert setup.fetched >= 2
        setup.stream.close()

    asyncio.run(test())


def test_refused_credentials_ask_for_new_ones_at_once() -> None:
    async def test() -> None:
        setup = Setup()
        (await setup.connection()).lose(pika.exceptions.ProbableAuthenticationError("user:secret"))
        again = await setup.connection(2)
        assert again.parameters.credentials.password == "secret2"
        assert again.parameters.port == 5672
        setup.stream.close()

    asyncio.run(test())


NOT_TRUSTED = ssl.SSLCertVerificationError()
NOT_TRUSTED.verify_message = "Hostname mismatch, certificate is not valid for 'h'."


@pytest.mark.parametrize(
    ("reason", "says", "step"),
    [
        (
            pika.exceptions.ProbableAuthenticationError("user:secret"),
            "the broker refuses the credentials",
            "%gc login --force",
        ),
        (
            pika.exceptions.AMQPConnectionError(ConnectionRefusedError("amqp://user:secret@h")),
            "refused",
            "Ask for one of the ports",
        ),
        (
            AMQPConnectorTransportSetupError(NOT_TRUSTED),
            "the certificate isn't trusted (Hostname mismatch, certificate is not valid for 'h')",
            "SSL_CERT_FILE",
        ),
        (pika.exceptions.StreamLostError("amqp://user:secret@h"), "no broker", "443"),
        (OSError("secret"), "OSError", "443"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_reasons_name_no_password(
    reason: Exception, says: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    error = no_connection({443: why(reason)})
    assert says in error.reason
    assert step in error.next_step
    assert "secret" not in str(error)


def test_a_proxy_is_said_to_be_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://ada:secret@proxy.example:3128")
    error = no_connection({443: "no answer in time"})
    assert "HTTPS goes through a proxy here, and AMQP can't" in error.next_step
    assert "results are asked for by HTTPS" in error.next_step
    assert "secret" not in str(error)


def test_an_address_shows_no_password() -> None:
    assert "secret" not in repr(AmqpAddress("p", "amqp://user:secret@h"))
