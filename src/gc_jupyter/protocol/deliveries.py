"""Read whole deliveries from an AMQP connection's bytes, as RabbitMQ sends them in a fan-out.

A delivery is three frames of one channel (AMQP 0-9-1, sections 2.3.5 and 4.2.6): the method
`basic.deliver`, a content header, and the body. Only this form is read here. A full implementation
of the protocol reads all others.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

_METHOD, _HEADER, _BODY, _FRAME_END = 1, 2, 3, 0xCE
_DELIVER = 60 << 16 | 60  # class basic, method deliver
_LARGEST_BODY = 64 * 1024  # copying a larger one twice would cost more than it saves

_METHOD_FRAME = struct.Struct(">BHLL")  # type, channel, length, class and method
_HEADER_FRAME = struct.Struct(">BHLHHQ")  # type, channel, length, class, weight, size of the body
_FRAME = struct.Struct(">BHL")  # type, channel, length
_TAG = struct.Struct(">Q")


class Delivery(NamedTuple):
    """One message. `properties` are the content header's flags and fields; the bytes of the
    delivery end before `end`."""

    channel: int
    tag: int
    properties: bytes
    body: bytes
    end: int


#: The bytes may be the start of a delivery.
INCOMPLETE: Final = "incomplete"


def read_delivery(data: bytes, at: int) -> Delivery | str | None:
    """The delivery at a frame's start.

    Parameters
    ----------
    data, at:
        What was received, and where a frame starts in it.

    Returns
    -------
    Delivery, INCOMPLETE or None
        None where something else starts here: another frame, or a body that is empty, long, or
        spread over several frames.
    """
    size = len(data)
    if data[at] != _METHOD:
        return None
    if size < at + 11:
        return INCOMPLETE
    _, channel, length, method = _METHOD_FRAME.unpack_from(data, at)
    if method != _DELIVER:
        return None
    header = at + length + 8
    if size < header + 19:
        return INCOMPLETE
    kind, same, length, _, _, body_size = _HEADER_FRAME.unpack_from(data, header)
    if (kind, same) != (_HEADER, channel) or length < 14 or not 0 < body_size <= _LARGEST_BODY:
        return None
    body = header + length + 8
    end = body + body_size + 8
    if size < end:
        return INCOMPLETE
    if _FRAME.unpack_from(data, body) != (_BODY, channel, body_size):
        return None
    if not data[header - 1] == data[body - 1] == data[end - 1] == _FRAME_END:
        return None
    tag_at = at + 12 + data[at + 11]  # behind the consumer's name
    if tag_at + _TAG.size > header - 1:
        return None
    (tag,) = _TAG.unpack_from(data, tag_at)
    return Delivery(channel, tag, data[header + 19 : body - 1], data[body + 7 : end - 1], end)
