"""The HTTP routes that `messages.py` defines, for authorized users of this server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado.web import HTTPError, authenticated

from gc_jupyter.server.endpoints import list_endpoints
from gc_jupyter.server.messages import MOST_ROWS, NAMESPACE, PAGE_ROWS
from gc_jupyter.server.panel import Filter, tasks_json
from gc_jupyter.server.runs import runs_json
from gc_jupyter.settings import SettingsError

if TYPE_CHECKING:
    from gc_jupyter.server.extension import GCJupyter

Answer = Callable[["Handler"], Awaitable[object]]


@dataclass(frozen=True)
class ServerRoute:
    """A path below the namespace, and the functions that answer its methods.

    They return JSON as text, or an object to write as JSON.
    """

    path: str
    get: Answer | None = None
    put: Answer | None = None


class Handler(APIHandler):
    """Answers a route; authenticated, authorized and XSRF-protected as Jupyter's own handlers."""

    auth_resource = "gc_jupyter"
    _track_activity = False  # so that an open panel does not keep a server from being culled

    def initialize(self, app: GCJupyter, route: ServerRoute) -> None:
        """See tornado's RequestHandler: `app` is the extension, `route` what this one answers."""
        self.app = app
        self.route = route

    @authenticated
    @authorized
    async def get(self) -> None:
        """Answer GET."""
        await self._answer(self.route.get)

    @authenticated
    @authorized
    async def put(self) -> None:
        """Answer PUT."""
        await self._answer(self.route.put)

    async def _answer(self, answer: Answer | None) -> None:
        if answer is None:
            raise HTTPError(405)
        said = await answer(self)
        await self.finish(said if isinstance(said, str) else json.dumps(said))

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """A number of the query string; HTTPError 400 where it is none from `least` to `most`."""
        given = self.get_query_argument(name, str(default))
        good = given.isascii() and given.isdigit() and len(given) < 9
        if not good or not least <= int(given) <= most:
            raise HTTPError(400, f"{name} is a number from {least} to {most}")
        return int(given)


async def _rows(question: Callable[..., str], handler: Handler) -> str:
    """A page of the journal's runs or tasks, as JSON."""
    wanted = Filter(
        text=handler.get_query_argument("text", ""),
        state=handler.get_query_argument("state", ""),
        run=handler.get_query_argument("run", "", strip=False),
        offset=handler.number("offset", 0, 0, 10**8 - 1),
        limit=handler.number("limit", PAGE_ROWS, 1, MOST_ROWS),
    )
    return await asyncio.to_thread(handler.app.rows, question, wanted)


async def _failures(handler: Handler) -> object:
    """The errors of one run."""
    run = handler.get_query_argument("run", strip=False)
    return await asyncio.to_thread(handler.app.failures, run)


async def _endpoints(handler: Handler) -> object:
    """The known endpoints; with `ask`, also those that the service lists."""
    ask = handler.get_query_argument("ask", "") == "1"
    if ask:  # it spends the user's requests to the service, so no other site's page may ask
        handler.check_xsrf_cookie()
    app = handler.app
    listing = partial(list_endpoints, app.user_settings, app.journal, app.client, ask=ask)
    found = await asyncio.to_thread(listing, owners=dict(app.owners))
    heard = {one["endpoint_id"]: one["owner"] for one in found["endpoints"] if one["owner"]}
    app.owners.update(heard)
    return found


async def _status(handler: Handler) -> object:
    """The version, counts, and what is wrong."""
    await handler.app.follow_the_setting()  # a kernel may have changed it, or signed in
    return await asyncio.to_thread(handler.app.status)


async def _collect(handler: Handler) -> object:
    """Switch collecting on or off."""
    given = handler.get_json_body()
    if not isinstance(given, dict) or not isinstance(given.get("on"), bool):
        raise HTTPError(400, 'the body is {"on": true} or {"on": false}')
    try:
        await handler.app.switch(given["on"])
    except SettingsError as error:
        raise HTTPError(500, str(error)) from error
    return await asyncio.to_thread(handler.app.status)


ROUTES = (
    ServerRoute("runs", get=partial(_rows, runs_json)),
    ServerRoute("tasks", get=partial(_rows, tasks_json)),
    ServerRoute("failures", get=_failures),
    ServerRoute("endpoints", get=_endpoints),
    ServerRoute("status", get=_status),
    ServerRoute("collecting", put=_collect),
)


def routes(app: GCJupyter) -> list[tuple[str, type[Handler], dict[str, Any]]]:
    """The handlers, by their paths below the server's base URL."""
    return [(rf"/{NAMESPACE}/{one.path}", Handler, {"app": app, "route": one}) for one in ROUTES]
