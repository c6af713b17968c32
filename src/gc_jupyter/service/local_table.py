"""The local service's table of tasks: states, results, groups. It has no threads or sockets."""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gc_jupyter.errors import NotFound
from gc_jupyter.protocol.messages import unpack_result
from gc_jupyter.service.base import TaskStatus

#: The service's words for a task (protocol: `status`).
WAITING, RUNNING, SUCCESS, FAILED = "waiting-for-worker", "running", "success", "failed"

_KEPT = 10_000  # how many acknowledged tasks keep their status


@dataclass(slots=True)
class _Entry:
    group_id: str
    status: str = WAITING
    body: bytes | None = None  # the result message, until it is acknowledged
    completed_at: float | None = None


class LocalTaskTable:
    """Tasks and their groups. A result's bytes stay until they are acknowledged. After that only
    the status stays, for the newest `kept` tasks.

    Only the loop's thread uses it.
    """

    def __init__(self, kept: int = _KEPT) -> None:
        self._tasks: dict[str, _Entry] = {}
        self._groups: dict[str, dict[str, None]] = {}  # task ids in order; dicts as ordered sets
        self._open: dict[str, None] = {}
        self._running: dict[str, float] = {}
        self._acknowledged: deque[str] = deque()
        self._kept = kept

    def enter_group(self, group_id: str | None) -> str:
        """The id of a new group (for None), or this id; NotFound for an unknown one."""
        if group_id is None:
            group_id = str(uuid.uuid4())
            self._groups[group_id] = {}
        self._group(group_id)
        return group_id

    def add(self, group_id: str, count: int) -> list[str]:
        """Enter this many new tasks; returns their ids."""
        task_ids = [str(uuid.uuid4()) for _ in range(count)]
        for task_id in task_ids:
            self._tasks[task_id] = _Entry(group_id)
        self._open.update(dict.fromkeys(task_ids))
        self._groups[group_id].update(dict.fromkeys(task_ids))
        return task_ids

    def group_of(self, task_id: str) -> str:
        """The task's group; empty where the task is unknown, or has ended."""
        return self._tasks[task_id].group_id if task_id in self._open else ""

    def start(self, task_id: str, at: float) -> None:
        """A worker runs the task since then (unix seconds)."""
        if task_id in self._open:
            self._tasks[task_id].status = RUNNING
            self._running[task_id] = at

    def holders(self) -> list[tuple[str, float]]:
        """The running tasks and since when they run (unix seconds), if others wait; else none."""
        return [*self._running.items()] if len(self._open) > len(self._running) else []

    def finish(self, task_id: str, body: bytes, failed: bool) -> str | None:
        """Keep the task's result message; returns its group, or None if it had ended already."""
        if task_id not in self._open:
            return None
        del self._open[task_id]
        self._running.pop(task_id, None)
        entry = self._tasks[task_id]
        entry.status = FAILED if failed else SUCCESS
        entry.body, entry.completed_at = body, time.time()
        return entry.group_id

    def acknowledge(self, task_ids: Iterable[str]) -> None:
        """Free the results of these tasks; ids that are unknown or acknowledged are ignored."""
        for task_id in task_ids:
            entry = self._tasks.get(task_id)
            if entry is not None and entry.body is not None:
                entry.body = None
                self._acknowledged.append(task_id)
        while len(self._acknowledged) > self._kept:
            task_id = self._acknowledged.popleft()
            del self._groups[self._tasks.pop(task_id).group_id][task_id]

    def results(self, group_id: str) -> list[tuple[str, bytes]]:
        """Task ids and result messages of the group that nobody has acknowledged."""
        tasks = ((task_id, self._tasks[task_id]) for task_id in self._groups.get(group_id, ()))
        return [(task_id, entry.body) for task_id, entry in tasks if entry.body is not None]

    def unfinished(self) -> list[str]:
        """Ids of the tasks that have no result yet."""
        return list(self._open)

    def statuses(self, task_ids: Sequence[str]) -> dict[str, TaskStatus]:
        """The states of these tasks; unknown ones are left out."""
        known = ((task_id, self._tasks.get(task_id)) for task_id in task_ids)
        return {i: self._status(i, entry) for i, entry in known if entry is not None}

    def task_ids(self, group_id: str) -> list[str]:
        """The group's tasks, in the order of submission; NotFound for an unknown group."""
        return list(self._group(group_id))

    def _group(self, group_id: str) -> dict[str, None]:
        group = self._groups.get(group_id)
        if group is None:
            raise NotFound(
                f"The local endpoint has no task group {group_id}.",
                next_step="Local tasks and their groups last as long as the kernel.",
                status=404,
            )
        return group

    def _status(self, task_id: str, entry: _Entry) -> TaskStatus:
        at = None if entry.completed_at is None else str(entry.completed_at)
        if entry.body is None:
            started_at = self._running.get(task_id)
            return TaskStatus(task_id, entry.status, at, started_at=started_at)
        message = unpack_result(entry.body)
        failed = message.error_code is not None
        return TaskStatus(
            task_id=task_id,
            status=entry.status,
            completion_t=at,
            result=None if failed else message.data,
            exception=message.data if failed else None,
            details=message.details,
        )
