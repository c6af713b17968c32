"""AMQP bytes -> deliveries; the bytes are made by pika."""

from __future__ import annotations

import pytest
from pika import BasicProperties, spec
from pika.frame import Body, Header, Heartbeat, Method

from gc_jupyter.protocol.deliveries import INCOMPLETE, Delivery, read_delivery


def delivery(body: bytes, *, channel: int = 1, tag: int = 7, **properties: object) -> bytes:
    method = spec.Basic.Deliver(consumer_tag="c" * 9, delivery_tag=tag, exchange="", routing_key="")
    header = Header(channel, len(body), BasicProperties(**properties))
    frames = [Method(channel, method).marshal(), header.marshal()]
    return b"".join([*frames, Body(channel, body).marshal()] if body else frames)


@pytest.mark.parametrize("at", [0, 5])
def test_a_whole_delivery(at: int) -> None:
    data = b"x" * at + delivery(b"result", channel=300, tag=2**40, headers={"a": True})
    found = read_delivery(data + b"rest", at)
    assert isinstance(found, Delivery)
    assert (found.channel, found.tag, found.body) == (300, 2**40, b"result")
    assert found.end == len(data)
    properties = BasicProperties()
    properties.decode(found.properties)
    assert properties.headers == {"a": True}


def test_every_beginning_of_a_delivery_is_incomplete() -> None:
    data = delivery(b"result")
    assert {read_delivery(data[:size], 0) for size in range(1, len(data))} == {INCOMPLETE}


WHOLE = delivery(b"result")
BODY_AT = WHOLE.index(b"result")
OTHER = {
    "heartbeat": Heartbeat().marshal(),
    "other method": Method(1, spec.Basic.CancelOk(consumer_tag="c")).marshal(),
    "header alone": Header(1, 6, BasicProperties()).marshal(),
    "protocol header": b"AMQP\0\0\x09\x01",
    "empty body": delivery(b"") + WHOLE,
    "long body": delivery(b"x" * 70_000),
    "body in two frames": WHOLE[: BODY_AT - 7]
    + Body(1, b"res").marshal()
    + Body(1, b"ult").marshal(),
    "header of another channel": WHOLE[:1] + b"\0\x02" + WHOLE[3:],
    "wrong end of the body": WHOLE[:-1] + b"\0",
    "name longer than its frame": WHOLE[:11] + b"\xff" + WHOLE[12:],
    "method twice": Method(1, spec.Basic.Deliver("c", 1, False, "", "")).marshal() * 2,
}


@pytest.mark.parametrize("data", OTHER.values(), ids=OTHER)
def test_what_is_no_simple_delivery(data: bytes) -> None:
    assert read_delivery(data, 0) is None
