"""From a worker's result message to the user's queue, with the faults asked for."""

from __future__ import annotations

import asyncio
import json

from tests.service.amqp import Amqp
from tests.service.faults import Faults
from tests.service.store import Store, Task

QUEUE_PREFIX = "loopback.results."


class Results:
    """Stores each result with its task and publishes it to its group's queue."""

    def __init__(self, store: Store, amqp: Amqp, faults: Faults) -> None:
        self._store = store
        self._amqp = amqp
        self._faults = faults
        self._held: list[tuple[str, bytes]] = []
        self._waiters: dict[str, asyncio.Future[None]] = {}

    def arrived(self, message: bytes) -> None:
        """A worker's message: store it, pass it on."""
        task = self._store.finish(message)
        if task is not None:
            self.pass_on(task, message)

    def pass_on(self, task: Task, message: bytes) -> None:
        """Publish a finished task's message, if its group has a queue."""
        faults = self._faults.results
        if self._waiters and (waiter := self._waiters.pop(task.task_id, None)):
            waiter.set_result(None)
        if not self._store.groups[task.group_id].has_queue:
            return
        queue = QUEUE_PREFIX + task.group_id
        if faults.lose:
            faults.lose -= 1
        elif faults.reorder:
            self._held.append((queue, message))
            if len(self._held) >= faults.reorder:
                held, self._held = self._held[::-1], []
                for one in held:
                    self._publish(*one)
        elif faults.delay_s:
            asyncio.get_running_loop().call_later(faults.delay_s, self._publish, queue, message)
        else:
            self._publish(queue, message)

    def _publish(self, queue: str, message: bytes) -> None:
        faults = self._faults.results
        headers = None
        if faults.by_reference:
            headers = {"high_assurance": True}
            envelope = json.loads(message[1:])
            envelope["data"]["data"] = ""
            message = b"\x01" + json.dumps(envelope).encode()
        for _ in range(1 + faults.duplicates):
            self._amqp.publish(queue, message, headers=headers)

    def finished(self, tasks: list[Task]) -> asyncio.Future[object]:
        """Done once each of these tasks has its result."""
        loop = asyncio.get_running_loop()
        waiters = [
            self._waiters.setdefault(task.task_id, loop.create_future())
            for task in tasks
            if task.completion_t is None
        ]
        return asyncio.gather(*waiters)
