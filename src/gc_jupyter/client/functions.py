"""Calls about functions: register, look up, search and delete; and funcX's containers."""

from __future__ import annotations

import functools
import warnings
from functools import partial
from typing import Any

from gc_jupyter.client.connection import Connection
from gc_jupyter.errors import NotFound
from gc_jupyter.functions.python import Submittable, function_metadata, registration
from gc_jupyter.service.base import FunctionRegistration
from gc_jupyter.types import UUIDLike
from gc_jupyter.uuids import as_uuid_text, optional_uuid_text

_NO_CONTAINERS = (
    "Endpoints choose containers by their own configuration now; this value is not used."
)


class FunctionCalls(Connection):
    """See Client."""

    @functools.cached_property
    def _registered(self) -> dict[str, dict[str, Any]]:
        """This client's own functions, for `search_function`."""
        return {}

    def register_function(
        self,
        function: Submittable,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
        public: bool = False,
        group: UUIDLike | None = None,
        ha_endpoint_id: UUIDLike | None = None,
        *,
        function_name: str | None = None,
        container_uuid: UUIDLike | None = None,
        searchable: bool | None = None,
    ) -> str:
        """Register a function (Client user guide, "Registering Functions").

        Parameters
        ----------
        function:
            The function; what it uses travels with it.
        description:
            Replaces the function's docstring.
        metadata:
            Replaces what is said of this Python.
        public, group:
            Share it with everyone, or with a Globus group (its UUID).
        ha_endpoint_id:
            The only (high-assurance) endpoint that may run it; excludes `public` and `group`.
        function_name:
            A name in place of the function's own (funcX).
        container_uuid, searchable:
            Accepted for funcX's programs, with a warning: the service no longer has either.

        Returns
        -------
        str
            The function id.

        Raises
        ------
        SerializationError
            The code strategy can't serialize it.
        ValueError
            A malformed UUID, or `ha_endpoint_id` together with `public` or `group`.
        """
        for name, value in (("container_uuid", container_uuid), ("searchable", searchable)):
            if value is not None:
                warnings.warn(f"'{name}': {_NO_CONTAINERS}", stacklevel=2)
        return self._register(
            registration(
                function,
                self.fx_serializer,
                name=function_name,
                description=description,
                metadata=metadata,
                public=public,
                group=optional_uuid_text(group, "group"),
                ha_endpoint_id=optional_uuid_text(ha_endpoint_id, "ha_endpoint_id"),
            )
        )

    def register_source_code(
        self,
        source: str,
        function_name: str,
        description: str | None = None,
        metadata: dict[str, str] | None = None,
        public: bool = False,
        group: UUIDLike | None = None,
        ha_endpoint_id: UUIDLike | None = None,
    ) -> str:
        """Register Python source with the name of its entry point; returns the function id.

        Parameters
        ----------
        source, function_name:
            The text, which a worker executes in an empty namespace, and the function in it to call.
            The code strategy is not used.
        description, metadata, public, group, ha_endpoint_id:
            As for `register_function`.

        Raises
        ------
        ValueError
            As `register_function`.
        """
        if ha_endpoint_id and (public or group):
            raise ValueError("`ha_endpoint_id` is mutually exclusive with `public` and `group`")
        return self._register(
            FunctionRegistration(
                name=function_name,
                code=source,
                serialized=False,
                description=description,
                public=public,
                group=optional_uuid_text(group, "group"),
                ha_endpoint_id=optional_uuid_text(ha_endpoint_id, "ha_endpoint_id"),
                metadata=metadata or function_metadata(),
            )
        )

    def _register(self, made: FunctionRegistration) -> str:
        function_id = self.register(made)
        self._registered[function_id] = {
            "function_uuid": function_id,
            "function_name": made.name,
            "description": made.description or "",
            "public": made.public,
            "group": made.group,
            "metadata": dict(made.metadata),
        }
        return function_id

    def get_function(self, function_id: UUIDLike) -> dict[str, Any]:
        """What the service has of a function: name, description, serialized code, metadata.

        Parameters
        ----------
        function_id:
            As `register_function` returned it.

        Raises
        ------
        NotFound
            There is none, or it isn't shared with you.
        """
        key = as_uuid_text(function_id, "function_id")
        known = self.cache().functions
        if key not in known:
            known[key] = self.call("get_function", key)
        return dict(known[key])

    def delete_function(self, function_id: UUIDLike) -> dict[str, Any]:
        """Delete a function. Tasks that use it can no longer be submitted.

        Parameters
        ----------
        function_id:
            As `register_function` returned it.

        Raises
        ------
        NotFound
            There is none.
        """
        key = as_uuid_text(function_id, "function_id")
        self.cache().functions.pop(key, None)
        self._registered.pop(key, None)
        reply: dict[str, Any] = self.call("delete_function", key)
        return reply

    def search_function(self, q: str, offset: int = 0, limit: int = 10) -> list[dict[str, Any]]:
        """Search the functions that this client registered, by words in name and description.

        The service's own index (funcX SDK user guide, "Discovering Functions") is gone; a warning
        says so.

        Parameters
        ----------
        q:
            Words; a function must have all of them, in any case.
        offset, limit:
            Which of the hits, newest first.

        Returns
        -------
        list
            Dicts with `function_uuid`, `function_name`, `description`, `public`, `group`,
            `metadata`.
        """
        warnings.warn(
            "Globus Compute has no function search any more: only functions registered by this"
            " client are found.",
            stacklevel=2,
        )
        words = q.lower().split()
        hits = [
            dict(one)
            for one in reversed(self._registered.values())
            if all(word in f"{one['function_name']} {one['description']}".lower() for word in words)
        ]
        return hits[offset : offset + limit]

    def register_container(
        self, location: str, container_type: str, name: str = "", description: str = ""
    ) -> str:
        """Register a container image (funcX SDK user guide, "Register containers").

        Parameters
        ----------
        location, container_type:
            Where the image is, and its kind: ``docker``, ``singularity`` or ``shifter``.
        name, description:
            For people.

        Returns
        -------
        str
            The container id.

        Raises
        ------
        NotFound
            The service has no containers.
        """
        data = {
            "name": name,
            "location": location,
            "description": description,
            "type": container_type,
        }
        try:
            post = partial(self.globus_service().v2.post, "/v2/containers", data=data)
            reply = self.request(partial(self.globus_service().call, post))
        except NotFound as error:
            error.next_step = (
                "The service has no containers any more: name the image in the endpoint's"
                " configuration, under engine.container_uri."
            )
            raise
        return str(reply["container_id"])

    def get_container(self, container_uuid: UUIDLike, container_type: str) -> dict[str, Any]:
        """The details of a container for one kind of system (funcX).

        Parameters
        ----------
        container_uuid, container_type:
            As `register_container` returned it, and ``docker``, ``singularity`` or ``shifter``.

        Raises
        ------
        NotFound
            There is none.
        """
        key = as_uuid_text(container_uuid, "container_uuid")
        reply: dict[str, Any] = self.call("get", f"/v2/containers/{key}/{container_type}")
        details: dict[str, Any] = reply["container"]
        return details
