"""Pack several texts into one, and unpack them.

Protocol ("Payloads"): each buffer is its length in characters, a newline, and its text; buffers
follow one another without a separator.
"""

from __future__ import annotations

from collections.abc import Iterable

from gc_jupyter.errors import DeserializationError

#: The most digits of a buffer's length: 10**12 characters are far more than any service takes.
_MAX_DIGITS = 12


def pack_buffers(buffers: Iterable[str]) -> str:
    """Join serialized texts into one.

    Parameters
    ----------
    buffers:
        Texts as `ComputeSerializer.serialize` returns them.
    """
    return "".join([f"{len(buffer)}\n{buffer}" for buffer in buffers])


def unpack_buffers(packed_buffer: str) -> list[str]:
    """Split what `pack_buffers` joined, in linear time.

    Parameters
    ----------
    packed_buffer:
        Text as `pack_buffers` returns it; empty text gives an empty list.

    Raises
    ------
    DeserializationError
        A length is missing, is not a plain decimal number, or is more than what follows.
    """
    buffers = []
    start, end = 0, len(packed_buffer)
    while start < end:
        newline = packed_buffer.find("\n", start, start + _MAX_DIGITS + 1)
        if newline < 0:
            raise _malformed(packed_buffer, start, "Missing newline delimiter")
        length = packed_buffer[start:newline]
        if not (length.isascii() and length.isdigit()):
            raise _malformed(packed_buffer, start, "Invalid length delimiter")
        start = newline + 1 + int(length)
        if start > end:
            raise _malformed(packed_buffer, newline + 1, f"Fewer than {length} characters")
        buffers.append(packed_buffer[newline + 1 : start])
    return buffers


def _malformed(text: str, position: int, what: str) -> DeserializationError:
    return DeserializationError(
        f"Malformed packed buffers: {what} at character {position}: "
        f"{text[position : position + 30]!r}",
        next_step="The text was cut off or is not packed buffers: fetch or serialize it again.",
    )
