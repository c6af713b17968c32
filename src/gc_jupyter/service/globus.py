"""The Globus Compute web service, through globus-sdk's Compute clients.

Only this module turns globus-sdk's exceptions into this package's. `runtime.requests` makes the
retries, so that they count against the rate limit. There is one exception: if the service refuses
an access token, globus-sdk refreshes it and repeats the request.
"""

from __future__ import annotations

import asyncio
import functools
import platform
import sys
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import globus_sdk
from globus_sdk.transport import RetryConfig
from globus_sdk.transport.default_retry_checks import check_expired_authorization

from gc_jupyter import __version__, errors
from gc_jupyter.protocol.sdk_version import COMPATIBLE_SDK_VERSION
from gc_jupyter.remote_text import one_line
from gc_jupyter.secret import Secret, without_frames
from gc_jupyter.service.amqp import AmqpStream
from gc_jupyter.service.amqp_address import AmqpAddress, KnownPorts
from gc_jupyter.service.base import (
    Ask,
    FunctionRegistration,
    StreamSink,
    SubmitReply,
    SubmitRequest,
    TaskStatus,
)
from gc_jupyter.service.globus_failures import refused, unreachable
from gc_jupyter.service.transport import DirectTransport, service_address
from gc_jupyter.unencrypted import how_to_allow, refused_host

T = TypeVar("T")

_APP_NAME = f"globus-compute-sdk-{COMPATIBLE_SDK_VERSION}/gc_jupyter-{__version__}"
_SOMEBODY_ELSE = (
    "Something between here and the service may have answered instead: a proxy or a log-in page."
    f" {errors.SEE_DOCTOR}"
)


class _OneTry:
    """A client that sends each request once, and repeats it only with a refreshed token."""

    def _register_standard_retry_checks(self, retry_config: RetryConfig) -> None:
        retry_config.checks.register_many_checks([check_expired_authorization])


class _V2(_OneTry, globus_sdk.ComputeClientV2):
    pass


class _V3(_OneTry, globus_sdk.ComputeClientV3):
    pass


