"""The application: every request is recorded, then may meet a fault, then needs a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from tests.service import errors
from tests.service.control import Control
from tests.service.rest import Rest, reply
from tests.service.state import State

_BODY_LIMIT = 64 * 1024 * 1024
_Next = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(state: State) -> web.Application:
    """The service over `state`."""

    async def answer(request: web.Request, handler: _Next) -> web.StreamResponse:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            if kind != "Bearer" or token not in state.tokens:
                raise errors.unauthenticated()
            return await handler(request)
        except errors.Refusal as refusal:
            return reply(refusal.body(), refusal.http_status)

    @web.middleware
    async def gate(request: web.Request, handler: _Next) -> web.StreamResponse:
        if request.path.startswith("/_broker/"):
            return await handler(request)
        if request.path.startswith("/_control/"):
            try:
                return await handler(request)
            except Exception as error:
                return reply({"error": f"{type(error).__name__}: {error}"}, 500)
        seen = state.recorder.note(request, await request.read())
        if (fault := state.faults.for_request(request)) is not None:
            response = await fault.apply(request, lambda: answer(request, handler), state.faults)
        else:
            response = await answer(request, handler)
        if request.transport is not None and not request.transport.is_closing():
            state.recorder.answered(seen, response.status)
        return response

    app = web.Application(middlewares=[gate], client_max_size=_BODY_LIMIT)
    app.add_routes(Rest(state).routes())
    app.add_routes(Control(state).routes())
    app.add_routes(state.logins.routes())
    return app
