"""Who may use the broker: a new password with every address given out."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from aiohttp import web

from tests.service.faults import Faults
from tests.service.results import QUEUE_PREFIX

USER = "user"  # whoever reads results; an endpoint's user name is its id


class Logins:
    """RabbitMQ asks here (rabbitmq_auth_backend_http). Live connections survive a new password."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._passwords: dict[str, str] = {}
        self.port = 0
        self.closed_port = 0
        self.asked = 0  # how often somebody who reads results came to the broker's door

    def new_url(self, user: str) -> str:
        """An address with a password that ends the one before."""
        password = self._passwords[user] = secrets.token_hex(8)
        if user == USER and self._faults.broker.url:
            return self._faults.broker.url.format(user=user, password=password)
        port = self.closed_port if self._faults.broker.refuse else self.port
        return f"amqp://{user}:{password}@127.0.0.1:{port}/%2F"

    def routes(self) -> list[web.RouteDef]:
        """What the broker calls, by POST of a form."""
        return [
            web.post("/_broker/user", self._user),
            web.post("/_broker/vhost", self._allow),
            web.post("/_broker/resource", self._resource),
            web.post("/_broker/topic", self._allow),
        ]

    async def _user(self, request: web.Request) -> web.Response:
        form = await request.post()
        self.asked += form["username"] == USER
        allowed = self._passwords.get(str(form["username"])) == form.get("password")
        if self._faults.broker.deny:
            self._faults.broker.deny -= 1
            allowed = False
        return web.Response(text="allow" if allowed else "deny")

    async def _allow(self, _request: web.Request) -> web.Response:
        return web.Response(text="allow")

    async def _resource(self, request: web.Request) -> web.Response:
        allowed = may_use({key: str(value) for key, value in (await request.post()).items()})
        return web.Response(text="allow" if allowed else "deny")


def may_use(form: Mapping[str, str]) -> bool:
    """A user reads results only; an endpoint reads its own tasks, and writes to the exchanges."""
    user, kind, name = form["username"], form["resource"], form["name"]
    if kind == "exchange":
        return user != "user" and form["permission"] == "write"
    if form["permission"] != "read":
        return False
    return name.startswith(QUEUE_PREFIX) if user == "user" else name == f"{user}.tasks"
