"""Workers as their host sees them: which process runs which task, and which one gets the next."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from gc_jupyter.service.local_wire import Frames, Function, Surroundings


@dataclass(frozen=True, slots=True)
class LocalTask:
    function: Function
    payload: str
    place: Surroundings
    result_serializers: tuple[str, ...]


class Seat:
    """A worker as the host sees it: its process, and the task that it has now."""

    def __init__(self, pid: int, connection: socket.socket, place: Surroundings) -> None:
        self.pid = pid
        self.connection = connection
        self.place = place
        self.frames = Frames()
        self.process: int | None = None  # which runs the task, or waits for one
        self.task_id: str | None = None
        self.used_for: str | None = None  # the function that its process has run
        self.interrupted = False  # the task that it has now
        self.free_since = 0

    def interrupt(self) -> None:
        """As the stop button of a notebook does it: the task's processes hear of it too."""
        self.interrupted = True
        if self.process is not None:
            with contextlib.suppress(OSError):
                os.killpg(self.process, signal.SIGINT)

    def kill(self) -> None:
        """End it, and the processes that its task has started."""
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGKILL)
        if self.process is not None:
            with contextlib.suppress(OSError):  # no such group: nothing of it is left
                os.killpg(self.process, signal.SIGKILL)


def best(free: Sequence[Seat], task: LocalTask, *, full: bool) -> Seat | None:
    """Which worker is to have the task: one that has just run the function, else a new process;
    None for a new worker."""
    fitting = [one for one in free if one.place == task.place]
    used = [one for one in fitting if one.used_for == task.function.function_id]
    if used and not task.function.lasting:
        return min(used, key=lambda one: one.free_since)
    new = [one for one in fitting if one.used_for is None]
    ready = [one for one in new if one.process is not None]
    return next(iter(ready or new or (fitting if full else ())), None)
