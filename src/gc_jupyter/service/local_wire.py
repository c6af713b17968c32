"""What the kernel, the host of its local workers, and the workers say to each other.

A frame is eight bytes of length, then a pickle: all ends are this package on this machine, and the
sockets belong to nobody else.

::

    kernel ── Function, Run, Stop ────────────► host ── Assignment, Renew ────► worker
    kernel ◄─ [Started | Said | Ended, …] ───── host ◄─ Ready, Said, Ended ──── worker
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Surroundings(NamedTuple):
    """What a task finds in its process: as the kernel has it when the task is submitted."""

    directory: str
    path: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    umask: int | None = None
    cores: frozenset[int] | None = None
    start_method: str | None = None
    recursion_limit: int | None = None


class Function(NamedTuple):
    """A function that tasks will name: its packed buffer. One that lasts is loaded before workers
    are made."""

    function_id: str
    code: str
    lasting: bool = False


class Run(NamedTuple):
    """Run these tasks: (task id, function id, packed arguments). No place: the one before."""

    tasks: Sequence[tuple[str, str, str]]
    place: Surroundings | None
    result_serializers: tuple[str, ...] = ()


class Stop(NamedTuple):
    """Never run these tasks. Where one runs, kill it: at once, or `patience` seconds after an
    interrupt."""

    task_ids: Sequence[str]
    patience: float = 0.0


class Assignment(NamedTuple):
    """A task for a worker; without `code` where the worker has the function."""

    task_id: str
    function_id: str
    code: str | None
    payload: str
    result_serializers: tuple[str, ...]


class Renew(NamedTuple):
    """The next task needs a new process."""


class Ready(NamedTuple):
    """The new process that waits for the next task."""

    process: int


class Started(NamedTuple):
    """A worker has the task."""

    task_id: str


class Said(NamedTuple):
    """What a task says while it runs."""

    task_id: str
    message: bytes


class Ended(NamedTuple):
    """A task ended with this result message."""

    task_id: str
    body: bytes
    failed: bool = False


Report = Started | Said | Ended

_HEAD = 8
#: Bytes that are a frame of their own, wherever messages could share one.
LARGE = 1 << 18


def frame(value: object) -> bytes:
    """The bytes that `Frames` turns back into `value`."""
    payload = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return len(payload).to_bytes(_HEAD, "big") + payload


class Frames:
    """Bytes in, as they come; values out, as they become complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def missing(self) -> int:
        """How many bytes the value that has begun waits for, as far as that is known."""
        if len(self._buffer) < _HEAD:
            return _HEAD - len(self._buffer)
        return _HEAD + int.from_bytes(self._buffer[:_HEAD], "big") - len(self._buffer)

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
            with memoryview(buffer) as view, view[start + _HEAD : end] as payload:
                values.append(pickle.loads(payload))
            start = end
        del buffer[:start]
        return values
