"""AmqpStream over a connection in the test's hand: channels, acknowledgements, reconnects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pika
import pika.exceptions
import pytest

from gc_jupyter.errors import StreamError
from gc_jupyter.service import amqp
from gc_jupyter.service.amqp_address import AmqpAddress
from tests.service.amqp_by_hand import Setup, connections, until

__all__ = ["connections"]  # the fixture
pytestmark = pytest.mark.usefixtures("connections")
MB = 1024 * 1024


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


def test_a_connection_that_is_dead_without_a_word() -> None:
    """Another is made; what the old one says later counts for nothing."""

    async def test() -> None:
        setup = Setup()
        setup.stream.subscribe("g")
        dead = await setup.connection()
        dead.open()
        channel = dead.open_channel()
        setup.stream.reconnect(StreamError("nothing comes"))
        setup.stream.reconnect(StreamError("nothing comes"))  # it is being done
        assert setup.sink.states == ["up", "nothing comes"]
        alive = await setup.connection(2)
        dead.lose(pika.exceptions.AMQPHeartbeatTimeout("at last"))
        channel.deliver(1, b"late")
        alive.open()
        alive.open_channel().deliver(1, b"again")
        assert [body for body, _, _ in setup.sink.messages] == [b"again"]
        assert setup.sink.states == ["up", "nothing comes", "up"]
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
        assert setup.sink.states[-1] == "g: The queue is not there."
        await until(lambda: bool(connection.opening))
        again = connection.open_channel()
        again.on_consuming(None)
        assert setup.sink.states[-1] == "g: up"
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


def test_few_messages_at_a_time_while_they_are_large() -> None:
    """What is held is bounded; for small ones the pipe is full again."""

    async def test() -> None:
        setup = Setup()
        setup.stream.subscribe("g")
        connection = await setup.connection()
        connection.open()
        wide = connection.open_channel()
        large = bytes(10 * MB)
        for number in range(1, 8):
            wide.deliver(number, large)
        assert not wide.is_open  # what else the broker has sent goes back to the queue
        wide.deliver(8, large)
        assert len(setup.sink.messages) == 7
        narrow = connection.open_channel()
        assert narrow.prefetch == amqp.PREFETCH_LARGE
        setup.stream.ack([tag for _, tag, _ in setup.sink.messages])
        assert (wide.acked, narrow.acked) == ([], [])
        for number in range(1, 50):  # taken in as they come
            narrow.deliver(number, large)
            setup.stream.ack([setup.sink.messages[-1][1]])
        assert (narrow.is_open, narrow.acked[-1]) == (True, (49, True))
        for number in range(50, 50 + amqp.PREFETCH_LARGE):
            narrow.deliver(number, b"small")
        assert not narrow.is_open
        again = connection.open_channel()
        assert again.prefetch == amqp.PREFETCH
        again.deliver(1, b"small")
        setup.stream.ack([setup.sink.messages[-1][1]])
        assert again.acked == [(1, True)]
        setup.stream.close()

    asyncio.run(test())


@pytest.mark.parametrize("size", [1, 20_000, 100_000, MB, 10 * MB])
def test_the_prefetch_settles(size: int) -> None:
    """Whatever the size: at most one change, and never more than the bound."""

    async def test() -> None:
        setup = Setup()
        setup.stream.subscribe("g")
        connection = await setup.connection()
        connection.open()
        channel, channels, body = connection.open_channel(), 1, bytes(size)
        number = 0
        for _ in range(3 * amqp.PREFETCH):
            number += 1
            channel.deliver(number, body)
            waiting = setup.stream._consumers["g"].needed
            assert sum(waiting.values()) <= max(amqp.HELD_BYTES + size, 8 * size)
            if not channel.is_open:
                channel, channels, number = connection.open_channel(), channels + 1, 0
            elif number >= channel.prefetch:
                break  # a broker would send no more
        assert channels <= 2
        setup.stream.close()

    asyncio.run(test())


def test_nothing_comes_after_unsubscribing() -> None:
    """What was on its way goes back to the queue: it is not acknowledged, and nobody sees it."""

    async def test() -> None:
        setup = Setup()
        setup.stream.subscribe("g")
        connection = await setup.connection()
        connection.open()
        channel = connection.open_channel()
        channel.deliver(1, b"before")
        setup.stream.unsubscribe("g")
        channel.deliver(2, b"after")
        ((body, tag, _),) = setup.sink.messages
        assert body == b"before"
        setup.stream.ack([tag])
        assert channel.acked == []
        setup.stream.close()

    asyncio.run(test())
