"""What all calls of a client share: the login, the service, the rate limit and the caches."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from gc_jupyter.errors import ComputeError, LoginRequired, VersionMismatch
from gc_jupyter.protocol.messages import reported_by
from gc_jupyter.protocol.sdk_version import COMPATIBLE_SDK_VERSION, version_numbers
from gc_jupyter.runtime.shared import Shared, registry
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.types import Reported

if TYPE_CHECKING:
    import globus_sdk

    from gc_jupyter.auth import Login, LoginManagerProtocol
    from gc_jupyter.runtime.dispatcher import Dispatcher
    from gc_jupyter.serialize import Strategylike
    from gc_jupyter.service.base import FunctionRegistration
    from gc_jupyter.service.globus import GlobusService

T = TypeVar("T")

log = logging.getLogger(__name__)

#: How many replies of a service are cached, and for how long.
_MINIMUM, _VERSION_S = "min_sdk_version", 86400.0

_LOCAL_SERVICES_URL = "http://localhost:5000"
_COMPUTE_SCOPE = "https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all"

#: Keywords of earlier clients -> what to use instead.
_ADVICE = {
    "funcx_service_address": "Set GLOBUS_SDK_SERVICE_URL_COMPUTE instead.",
    "web_service_address": "Set GLOBUS_SDK_SERVICE_URL_COMPUTE instead.",
    "asynchronous": "Use an Executor: its futures can be awaited.",
    "loop": "Use an Executor: its futures can be awaited.",
    "results_ws_uri": "Results come by AMQP: use an Executor.",
    "warn_about_url_mismatch": "It is not needed any more.",
    "http_timeout": "Set GLOBUS_SDK_HTTP_TIMEOUT, in seconds, instead.",
    "fx_authorizer": "Use authorizer= instead.",
    "search_authorizer": "It is not needed any more.",
    "openid_authorizer": "It is not needed any more.",
    "fx_serializer": "Use serializer= instead.",
    "task_group_id": "Give it to the Executor, or to create_batch.",
}


@dataclass
class Caches:
    """What is remembered under one token (Client user guide: "Caches are based on user
    authentication tokens")."""

    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)  # finished ones
    functions: dict[str, dict[str, Any]] = field(default_factory=dict)  # they never change
    endpoints: dict[str, Future[Reported]] = field(default_factory=dict)  # by endpoint id


