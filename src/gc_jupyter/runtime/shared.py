"""The state that all clients of one identity and service share: login, connections, task group.

Clients of the process's own login share one `Shared`, as long as the environment variables that
decide the identity stay the same. Clients that were given an app, an authorizer or a login manager
share with those that were given the same object, or an authorizer with the same access token.
Connections close when no task is open for a while (`runtime.feed`), and with the last client.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, WeakValueDictionary

from gc_jupyter.types import LOCAL_ENDPOINT_ID

if TYPE_CHECKING:  # imports here would slow `%load_ext` down
    from gc_jupyter.auth import Login
    from gc_jupyter.errors import VersionMismatch
    from gc_jupyter.future import TaskFuture
    from gc_jupyter.runtime.dispatcher import Dispatcher
    from gc_jupyter.runtime.recorder import Recorder
    from gc_jupyter.runtime.remembered import Remembered
    from gc_jupyter.service.base import Service
    from gc_jupyter.service.globus import GlobusService
    from gc_jupyter.service.transport import DirectTransport
    from gc_jupyter.types import Reported

_PORTS_S = 30 * 86400.0  # how long kernels remember the port that worked
_AHEAD = 2  # connections: for the result stream's address, and for the first submission
#: The environment variables that decide the identity and the service.
_PREFIXES = ("GLOBUS_", "FUNCX_", "JUPYTERHUB_")


def _nobody() -> None:
    """No record is kept."""


def _memory(service: GlobusService, login: Login) -> Remembered:
    from gc_jupyter.runtime.remembered import Remembered

    return Remembered(f"{service.address} {login.source}")


class Shared:
    """See the module; a `Registry` makes it. Any thread.

    Parameters
    ----------
    given:
        The `app`, `authorizer` and `login_manager` of a client.
    environment, base_url, rate_limited:
        The client's own values.
    recorder:
        Returns the recorder of tasks, when the first task is about to leave.
    """

    def __init__(
        self,
        given: tuple[Any, Any, Any],
        environment: str | None,
        base_url: str | None,
        rate_limited: bool,
        recorder: Callable[[], Recorder | None] = _nobody,
    ) -> None:
        self._given = given
        self.recorder = recorder
        self._environment = environment
        self._base_url = base_url
        self._rate_limited = rate_limited
        self._login: Login | None = None
        self._services: dict[str, GlobusService] = {}  # one
        self._ahead: DirectTransport | None = None  # for it
        self.dispatchers: dict[tuple[bool, int | None], Dispatcher] = {}
        self._groups: dict[tuple[bool, int | None], str | None] = {}  # of those that were closed
        self.users: WeakSet[object] = WeakSet()
        self.accepted = False  # whether the service has said that it accepts this version
        self.refused: VersionMismatch | None = None  # or its refusal
        self.asking = False
        self._known: tuple[str, dict[str, dict[str, Any]], dict[str, Future[Reported]]] = (
            "",
            {},
            {},
        )

    def login(self) -> Login:
        """The source of the token. Reading it prompts nobody and sends no request."""
        from gc_jupyter import auth

        if self._login is None:
            self._login = auth.resolve(
                *self._given, environment=self._environment, base_url=self._base_url
            )
        return self._login

    def known(
        self, token_key: str
    ) -> tuple[dict[str, dict[str, Any]], dict[str, Future[Reported]]]:
        """The caches of functions, and of what endpoints reported, for this token."""
        if self._known[0] != token_key:
            self._known = (token_key, {}, {})
        return self._known[1:]

    def memory(self) -> Remembered:
        """The facts that earlier kernels have remembered."""
        return _memory(self.service(), self.login())

    def connect(self) -> None:
        """Begin the connections of the first requests, if there are none. They are made while the
        caller goes on importing. No request is sent."""
        if self._services or self._ahead is not None:
            return
        from gc_jupyter.runtime.loop import kernel_loop
        from gc_jupyter.service.transport import DirectTransport, service_address
        from gc_jupyter.unencrypted import refused_host

        url = service_address(self._base_url, self._environment)
        if not refused_host(url):  # the request will say it
            self._ahead = DirectTransport(url)
            for _ in range(_AHEAD):
                kernel_loop().http.post(self._ahead.connect_ahead())

    def service(self) -> GlobusService:
        """The web service."""
        from gc_jupyter.service.amqp_address import KnownPorts
        from gc_jupyter.service.globus import GlobusService

        service = self._services.get("")
        if service is None:
            login = self.login()

            def memory() -> Remembered:  # streams keep it: not a method
                return _memory(made, login)

            made = GlobusService(
                authorizer=login.authorizer,
                base_url=self._base_url,
                environment=self._environment,
                renewal=login.renewal,
                transport=self._ahead,
                known_ports=KnownPorts(
                    lambda host: memory().get(f"amqp {host}"),
                    lambda host, ports: memory().put(f"amqp {host}", ports, _PORTS_S),
                ),
            )
            return self._services.setdefault("", made)
        return service

    def dispatcher(self, endpoint_id: str, port: int | None = None) -> Dispatcher:
        """The runtime for tasks of this endpoint, made at first use.

        Parameters
        ----------
        endpoint_id:
            The endpoint; only whether it is ``local`` matters.
        port:
            AMQP port of the result stream; None for the one that the service names.
        """
        local = endpoint_id == LOCAL_ENDPOINT_ID
        key = (local, None if local else port)
        found = self.dispatchers.get(key)
        if found is not None and not found.loop.usable:  # after a fork
            self.dispatchers.pop(key, None)
            found = None
        if found is None:
            from gc_jupyter.runtime.dispatcher import Dispatcher

            service: Service
            if local:
                from gc_jupyter.runtime.loop import kernel_loop
                from gc_jupyter.service.local import local_service

                loop = kernel_loop()
                service = local_service(loop.aio)
                loop.at_end.append(service.end)
            else:
                service = self.service()
            made = Dispatcher(
                service,
                port=key[1],
                rate_limited=self._rate_limited,
                memory=None if local else self.memory(),
                task_group_id=self._groups.get(key),
                recorder=self.recorder(),
            )
            found = self.dispatchers.setdefault(key, made)
        return found

    def record(self, recorder: Callable[[], Recorder | None]) -> None:
        """Set the recorder, which is told of the open tasks, too."""
        self.recorder = recorder
        for one in list(self.dispatchers.values()):
            if one.loop.usable:
                one.record(recorder())

    def leave(self, user: object) -> None:
        """Note that a client was closed; the last one closes the connections, not the futures."""
        self.users.discard(user)
        if self.users:
            return
        dispatchers, self.dispatchers = self.dispatchers, {}
        services, self._services = self._services, {}
        ahead, self._ahead = self._ahead, None
        if ahead is not None:  # the service's too, where there is one
            ahead.close()
        for key, dispatcher in dispatchers.items():
            self._groups[key] = dispatcher.submitter.task_group_id
            dispatcher.close()
        for service in services.values():
            service.close()

    def __repr__(self) -> str:
        return "not logged in yet" if self._login is None else self._login.source


class Registry:
    """The `Shared` objects of a process: one for each identity and service."""

    def __init__(self) -> None:
        self._own: dict[tuple[object, ...], Shared] = {}  # those of the process's own login stay
        self._given: WeakValueDictionary[tuple[object, ...], Shared] = WeakValueDictionary()
        self._recorder: Callable[[], Recorder | None] = _nobody

    def shared(
        self,
        given: tuple[Any, Any, Any],
        environment: str | None,
        base_url: str | None,
        rate_limited: bool,
    ) -> Shared:
        """The `Shared` for these arguments; see there."""
        options = (environment, base_url, rate_limited)
        objects = tuple(_identity(one) for one in given if one is not None)
        key = (*options, *(objects or (_who(),)))
        table: Any = self._given if objects else self._own
        found: Shared | None = table.get(key)
        if found is None:
            found = table.setdefault(key, Shared(given, *options, self._recorder))
        return found

    def own(self) -> Shared:
        """What the clients of the process's own login share."""
        return self.shared((None, None, None), None, None, rate_limited=True)

    def record(self, recorder: Callable[[], Recorder | None]) -> None:
        """Record every task from now on, those that are open already, too.

        Parameters
        ----------
        recorder:
            Gives the recorder, or None where none can be had; called when tasks need it.
        """
        self._recorder = recorder
        for one in [*self._own.values(), *self._given.values()]:
            one.record(recorder)

    def open_futures(self) -> list[TaskFuture]:
        """The open tasks of this process, whoever has submitted them; any thread except the loop's
        and `gc-results`."""
        shared = [*self._own.values(), *self._given.values()]
        dispatchers = [found for one in shared for found in list(one.dispatchers.values())]
        return [future for one in dispatchers for future in one.open_futures()]

    def forget(self) -> None:
        """Share nothing with existing clients from now on."""
        self._own.clear()
        self._given.clear()


#: The registry of this process.
registry = Registry()


def _identity(given: Any) -> object:
    """A key that is equal for logins that are the same: the access token, or the object itself."""
    from globus_sdk import AccessTokenAuthorizer

    if type(given) is AccessTokenAuthorizer:
        return hashlib.sha256(given.get_authorization_header().encode()).hexdigest()
    return id(given)


def _who() -> str:
    """A digest of the variables and settings that decide the identity: they hold tokens."""
    from gc_jupyter.settings import login_setting

    names = sorted(name for name in os.environ if name.startswith(_PREFIXES) or name == "HOME")
    said = "\0".join([*(f"{name}={os.environ[name]}" for name in names), login_setting()])
    return hashlib.sha256(said.encode("utf-8", "surrogateescape")).hexdigest()
