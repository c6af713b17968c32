"""The arguments of a task whose first one is large: they are encoded while the request is sent.

As text, a part of 6.5 MB would be in memory five times: joined, pickled, in base64, as JSON and as
the request's body. Here it stays where it is, and less than a megabyte at a time is encoded.
"""

from __future__ import annotations

import binascii
import json
import struct
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from gc_jupyter.serialize.concretes import DillDataBase64
from gc_jupyter.serialize.pickles import dumps_by_value, to_base64

#: Bytes that are encoded at once. Each 3 of them make 4 characters.
_AT_ONCE = 3 << 18


class StreamedArguments:
    """The text that `pack_buffers` gives for the arguments ``(b"".join(data), other)`` and ``{}``.

    Parameters
    ----------
    data:
        Parts of the first argument. They stay as they are until the request has been sent.
    other:
        The second argument.
    """

    def __init__(self, data: Sequence[Any], other: Any) -> None:
        views = [memoryview(one).cast("B") for one in data]
        size = sum(map(len, views))
        # a pickle: bytes, what the other one's pickle leaves on the stack, and a tuple of both
        head = b"\x80\x04B" + struct.pack("<I", size)
        tail = dumps_by_value(other)[:-1] + b"\x86."
        self._pieces: list[Any] = [head, *views, tail]
        self._encoded = (len(head) + size + len(tail) + 2) // 3 * 4
        name, rest = DillDataBase64.identifier, DillDataBase64.identifier + to_base64(_NO_KEYWORDS)
        self._start = f"{len(name) + self._encoded}\n{name}"
        self._end = f"{len(rest)}\n{rest}"

    def __len__(self) -> int:
        return len(self._start) + self._encoded + len(self._end)

    def __str__(self) -> str:
        return "".join([self._start, *(one.decode() for one in self._base64()), self._end])

    def json(self) -> Iterator[bytes]:
        """The text as JSON, in pieces; base64 has nothing that JSON escapes."""
        yield json.dumps(self._start)[:-1].encode()
        yield from self._base64()
        yield json.dumps(self._end)[1:].encode()

    def json_size(self) -> int:
        """The bytes that `json` gives."""
        return len(json.dumps(self._start + self._end)) + self._encoded

    def _base64(self) -> Iterator[bytes]:
        left = b""
        for piece in self._pieces:
            for at in range(0, len(piece), _AT_ONCE):
                some = left + piece[at : at + _AT_ONCE]
                whole = len(some) // 3 * 3
                left = some[whole:]
                yield binascii.b2a_base64(some[:whole], newline=False)
        yield binascii.b2a_base64(left, newline=False)


_NO_KEYWORDS = dumps_by_value({})


class JSONBody:
    """The JSON of a request, in pieces.

    Parameters
    ----------
    pieces:
        JSON, and arguments as texts in it.
    """

    def __init__(self, pieces: Sequence[bytes | StreamedArguments]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for one in self._pieces:
            if isinstance(one, bytes):
                yield one
            else:
                yield from one.json()

    def __len__(self) -> int:
        return sum(len(one) if isinstance(one, bytes) else one.json_size() for one in self._pieces)


def json_body(data: Any) -> bytes | JSONBody:
    """The JSON of a request; in pieces where some of its texts are `StreamedArguments`.

    Parameters
    ----------
    data:
        The request: dicts, lists, texts and numbers.
    """
    streamed: list[StreamedArguments] = []
    mark = uuid.uuid4().hex  # nobody's text has it

    def marked(one: Any) -> str:
        if not isinstance(one, StreamedArguments):
            raise TypeError(f"{type(one).__name__} can't be sent as JSON")
        streamed.append(one)
        return mark

    text = json.dumps(data, default=marked)
    if not streamed:
        return text.encode()
    first, *texts = [one.encode() for one in text.split(f'"{mark}"')]
    pairs = zip(streamed, texts, strict=True)
    return JSONBody([first, *(one for pair in pairs for one in pair)])