class Connection:
    """See Client, whose parameters these are."""

    FUNCX_SDK_CLIENT_ID = "4cf29807-cf21-49ec-9443-ff9a3fb9f81c"
    FUNCX_SCOPE = _COMPUTE_SCOPE
    FUNCXSCOPE = _COMPUTE_SCOPE

    def __init__(
        self,
        environment: str | None = None,
        local_compute_services: bool = False,
        do_version_check: bool = True,
        *,
        code_serialization_strategy: Strategylike | None = None,
        data_serialization_strategy: Strategylike | None = None,
        serializer: ComputeSerializer | None = None,
        app: globus_sdk.GlobusApp | None = None,
        authorizer: globus_sdk.authorizers.GlobusAuthorizer | None = None,
        login_manager: LoginManagerProtocol | None = None,
        force_login: bool = False,
        rate_limited: bool = True,
        **unknown: Any,
    ) -> None:
        for name in unknown:
            advice = _ADVICE.get(name, "(It might have been removed in a previous release.)")
            warnings.warn(f"The '{name}' argument is unrecognized. {advice}", stacklevel=2)
        if app is not None and authorizer is not None:
            raise ValueError("'app' and 'authorizer' are mutually exclusive.")
        if login_manager is not None and (app is not None or authorizer is not None):
            raise ValueError("'login_manager' excludes 'app' and 'authorizer'.")
        self.app = app
        self.authorizer = authorizer
        self._login_manager = login_manager
        self._environment = environment
        self._base_url = _LOCAL_SERVICES_URL if local_compute_services else None
        self._rate_limited = rate_limited
        self._joined: Shared | None = None
        self._batch_group: str | None = None  # of this client's last batch
        self._auth_client: globus_sdk.AuthClient | None = None
        self._caches: tuple[str, Caches] = ("", Caches())
        self._limited: dict[str, str] = {}  # tasks whose results may not be read by everything
        self.fx_serializer = serializer or ComputeSerializer(
            strategy_code=code_serialization_strategy, strategy_data=data_serialization_strategy
        )
        if force_login:
            self.login().renew()
        if do_version_check:
            self.login().ensure()
            if not self._version_known():
                self.version_check()

    @classmethod
    def local(cls) -> Any:
        """A client that only knows the embedded ``local`` endpoint: it needs no account."""
        return cls(do_version_check=False)

    # --- login -----------------------------------------------------------------------------

    @property
    def shared(self) -> Shared:
        """What this client has in common with others of its identity and service."""
        if self._joined is None:
            self._joined = registry.shared(
                (self.app, self.authorizer, self._login_manager),
                self._environment,
                self._base_url,
                self._rate_limited,
            )
        self._joined.users.add(self)
        return self._joined

    def login(self) -> Login:
        """The source of this client's token. Reading it prompts nobody and sends no request."""
        return self.shared.login()

    def logout(self) -> None:
        """Revoke and forget this client's tokens, and what was cached under them."""
        self.login().logout()
        self._caches = ("", Caches())

    def cache(self) -> Caches:
        """The caches of the token in use. Logs in where nobody is logged in."""
        self.login().ensure()
        key = self.login().token_key()
        if self._caches[0] != key:
            functions, endpoints = self.shared.known(key)
            self._caches = (key, Caches(functions=functions, endpoints=endpoints))
        return self._caches[1]

    @property
    def auth_client(self) -> globus_sdk.AuthClient:
        """A client of Globus Auth for this login (deprecated in the official SDK); assignable."""
        if self._auth_client is None:
            from globus_sdk import AuthClient
            from globus_sdk.scopes import AuthScopes

            server, scope = AuthScopes.resource_server, AuthScopes.openid
            self._auth_client = AuthClient(authorizer=self.login().authorizer_for(server, scope))
        return self._auth_client

    @auth_client.setter
    def auth_client(self, value: globus_sdk.AuthClient) -> None:
        self._auth_client = value

    @property
    def web_service_address(self) -> str:
        """The address of the Compute service."""
        return self.globus_service().address

    # --- requests --------------------------------------------------------------------------

    def with_login(self, call: Callable[[], T]) -> T:
        """Do `call`. Where the service wants another login, log in and repeat the call once.

        That is a 401, and a Globus Auth requirements error (GARE), whose parameters go into the
        login. A person is asked on the main thread of a session that has one, and nowhere else.

        Parameters
        ----------
        call:
            Makes requests; what it returns is returned.
        """
        try:
            return call()
        except LoginRequired as refused:
            if refused.status == 403 and refused.gare is None:
                raise
            try:
                self.login().renew(refused.gare)
            except LoginRequired as hopeless:
                raise hopeless from refused
        return call()

    def request(self, call: Callable[[], T]) -> T:
        """Do a request `with_login`, and repeat it where that can help.

        Parameters
        ----------
        call:
            One request, which may be made twice.
        """
        return self.with_login(partial(self.dispatcher("").requests.wait, call))

    def register(self, function: FunctionRegistration) -> str:
        """Register a function at the web service; returns its id, a new one each time.

        Parameters
        ----------
        function:
            Already serialized.
        """
        return self.request(partial(self.globus_service().register_function, function))

    def call(self, method: str, *args: Any, version: int = 2) -> Any:
        """Call a method of globus-sdk's ComputeClientV2 or V3; returns the reply's JSON.

        Parameters
        ----------
        method, *args:
            Its name and arguments.
        version:
            Of the client that has it: 2 or 3.
        """
        service = self.globus_service()
        api = service.v2 if version == 2 else service.v3
        return self.request(partial(service.call, getattr(api, method), *args))

    def endpoint_python(self, endpoint_id: str) -> str:
        """The Python version that an endpoint reported, or empty text. Asked once.

        Parameters
        ----------
        endpoint_id:
            UUID of the endpoint.
        """
        return self.endpoint_reported(endpoint_id).python

    def endpoint_reported(self, endpoint_id: str) -> Reported:
        """What an endpoint reported of itself. Asked once; see `endpoint_python`.

        Parameters
        ----------
        endpoint_id:
            The endpoint.
        """
        asking: Future[Reported] = Future()
        known = self.cache().endpoints
        try:
            answer = known.setdefault(endpoint_id, asking)
            if answer is asking:  # the first of several threads asks for all
                asking.set_result(reported_by(self.call("get_endpoint", endpoint_id)))
        except BaseException as error:  # an interrupt, too: nobody may wait for an answer then
            if known.get(endpoint_id) is asking:
                del known[endpoint_id]
            if not asking.done():
                asking.set_exception(error)
            raise
        return answer.result()

    def version_check(self, endpoint_version: str | None = None) -> None:
        """Ask the service whether it accepts this version, and that of an endpoint if given.

        Parameters
        ----------
        endpoint_version:
            As the endpoint's metadata has it.

        Raises
        ------
        VersionMismatch
            It asks for a newer one.
        """
        reply = self.call("get_version", "all")
        self._accept(reply.get("min_sdk_version"))
        if endpoint_version is not None:
            _check("the endpoint", endpoint_version, reply.get("min_ep_version"))

    def check_version_beside(self) -> None:
        """As `version_check`, once for a process and day, and beside what is submitted: a service
        that doesn't accept this version says so in the log, and at the next call of this."""
        if (refused := self.shared.refused) is not None:
            raise refused
        if self._version_known() or self.shared.asking:
            return
        self.shared.asking = True

        def ask() -> None:
            try:
                service = self.globus_service()
                reply = service.call(service.v2.get_version, "all")
                self._accept(reply.get("min_sdk_version"))
            except VersionMismatch as error:
                self.shared.refused = error
                log.warning("%s", error)
            except ComputeError as error:  # the submission itself says what is wrong
                log.info("the service's version isn't known: %s", error.reason)
            finally:
                self.shared.asking = False

        loop = self.dispatcher("").loop
        loop.call(loop.http.post, ask)

    def _version_known(self) -> bool:
        """Whether the service has accepted this version, today and on this machine."""
        if not self.shared.accepted:
            known = self.shared.memory().get(_MINIMUM)
            self.shared.accepted = known is not None and _suffices(COMPATIBLE_SDK_VERSION, known)
        return self.shared.accepted

    def _accept(self, minimum: object) -> None:
        _check("this package", COMPATIBLE_SDK_VERSION, minimum)
        self.shared.accepted = True
        self.shared.memory().put(_MINIMUM, str(minimum or "0"), _VERSION_S)

    def get_result_amqp_url(self) -> dict[str, str]:
        """A fresh address of the result queues: `queue_prefix` and `connection_url`.

        The URL holds a password; every call makes a new one (protocol, "Routes").
        """
        address = self.request(self.globus_service().amqp_address)
        return {"queue_prefix": address.queue_prefix, "connection_url": str(address.url)}

    # --- what executors share --------------------------------------------------------------

    @property
    def session_task_group_id(self) -> str | None:
        """The group of all tasks that are submitted without one of their own.

        The service makes it with the first submission; None before (an unknown group is refused,
        so it can't be made up here).
        """
        return self.dispatcher("").submitter.task_group_id or self._batch_group

    def globus_service(self) -> GlobusService:
        """The web service as this client reaches it."""
        return self.shared.service()

    def dispatcher(self, endpoint_id: str, port: int | None = None) -> Dispatcher:
        """The runtime for tasks of this endpoint, made at first use.

        Parameters
        ----------
        endpoint_id:
            Whether it is ``local`` or not decides.
        port:
            AMQP port of the result stream; None for the one that the service names.
        """
        return self.shared.dispatcher(endpoint_id, port)

    def dispatchers(self) -> list[Dispatcher]:
        """The runtimes in use: of `local`, and of each port of the web service's stream."""
        return list(self.shared.dispatchers.values())

    def close(self) -> None:
        """Close connections that no other client uses; pending futures stay pending."""
        if self._joined is not None:
            self._joined.leave(self)

    def __repr__(self) -> str:
        return f"<Client: {self._joined or 'not logged in yet'}>"


def _suffices(version: str, minimum: object) -> bool:
    return version_numbers(version) >= version_numbers(str(minimum or "0"))


def _check(what: str, version: str, minimum: object) -> None:
    if not _suffices(version, minimum):
        step = (
            "Update it: pip install --upgrade gc-jupyter"
            if what == "this package"
            else "Ask its owner to update globus-compute-endpoint."
        )
        raise VersionMismatch(
            f"The service asks for version {minimum} at least; {what} speaks {version}.",
            next_step=step,
        )
