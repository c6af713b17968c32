"""Endpoints at the service: list, look at, manage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gc_jupyter.client.tasks import TaskCalls
from gc_jupyter.functions.hardware import HARDWARE_REPORT
from gc_jupyter.functions.python import registration
from gc_jupyter.types import UUIDLike
from gc_jupyter.uuids import as_uuid_text, optional_uuid_text

_NO_WORKERS = {
    "total_workers": 0,
    "idle_workers": 0,
    "pending_tasks": 0,
    "outstanding_tasks": 0,
    "managers": 0,
}


class EndpointCalls(TaskCalls):
    """See Client."""

    def get_endpoint_status(self, endpoint_uuid: UUIDLike) -> dict[str, Any]:
        """State of an endpoint: `status`, and `details` of its workers and queue.

        `logs` holds the details once more, where the tutorial ("Managing Endpoints") looks for
        them.

        Parameters
        ----------
        endpoint_uuid:
            UUID of the endpoint.

        Raises
        ------
        NotFound
            There is none.
        """
        key = as_uuid_text(endpoint_uuid, "endpoint_uuid")
        reply: dict[str, Any] = self.call("get_endpoint_status", key)
        return {**reply, "logs": [{**_NO_WORKERS, **(reply.get("details") or {})}]}

    def get_endpoint_metadata(self, endpoint_uuid: UUIDLike) -> dict[str, Any]:
        """An endpoint's registration: name, owner, configuration, Python version, ...

        Parameters
        ----------
        endpoint_uuid:
            UUID of the endpoint.

        Raises
        ------
        NotFound
            There is none.
        """
        reply: dict[str, Any] = self.call(
            "get_endpoint", as_uuid_text(endpoint_uuid, "endpoint_uuid")
        )
        return reply

    def get_endpoints(self, role: str | None = None) -> list[dict[str, Any]]:
        """The endpoints that you own.

        Parameters
        ----------
        role:
            ``"any"`` to list all that you may use.
        """
        reply: list[dict[str, Any]] = self.call("get_endpoints", *([role] if role else []))
        return reply

    def get_allowed_functions(self, endpoint_id: UUIDLike) -> dict[str, Any]:
        """The functions that an endpoint runs: `restricted`, and where that is true `functions`.

        Parameters
        ----------
        endpoint_id:
            UUID of the endpoint.
        """
        key = as_uuid_text(endpoint_id, "endpoint_id")
        reply: dict[str, Any] = self.call("get_endpoint_allowlist", key, version=3)
        return reply

    def get_worker_hardware_details(self, endpoint_id: UUIDLike) -> str:
        """Submit a task that reports the hardware of an endpoint's worker; returns its task id.

        Its result is a text for people: see `get_result`.

        Parameters
        ----------
        endpoint_id:
            UUID of the endpoint.
        """
        key = as_uuid_text(endpoint_id, "endpoint_id")
        function_id = self.register(registration(HARDWARE_REPORT, self.fx_serializer))
        return self.run(endpoint_id=key, function_id=function_id)

    def register_endpoint(
        self,
        name: str,
        endpoint_id: UUIDLike | None = None,
        metadata: dict[str, Any] | None = None,
        multi_user: bool | None = None,
        display_name: str | None = None,
        allowed_functions: Sequence[UUIDLike] | None = None,
        auth_policy: UUIDLike | None = None,
        subscription_id: UUIDLike | None = None,
        public: bool | None = None,
        high_assurance: bool | None = None,
        admins: Sequence[UUIDLike] | None = None,
    ) -> dict[str, Any]:
        """Register an endpoint, or update the one with this id; returns its registration.

        Parameters
        ----------
        name, display_name:
            For the endpoint's directory, and for people.
        endpoint_id:
            Update this one.
        metadata:
            Anything of the endpoint's configuration.
        multi_user, public, high_assurance:
            Its kind, whether everyone may discover it, and whether it is high-assurance.
        allowed_functions:
            The only functions that it runs.
        auth_policy, subscription_id:
            UUIDs of a Globus authentication policy and subscription.
        admins:
            Globus identities that may manage it beside the owner.

        Raises
        ------
        ValueError
            A malformed UUID.
        """
        data: dict[str, Any] = {"endpoint_name": name}
        optional: dict[str, Any] = {
            "display_name": display_name,
            "multi_user": multi_user or None,
            "metadata": metadata or None,
            "allowed_functions": _ids(allowed_functions, "allowed_functions"),
            "authentication_policy": optional_uuid_text(auth_policy, "auth_policy"),
            "subscription_uuid": optional_uuid_text(subscription_id, "subscription_id"),
            "public": public,
            "high_assurance": high_assurance,
            "admins": _ids(admins, "admins"),
        }
        data.update({key: value for key, value in optional.items() if value is not None})
        key = optional_uuid_text(endpoint_id, "endpoint_id")
        self.version_check()
        if key:
            reply: dict[str, Any] = self.call("update_endpoint", key, data, version=3)
        else:
            reply = self.call("register_endpoint", data, version=3)
        return reply

    def stop_endpoint(self, endpoint_id: UUIDLike) -> dict[str, Any]:
        """Drop an endpoint's connections to the service, and refuse new ones for a while.

        Parameters
        ----------
        endpoint_id:
            UUID of the endpoint.
        """
        key = as_uuid_text(endpoint_id, "endpoint_id")
        reply: dict[str, Any] = self.call("lock_endpoint", key, version=3)
        return reply

    def delete_endpoint(self, endpoint_id: UUIDLike) -> dict[str, Any]:
        """Delete an endpoint's registration.

        Parameters
        ----------
        endpoint_id:
            UUID of the endpoint.
        """
        key = as_uuid_text(endpoint_id, "endpoint_id")
        reply: dict[str, Any] = self.call("delete_endpoint", key)
        return reply


def _ids(values: Sequence[UUIDLike] | None, name: str) -> list[str] | None:
    return [as_uuid_text(one, name) for one in values or ()] or None
