"""Client: the calls of the Globus Compute web service, and what its executors share."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from gc_jupyter.errors import VersionMismatch
from gc_jupyter.functions.python import Submittable, registration
from gc_jupyter.protocol.versions import COMPATIBLE_SDK_VERSION
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.types import LOCAL_ENDPOINT_ID

if TYPE_CHECKING:
    import globus_sdk

    from gc_jupyter.runtime.dispatcher import Dispatcher
    from gc_jupyter.serialize import Strategylike
    from gc_jupyter.service.base import Service
    from gc_jupyter.service.globus import GlobusService

_LOCAL_SERVICES_URL = "http://localhost:5000"


class Client:
    """Calls of the web service (Client user guide), one method a call.

    Parameters
    ----------
    environment:
        A Globus environment other than production.
    local_compute_services:
        Use a service at ``http://localhost:5000``.
    do_version_check:
        Ask the service at once whether it still accepts this version.
    code_serialization_strategy, data_serialization_strategy:
        Strategies in place of DillCode and DillDataBase64.
    app, authorizer:
        What signs the requests; at most one.
    rate_limited:
        False lifts the limit of 20 requests in 10 s, for a service of your own.
    """

    def __init__(
        self,
        environment: str | None = None,
        local_compute_services: bool = False,
        do_version_check: bool = True,
        *,
        code_serialization_strategy: Strategylike | None = None,
        data_serialization_strategy: Strategylike | None = None,
        app: globus_sdk.GlobusApp | None = None,
        authorizer: globus_sdk.authorizers.GlobusAuthorizer | None = None,
        rate_limited: bool = True,
        **unknown: Any,
    ) -> None:
        for name in unknown:
            warnings.warn(
                f"The '{name}' argument is unrecognized. (It might have been removed in a"
                " previous release.)",
                stacklevel=2,
            )
        if app and authorizer:
            raise ValueError("'app' and 'authorizer' are mutually exclusive.")
        self._environment = environment
        self._base_url = _LOCAL_SERVICES_URL if local_compute_services else None
        self._app = app
        self._authorizer = authorizer
        self._rate_limited = rate_limited
        self._service: GlobusService | None = None
        self._dispatchers: dict[tuple[bool, int | None], Dispatcher] = {}
        self.fx_serializer = ComputeSerializer(
            strategy_code=code_serialization_strategy, strategy_data=data_serialization_strategy
        )
        if do_version_check:
            self.version_check()

    @classmethod
    def local(cls) -> Client:
        """A client for the embedded `local` endpoint alone: no account, no request."""
        return cls(do_version_check=False)

    # --- functions -------------------------------------------------------------------------

    def register_function(
        self,
        function: Submittable,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
        public: bool = False,
        group: str | None = None,
        ha_endpoint_id: str | None = None,
    ) -> str:
        """Register a function and return its id (Client user guide, "Registering Functions").

        Parameters
        ----------
        function:
            The function; what it uses travels with it.
        description:
            Wins over the function's docstring.
        metadata:
            Replaces what is said of this Python.
        public, group:
            Share it with everyone, or with a Globus group (its UUID).
        ha_endpoint_id:
            The only (high-assurance) endpoint that may run it; excludes the other two.
        """
        made = registration(
            function,
            self.fx_serializer,
            description=description,
            metadata=metadata,
            public=public,
            group=None if group is None else str(group),
            ha_endpoint_id=None if ha_endpoint_id is None else str(ha_endpoint_id),
        )
        return self._web().register(made)

    # --- the service -----------------------------------------------------------------------

    def version_check(self) -> None:
        """Ask the service whether it accepts this version.

        Raises
        ------
        VersionMismatch
            It asks for a newer one.
        """
        service = self.globus_service()
        reply = self._web().request(lambda: service.call(service.v2.get_version, "all"))
        minimum = str(reply.get("min_sdk_version") or "0")
        if _version(COMPATIBLE_SDK_VERSION) < _version(minimum):
            raise VersionMismatch(
                f"The service asks for version {minimum} of the protocol; this package speaks"
                f" {COMPATIBLE_SDK_VERSION}.",
                next_step="Update it: pip install --upgrade gc-jupyter",
            )

    def get_result_amqp_url(self) -> dict[str, str]:
        """A fresh address of the result queues: `queue_prefix` and `connection_url`.

        The URL holds a password; every call makes a new one.
        """
        address = self._web().request(self.globus_service().amqp_address)
        return {"queue_prefix": address.queue_prefix, "connection_url": address.url}

    # --- what executors share --------------------------------------------------------------

    def globus_service(self) -> GlobusService:
        """The web service as this client reaches it; logs in at first use."""
        from gc_jupyter.service.globus import GlobusService

        if self._service is None:
            self._service = GlobusService(
                app=self._app,
                authorizer=self._authorizer,
                base_url=self._base_url,
                environment=self._environment,
            )
        return self._service

    def dispatcher(self, endpoint_id: str, port: int | None = None) -> Dispatcher:
        """The runtime for tasks of this endpoint, made at first use."""
        from gc_jupyter.runtime.dispatcher import Dispatcher

        local = endpoint_id == LOCAL_ENDPOINT_ID
        key = (local, None if local else port)
        found = self._dispatchers.get(key)
        if found is None or not found.usable:
            service: Service
            if local:
                from gc_jupyter.service.local import local_service

                service = local_service()
            else:
                service = self.globus_service()
            made = Dispatcher(service, port=key[1], rate_limited=self._rate_limited)
            # two threads' first calls: the first one in stays
            found = made if found is not None else self._dispatchers.setdefault(key, made)
            self._dispatchers[key] = found
        return found

    def close(self) -> None:
        """Close connections; pending futures stay pending."""
        for dispatcher in self._dispatchers.values():
            dispatcher.close()
        if self._service is not None:
            self._service.close()

    def _web(self) -> Dispatcher:
        return self.dispatcher("")

    def __repr__(self) -> str:
        where = self._base_url or os.environ.get("GLOBUS_SDK_SERVICE_URL_COMPUTE") or "production"
        return f"<Client {where}>"


def _version(text: str) -> tuple[int, ...]:
    numbers = []
    for part in text.split("."):
        digits = "".join(ch for ch in part if ch.isdigit())
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)
