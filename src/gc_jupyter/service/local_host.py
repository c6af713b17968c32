"""The host process of the local workers: it starts them, gives out tasks, and ends them.

The kernel starts it and talks with it over a socket, which is its standard input (`local_wire`).
It has no threads, and has loaded the serializers. Workers are forks of it (`local_worker`), which
share nothing with the kernel. When the kernel closes the socket or dies, the workers are killed and
the host ends.

When a worker dies, only the task that it was running is lost.

What a task says while it runs (`local_worker.say`) comes on its worker's socket as `Said`, and goes
on to the kernel at once, before the task's `Ended`.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NoReturn

from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.serialize.near import use_near_files
from gc_jupyter.service.local_seats import LocalTask, Seat, best
from gc_jupyter.service.local_traces import adopt_orphans, end_orphans
from gc_jupyter.service.local_wire import (
    LARGE,
    Assignment,
    Ended,
    EndTasks,
    Frames,
    Function,
    Ready,
    Renew,
    Report,
    RunTasks,
    Said,
    Started,
    Surroundings,
    Workers,
    frame,
)
from gc_jupyter.service.local_worker import Worker
from gc_jupyter.travel.texts import helpers

_CHUNK = 1 << 20
_START_DELAY = 0.02  # seconds
_RESULT_DELAY = 0.002  # seconds


class Host:
    """The queue of tasks, and the workers. Only the thread that calls `run` uses it.

    Parameters
    ----------
    kernel:
        The socket to the kernel; its end ends the host.
    workers:
        How many processes at most; each is started when a task needs it.
    folder:
        It has a folder for each running task, for files that the task doesn't name.
    """

    def __init__(self, kernel: socket.socket, workers: int, folder: str) -> None:
        self._kernel = kernel
        self._frames = Frames()
        self._limit = workers
        self._folder = folder
        self._reports: list[Report] = []  # not sent yet
        self._due = math.inf  # when they must have been sent, by the monotonic clock
        self._functions: dict[str, Function] = {}
        self._loaded: dict[str, Any] = {}  # functions that last
        self._place = Surroundings("")
        self._waiting: OrderedDict[str, LocalTask] = OrderedDict()
        self._seats: dict[int, Seat] = {}  # by process id
        self._ends: list[tuple[float, int, str]] = []  # when interrupted tasks are killed: a heap
        self._numbers = itertools.count()
        self._selector = selectors.DefaultSelector()
        self._alive, self._alive_here = os.pipe()  # for the workers, it ends with this process
        self._wake, theirs = socket.socketpair()
        theirs.setblocking(False)
        self._wake.setblocking(False)
        self._signals = theirs
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        adopt_orphans()
        self._watch(kernel, self._hear_kernel)
        self._watch(self._wake, self._reap)

    def run(self) -> None:
        """Serve until the kernel's socket ends, then kill the workers."""
        try:
            while True:
                for key, _ in self._selector.select(self._patience()):
                    if self._selector.get_map().get(key.fd) is key:  # not dropped just now
                        key.data()
                self._end_interrupted()
                self._assign()
                if self._reports and time.monotonic() >= self._due:
                    self._report()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            pass  # the kernel has ended, or has closed the socket
        finally:
            for seat in self._seats.values():
                seat.kill()
            while end_orphans():
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(-1, 0)

    def _watch(self, source: socket.socket, call: Callable[[], object]) -> None:
        self._selector.register(source, selectors.EVENT_READ, call)

    def _patience(self) -> float | None:
        """Seconds until something is due; None if nothing is."""
        due = min(self._due, self._ends[0][0] if self._ends else math.inf)
        return None if due == math.inf else max(0.0, due - time.monotonic())

    def _report(self) -> None:
        reports, self._reports, self._due = self._reports, [], math.inf
        if reports:
            self._kernel.sendall(frame(reports))

    def _tell(self, report: Report, delay: float = 0.0) -> None:
        if isinstance(report, Ended) and len(report.body) > LARGE:
            self._report()  # the kernel's loop reads a frame at a time
            delay = 0.0
        self._reports.append(report)
        self._due = min(self._due, time.monotonic() + delay)

    # --- the kernel ------------------------------------------------------------------------

    def _hear_kernel(self) -> None:
        chunk = self._kernel.recv(_CHUNK)
        if not chunk:
            raise EOFError
        for message in self._frames.feed(chunk):
            if isinstance(message, Function):
                self._take_function(message)
            elif isinstance(message, RunTasks):
                self._place = message.place or self._place
                for task_id, function_id, payload in message.tasks:
                    self._waiting[task_id] = LocalTask(
                        self._functions[function_id],
                        payload,
                        self._place,
                        message.result_serializers,
                    )
            elif isinstance(message, EndTasks):
                self._stop(message)
            elif isinstance(message, Workers):
                self._limit = message.number

    def _take_function(self, function: Function) -> None:
        self._functions[function.function_id] = function
        if function.lasting:
            from gc_jupyter.serialize import ComputeSerializer

            serializer = ComputeSerializer()
            (buffer,) = serializer.unpack_buffers(function.code)
            loaded = serializer.deserialize(buffer)
            loaded(None, None)
            self._loaded[function.function_id] = loaded
            for seat in [one for one in self._seats.values() if one.task_id is None]:
                self._retire(seat)  # workers that are made from now on have it

    def _stop(self, stop: EndTasks) -> None:
        for task_id in stop.task_ids:  # all of them first, so that none takes a free worker
            if self._waiting.pop(task_id, None) is not None:
                self._tell(_failure(task_id, "TaskStopped", "The task was stopped before it ran."))
        end, ids = time.monotonic() + stop.patience, set(stop.task_ids)
        for seat in [one for one in self._seats.values() if one.task_id in ids]:
            task_id = str(seat.task_id)
            if stop.patience:
                seat.interrupt()
                heapq.heappush(self._ends, (end, next(self._numbers), task_id))
            else:
                self._retire(seat)
                how = "did not end when it was interrupted" if seat.interrupted else "was stopped"
                text = f"The task {how}: its process was ended."
                self._tell(_failure(task_id, "TaskStopped", text))

    def _end_interrupted(self) -> None:
        while self._ends and self._ends[0][0] <= time.monotonic():
            self._stop(EndTasks((heapq.heappop(self._ends)[2],)))

    # --- the workers -----------------------------------------------------------------------

    def _assign(self) -> None:
        """Give tasks to free workers. A worker serves tasks with the same surroundings."""
        if (more := len(self._seats) - self._limit) > 0:  # they were to be fewer
            for idle in [one for one in self._seats.values() if one.task_id is None][:more]:
                self._retire(idle)
        while self._waiting:
            task_id, task = next(iter(self._waiting.items()))
            free = [one for one in self._seats.values() if one.task_id is None]
            seat = best(free, task, full=len(self._seats) >= self._limit)
            if seat is None:
                if len(self._seats) >= self._limit:
                    if not free:
                        break
                    self._retire(free[0])
                try:
                    seat = self._new_seat(task.place)
                except OSError as error:
                    del self._waiting[task_id]
                    text = f"No worker process could be started: {error}"
                    self._tell(_failure(task_id, "WorkerLost", text))
                    continue
            del self._waiting[task_id]
            self._run(seat, task_id, task)
        else:
            self._keep_one_ready()

    def _run(self, seat: Seat, task_id: str, task: LocalTask) -> None:
        function_id, code, lasting = task.function
        if seat.used_for is not None and (lasting or seat.used_for != function_id):
            seat.process = None
            with contextlib.suppress(OSError):
                seat.connection.sendall(frame(Renew()))
        seat.task_id, seat.used_for = task_id, function_id
        assignment = Assignment(
            task_id,
            function_id,
            None if function_id in self._loaded else code,
            task.payload,
            task.result_serializers,
        )
        # One that is dead already is found by its exit. It waits for a task, or will at once, so
        # that this doesn't block for long.
        at = time.time()
        with contextlib.suppress(OSError):
            seat.connection.sendall(frame(assignment))
        # The kernel wakes for each frame: so this is told with the next result, or once the task
        # takes long.
        self._tell(Started(task_id, at), _START_DELAY)

    def _keep_one_ready(self) -> None:
        """Start another worker for the next task while all are busy."""
        if 0 < len(self._seats) < self._limit and all(
            one.task_id is not None for one in self._seats.values()
        ):
            with contextlib.suppress(OSError):
                self._new_seat(self._place)

    def _new_seat(self, place: Surroundings) -> Seat:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._become_worker(ours, theirs, place)
        theirs.close()
        seat = self._seats[pid] = Seat(pid, ours, place)
        self._watch(ours, lambda: self._hear(seat))
        return seat

    def _become_worker(
        self, ours: socket.socket, theirs: socket.socket, place: Surroundings
    ) -> NoReturn:
        """In the new process: close what belongs to the host only."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            self._selector.close()
            os.close(self._alive_here)
            others = [seat.connection for seat in self._seats.values()]
            for one in (ours, self._kernel, self._wake, self._signals, *others):
                one.close()
            code = Worker(theirs, self._alive, place, self._folder, self._loaded).run()
        finally:
            os._exit(code)

    def _hear(self, seat: Seat) -> None:
        try:
            chunk = seat.connection.recv(_CHUNK)
        except OSError:
            chunk = b""
        if not chunk:  # its exit is seen by `_reap`
            self._selector.unregister(seat.connection)
            return
        for message in seat.frames.feed(chunk):
            if isinstance(message, Ready):
                seat.process = message.process
                if seat.task_id is None:  # the task before has left traces
                    seat.used_for = None
                elif seat.interrupted:
                    seat.interrupt()
            elif isinstance(message, Said):
                self._tell(message)
            else:
                self._take_result(seat, message)

    def _take_result(self, seat: Seat, result: Ended) -> None:
        # An interrupt may have come too late, and must not reach the next task.
        if seat.interrupted and seat.used_for not in self._loaded:
            with contextlib.suppress(OSError):
                seat.connection.sendall(frame(Renew()))
            seat.process = seat.used_for = None
        seat.task_id, seat.interrupted, seat.free_since = None, False, next(self._numbers)
        if seat.used_for in self._loaded:  # each cell gets a process of its own
            seat.process = seat.used_for = None
        # while tasks wait, results that come at nearly the same time share a frame
        self._tell(result, _RESULT_DELAY if self._waiting else 0.0)

    def _reap(self) -> None:
        """Handle workers that have ended."""
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(_CHUNK)
        for seat in list(self._seats.values()):
            pid, status = os.waitpid(seat.pid, os.WNOHANG)
            if pid:
                self._lose(seat, os.waitstatus_to_exitcode(status))
        for pid in end_orphans(self._seats):  # of workers that were killed
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)

    def _lose(self, seat: Seat, exit_code: int) -> None:
        # its last result may still be in the socket
        with contextlib.suppress(OSError, ValueError):
            seat.connection.setblocking(False)
            while seat.connection.fileno() in self._selector.get_map():
                self._hear(seat)
        task_id, interrupted = seat.task_id, seat.interrupted
        self._forget(seat)
        if task_id is not None and interrupted:
            text = f"The worker process {describe_exit(exit_code)} when the task was interrupted."
            self._tell(_failure(task_id, "TaskStopped", text))
        elif task_id is not None:
            text = f"The worker process {describe_exit(exit_code)} while it ran this task."
            self._tell(_failure(task_id, "WorkerLost", text))

    def _retire(self, seat: Seat) -> None:
        seat.kill()
        os.waitpid(seat.pid, 0)
        self._forget(seat)

    def _forget(self, seat: Seat) -> None:
        seat.kill()  # the processes that its task has started
        del self._seats[seat.pid]
        if seat.connection.fileno() in self._selector.get_map():
            self._selector.unregister(seat.connection)
        seat.connection.close()
        if seat.task_id is not None:
            shutil.rmtree(os.path.join(self._folder, seat.task_id), ignore_errors=True)


def main(workers: int, near: str) -> None:
    """Run the host, in a process of its own whose standard input is the socket to the kernel; where
    that is gone at the end, the folder `near` is removed."""
    parent = os.getppid()
    kernel = socket.socket(fileno=os.dup(0))
    # Workers and their children get the null device; the host's errors go to the kernel's file.
    sys.stderr = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.close(null)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    helpers()  # then workers have what reading most payloads needs
    with tempfile.TemporaryDirectory(prefix="gc-local-", ignore_cleanup_errors=True) as folder:
        use_near_files(near)
        try:
            Host(kernel, workers, folder).run()
        finally:
            if os.getppid() != parent:  # killed: it can't remove it
                shutil.rmtree(near, ignore_errors=True)


def _nothing(*_: object) -> None:
    """A handler, so that the wake-up descriptor reports the signal."""


def _failure(task_id: str, code: str, text: str) -> Ended:
    result = ResultMessage(task_id, text, error_code=code, error_message=text)
    return Ended(task_id, pack_result(result), True)


def describe_exit(exit_code: int) -> str:
    """How a process ended, in words: `exit_code` is minus the signal's number if one ended it."""
    if exit_code >= 0:
        return f"ended (exit code {exit_code})"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-exit_code).name}"
    return f"was ended by signal {-exit_code}"
