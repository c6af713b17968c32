"""The embedded endpoint behind `local`: the same results as from the web service, from processes on
this machine.

::

    gc-loop ── register, submit ──► table ── Function, RunTasks, EndTasks ──► host ──► workers
    gc-loop ◄─ results, messages ── table ◄─ Started, Said, Ended ─────────── host ◄── workers

The loop owns all of it: functions, tasks, groups, subscriptions, and the socket of the host
process, which it never waits for. The host starts with the first task, and ends with `close` or
with this process. What a task says while it runs comes through `_take_reports` to the sinks of its
group (`StreamSink.on_message_of`), always before its result.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import multiprocessing
import os
import pickle
import re
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast
from weakref import WeakKeyDictionary

from gc_jupyter.errors import NotFound, ServiceRefused, ServiceUnreachable
from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.service.base import (
    Ask,
    FunctionRegistration,
    Stream,
    StreamSink,
    SubmitReply,
    SubmitRequest,
    TaskStatus,
)
from gc_jupyter.service.local_process import HostProcess
from gc_jupyter.service.local_table import LocalTaskTable
from gc_jupyter.service.local_wire import (
    LARGE,
    Ended,
    EndTasks,
    Function,
    Order,
    Report,
    RunTasks,
    Said,
    Surroundings,
    Workers,
)
from gc_jupyter.service.shares import worker_count
from gc_jupyter.types import LOCAL_ENDPOINT_ID


class LocalService:
    """A `Service` over worker processes on this machine.

    Tasks run in the working directory and with the `sys.path`, the environment, the `umask` and so
    on that this process has when they are submitted (`local_wire.Surroundings`).
    `resource_specification`
    and `user_endpoint_config` mean nothing here. Every method but `stop_tasks`, `use_workers` and
    `close` is called on the loop's thread, and returns at once.

    Parameters
    ----------
    loop:
        Owns it.
    workers:
        How many worker processes at most; each is started when a task needs it. By default as
        `shares.worker_count` says.
    """

    rate_limited = False
    address = "local"
    answer_s: float | None = None
    connecting = False
    here = True

    def __init__(self, loop: asyncio.AbstractEventLoop, workers: int | None = None) -> None:
        self._loop = loop
        self._workers = workers
        self._functions: dict[str, Function] = {}
        self._table = LocalTaskTable()
        self._subscribers: dict[str, list[LocalStream]] = {}  # by task group
        self._early: dict[str, list[Said]] = {}  # by task group, until somebody subscribes
        self._host: HostProcess | None = None
        self._place = b""  # digest of the one that the host knows: environments hold secrets

    def register_function(self, registration: FunctionRegistration) -> str:
        """Store a function; the same code gets the same function id."""
        code = registration.code
        if not registration.serialized:
            code = ComputeSerializer.pack_buffers([f"st\n{registration.name}:{code}"])
        function_id = str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps([registration.name, code])))
        if function_id not in self._functions:
            made = self._functions[function_id] = Function(function_id, code, registration.lasting)
            if self._host is not None:
                self._host.send(made)
        return function_id

    def submit(self, request: SubmitRequest) -> SubmitReply:
        """Run one batch.

        Raises
        ------
        NotFound
            A function or the task group isn't known here; nothing was submitted.
        ServiceUnreachable, ServiceRefused
            This system has no workers, or `local` is switched off; nothing was submitted.
        """
        for function_id in request.tasks:
            if function_id not in self._functions:
                raise NotFound(
                    f"The local endpoint has no function {function_id}.",
                    next_step="Register it in this kernel first: local functions last as long.",
                    status=404,
                )
        host = self._ready_host()
        group_id = self._table.enter_group(request.task_group_id)
        ids: dict[str, list[str]] = {}
        tasks: list[tuple[str, str, str]] = []
        for function_id, payloads in request.tasks.items():
            ids[function_id] = self._table.add(group_id, len(payloads))
            tasks += [
                (task_id, function_id, str(payload))
                for task_id, payload in zip(ids[function_id], payloads, strict=True)
            ]
        place = _place()
        known, self._place = self._place, hashlib.blake2b(pickle.dumps(place)).digest()
        news = None if known == self._place else place
        for some in _portions(tasks):
            host.send(RunTasks(some, news, tuple(request.result_serializers)))
            news = None
        return SubmitReply(
            task_group_id=group_id,
            endpoint_id=LOCAL_ENDPOINT_ID,
            request_id=str(uuid.uuid4()),
            tasks=ids,
        )

    def holders(self) -> Sequence[tuple[str, float]]:
        """See Service."""
        return self._table.holders()

    def task_statuses(self, task_ids: Sequence[str]) -> Mapping[str, TaskStatus]:
        """The state of these tasks. Once its result is acknowledged, a task has a status only."""
        return self._table.statuses(task_ids)

    def task_group(self, task_group_id: str) -> Sequence[str]:
        """The ids of a group's tasks; NotFound for one that isn't known here."""
        return self._table.task_ids(task_group_id)

    def endpoint_online(self, endpoint_id: str) -> bool:  # noqa: ARG002
        """See Service: this machine always is."""
        return True

    def stop_tasks(self, task_ids: Sequence[str], patience: float = 0.0) -> bool:
        """See Service. The processes that the tasks have started end with them."""
        self._call(self._send, EndTasks(task_ids, patience))
        return True

    def use_workers(self, count: int) -> None:
        """Run so many tasks at once, whatever the settings say. Any thread.

        Parameters
        ----------
        count:
            At least 1. Where more run now, they are left to end.
        """
        self._workers = count
        self._call(self._send, Workers(count))

    def open_stream(
        self,
        loop: asyncio.AbstractEventLoop,
        ask: Ask,  # noqa: ARG002 - nothing here blocks
        sink: StreamSink,
        *,
        port: int | None = None,  # noqa: ARG002 - no broker
    ) -> Stream:
        """A stream that delivers to `sink`; a message's tag is its task id."""
        loop.call_soon(sink.on_stream_up)
        return LocalStream(self, sink)

    def close(self) -> None:
        """End the worker processes; unfinished tasks end as `TaskStopped`. A later submit starts
        new ones. Any thread."""
        self._call(self.end)

    def _call(self, call: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed, and the workers with it
            self._loop.call_soon_threadsafe(call, *args)

    # --- the host --------------------------------------------------------------------------

    def _ready_host(self) -> HostProcess:
        if self._host is None:
            if not hasattr(os, "fork"):
                raise ServiceUnreachable(
                    "local needs a system where processes can fork: Linux or macOS.",
                    next_step="Run the cell plainly, or on an endpoint.",
                )
            workers = worker_count() if self._workers is None else self._workers
            if not workers:
                raise ServiceRefused(
                    "local is switched off here (local_workers is 0).",
                    next_step="Name an endpoint: %gc endpoints lists yours, and %gc config says"
                    " which file has the setting.",
                    status=403,
                )
            self._host = HostProcess(self._loop, workers, self._take_reports, self._host_ended)
            self._place = b""
            for function in self._functions.values():
                self._host.send(function)
        return self._host

    def _send(self, message: Order) -> None:
        if self._host is not None:
            self._host.send(message)

    def _take_reports(self, host: HostProcess, reports: Sequence[Report]) -> None:
        if host is not self._host:
            return  # closed meanwhile; what it had was reported then
        arrived: dict[str, list[tuple[str, bytes]]] = {}  # by group
        for report in reports:
            if isinstance(report, Ended):
                group_id = self._table.finish(report.task_id, report.body, report.failed)
                if group_id is not None:
                    arrived.setdefault(group_id, []).append((report.task_id, report.body))
            elif isinstance(report, Said):
                group_id = self._table.group_of(report.task_id)
                for stream in list(self._subscribers.get(group_id, ())):
                    stream.pass_on(report)
                if group_id and group_id not in self._subscribers:
                    self._early.setdefault(group_id, []).append(report)
            else:
                self._table.start(report.task_id, report.at)
        for group_id, results in arrived.items():
            for stream in list(self._subscribers.get(group_id, ())):
                stream.deliver(results)

    def _host_ended(self, host: HostProcess, reason: str) -> None:
        if host.pid is None:
            text = f"The local workers can't be started: {reason}"
            self._fail_all(host, "RemoteExecutionError", text)
        else:
            self._fail_all(host, "WorkerLost", f"The local workers' host process ended: {reason}")
        self._host = None

    def _fail_all(self, host: HostProcess, code: str, text: str) -> None:
        failed = [
            Ended(
                task_id,
                pack_result(ResultMessage(task_id, text, error_code=code, error_message=text)),
                failed=True,
            )
            for task_id in self._table.unfinished()
        ]
        self._take_reports(host, failed)

    def end(self) -> None:
        """As `close`, on the loop's thread."""
        if self._host is not None:
            self._host.close()
            self._fail_all(self._host, "TaskStopped", "The local endpoint was closed.")
            self._host = None

    # --- its streams -----------------------------------------------------------------------

    def _subscribe(self, stream: LocalStream, group_id: str) -> None:
        streams = self._subscribers.setdefault(group_id, [])
        if stream not in streams:
            streams.append(stream)
            for said in self._early.pop(group_id, ()):
                self._loop.call_soon(stream.pass_on, said)
            if results := self._table.results(group_id):
                self._loop.call_soon(stream.deliver, results)

    def _unsubscribe(self, stream: LocalStream, group_id: str) -> None:
        streams = self._subscribers.get(group_id, [])
        if stream in streams:
            streams.remove(stream)
            if not streams:
                del self._subscribers[group_id]

    def _forget(self, stream: LocalStream) -> None:
        for group_id in list(self._subscribers):
            self._unsubscribe(stream, group_id)


class LocalStream:
    """Results of the subscribed groups, handed to `sink`.

    Streams of one group each get all its results; those that were ready before come first.
    """

    def __init__(self, service: LocalService, sink: StreamSink) -> None:
        self._service = service
        self._sink = sink
        self._closed = False

    def subscribe(self, task_group_id: str) -> None:
        """Receive this group's results from now on, and those that wait."""
        self._service._subscribe(self, task_group_id)
        self._service._loop.call_soon(self._sink.on_group_up, task_group_id)

    def unsubscribe(self, task_group_id: str) -> None:
        """Stop receiving this group's results; they wait for the next subscription."""
        self._service._unsubscribe(self, task_group_id)

    def ack(self, tags: Sequence[object]) -> None:
        """Free these results' bytes."""
        self._service._table.acknowledge(cast("list[str]", list(tags)))

    @property
    def received(self) -> int:
        """See Stream."""
        return 0

    def reconnect(self, error: Exception) -> None:
        """See Stream: nothing is between."""

    def close(self) -> None:
        """End the stream; what wasn't acknowledged waits for another."""
        self._closed = True
        self._service._forget(self)

    def deliver(self, results: list[tuple[str, bytes]]) -> None:
        """Hand over (task id, result message) pairs."""
        for task_id, body in results:
            if not self._closed:
                self._sink.on_message(body, task_id)

    def pass_on(self, said: Said) -> None:
        """Hand over what a task says while it runs."""
        self._sink.on_message_of(said.task_id, said.message)


def local_service(loop: asyncio.AbstractEventLoop) -> LocalService:
    """The loop's local endpoint. Nothing starts before the first task. Any thread."""
    # `setdefault` keeps one of two made at once
    return _services.get(loop) or _services.setdefault(loop, LocalService(loop))


_services: WeakKeyDictionary[asyncio.AbstractEventLoop, LocalService] = WeakKeyDictionary()


def _place() -> Surroundings:
    try:
        directory = os.getcwd()
    except OSError:  # it was removed: workers then stay where they are
        directory = ""
    cores = getattr(os, "sched_getaffinity", None)
    return Surroundings(
        directory,
        tuple(sys.path),
        tuple(sys.argv),
        dict(os.environ),
        _umask(),
        # of the main thread, where cells run
        None if cores is None else frozenset(cores(os.getpid())),
        multiprocessing.get_start_method(allow_none=True),
        sys.getrecursionlimit(),
    )


def _portions(tasks: Sequence[tuple[str, str, str]]) -> Iterator[list[tuple[str, str, str]]]:
    """The tasks in order, not many bytes at a time."""
    portion: list[tuple[str, str, str]] = []
    size = 0
    for task in tasks:
        if portion and size + len(task[2]) > LARGE:
            yield portion
            portion, size = [], 0
        portion.append(task)
        size += len(task[2])
    yield portion


def _umask() -> int | None:
    """The process's; None where it can't be told without changing it for all threads."""
    # Each system call gives the interpreter's lock away, for 5 ms where another thread computes.
    try:
        status = os.open("/proc/self/status", os.O_RDONLY)
        try:
            found = re.search(rb"^Umask:\s*(\d+)", os.read(status, 4096), re.MULTILINE)
        finally:
            os.close(status)
    except OSError:  # not on Linux
        return None
    return None if found is None else int(found[1], 8)
