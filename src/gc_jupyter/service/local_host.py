"""The host process of the local workers: keeps them, gives each one task at a time, kills them.

The kernel starts it and talks with it over its standard input and output (`local_wire`). Workers
are forked by multiprocessing's fork server, which has the serializers loaded already; never from
the kernel, whose threads and `__main__` they don't inherit. When standard input ends, because the
kernel closed it or died, the workers are killed and the host ends.

A worker that dies costs the task it was running and no other, whatever its exit code was.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import multiprocessing.context
import os
import selectors
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.service.local_wire import Frames, Place, Report, Run, frame

_CHUNK = 1 << 20
_WORKER = "gc_jupyter.service.local_worker"
_START_DELAY = 0.02  # seconds
_RESULT_DELAY = 0.002  # seconds
_PATIENCE = 1.0  # seconds that a process gets to be seen dead


@dataclass(frozen=True, slots=True)
class _Task:
    body: bytes
    batch: Run


class _Worker:
    """One worker process, and the task that it runs now."""

    def __init__(
        self, context: multiprocessing.context.BaseContext, result_limit: int, folder: str
    ) -> None:
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(  # type: ignore[attr-defined]
            target=_serve, args=(theirs, result_limit, folder), name="gc-local-worker"
        )
        self.process.start()
        theirs.close()
        self.task_id: str | None = None
        self.place: Place | None = None

    def run(self, task_id: str, task: _Task) -> None:
        """Give it a task. It waits for one, so that this doesn't block for long."""
        place = task.batch.place
        news = None if place == self.place else place
        self.task_id, self.place = task_id, place
        # A worker that is dead already is found by its sentinel.
        with contextlib.suppress(OSError):
            self.connection.send((task_id, task.body, task.batch.result_serializers, news))

    def end(self) -> str:
        """Kill it, if it still lives, and the processes that its task started; says how it
        ended."""
        if self.process.pid is not None and hasattr(os, "killpg"):
            with contextlib.suppress(OSError):  # no such group: nothing of it is left
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()  # no effect on one that ended by itself: its exit code stays
        self.process.join(_PATIENCE)
        self.connection.close()
        return describe_exit(self.process.exitcode)


Source = Connection | int


class _Sources:
    """What the host waits for; a selector keeps them where the system has one that takes pipes."""

    def __init__(self) -> None:
        self._selector = None if os.name == "nt" else selectors.DefaultSelector()
        self._all: list[Source] = []

    def add(self, *sources: Source) -> None:
        """Wait for these too."""
        self._all += sources
        if self._selector is not None:
            for source in sources:
                self._selector.register(source, selectors.EVENT_READ)

    def remove(self, *sources: Source) -> None:
        """No longer wait for these; they must be open still."""
        for source in sources:
            self._all.remove(source)
            if self._selector is not None:
                self._selector.unregister(source)

    def ready(self, timeout: float | None) -> list[Any]:
        """Those that have something to read, or that ended; none after `timeout` seconds."""
        if self._selector is None:
            return wait(self._all, timeout)
        return [key.fileobj for key, _ in self._selector.select(timeout)]