class GlobusService:
    """See `service.base.Service`; blocking calls may run on several threads at once.

    Parameters
    ----------
    app, authorizer:
        One of the two, which signs the requests.
    base_url:
        Overrides globus-sdk's choice (which honours ``GLOBUS_SDK_SERVICE_URL_COMPUTE`` and
        ``GLOBUS_SDK_ENVIRONMENT``).
    environment:
        A Globus environment other than the one named by ``GLOBUS_SDK_ENVIRONMENT``.
    renewal:
        What a user can do when the service refuses the token; errors say it.
    known_ports:
        The record of the broker's ports.
    transport:
        globus-sdk's transport, which may already be connecting.
    """

    rate_limited = True
    here = False

    def __init__(
        self,
        *,
        app: globus_sdk.GlobusApp | None = None,
        authorizer: globus_sdk.authorizers.GlobusAuthorizer | None = None,
        base_url: str | None = None,
        environment: str | None = None,
        renewal: str = "",
        known_ports: KnownPorts | None = None,
        transport: DirectTransport | None = None,
    ) -> None:
        self._renewal = renewal
        base_url = service_address(base_url, environment)
        self.address = base_url
        self._in_clear = refused_host(base_url)
        self._transport = transport or DirectTransport(base_url)
        self.answer_s = self._transport.http_timeout
        options: dict[str, Any] = {
            "app": app,
            "authorizer": authorizer,
            "base_url": base_url,
            "environment": environment,
            "app_name": _APP_NAME,
            "transport": self._transport,
        }
        self._known_ports = known_ports or KnownPorts()  # used by the streams alone, on their loop
        self.v2 = _V2(retry_config=_retry_config(), **options)
        self.v3 = _V3(retry_config=_retry_config(), **options)

    # --- Service ---------------------------------------------------------------------------

    @property
    def connecting(self) -> bool:
        """See Service."""
        return self._transport.connecting

    def register_function(self, registration: FunctionRegistration) -> str:
        """See Service; POST /v3/functions."""
        reply = self.call(self.v3.register_function, registration_body(registration))
        function_id = _part(reply, "function_uuid", str)
        if warning := one_line(str(reply.get("ha_warning") or ""), 1000):
            warnings.warn(warning, stacklevel=2)
        return function_id

    def submit(self, request: SubmitRequest) -> SubmitReply:
        """See Service; POST /v3/endpoints/{id}/submit."""
        reply: Any = None
        try:
            reply = self.call(self.v3.submit, request.endpoint_id, submit_body(request))
            group = _part(reply, "task_group_id", str)
            if request.task_group_id not in (None, group):
                raise errors.BadReply(f"The reply is of another task group, {one_line(group)}.")
            return SubmitReply(
                task_group_id=group,
                endpoint_id=str(reply.get("endpoint_id") or request.endpoint_id),
                request_id=str(reply.get("request_id") or ""),
                tasks=_part(reply, "tasks", dict),
                ha_warning=one_line(str(reply.get("ha_warning") or ""), 1000),
            )
        except errors.ServiceRefused as error:
            if error.status >= 500:
                raise _uncertain(request, f"it answered {error.status}") from error
            raise
        except errors.ServiceUnreachable as error:
            if error.sent:
                raise _uncertain(request, error.reason) from error
            raise
        except errors.BadReply as error:
            uncertain = _uncertain(request, error.reason)
            uncertain.task_group_id = request.task_group_id or _group_in(reply)
            raise uncertain from error

    def task_statuses(self, task_ids: Sequence[str]) -> Mapping[str, TaskStatus]:
        """See Service; POST /v2/batch_status."""
        reply = self.call(self.v2.get_task_batch, list(task_ids))
        return {
            task_id: task_status(task_id, one)
            for task_id, one in _part(reply, "results", dict).items()
            if isinstance(one, dict)
        }

    def task_group(self, task_group_id: str) -> Sequence[str]:
        """See Service; GET /v2/taskgroup/{id}."""
        reply = self.call(self.v2.get_task_group, task_group_id)
        answered = _part(reply, "taskgroup_id", str)
        if answered != str(task_group_id):
            raise errors.BadReply(
                f"Asked for task group {task_group_id}, the service answered with {answered}.",
                next_step=_SOMEBODY_ELSE,
            )
        return [_part(task, "id", str) for task in _part(reply, "tasks", list)]

    def endpoint_online(self, endpoint_id: str) -> bool:
        """See Service; GET /v2/endpoints/{id}/status."""
        return _part(self.call(self.v2.get_endpoint_status, endpoint_id), "status", str) == "online"

    def stop_tasks(self, task_ids: Sequence[str], patience: float = 0.0) -> bool:  # noqa: ARG002
        """See Service: registered tasks can't be cancelled (docs/protocol.md, "Limits")."""
        return False

    def holders(self) -> Sequence[tuple[str, float]]:
        """See Service. The web service doesn't report it."""
        return ()

    def open_stream(
        self,
        loop: asyncio.AbstractEventLoop,
        ask: Ask,
        sink: StreamSink,
        *,
        port: int | None = None,
    ) -> AmqpStream:
        """See Service."""
        return AmqpStream(loop, ask, sink, self.amqp_address, port, self._known_ports)

    def close(self) -> None:
        """See Service."""
        self._transport.close()

    # --- further calls for the client --------------------------------------------------------

    def task(self, task_id: str) -> TaskStatus:
        """GET /v2/tasks/{id}."""
        return task_status(task_id, self.call(self.v2.get_task, task_id))

    def amqp_address(self) -> AmqpAddress:
        """A fresh address of the result queues; every call makes a new password.

        Raises
        ------
        StreamError
            It can't be read, or asks for a connection without TLS.
        """
        reply = self.call(self.v2.get_result_amqp_url)
        if isinstance(reply, dict) and isinstance(url := reply.get("connection_url"), str):
            reply["connection_url"] = url = Secret(url)  # it holds a password
        address = AmqpAddress(
            _part(reply, "queue_prefix", str), _part(reply, "connection_url", str)
        )
        address.check_encrypted()
        return address

    def call(self, method: Callable[..., globus_sdk.GlobusHTTPResponse], *args: Any) -> Any:
        """Call a globus-sdk method and return the reply's JSON.

        Raises
        ------
        ServiceError
            The kind that fits the reply.
        """
        if self._in_clear:
            raise errors.ServiceError(
                f"The service's address, {one_line(self.address, 200)}, has no TLS: your login and"
                " your tasks could be read and changed on the way.",
                next_step=how_to_allow(self._in_clear),
            )
        try:
            data = method(*args).data
        except globus_sdk.GlobusAPIError as error:
            # not `from error`: globus-sdk's error has the reply's whole body in a note
            raise refused(error, self._renewal) from None
        except globus_sdk.NetworkError as error:
            raise unreachable(error) from without_frames(error)
        except RecursionError:  # JSON that is nested too deeply
            data = None
        if data is None:
            raise errors.BadReply("The service's reply is not JSON.", next_step=_SOMEBODY_ELSE)
        return data


