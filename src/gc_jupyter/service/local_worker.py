"""A local worker: new processes for tasks, each of them as the kernel is for a plain cell.

A worker is a fork of the host, in the place of its tasks: their directory, `sys.path`, environment.
It runs none of them itself. It forks a process that waits for the next task; so nothing that a task
leaves behind reaches another one, in modules or anywhere else. Each cell has a process of its own,
and each function. Calls of one function share it, one after another, as long as it looks untouched
(`local_traces`): so a fan-out of short calls costs no process for each, which is some 3 ms of
processor time. Large packages (`local_traces.WARM`) that a task has imported are imported by its
worker too, so that the next process has them loaded, and as new.

Behaves like the official worker for the same bytes: error codes, the environment it reports, and a
traceback without the worker's own frames.

A task may speak while it runs: `say` sends a message, which comes to the loop as `Said`.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import os
import platform
import select
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

import dill

from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.serialize.near import NEAR_DATA, NearData
from gc_jupyter.service.local_traces import (
    Traces,
    adopt_orphans,
    draw_anew,
    end_orphans,
    enter,
    imported_since,
)
from gc_jupyter.service.local_wire import (
    Assignment,
    Ended,
    Frames,
    Ready,
    Renew,
    Said,
    Surroundings,
    frame,
)
from gc_jupyter.types import LOCAL_ENDPOINT_ID

_CHUNK = 1 << 20
_CODE = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial)
_INTERRUPT = {signal.SIGINT}


class Worker:
    """See the module.

    Parameters
    ----------
    connection:
        To the host; tasks come from it, to whichever process waits for one.
    alive:
        A pipe that ends with the host.
    place:
        What tasks find in their process.
    folder:
        Below it is a folder of each task while it runs.
    loaded:
        Functions that need not come with a task, by their ids.
    """

    def __init__(
        self,
        connection: socket.socket,
        alive: int,
        place: Surroundings,
        folder: str,
        loaded: Mapping[str, Callable[..., Any]],
    ) -> None:
        self._connection = connection
        self._alive = alive
        self._place = place
        self._folder = folder
        self._loaded = loaded
        self._serializer = ComputeSerializer()
        self._done, self._done_there = os.pipe()  # a process that has run its task says so
        os.set_blocking(self._done, False)
        self._wake, self._signals = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._signals, False)

    def run(self) -> int:
        """Serve until a process ends without having run its task, or the host ends; returns the
        exit code."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        adopt_orphans()
        enter(self._place)
        worker_details()
        gc.collect()
        while True:
            gc.freeze()  # so that the next process shares as much as can be
            signal.signal(signal.SIGCHLD, _nothing)
            signal.set_wakeup_fd(self._signals, warn_on_full_buffer=False)
            process = os.fork()
            if process == 0:
                self._serve()
            status = self._wait(process)
            self._end_rest(process)
            try:
                imported = os.read(self._done, _CHUNK)
            except BlockingIOError:
                return _end_as(status)
            for name in imported.decode().split():
                with contextlib.suppress(Exception):
                    importlib.import_module(name)

    def _wait(self, process: int) -> int:
        """Wait for its end; where the host ends first, kill it."""
        while True:
            pid, status = os.waitpid(process, os.WNOHANG)
            if pid:
                return status
            ready, _, _ = select.select([self._alive, self._wake], [], [])
            if self._alive in ready:
                self._end_rest(process)
                shutil.rmtree(self._folder, ignore_errors=True)
                os._exit(1)
            os.read(self._wake, _CHUNK)

    def _end_rest(self, process: int) -> None:
        """End what the task has left running."""
        with contextlib.suppress(OSError):
            os.killpg(process, signal.SIGKILL)
        while end_orphans():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, 0)

    # --- the process of tasks --------------------------------------------------------------

    def _serve(self) -> None:
        try:
            # A session of its own: who stops the task takes what it has started with it.
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for descriptor in (self._alive, self._done, self._wake, self._signals):
                os.close(descriptor)
            self._connection.sendall(frame(Ready(os.getpid())))
            before, modules = Traces(), set(sys.modules)
            while True:
                draw_anew()
                task = self._receive()
                if isinstance(task, Renew) or not self._run_task(task, before):
                    break
            os.write(self._done_there, " ".join(imported_since(modules)).encode() or b" ")
            os._exit(0)
        finally:
            os._exit(1)

    def _receive(self) -> Assignment | Renew:
        """The next message, and no byte more: what follows may be for the next process."""
        frames = Frames()
        while True:
            chunk = self._connection.recv(frames.missing)
            if not chunk:
                os._exit(1)  # the host is gone
            for message in frames.feed(chunk):
                return message  # type: ignore[no-any-return]

    def _run_task(self, task: Assignment, before: Traces) -> bool:
        """Run it; whether another may follow here."""
        importlib.invalidate_caches()
        os.environ["GC_TASK_UUID"] = task.task_id
        os.environ["GC_TASK_OUTPUT_DIR"] = own = os.path.join(self._folder, task.task_id)
        speaker.speak = functools.partial(self._say, task.task_id, os.getpid(), threading.Lock())
        process = os.getpid()
        result = run_task(self._serializer, task, self._loaded)
        if os.getpid() != process:  # a fork of the task's has come out of its code
            os._exit(1)
        speaker.speak = None
        del os.environ["GC_TASK_UUID"], os.environ["GC_TASK_OUTPUT_DIR"]
        shutil.rmtree(own, ignore_errors=True)
        failed = result.error_code is not None
        self._connection.sendall(frame(Ended(task.task_id, pack_result(result), failed)))
        return task.code is not None and before.none()

    def _say(self, task_id: str, process: int, lock: threading.Lock, message: bytes) -> None:
        if os.getpid() == process:  # the connection is not for those that the task forks
            with undisturbed(), lock:  # half a frame would be the end of all
                self._connection.sendall(frame(Said(task_id, message)))


