"""The four handlers: what `messages.py` defines, for whoever may use this server."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

from gc_jupyter.server.endpoints import list_endpoints
from gc_jupyter.server.messages import DEFAULT_LIMIT, NAMESPACE
from gc_jupyter.settings import SettingsError

if TYPE_CHECKING:
    from gc_jupyter.server.extension import GCJupyter

_MOST_ROWS = 100_000


class _Handler(APIHandler):
    """Authenticated, authorized, and XSRF-protected as Jupyter's own handlers are."""

    auth_resource = "gc_jupyter"
    _track_activity = False  # a panel that is open keeps no server from being culled

    def initialize(self, app: GCJupyter) -> None:
        """Of which extension."""
        self.app = app

    async def answer(self, reply: object) -> None:
        """Send JSON; a thread makes its text."""
        text = await asyncio.to_thread(json.dumps, reply, separators=(",", ":"), default=str)
        await self.finish(text)


class TasksHandler(_Handler):
    """GET tasks."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """The journal's newest tasks."""
        given = self.get_query_argument("limit", str(DEFAULT_LIMIT))
        number = given.isascii() and given.isdigit() and len(given) < 9
        if not number or not 0 < int(given) <= _MOST_ROWS:
            raise HTTPError(400, f"limit is a number from 1 to {_MOST_ROWS}")
        await self.finish(await asyncio.to_thread(self.app.tasks, int(given)))


class EndpointsHandler(_Handler):
    """GET endpoints."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Endpoints that are known, or that the service lists."""
        ask = self.get_query_argument("ask", "") == "1"
        if ask:  # the user's requests are counted: another site's page has none to spend
            self.check_xsrf_cookie()
        app = self.app
        listing = partial(list_endpoints, app.user_settings, app.journal, app.client, ask=ask)
        await self.finish(json.dumps(await asyncio.to_thread(listing)))


class StatusHandler(_Handler):
    """GET status."""

    @authenticated
    @authorized
    async def get(self) -> None:
        """Versions, counts, and what is wrong."""
        await self.app.follow_the_setting()  # a kernel may have set it, or signed in
        await self.finish(json.dumps(await asyncio.to_thread(self.app.status)))


class CollectingHandler(_Handler):
    """PUT collecting."""

    @authenticated
    @authorized
    async def put(self) -> None:
        """Switch collecting on or off."""
        given = self.get_json_body()
        if not isinstance(given, dict) or not isinstance(given.get("on"), bool):
            raise HTTPError(400, 'the body is {"on": true} or {"on": false}')
        try:
            await self.app.switch(given["on"])
        except SettingsError as error:
            raise HTTPError(500, str(error)) from error
        await self.finish(json.dumps(await asyncio.to_thread(self.app.status)))


def routes(app: GCJupyter) -> list[tuple[str, type[_Handler], dict[str, Any]]]:
    """The handlers, by their paths below the server's base URL."""
    of = {"app": app}
    return [
        (rf"/{NAMESPACE}/tasks", TasksHandler, of),
        (rf"/{NAMESPACE}/endpoints", EndpointsHandler, of),
        (rf"/{NAMESPACE}/status", StatusHandler, of),
        (rf"/{NAMESPACE}/collecting", CollectingHandler, of),
    ]
