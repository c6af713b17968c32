"""What the service remembers: functions, endpoints, tasks, task groups. No sockets."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.service import errors

SUBMIT_LIMIT = RESULT_LIMIT = 10 * 1024 * 1024
OWNER = "11111111-2222-4333-8444-555555555555"

WAITING_ENDPOINT, SUCCESS, FAILED = "waiting-for-ep", "success", "failed"
ABANDONED = "abandoned"


def new_id() -> str:
    return str(uuid.uuid4())


def checked_id(value: object) -> str:
    """`value` as a UUID's text, or the service's refusal."""
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise errors.invalid_uuid(str(value)) from None


@dataclass(slots=True)
class Function:
    function_id: str
    record: dict[str, Any]
    buffer: str  # packed, as a task's body starts


@dataclass(slots=True)
class Endpoint:
    endpoint_id: str
    name: str
    kind: str
    record: dict[str, Any]
    online: bool = True
    allowed_functions: list[str] | None = None
    status: dict[str, Any] = field(default_factory=dict)  # from the newest heartbeat


@dataclass(slots=True)
class Task:
    task_id: str
    group_id: str
    endpoint_id: str
    function_id: str
    status: str = WAITING_ENDPOINT
    result: str | None = None
    exception: str | None = None
    completion_t: str | None = None
    details: dict[str, Any] | None = None
    reason: str | None = None

    def body(self) -> dict[str, Any]:
        """As GET /v2/tasks/{id} shows it."""
        shown = {"task_id": self.task_id, "status": self.status}
        for name in ("result", "exception", "completion_t", "details", "reason"):
            value = getattr(self, name)
            if value is not None:
                shown[name] = value
        return shown


@dataclass(slots=True)
class Group:
    group_id: str
    task_ids: list[str] = field(default_factory=list)
    has_queue: bool = False


class Store:
    """All tables. Look-ups raise the service's refusals."""

    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}
        self.endpoints: dict[str, Endpoint] = {}
        self.tasks: dict[str, Task] = {}
        self.groups: dict[str, Group] = {}
        self.containers: dict[str, dict[str, Any]] = {}

    def add_function(self, body: dict[str, Any]) -> Function:
        """Keep a registration; plain source becomes the `st` buffer that workers read."""
        name, code = body.get("function_name"), body.get("function_code")
        if not isinstance(name, str) or not isinstance(code, str):
            raise errors.malformed("function_name and function_code are required")
        if len(code) > SUBMIT_LIMIT:
            raise errors.too_large(len(code), SUBMIT_LIMIT)
        if body.get("serialized", True):
            buffer = code
        else:
            source = f"st\n{name}:{code}"
            buffer = f"{len(source)}\n{source}"
        function = Function(new_id(), body, buffer)
        self.functions[function.function_id] = function
        return function

    def function(self, function_id: object) -> Function:
        known = self.functions.get(checked_id(function_id))
        if known is None:
            raise errors.unknown_function(str(function_id))
        return known

    def add_endpoint(self, endpoint_id: str, kind: str, body: dict[str, Any]) -> Endpoint:
        endpoint = Endpoint(
            endpoint_id,
            body.get("endpoint_name") or kind,
            kind,
            body,
            allowed_functions=body.get("allowed_functions"),
        )
        self.endpoints[endpoint_id] = endpoint
        return endpoint

    def endpoint(self, endpoint_id: object) -> Endpoint:
        known = self.endpoints.get(checked_id(endpoint_id))
        if known is None:
            raise errors.unknown_endpoint(str(endpoint_id))
        return known

    def task(self, task_id: object) -> Task:
        known = self.tasks.get(checked_id(task_id))
        if known is None:
            raise errors.unknown_task(str(task_id))
        return known

    def group(self, group_id: object) -> Group:
        known = self.groups.get(checked_id(group_id))
        if known is None:
            raise errors.unknown_group(str(group_id))
        return known

    def add_tasks(
        self, endpoint: Endpoint, group: Group, tasks: dict[str, list[str]]
    ) -> list[tuple[Task, str]]:
        """New tasks with their bodies as a worker gets them, in the request's order."""
        made = []
        for function_id, payloads in tasks.items():
            function = self.function(function_id)
            for payload in payloads:
                task = Task(new_id(), group.group_id, endpoint.endpoint_id, function_id)
                self.tasks[task.task_id] = task
                group.task_ids.append(task.task_id)
                made.append((task, function.buffer + payload))
        return made

    def finish(self, message: bytes) -> Task | None:
        """Read a worker's result message into its task; None when no task is meant."""
        data = json.loads(message[1:])["data"]
        task = self.tasks.get(data["task_id"])
        if task is None:
            return None
        task.details = data.get("details")
        task.completion_t = str(time.time())
        if data.get("error_details"):
            task.status, task.exception = FAILED, data["data"]
        else:
            task.status, task.result = SUCCESS, data["data"]
        return task
