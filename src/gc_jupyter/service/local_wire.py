"""The messages between the kernel, the host of its local workers, and the workers.

A frame is eight bytes of length, then a pickle. That is safe because all ends are this package on
this machine, and nobody else can reach the sockets.

::

    kernel ── Function, RunTasks, EndTasks, Workers ──► host ── Assignment, Renew ────► worker
    kernel ◄─ [Started | Said | Ended, …] ────────────── host ◄─ Ready, Said, Ended ──── worker
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class Surroundings(NamedTuple):
    """What the kernel's process has when a task is submitted, and the task's process gets."""

    directory: str
    path: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    umask: int | None = None
    cores: frozenset[int] | None = None
    start_method: str | None = None
    recursion_limit: int | None = None


class Function(NamedTuple):
    """The packed buffer of a function that tasks will name. A function that lasts is loaded before
    workers are made."""

    function_id: str
    code: str
    lasting: bool = False


class RunTasks(NamedTuple):
    """Run these tasks: (task id, function id, packed arguments). No surroundings: as before."""

    tasks: Sequence[tuple[str, str, str]]
    place: Surroundings | None
    result_serializers: tuple[str, ...] = ()


class EndTasks(NamedTuple):
    """Never start these tasks. Kill those that run: at once, or `patience` seconds after an
    interrupt."""

    task_ids: Sequence[str]
    patience: float = 0.0


class Workers(NamedTuple):
    """Run so many tasks at once from now on; those that run are left to end."""

    number: int


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
    """A new process waits for the next task."""

    process: int


class Started(NamedTuple):
    """A worker got the task, at these unix seconds."""

    task_id: str
    at: float


class Said(NamedTuple):
    """A message that a task sends while it runs."""

    task_id: str
    message: bytes


class Ended(NamedTuple):
    """A task ended with this result message."""

    task_id: str
    body: bytes
    failed: bool = False


Order = Function | RunTasks | EndTasks | Workers
Report = Started | Said | Ended

_HEAD = 8
#: A message of so many bytes gets a frame of its own; smaller ones can share one.
LARGE = 1 << 18


def frame(value: object) -> bytes:
    """The bytes of a frame, which `Frames` turns back into `value`."""
    payload = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return len(payload).to_bytes(_HEAD, "big") + payload


class Frames:
    """Turns bytes, as they come, into values, as they become complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def missing(self) -> int:
        """How many bytes the incomplete value still needs, as far as that is known."""
        if len(self._buffer) < _HEAD:
            return _HEAD - len(self._buffer)
        return _HEAD + int.from_bytes(self._buffer[:_HEAD], "big") - len(self._buffer)

    def feed(self, chunk: bytes) -> list[Any]:
        """Add `chunk`; returns the values that it completes, in order."""
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