class Host:
    """Tasks waiting in order, workers that run them. One thread: whoever calls `run`.

    Parameters
    ----------
    inbox:
        Something to wait for: the pipe from the kernel.
    read:
        Reads what is in the inbox; no bytes or EOFError when it has ended, which ends the host.
    report:
        Takes reports, in order.
    workers:
        How many processes at most; each is started when a task needs it.
    result_limit:
        The largest result, in characters of encoded text.
    folder:
        Below it is a folder of each task while it runs, for files that it leaves unnamed.
    """

    def __init__(
        self,
        inbox: Source,
        read: Callable[[], bytes],
        report: Callable[[list[Report]], None],
        workers: int,
        result_limit: int,
        folder: str,
    ) -> None:
        self._inbox = inbox
        self._read = read
        self._frames = Frames()
        self._report = report
        self._reports: list[Report] = []  # not sent yet
        self._due = math.inf  # when they must be, by the monotonic clock
        self._limit = workers
        self._result_limit = result_limit
        self._folder = folder
        self._context = _start_context()
        self._waiting: OrderedDict[str, _Task] = OrderedDict()
        self._workers: dict[Source, _Worker] = {}  # by process sentinel
        self._talking: dict[Source, _Worker] = {}  # by connection
        self._idle: list[_Worker] = []
        self._sources = _Sources()
        self._sources.add(inbox)

    def run(self) -> None:
        """Serve until the inbox ends, then kill the workers."""
        try:
            while True:
                ready = self._sources.ready(self._patience())
                for source in ready:
                    if source in self._talking:
                        self._finish(self._talking[source])
                for source in ready:
                    if source in self._workers:
                        self._lose(self._workers[source])
                if self._inbox in ready:
                    self._take()
                self._assign()
                if self._patience() == 0:
                    self._report(self._reports)
                    self._reports, self._due = [], math.inf
        except (EOFError, BrokenPipeError):
            pass  # the kernel is gone, or wants us gone
        finally:
            for worker in self._workers.values():
                worker.end()

    def _tell(self, report: Report) -> None:
        # The kernel wakes for each frame. That a task has started is told with the next result, or
        # once it takes long; while tasks wait, results that come close together share a frame.
        ended = report.body is not None
        delay = (_RESULT_DELAY if self._waiting else 0.0) if ended else _START_DELAY
        self._reports.append(report)
        self._due = min(self._due, time.monotonic() + delay)

    def _patience(self) -> float | None:
        """Seconds until the reports are due; None if there are none."""
        return max(0.0, self._due - time.monotonic()) if self._reports else None

    def _take(self) -> None:
        chunk = self._read()
        if not chunk:
            raise EOFError
        for message in self._frames.feed(chunk):
            if isinstance(message, Run):
                for task_id, body in message.tasks:
                    self._waiting[task_id] = _Task(body, message)
            else:
                self._stop(message.task_id)

    def _assign(self) -> None:
        while self._waiting and (self._idle or len(self._workers) < self._limit):
            task_id, task = self._waiting.popitem(last=False)
            try:
                worker = self._idle.pop() if self._idle else self._new_worker()
            except (OSError, EOFError) as error:
                text = f"No worker process could be started: {error}"
                self._tell(_failure(task_id, "WorkerLost", text))
                continue
            worker.run(task_id, task)
            self._tell(Report(task_id))

    def _new_worker(self) -> _Worker:
        worker = _Worker(self._context, self._result_limit, self._folder)
        self._workers[worker.process.sentinel] = worker
        self._talking[worker.connection] = worker
        self._sources.add(worker.connection, worker.process.sentinel)
        return worker

    def _finish(self, worker: _Worker) -> None:
        try:
            body, failed = worker.connection.recv()
        except (EOFError, OSError):
            self._lose(worker)
            return
        self._tell(Report(worker.task_id or "", body, failed))
        worker.task_id = None
        self._idle.append(worker)

    def _lose(self, worker: _Worker) -> None:
        task_id = worker.task_id
        how = self._retire(worker)
        if task_id is not None:
            text = f"The worker process {how} while it ran this task."
            self._tell(_failure(task_id, "WorkerLost", text))

    def _stop(self, task_id: str) -> None:
        running = next((w for w in self._workers.values() if w.task_id == task_id), None)
        if running is not None:
            self._retire(running)
        elif self._waiting.pop(task_id, None) is None:
            return  # it has ended: its result is on its way
        self._tell(_failure(task_id, "TaskStopped", "The task was stopped on request."))

    def _retire(self, worker: _Worker) -> str:
        del self._workers[worker.process.sentinel], self._talking[worker.connection]
        self._sources.remove(worker.connection, worker.process.sentinel)
        with contextlib.suppress(ValueError):
            self._idle.remove(worker)
        how = worker.end()
        if worker.task_id is not None:
            shutil.rmtree(os.path.join(self._folder, worker.task_id), ignore_errors=True)
        return how


def main(workers: int, result_limit: int) -> None:
    """Be the host: called in a process of its own, with the kernel at both standard streams."""
    incoming, outgoing = _take_standard_streams()

    def report(reports: list[Report]) -> None:
        _write_all(outgoing, frame(reports))

    inbox: Source = incoming
    if os.name == "nt":
        inbox, read = bridge(incoming)
    else:
        read = partial(os.read, incoming, _CHUNK)
    with tempfile.TemporaryDirectory(prefix="gc-local-", ignore_cleanup_errors=True) as folder:
        Host(inbox, read, report, workers, result_limit, folder).run()


def bridge(incoming: int) -> tuple[Connection, Callable[[], bytes]]:
    """A pipe's end as something that Windows can wait for, and what reads from it (EOFError at
    the end): a thread hands the bytes on."""
    inbox, feeder = multiprocessing.Pipe(duplex=False)

    def forward() -> None:
        with feeder:
            while chunk := os.read(incoming, _CHUNK):
                feeder.send_bytes(chunk)

    threading.Thread(target=forward, daemon=True).start()
    return inbox, inbox.recv_bytes


def _take_standard_streams() -> tuple[int, int]:
    """Keep both pipes for ourselves: workers, and what they start, get the null device.

    Duplicates are not inherited. Our own errors still go to the file that the kernel gave.
    """
    incoming, outgoing = os.dup(0), os.dup(1)
    sys.stderr = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)
    return incoming, outgoing


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _start_context() -> multiprocessing.context.BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, _WORKER])
    return context


def _serve(*args: Any) -> None:
    # Imported in the workers, where the fork server has it loaded: the host needs no serializers.
    from gc_jupyter.service.local_worker import serve

    serve(*args)


def _failure(task_id: str, code: str, text: str) -> Report:
    result = ResultMessage(task_id, text, error_code=code, error_message=text)
    return Report(task_id, pack_result(result), True)


def describe_exit(exit_code: int | None) -> str:
    """How a process ended, in words: `exit_code` is minus the signal's number if one ended it."""
    if exit_code is None or exit_code >= 0:
        return f"ended (exit code {'unknown' if exit_code is None else exit_code})"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-exit_code).name}"
    return f"was ended by signal {-exit_code}"
