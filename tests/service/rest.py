"""The web service's routes (protocol: Routes)."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.service import errors
from tests.service.results import QUEUE_PREFIX
from tests.service.state import State
from tests.service.store import OWNER, SUBMIT_LIMIT, Endpoint, Group, checked_id, new_id
from tests.service.workers import Job

_SUBMIT_FIELDS = {
    "create_queue",
    "tasks",
    "task_group_id",
    "resource_specification",
    "user_endpoint_config",
    "user_runtime",
    "result_serializers",
}
_dumps = json.JSONEncoder(separators=(",", ":")).encode


def reply(body: object, status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.json_response(body, status=status, dumps=_dumps)


async def json_body(request: web.Request) -> dict[str, Any]:
    """The request's JSON object, or the service's refusal."""
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise errors.malformed("the body is not JSON") from None
    if not isinstance(body, dict):
        raise errors.malformed("the body is not an object")
    return body


class Rest:
    """Handlers over the service's state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._store = state.store

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [
            web.get("/v2/version", self.version),
            web.post("/v3/functions", self.register_function),
            web.get("/v2/functions/{id}", self.get_function),
            web.delete("/v2/functions/{id}", self.delete_function),
            web.post("/v3/endpoints/{id}/submit", self.submit),
            web.get("/v2/tasks/{id}", self.get_task),
            web.post("/v2/batch_status", self.batch_status),
            web.get("/v2/taskgroup/{id}", self.task_group),
            web.get("/v2/endpoints", self.list_endpoints),
            web.get("/v2/endpoints/{id}", self.get_endpoint),
            web.get("/v2/endpoints/{id}/status", self.endpoint_status),
            web.delete("/v2/endpoints/{id}", self.delete_endpoint),
            web.post("/v3/endpoints", self.register_endpoint),
            web.put("/v3/endpoints/{id}", self.register_endpoint),
            web.post("/v2/endpoints/{id}/lock", self.lock_endpoint),
            web.post("/v3/endpoints/{id}/lock", self.lock_endpoint),
            web.get("/v3/endpoints/{id}/allowed_functions", self.allowed_functions),
            web.post("/v2/containers", self.register_container),
            web.get("/v2/containers/{id}/{kind}", self.get_container),
            web.get("/v2/get_amqp_result_connection_url", self.result_url),
        ]

    async def version(self, request: web.Request) -> web.Response:
        if request.query.get("service") != "all":
            return reply("1.0.0")
        return reply(self._state.versions)

    async def register_function(self, request: web.Request) -> web.Response:
        function = self._store.add_function(await json_body(request))
        return reply({"function_uuid": function.function_id})

    async def get_function(self, request: web.Request) -> web.Response:
        function = self._store.function(request.match_info["id"])
        shown = {"function_uuid": function.function_id, "owner_id": OWNER} | function.record
        return reply(shown | {"metadata": function.record.get("meta")})

    async def delete_function(self, request: web.Request) -> web.Response:
        function = self._store.function(request.match_info["id"])
        del self._store.functions[function.function_id]
        return reply({"result": 302})

    async def submit(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        store = self._store
        endpoint = store.endpoint(request.match_info["id"])
        tasks = _checked_tasks(body)
        for function_id in tasks:
            store.function(function_id)
            allowed = endpoint.allowed_functions
            if allowed is not None and function_id not in allowed:
                raise errors.not_permitted(function_id, endpoint.endpoint_id)
        group = await self._group(body)

        resources = body.get("resource_specification")
        serializers = body.get("result_serializers") or []
        jobs = [
            Job(task, buffer, resources, serializers)
            for task, buffer in store.add_tasks(endpoint, group, tasks)
        ]
        finished = None
        if self._state.faults.results.early:
            finished = self._state.results.finished([job.task for job in jobs])
        self._state.workers[endpoint.endpoint_id].submit(jobs)
        if finished is not None:
            await finished

        ids: dict[str, list[str]] = {function_id: [] for function_id in tasks}
        for job in jobs:
            ids[job.task.function_id].append(job.task.task_id)
        answer = {
            "request_id": new_id(),
            "task_group_id": group.group_id,
            "endpoint_id": endpoint.endpoint_id,
            "tasks": ids,
        }
        if endpoint.record.get("high_assurance"):
            answer["ha_warning"] = "This endpoint is for high assurance data."
        return reply(answer)

    async def _group(self, body: dict[str, Any]) -> Group:
        """The task group meant, new where none is named, with its queue where one is asked for."""
        if body.get("task_group_id"):
            group = self._store.group(body["task_group_id"])
        else:
            group = Group(new_id())
            self._store.groups[group.group_id] = group
        if body.get("create_queue") and not group.has_queue:
            await self._state.amqp.declare(QUEUE_PREFIX + group.group_id)
            group.has_queue = True
        return group

    async def get_task(self, request: web.Request) -> web.Response:
        return reply(self._store.task(request.match_info["id"]).body())

    async def batch_status(self, request: web.Request) -> web.Response:
        wanted = (await json_body(request)).get("task_ids")
        if not isinstance(wanted, list):
            raise errors.malformed("task_ids must be a list")
        found = (self._store.tasks.get(checked_id(one)) for one in wanted)
        return reply(
            {"response": "batch", "results": {task.task_id: task.body() for task in found if task}}
        )

    async def task_group(self, request: web.Request) -> web.Response:
        group = self._store.group(request.match_info["id"])
        tasks = [{"id": task_id} for task_id in group.task_ids]
        if self._state.faults.results.listed == "reversed":
            tasks.reverse()
        return reply({"taskgroup_id": group.group_id, "tasks": tasks})

    async def list_endpoints(self, request: web.Request) -> web.Response:
        if request.query.get("role", "owner") not in ("owner", "any"):
            raise errors.malformed("role must be owner or any")
        return reply([_shown(one) for one in self._store.endpoints.values()])

    async def get_endpoint(self, request: web.Request) -> web.Response:
        return reply(_shown(self._store.endpoint(request.match_info["id"])))

    async def endpoint_status(self, request: web.Request) -> web.Response:
        endpoint = self._store.endpoint(request.match_info["id"])
        details = {
            "total_workers": 1,
            "idle_workers": 1,
            "pending_tasks": 0,
            "outstanding_tasks": 0,
            "managers": 1,
        }
        status = "online" if endpoint.online else "offline"
        return reply({"status": status, "details": details | endpoint.status})

    async def delete_endpoint(self, request: web.Request) -> web.Response:
        endpoint = self._store.endpoint(request.match_info["id"])
        await self._state.remove_endpoint(endpoint)
        return reply({"result": 302})

    async def register_endpoint(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        if not isinstance(body.get("endpoint_name"), str):
            raise errors.malformed("endpoint_name is required")
        given = request.match_info.get("id") or body.get("endpoint_id") or new_id()
        endpoint_id = checked_id(given)
        return reply(await self._state.register_endpoint(endpoint_id, body))

    async def lock_endpoint(self, request: web.Request) -> web.Response:
        endpoint = self._store.endpoint(request.match_info["id"])
        return reply({"endpoint_id": endpoint.endpoint_id, "lock_expiration_timestamp": None})

    async def allowed_functions(self, request: web.Request) -> web.Response:
        endpoint = self._store.endpoint(request.match_info["id"])
        allowed = endpoint.allowed_functions
        return reply(
            {
                "endpoint_id": endpoint.endpoint_id,
                "restricted": allowed is not None,
                "functions": allowed or [],
            }
        )

    async def register_container(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        container_id = new_id()
        self._store.containers[container_id] = body
        return reply({"container_id": container_id})

    async def get_container(self, request: web.Request) -> web.Response:
        container_id = checked_id(request.match_info["id"])
        container = self._store.containers.get(container_id)
        if container is None or container["type"] != request.match_info["kind"]:
            raise errors.unknown_container(container_id)
        return reply({"container": {"container_uuid": container_id} | container})

    async def result_url(self, _request: web.Request) -> web.Response:
        return reply(
            {"queue_prefix": QUEUE_PREFIX, "connection_url": self._state.logins.new_url("user")}
        )


def _checked_tasks(body: dict[str, Any]) -> dict[str, list[str]]:
    if unknown := body.keys() - _SUBMIT_FIELDS:
        raise errors.malformed(f"unknown fields {sorted(unknown)}")
    tasks = body.get("tasks")
    if not isinstance(tasks, dict) or not tasks:
        raise errors.malformed("tasks must name at least one function")
    checked = {}
    for function_id, payloads in tasks.items():
        if not isinstance(payloads, list) or not all(isinstance(one, str) for one in payloads):
            raise errors.malformed("each function needs a list of packed arguments")
        checked[checked_id(function_id)] = payloads
    size = sum(len(one) for payloads in checked.values() for one in payloads)
    if size > SUBMIT_LIMIT:
        raise errors.too_large(size, SUBMIT_LIMIT)
    return checked


def _shown(endpoint: Endpoint) -> dict[str, Any]:
    record = endpoint.record
    return {
        "uuid": endpoint.endpoint_id,
        "name": endpoint.name,
        "display_name": record.get("display_name") or endpoint.name,
        "multi_user": bool(record.get("multi_user")),
        "public": bool(record.get("public")),
        "owner_id": record.get("owner_id") or OWNER,
        "subscription_uuid": record.get("subscription_uuid"),
        "authentication_policy": record.get("authentication_policy"),
        "allowed_functions": endpoint.allowed_functions,
        "metadata": record.get("metadata") or {},
    }
