"""The tests' own door to the service: endpoints, faults, recorded requests."""

from __future__ import annotations

import asyncio
import base64

from aiohttp import web

from tests.service.faults import Limit, RequestFault, update
from tests.service.rest import json_body, reply
from tests.service.results import QUEUE_PREFIX
from tests.service.state import State

_WAIT_LIMIT_S = 60.0


class Control:
    """Routes under /_control; see handle.py for their use."""

    def __init__(self, state: State) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [
            web.post("/_control/endpoints", self.add_endpoint),
            web.post("/_control/endpoints/rest", self.rest),
            web.post("/_control/endpoints/{id}/online", self.bring_online),
            web.get("/_control/requests", self.requests),
            web.post("/_control/wait/requests", self.wait_for_requests),
            web.post("/_control/wait/held", self.wait_for_held),
            web.post("/_control/release", self.release),
            web.post("/_control/wait/results", self.wait_for_results),
            web.get("/_control/broker_logins", self.broker_logins),
            web.get("/_control/broker_port", self.broker_port),
            web.post("/_control/clear", self.clear),
            web.post("/_control/reset", self.reset),
            web.post("/_control/faults/{which}", self.faults),
            web.post("/_control/publish", self.publish),
            web.post("/_control/tasks/{id}", self.change_task),
            web.post("/_control/versions", self.versions),
            web.post("/_control/tokens", self.accept_token),
            web.post("/_control/tokens/expired", self.refuse_token),
            web.post("/_control/cut_streams", self.cut_streams),
            web.post("/_control/interrupt_broker", self.interrupt_broker),
        ]

    async def add_endpoint(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        endpoint = await self._state.add_endpoint(
            body["kind"], body.get("record"), **body.get("options", {})
        )
        return reply({"endpoint_id": endpoint.endpoint_id})

    async def rest(self, request: web.Request) -> web.Response:
        await self._state.rest((await json_body(request))["endpoint_ids"])
        return reply({})

    async def bring_online(self, request: web.Request) -> web.Response:
        endpoint = self._state.store.endpoint(request.match_info["id"])
        await self._state.bring_online(endpoint, (await json_body(request))["kind"])
        return reply({})

    async def requests(self, _request: web.Request) -> web.Response:
        return reply([one.as_json() for one in self._state.recorder.seen])

    async def wait_for_requests(self, request: web.Request) -> web.Response:
        body, recorder = await json_body(request), self._state.recorder

        def enough() -> bool:
            seen = [one for one in recorder.seen if body["path"] in one.path]
            return sum(bool(one.status) or not body["answered"] for one in seen) >= body["count"]

        await asyncio.wait_for(recorder.until(enough), _WAIT_LIMIT_S)
        return reply({})

    async def wait_for_held(self, _request: web.Request) -> web.Response:
        await asyncio.wait_for(self._state.faults.held.wait(), _WAIT_LIMIT_S)
        return reply({})

    async def release(self, _request: web.Request) -> web.Response:
        self._state.faults.release()
        return reply({})

    async def wait_for_results(self, request: web.Request) -> web.Response:
        tasks = [self._state.store.task(one) for one in (await json_body(request))["task_ids"]]
        await asyncio.wait_for(self._state.results.finished(tasks), _WAIT_LIMIT_S)
        return reply({})

    async def broker_logins(self, _request: web.Request) -> web.Response:
        return reply(self._state.logins.asked)

    async def broker_port(self, _request: web.Request) -> web.Response:
        return reply(self._state.broker.port)

    async def clear(self, _request: web.Request) -> web.Response:
        self._state.recorder.seen.clear()
        return reply({})

    async def reset(self, _request: web.Request) -> web.Response:
        self._state.faults.reset()
        self._state.recorder.seen.clear()
        return reply({})

    async def faults(self, request: web.Request) -> web.Response:
        body, faults = await json_body(request), self._state.faults
        which = request.match_info["which"]
        if which == "request":
            faults.requests.append(RequestFault(**body))
        elif which == "limit":
            faults.limit = Limit(**body)
        else:
            update({"results": faults.results, "broker": faults.broker}[which], body)
        return reply({})

    async def publish(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        group = self._state.store.group(body["task_group_id"])
        self._state.amqp.publish(
            QUEUE_PREFIX + group.group_id,
            base64.b64decode(body["body"]),
            headers=body.get("headers"),
        )
        return reply({})

    async def change_task(self, request: web.Request) -> web.Response:
        task = self._state.store.task(request.match_info["id"])
        for name, value in (await json_body(request)).items():
            setattr(task, name, value)
        return reply({})

    async def versions(self, request: web.Request) -> web.Response:
        self._state.versions |= await json_body(request)
        return reply({})

    async def accept_token(self, request: web.Request) -> web.Response:
        self._state.tokens.add((await json_body(request))["token"])
        return reply({})

    async def refuse_token(self, request: web.Request) -> web.Response:
        self._state.tokens.discard((await json_body(request))["token"])
        return reply({})

    async def cut_streams(self, _request: web.Request) -> web.Response:
        await self._state.broker.close_connections("user")
        return reply({})

    async def interrupt_broker(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        await self._state.interrupt_broker(body["how"], body["down_s"])
        return reply({})
