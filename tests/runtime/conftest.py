"""A collector with a stream and a service in the test's hand."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from gc_jupyter import TaskFuture
from gc_jupyter.errors import ServiceRefused
from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.runtime.budget import Budget
from gc_jupyter.runtime.collector import Collector
from gc_jupyter.runtime.loop import KernelLoop
from gc_jupyter.runtime.requests import Requests
from gc_jupyter.runtime.tasks import Origin
from gc_jupyter.service.base import TaskStatus
from gc_jupyter.types import TaskInfo

TIMEOUT = 30


class Stream:
    """Records what is done with a stream."""

    def __init__(self) -> None:
        self.groups: list[str] = []
        self.acked: list[object] = []
        self.changed = threading.Condition()
        self.sink: Any = None
        self.heard = True  # whether a group's queue is, as soon as it is subscribed
        self.reconnects: list[Exception] = []
        self.received = 0
        self.opened = 0

    def subscribe(self, task_group_id: str) -> None:
        self.groups.append(task_group_id)
        if self.heard:
            self.sink.on_group_up(task_group_id)

    def unsubscribe(self, task_group_id: str) -> None:
        self.groups.remove(task_group_id)

    def reconnect(self, error: Exception) -> None:
        self.reconnects.append(error)

    def ack(self, tags: Sequence[object]) -> None:
        with self.changed:
            self.acked += tags
            self.changed.notify_all()

    def close(self) -> None:
        self.groups.clear()

    def wait_for(self, *tags: object) -> None:
        """Return once these were acknowledged."""
        with self.changed:
            assert self.changed.wait_for(lambda: {*tags} <= {*self.acked}, TIMEOUT), self.acked


class Service:
    """Knows the outcomes of tasks that `batch_status` is asked for."""

    rate_limited = False

    def __init__(self) -> None:
        self.stream = Stream()
        self.known: dict[str, TaskStatus] = {}
        self.asked: list[list[str]] = []
        self.online: bool | ServiceRefused = True

    def endpoint_online(self, endpoint_id: str) -> bool:
        assert endpoint_id == "endpoint"
        if isinstance(self.online, ServiceRefused):
            raise self.online
        return self.online

    def open_stream(self, _loop: object, _ask: object, sink: Any, **_kwargs: object) -> Stream:
        self.stream.sink = sink
        self.stream.opened += 1
        return self.stream

    def task_statuses(self, task_ids: Sequence[str]) -> Mapping[str, TaskStatus]:
        self.asked.append(list(task_ids))
        return {one: self.known[one] for one in task_ids if one in self.known}


class Setup:
    """A collector on a loop of its own; each method runs on the loop."""

    def __init__(self) -> None:
        self.loop = KernelLoop()
        self.service = Service()
        requests = Requests(self.loop, Budget(""))
        self.collector: Collector = Collector(self.loop, self.service, requests, None)  # type: ignore[arg-type]
        self.origin = Origin(lambda text: f"decoded {text}")
        self.loop.ask(self.collector.feed.open)

    def begin(self) -> int:
        return self.loop.ask(self.collector.book.begin)

    def expect(self, submission: int, *task_ids: str) -> list[TaskFuture]:
        futures = [TaskFuture(one) for one in task_ids]
        for future in futures:
            future.set_running_or_notify_cancel()
            future._info = TaskInfo(future.task_id, "group")
        tasks = [(one.task_id or "", (one, self.origin)) for one in futures]
        self.loop.ask(self.collector.expect, submission, "group", tasks)
        return futures

    def message(self, task_id: str, tag: object, *, by_reference: bool = False) -> None:
        body = pack_result(ResultMessage(task_id, task_id))
        self.loop.ask(lambda: self.collector.feed.on_message(body, tag, by_reference=by_reference))

    def open(self) -> list[TaskFuture]:
        return self.loop.ask(lambda: [future for future, _ in self.collector.unresolved()])


@pytest.fixture
def setup() -> Iterator[Setup]:
    made = Setup()
    yield made
    made.loop.ask(made.collector.close)
    made.loop.close()