def registration_body(registration: FunctionRegistration) -> dict[str, Any]:
    """The JSON of POST /v3/functions."""
    optional = {
        "description": registration.description,
        "public": registration.public or None,
        "group": registration.group,
        "ha_endpoint_id": registration.ha_endpoint_id,
    }
    return {
        "function_name": registration.name,
        "function_code": registration.code,
        "serialized": registration.serialized,
        "meta": dict(registration.metadata) or None,
        **{name: value for name, value in optional.items() if value},
    }


def submit_body(request: SubmitRequest) -> dict[str, Any]:
    """The JSON of POST /v3/endpoints/{id}/submit."""
    optional = {
        "task_group_id": request.task_group_id,
        "resource_specification": request.resource_specification,
        "user_endpoint_config": request.user_endpoint_config,
        "result_serializers": list(request.result_serializers),
    }
    return {
        "create_queue": request.create_queue,
        "tasks": dict(request.tasks),
        "user_runtime": user_runtime(),
        **{name: value for name, value in optional.items() if value},
    }


@functools.cache
def user_runtime() -> Mapping[str, Any]:
    """The description of this process for endpoint templates (`user_runtime`)."""
    return {
        "globus_compute_sdk_version": COMPATIBLE_SDK_VERSION,
        "globus_sdk_version": globus_sdk.__version__,
        "python_version": sys.version,
        "python": {
            "version": platform.python_version(),
            "version_description": sys.version,
            "version_tuple": sys.version_info[:3],
            "version_info": tuple(sys.version_info),
            "compiler": platform.python_compiler(),
            "implementation": platform.python_implementation(),
        },
        "platform": {
            "architecture": platform.architecture(),
            "machine": platform.machine(),
            "node": platform.node(),
            "platform": platform.platform(),
            "processor": platform.processor(),
            "release": platform.release(),
        },
    }


def task_status(task_id: str, reply: Mapping[str, Any]) -> TaskStatus:
    """One task of a `batch_status` or `tasks/{id}` reply."""
    details = reply.get("details")
    status = str(reply.get("status") or "unknown").lower()
    result, exception = _text(reply.get("result")), _text(reply.get("exception"))
    reason = ""
    if status in ("abandoned", "failed") and result is None and exception is None:
        reason = one_line(str(reply.get("reason") or ""), 2000)
        exception = reason or f"The service has no result: the task is {status}."
    return TaskStatus(
        task_id=task_id,
        status=status,
        completion_t=_text(reply.get("completion_t")),
        result=result,
        exception=exception,
        details=details if isinstance(details, dict) else None,
        reason=reason,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _retry_config() -> RetryConfig:
    return RetryConfig(max_retries=1, backoff=lambda _context: 0.0)


def _part(reply: object, name: str, kind: type[T]) -> T:
    """A field that a reply must have."""
    value = reply.get(name) if isinstance(reply, dict) else None
    if not isinstance(value, kind):
        raise errors.BadReply(
            f"The service's reply has no {name} as expected.", next_step=_SOMEBODY_ELSE
        )
    return value


def _uncertain(request: SubmitRequest, why: str) -> errors.SubmitUncertain:
    count = sum(len(tasks) for tasks in request.tasks.values())
    group = request.task_group_id
    where = f"task group {group}" if group else "a new task group"
    error = errors.SubmitUncertain(
        f"It is not known whether the service accepted {count} task{'s'[: count != 1]}"
        f" for {where}: {why.rstrip('.')}.",
        next_step="The tasks were not sent again, for they could run twice. Submit them again if"
        " that does no harm.",
    )
    error.task_group_id = group
    return error


def _group_in(reply: object) -> str | None:
    """The task group in a reply of which nothing else can be read."""
    named = reply.get("task_group_id") if isinstance(reply, dict) else None
    try:
        return str(uuid.UUID(named)) if isinstance(named, str) else None
    except ValueError:
        return None
