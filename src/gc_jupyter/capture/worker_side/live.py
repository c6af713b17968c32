"""Send what a task shows while it runs, line by line, into its spool or to the worker's host.

Each line is a JSON list of an event's kind and its content. The reply has all output once more and
is what counts, so a failure here is no error of the task.
"""

from __future__ import annotations

import _thread
import base64
import contextlib
import json
import os
import sys
import threading
import time
from typing import Any

from gc_jupyter.capture.worker_side.output import ACTIVE, Output, current_output
from gc_jupyter.capture.worker_side.spool import Spool

#: Seconds between two looks at the files that stand for descriptors 1 and 2, to which C code and
#: child processes write. A file offers nothing to wait for.
TICK_S = 0.1
SYNC_S = 0.5  # seconds between two syncs to a shared file system
#: The lines that leave at once in such a time. Further lines leave together.
BURST = 100
#: Kinds of lines of which only the newest counts: one leaves in such a time.
NEWEST = ("update", "progress")
#: The most bytes in all, since an animation has no end.
SPOOL_LIMIT = 20000000
#: The module through which a worker of `local` reaches its host.
HOST = "gc_jupyter.service.local_worker"


class Live:
    """Sends one task's output while it runs.

    Parameters
    ----------
    output:
        The task's output. It holds its own lock while it calls `tell`.
    send:
        Takes whole lines.
    limit:
        The most bytes that `send` takes in all.
    """

    def __init__(self, output: Output, send: Any, limit: float, sync: Any, close: Any) -> None:
        self.output = output
        self.send = send
        self.room = limit
        self.sync = sync
        self.end = close
        self.waiting: list[Any] = []
        self.sends = 0
        self.process = os.getpid()
        self.over = threading.Event()

    def tell(self, *event: Any) -> None:
        kind = event[0]
        if kind == "clear":
            self.waiting.clear()
        elif kind in NEWEST:
            self.waiting = [one for one in self.waiting if one[:2] != event[:2]]
        self.waiting.append(event)
        if self.sends < (1 if kind in NEWEST else BURST):
            self.flush()

    def flush(self) -> None:
        # a forked child process shares this file or pipe and must not write to it
        if not self.waiting or self.send is None or os.getpid() != self.process:
            return
        waiting, self.waiting = self.waiting, []
        self.sends += 1
        try:
            lines = "".join(json.dumps(one, default=as_text) + "\n" for one in waiting)
            if len(lines) > self.room:
                self.room, lines = 0, '["cut", ""]\n'
            self.room -= len(lines)
            self.send(lines.encode("ascii"))
        except Exception:  # the disk is full, or the host has ended
            self.room = 0
        if self.room <= 0:
            self.send = None

    def run(self) -> None:
        """Send the gathered lines until the task ends."""
        synced = 0.0
        while not self.over.wait(TICK_S):
            with self.output.lock:
                self.sends = 0
                self.output.drain()
                self.flush()
            if self.sync is not None and time.monotonic() - synced > SYNC_S:
                self.sync()
                synced = time.monotonic()

    def close(self) -> None:
        self.over.set()
        with self.output.lock:
            self.flush()
            self.send = self.output.live = None
        if self.end is not None:
            self.end()


def as_text(content: Any) -> str:
    return base64.b64encode(content).decode() if isinstance(content, bytes) else str(content)


def start_live(output: Output, how: Any) -> Any:
    """Start to send `output` while it grows. Returns None if it isn't wanted or can't be sent.

    Parameters
    ----------
    output:
        The task's.
    how:
        `name` of the task's spool; empty if the lines go to the worker's host.
    """
    live = None
    with contextlib.suppress(Exception):  # for example, the home directory is read-only
        host = host_here()
        if how is not None and host is not None:
            live = Live(output, host.say, float("inf"), None, None)
        elif how:
            spool = Spool(how)
            live = Live(output, spool.send, SPOOL_LIMIT, spool.sync, spool.close)
    if live is not None:
        # not a `threading.Thread`: `threading.enumerate` must list the cell's own threads only
        _thread.start_new_thread(live.run, ())
    output.live = live
    return live


def host_here() -> Any:
    """Return the module of the worker's host on `local`, else None."""
    host: Any = sys.modules.get(HOST)
    return None if host is None or host.speaker.speak is None else host


def progress(done: Any, total: Any = None) -> None:
    """Report how much of the task's work is done: `gc_jupyter.progress` of a remote cell."""
    output = current_output()
    if output is not None and output.live is not None:
        with output.lock:
            output.live.tell("progress", float(done), None if total is None else float(total))


def hold_outputs() -> None:
    """Hold the output's locks over a fork. Else a child could find them held by a thread that it
    doesn't have."""
    HELD.extend(ACTIVE.values())
    for output in HELD:
        output.lock.acquire()


def release_outputs() -> None:
    while HELD:
        HELD.pop().lock.release()


HELD: list[Output] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=hold_outputs, after_in_parent=release_outputs, after_in_child=release_outputs
    )
