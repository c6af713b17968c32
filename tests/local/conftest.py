"""A local service with real worker processes, and a loop in a thread that takes its results."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from gc_jupyter.protocol.messages import ResultMessage, unpack_result
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.service.base import (
    FunctionRegistration,
    SubmitReply,
    SubmitRequest,
    TaskStatus,
)
from gc_jupyter.service.local import LocalService
from gc_jupyter.types import LOCAL_ENDPOINT_ID
from tests.waiting import poll

T = TypeVar("T")
TIMEOUT = 30.0
SERIALIZER = ComputeSerializer()


class Consumer:
    """A stream's sink: keeps what arrives, acknowledges it, and lets a test wait for it."""

    def __init__(self, service: LocalService, *, acknowledge: bool = True) -> None:
        self.service = service
        self.acknowledge = acknowledge
        self.messages: dict[str, ResultMessage] = {}
        self.bodies: list[bytes] = []
        self.threads: set[str] = set()
        self.up = threading.Event()
        self._changed = threading.Condition()
        self.loop = service._loop
        self.said: dict[str, list[bytes]] = {}
        self.stream = self.on_loop(service.open_stream, self.loop, never_asked, self)
        self.group: str | None = None

    def on_message(self, body: bytes, tag: object, *, by_reference: bool = False) -> None:
        assert not by_reference
        message = unpack_result(body)
        self.threads.add(threading.current_thread().name)
        with self._changed:
            assert message.task_id not in self.messages, "delivered twice"
            self.messages[message.task_id] = message
            self.bodies.append(body)
            self._changed.notify_all()
        if self.acknowledge:
            self.stream.ack([tag])

    def on_stream_up(self) -> None:
        self.up.set()

    def on_group_up(self, task_group_id: str) -> None:
        """Not needed."""

    def on_group_down(self, task_group_id: str, error: Exception) -> None:
        """Not needed."""

    def on_stream_down(self, error: Exception) -> None:
        raise AssertionError(error)

    def on_message_of(self, task_id: str, message: bytes) -> None:
        assert task_id not in self.messages, "said after its result"
        with self._changed:
            self.said.setdefault(task_id, []).append(message)
            self._changed.notify_all()

    def on_loop(self, call: Callable[..., T], *args: Any) -> T:
        """Run `call` on the loop's thread, and wait for what it returns or raises."""

        async def run() -> T:
            return call(*args)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(TIMEOUT)

    def register(self, source: str) -> str:
        """The function id of `source`'s function `f`."""
        registration = FunctionRegistration("f", source, serialized=False)
        return self.on_loop(self.service.register_function, registration)

    def send(self, tasks: dict[str, list[str]], *, group: str | None = None) -> SubmitReply:
        """Submit packed tasks, by function id."""
        return self.on_loop(self.service.submit, SubmitRequest(LOCAL_ENDPOINT_ID, tasks, group))

    def statuses(self, *task_ids: str) -> Mapping[str, TaskStatus]:
        """See Service."""
        return self.on_loop(self.service.task_statuses, task_ids)

    def tasks(self, group: str | None = None) -> Sequence[str]:
        """The ids of a group's tasks; of its own by default."""
        return self.on_loop(self.service.task_group, group or self.group or "")

    def submit(
        self, source: str, *calls: Sequence[object], serializers: Sequence[str] = ()
    ) -> list[str]:
        """Submit `source`'s function `f` once for each tuple of arguments; returns task ids."""
        function_id = self.register(source)
        request = SubmitRequest(
            endpoint_id=LOCAL_ENDPOINT_ID,
            tasks={function_id: [pack_arguments(*call) for call in calls]},
            task_group_id=self.group,
            result_serializers=serializers,
        )
        reply = self.on_loop(self.service.submit, request)
        if self.group is None:
            self.group = reply.task_group_id
            self.on_loop(self.stream.subscribe, self.group)
        return list(reply.tasks[function_id])

    def wait(self, task_ids: Sequence[str], timeout: float = TIMEOUT) -> list[ResultMessage]:
        """The result messages of these tasks, once they are all there."""
        with self._changed:
            missing = "no result in time"
            assert self._changed.wait_for(
                lambda: all(i in self.messages for i in task_ids), timeout
            ), missing
            return [self.messages[i] for i in task_ids]

    def run(self, source: str, *arguments: object) -> ResultMessage:
        """Run `f(*arguments)` and wait for its result message."""
        return self.wait(self.submit(source, arguments))[0]

    def value(self, source: str, *arguments: object) -> Any:
        """The value of `f(*arguments)`."""
        return value_of(self.run(source, *arguments))

    def close(self) -> None:
        self.on_loop(self.stream.close)


def never_asked(call: Callable[[], Any], *, repeatable: bool = True) -> Any:
    """The runtime's way to make blocking calls: a local stream needs none."""
    raise AssertionError((call, repeatable))


def pack_arguments(*arguments: object) -> str:
    """A task's payload: args and no kwargs."""
    return ComputeSerializer.pack_buffers(
        [SERIALIZER.serialize(arguments), SERIALIZER.serialize({})]
    )


def value_of(message: ResultMessage) -> Any:
    """What the task returned; its error fails the test."""
    assert message.error_code is None, message.data
    return SERIALIZER.deserialize(message.data)


def wait_until_gone(pid: int) -> None:
    """Wait for a process that isn't a child of this one to end (nothing tells when it does)."""
    poll(lambda: not is_alive(pid))


def is_alive(pid: int) -> bool:
    """Whether this process runs (a zombie doesn't)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def serving(workers: int | None = 2) -> Iterator[LocalService]:
    """A service with a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="test-loop", daemon=True)
    thread.start()
    service = LocalService(loop, workers)
    try:
        yield service
        asyncio.run_coroutine_threadsafe(ending(service), loop).result(TIMEOUT)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(TIMEOUT)
        loop.close()


async def ending(service: LocalService) -> None:
    """Close it, and wait until its host has ended."""
    host = service._host
    service.end()
    if host is not None:
        await host._running


@pytest.fixture
def service() -> Iterator[LocalService]:
    with serving() as service:
        yield service


@pytest.fixture
def consumer(service: LocalService) -> Iterator[Consumer]:
    consumer = Consumer(service)
    yield consumer
    consumer.close()
