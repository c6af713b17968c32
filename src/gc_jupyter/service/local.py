"""The embedded endpoint behind `local`: the same bytes as the web service, processes on this
machine.

::

    gc-loop ── register, submit ──► gc-local ── Run ──► host process ──► workers
    gc-loop ◄─ result messages ──── gc-local ◄─ gc-local-read ◄─ Report ─┘

`gc-local` owns functions, tasks, groups and subscriptions. The host process starts with the first
task, and ends with `close` or with this process.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from typing import cast

from gc_jupyter.errors import NotFound
from gc_jupyter.protocol.messages import ResultMessage, TaskMessage, pack_result, pack_task
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
from gc_jupyter.service.local_table import TaskTable
from gc_jupyter.service.local_thread import OwnerThread
from gc_jupyter.service.local_wire import Place, Report, Run, Stop
from gc_jupyter.types import LOCAL_ENDPOINT_ID

WORKERS_VARIABLE = "GC_JUPYTER_LOCAL_WORKERS"
RESULT_LIMIT = 10 * 1024 * 1024  # protocol: 10 MB per result, counted on the encoded text


class LocalService:
    """A `Service` over worker processes on this machine.

    Tasks run in the working directory and with the `sys.path` that this process has when they are
    submitted. `resource_specification` and `user_endpoint_config` mean nothing here.

    Parameters
    ----------
    workers:
        How many worker processes at most; each is started when a task needs it. By default
        ``GC_JUPYTER_LOCAL_WORKERS``, or one for each core.
    result_limit:
        The largest result, in characters of encoded text.
    """

    rate_limited = False
    address = "local"
    answer_s: float | None = None
    at_once = True

    def __init__(self, workers: int | None = None, *, result_limit: int = RESULT_LIMIT) -> None:
        self._workers = workers
        self._result_limit = result_limit
        self._owner = OwnerThread("gc-local")
        # From here on, everything belongs to the owner thread.
        self._functions: dict[str, str] = {}  # function id -> its buffer, packed
        self._table = TaskTable()
        self._subscribers: dict[str, list[LocalStream]] = {}  # by task group
        self._host: HostProcess | None = None

    def register_function(self, registration: FunctionRegistration) -> str:
        """Store a function; the same code gets the same function id."""
        return self._owner.ask(self._register, registration)

    def submit(self, request: SubmitRequest) -> SubmitReply:
        """Run one batch.

        Raises
        ------
        NotFound
            A function or the task group isn't known here; nothing was submitted.
        ServiceUnreachable
            The worker processes can't be started; nothing was submitted.
        """
        return self._owner.ask(self._submit, request, _place())

    def task_statuses(self, task_ids: Sequence[str]) -> Mapping[str, TaskStatus]:
        """The state of these tasks. Once its result is acknowledged, a task has a status only."""
        return self._owner.ask(self._table.statuses, task_ids)

    def task_group(self, task_group_id: str) -> Sequence[str]:
        """The ids of a group's tasks; NotFound for one that isn't known here."""
        return self._owner.ask(self._table.task_ids, task_group_id)

    def endpoint_online(self, endpoint_id: str) -> bool:  # noqa: ARG002
        """See Service: this machine always is."""
        return True

    def stop_task(self, task_id: str) -> bool:
        """Stop a task: one that waits never runs, one that runs has its process killed, and the
        processes that it started. Its result then says `TaskStopped`, unless it ended before."""
        self._owner.post(self._stop, task_id)
        return True

    def open_stream(
        self,
        loop: asyncio.AbstractEventLoop,
        ask: Ask,  # noqa: ARG002 - nothing here blocks
        sink: StreamSink,
        *,
        port: int | None = None,  # noqa: ARG002 - no broker
    ) -> Stream:
        """A stream that delivers to `sink` on `loop`; a message's tag is its task id."""
        stream = LocalStream(self, loop, sink)
        loop.call_soon_threadsafe(sink.on_stream_up)
        return stream

    def close(self) -> None:
        """End the worker processes; unfinished tasks end as `TaskStopped`. A later submit starts
        new ones."""
        # Daemon threads no longer run then, and the host ends with this process anyway.
        if not sys.is_finalizing():
            self._owner.ask(self._close)

    # On the owner thread.

    def _register(self, registration: FunctionRegistration) -> str:
        code = registration.code
        if not registration.serialized:
            code = ComputeSerializer.pack_buffers([f"st\n{registration.name}:{code}"])
        function_id = str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps([registration.name, code])))
        self._functions[function_id] = code
        return function_id

    def _submit(self, request: SubmitRequest, place: Place) -> SubmitReply:
        for function_id in request.tasks:
            if function_id not in self._functions:
                raise NotFound(
                    f"The local endpoint has no function {function_id}.",
                    next_step="Register it in this kernel first: local functions last as long.",
                    status=404,
                )
        if self._host is None:
            workers = _worker_count() if self._workers is None else self._workers
            self._host = HostProcess(workers, self._result_limit, self._post_reports)
        group_id = self._table.enter_group(request.task_group_id)
        ids: dict[str, list[str]] = {}
        tasks: list[tuple[str, bytes]] = []
        for function_id, payloads in request.tasks.items():
            code = self._functions[function_id]
            ids[function_id] = self._table.add(group_id, len(payloads))
            for task_id, payload in zip(ids[function_id], payloads, strict=True):
                # Packed buffers concatenate: function, then args and kwargs.
                tasks.append((task_id, pack_task(TaskMessage(task_id, code + payload))))
        self._host.send(Run(tasks, place, tuple(request.result_serializers)))
        return SubmitReply(
            task_group_id=group_id,
            endpoint_id=LOCAL_ENDPOINT_ID,
            request_id=str(uuid.uuid4()),
            tasks=ids,
        )

    def _stop(self, task_id: str) -> None:
        if self._host is not None:
            self._host.send(Stop(task_id))

    def _post_reports(self, host: HostProcess, reports: list[Report]) -> None:
        # The one method of this section that runs on the reader's thread.
        self._owner.post(self._take_reports, host, reports)

    def _take_reports(self, host: HostProcess, reports: list[Report]) -> None:
        if host is not self._host:
            return  # closed meanwhile; what it had was reported then
        if not reports:
            self._host = None
            reason = host.close() or "no reason given"
            self._fail_all("WorkerLost", f"The local workers' host process ended: {reason}")
        self._deliver(reports)

    def _deliver(self, reports: Sequence[Report]) -> None:
        arrived: dict[str, list[tuple[str, bytes]]] = {}  # by group
        for task_id, body, failed in reports:
            if body is None:
                self._table.start(task_id)
            elif (group_id := self._table.finish(task_id, body, failed)) is not None:
                arrived.setdefault(group_id, []).append((task_id, body))
        for group_id, results in arrived.items():
            for stream in list(self._subscribers.get(group_id, ())):
                stream.deliver(results)

    def _fail_all(self, code: str, text: str) -> None:
        self._deliver(
            [
                Report(
                    task_id,
                    pack_result(ResultMessage(task_id, text, error_code=code, error_message=text)),
                    failed=True,
                )
                for task_id in self._table.unfinished()
            ]
        )

    def _close(self) -> None:
        if self._host is not None:
            host, self._host = self._host, None
            host.close()
            self._fail_all("TaskStopped", "The local endpoint was closed.")

    def _subscribe(self, stream: LocalStream, group_id: str) -> None:
        streams = self._subscribers.setdefault(group_id, [])
        if stream not in streams:
            streams.append(stream)
            if results := self._table.results(group_id):
                stream.deliver(results)

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
    """Results of the subscribed groups, handed to `sink` on `loop`.

    Streams of one group each get all its results; those that were ready before come first.
    """

    def __init__(
        self, service: LocalService, loop: asyncio.AbstractEventLoop, sink: StreamSink
    ) -> None:
        self._service = service
        self._loop = loop
        self._sink = sink
        self._closed = False  # owned by the loop

    def subscribe(self, task_group_id: str) -> None:
        """Receive this group's results from now on, and those that wait."""
        self._post(self._service._subscribe, self, task_group_id)
        self._loop.call_soon(self._sink.on_group_up, task_group_id)

    def unsubscribe(self, task_group_id: str) -> None:
        """Stop receiving this group's results; they wait for the next subscription."""
        self._post(self._service._unsubscribe, self, task_group_id)

    def ack(self, tags: Sequence[object]) -> None:
        """Free these results' bytes."""
        self._post(self._service._table.acknowledge, cast("list[str]", list(tags)))

    @property
    def received(self) -> int:
        """See Stream."""
        return 0

    def reconnect(self, error: Exception) -> None:
        """See Stream: nothing is between."""

    def close(self) -> None:
        """End the stream; what wasn't acknowledged waits for another."""
        self._closed = True
        self._post(self._service._forget, self)

    def deliver(self, results: list[tuple[str, bytes]]) -> None:
        """Hand (task id, result message) pairs over to the loop, in one wake-up."""
        try:
            self._loop.call_soon_threadsafe(self._arrive, results)
        except RuntimeError:  # the loop was closed, and the stream was not
            self._service._forget(self)

    def _arrive(self, results: list[tuple[str, bytes]]) -> None:
        for task_id, body in results:
            if not self._closed:
                self._sink.on_message(body, task_id)

    def _post(self, call: object, *args: object) -> None:
        self._service._owner.post(call, *args)  # type: ignore[arg-type]


def local_service() -> LocalService:
    """This process's local endpoint. Nothing but a waiting thread starts before the first task."""
    # `setdefault` keeps one of two made at once; a forked child has a thread of its own to make.
    process = os.getpid()
    return _services.get(process) or _services.setdefault(process, LocalService())


_services: dict[int, LocalService] = {}


def _place() -> Place:
    try:
        directory = os.getcwd()
    except OSError:  # it was removed: workers then stay where they are
        directory = ""
    return Place(directory, tuple(sys.path))


def _worker_count() -> int:
    try:
        count = int(os.environ.get(WORKERS_VARIABLE, ""))
    except ValueError:
        # the cores that this process may use, where the system says so
        usable = getattr(os, "sched_getaffinity", None)
        count = len(usable(0)) if usable else os.cpu_count() or 1
    return max(1, count)
