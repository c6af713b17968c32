"""Which way the bytes of a connection go: deliveries to receivers, all else to pika."""

from __future__ import annotations

from typing import Any

import pytest
from pika import spec
from pika.adapters.asyncio_connection import AsyncioConnection
from pika.frame import Heartbeat, Method

from gc_jupyter.service.amqp_connection import DeliveryConnection
from tests.protocol.test_deliveries import delivery

CANCELLED = Method(1, spec.Basic.CancelOk(consumer_tag="c")).marshal()
FRAMES = [
    (CANCELLED, None),
    (delivery(b"one", tag=1), (1, None, b"one")),
    (Heartbeat().marshal(), None),
    (
        delivery(b"two", tag=2, headers={"high_assurance": True}),
        (2, {"high_assurance": True}, b"two"),
    ),
    (delivery(b"for nobody here", channel=2), None),
    (delivery(b"x" * 70_000, tag=3), None),
    (delivery(b"three", tag=4, content_type="a"), (4, None, b"three")),
]
STREAM = b"".join(data for data, _ in FRAMES)


class Fed:
    """A connection without a socket: what reaches pika, and what the receiver of channel 1."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.connection: Any = DeliveryConnection.__new__(DeliveryConnection)
        self.connection._receivers = {}
        self.connection._begun = b""
        self.connection.bytes_received = self.connection.frames_received = 0
        self.received: list[tuple[Any, ...]] = []
        self.left = b""
        self.connection.receive(1, lambda *what: self.received.append(what))

        def pika(_connection: Any, data: bytes) -> None:
            self.left += data

        monkeypatch.setattr(AsyncioConnection, "_on_data_available", pika)

    def feed(self, data: bytes) -> None:
        self.connection._on_data_available(data)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 13, 100, 4096, 10**6])
def test_each_way_whatever_the_pieces(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fed = Fed(monkeypatch)
    for start in range(0, len(STREAM), size):
        fed.feed(STREAM[start : start + size])
    assert fed.received == [wanted for _, wanted in FRAMES if wanted]
    assert fed.left == b"".join(data for data, wanted in FRAMES if not wanted)
    assert fed.connection._begun == b""
    assert fed.connection.bytes_received == len(STREAM) - len(fed.left)


def test_another_version_of_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = Fed(monkeypatch)
    fed.feed(b"AMQP\0\0\x09\x01")
    assert fed.left == b"AMQP\0\0\x09\x01"


def test_a_receiver_that_fails_costs_its_message_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = Fed(monkeypatch)

    def receive(tag: int, *_rest: Any) -> None:
        if tag == 1:
            raise KeyError(tag)
        fed.received.append((tag,))

    fed.connection.receive(1, receive)
    with pytest.raises(KeyError):
        fed.feed(delivery(b"a", tag=1) + delivery(b"b", tag=2))
    fed.feed(delivery(b"c", tag=3))
    assert fed.received == [(2,), (3,)]