class Speaker:
    """Who carries messages of the task that runs in this process now, if any."""

    speak: Callable[[bytes], None] | None = None


speaker = Speaker()


def say(message: bytes) -> bool:
    """Send a message from the task that runs here; any thread of it. What becomes of it is in
    `StreamSink.on_message_of`.

    Returns
    -------
    bool
        Whether it was sent: not in a process that the task has forked.
    """
    if speaker.speak is None:
        return False
    speaker.speak(message)
    return True


class undisturbed:
    """An interrupt that comes meanwhile is raised afterwards."""

    def __enter__(self) -> None:
        self._came = self._held = False
        if threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGINT)
            signal.signal(signal.SIGINT, self._note)
            self._held = True

    def _note(self, _number: int, _frame: object) -> None:
        self._came = True

    def __exit__(self, *_error: object) -> None:
        if self._held:
            signal.signal(signal.SIGINT, self._before)
            if self._came:
                signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """While it lasts, interrupts come in. (They are held back everywhere else: what they would
    break then isn't the task's.)"""
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)


def run_task(
    serializer: ComputeSerializer, task: Assignment, loaded: Mapping[str, Callable[..., Any]]
) -> ResultMessage:
    """Run one task here; whatever it raises becomes the result message's error. Interrupts are
    let in meanwhile; a function that is loaded does that itself (`interruptible`)."""
    started_ns = time.time_ns()
    code: str | None = None
    message = ""
    try:
        packed = "" if task.code is None else task.code
        with interruptible() if packed else contextlib.nullcontext():
            parts = [
                serializer.deserialize(one)
                for one in serializer.unpack_buffers(packed + task.payload)
            ]
            function, args, kwargs = [loaded[task.function_id], *parts] if not packed else parts
            value = function(*args, **kwargs)
            if task.result_serializers == (NearData.identifier,):
                is_code = issubclass(type(value), _CODE)  # an object with `__call__` is data
                data = (serializer if is_code else NEAR_DATA).serialize(value)
            else:
                data = serializer.serialize_from_list(value, list(task.result_serializers))
    except BaseException as error:  # exit() and an interrupt end the task, not the worker
        code, data = "RemoteExecutionError", _error_text(error)
        message = "An error occurred during the execution of this task"
    return ResultMessage(
        task_id=task.task_id,
        data=data,
        details=worker_details(),
        error_code=code,
        error_message=message,
        started_ns=started_ns,
        ended_ns=time.time_ns(),
    )


@functools.cache
def worker_details() -> Mapping[str, str]:
    """What a worker says of itself with each result (protocol: `details`)."""
    return {
        "os": platform.platform(),
        "python_version": platform.python_version(),
        "dill_version": dill.__version__,
        "endpoint_id": LOCAL_ENDPOINT_ID,
    }


def _end_as(status: int) -> int:
    """End as the process has ended; returns the exit code."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        with contextlib.suppress(ImportError, OSError, ValueError):
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with contextlib.suppress(OSError, ValueError):
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
        os.kill(os.getpid(), -code)
    return code


def _nothing(*_: object) -> None:
    """A signal is told by the wake-up descriptor; it needs some handler."""


def _error_text(error: BaseException) -> str:
    frames: TracebackType | None = error.__traceback__
    if frames is not None and frames.tb_next is not None:
        frames = frames.tb_next  # drop run_task's own frame
    text = "".join(traceback.format_exception(type(error), error, frames))
    if isinstance(error, SystemExit):
        text = f"{text.rstrip()} (the task called exit(); a task ends by returning)\n"
    return text
