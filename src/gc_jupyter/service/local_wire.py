"""What the kernel and the host of its local workers say to each other, over the host's pipes.

A frame is eight bytes of length, then a pickle: both ends are this package on this machine, and
the pipes belong to nobody else.

::

    kernel ── Run, Stop ──► host ── one task at a time ──► worker processes
    kernel ◄─ [Report, …] ─ host ◄─ result bytes ───────── worker processes
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any, NamedTuple


class Place(NamedTuple):
    """Where tasks run: the kernel's working directory and `sys.path` at submission."""

    directory: str
    path: tuple[str, ...]


class Run(NamedTuple):
    """Run these tasks: (task id, task message) pairs."""

    tasks: Sequence[tuple[str, bytes]]
    place: Place
    result_serializers: tuple[str, ...] = ()


class Stop(NamedTuple):
    """Never run this task; where it runs already, kill its worker."""

    task_id: str


class Report(NamedTuple):
    """A task started (`body` is None), or ended with this result message."""

    task_id: str
    body: bytes | None = None
    failed: bool = False


_HEAD = 8


def frame(value: object) -> bytes:
    """The bytes that `Frames` turns back into `value`."""
    payload = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return len(payload).to_bytes(_HEAD, "big") + payload


class Frames:
    """Bytes in, as they come from a pipe; values out, as they become complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[Any]:
        """Add `chunk`; returns the values that are complete now, in order."""
        buffer = self._buffer
        buffer += chunk
        values = []
        start = 0
        while len(buffer) - start >= _HEAD:
            end = start + _HEAD + int.from_bytes(buffer[start : start + _HEAD], "big")
            if len(buffer) < end:
                break
            values.append(pickle.loads(bytes(buffer[start + _HEAD : end])))
            start = end
        del buffer[:start]
        return values
