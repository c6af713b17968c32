"""The functions of an executor: registered once, and known by their ids afterwards."""

from __future__ import annotations

import contextlib
import platform
from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any

from gc_jupyter.client import Client
from gc_jupyter.errors import ServiceError
from gc_jupyter.executor.options import BatchOptions
from gc_jupyter.functions.python import FunctionCache, Submittable, registration
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.travel.sending import going_to
from gc_jupyter.types import LOCAL_ENDPOINT_ID, UUIDLike
from gc_jupyter.uuids import optional_uuid_text

if TYPE_CHECKING:
    from gc_jupyter.runtime.dispatcher import Dispatcher


class Registrations(BatchOptions):
    """See Executor."""

    #: Port of the result stream; None for the one that the service names.
    amqp_port: int | None = None

    def __init__(self) -> None:
        super().__init__()
        self._functions = FunctionCache()
        self._stopped = False

    @property
    @abstractmethod
    def client(self) -> Client:
        """The client that submits."""

    @property
    @abstractmethod
    def serializer(self) -> ComputeSerializer:
        """Serializes functions and arguments."""

    def register_function(
        self, fn: Submittable, function_id: UUIDLike | None = None, **options: Any
    ) -> str:
        """Register a function now, or say under which id it is registered already.

        Parameters
        ----------
        fn:
            The function; later `submit(fn)` calls use this registration.
        function_id:
            The id of an earlier registration, a UUID: no request is made.
        **options:
            As for `Client.register_function`: description, public, group, ...

        Raises
        ------
        ValueError
            The function is registered with this executor under another id.
        """
        self._check_open("refusing to register function")
        given = optional_uuid_text(function_id, "function_id")
        known = self._functions.get(fn)
        if isinstance(known, str):
            if given == known:
                return known
            attempt = f" (attempted id: {given})" if given else ""
            raise ValueError(f"Function already registered as function id: {known}{attempt}")
        if given is None:
            with going_to(self._python_there, self._route.endpoint_id):
                made = registration(fn, self.serializer, **options)
            given = self.client.with_login(partial(self._dispatcher().register, made))
        self._functions.put(fn, given)
        return given

    def register_source_code(self, source: str, function_name: str, **options: Any) -> str:
        """Register Python source with the name of its entry point; returns the function id.

        Parameters
        ----------
        source, function_name, **options:
            As for `Client.register_source_code`.

        Raises
        ------
        ValueError
            This executor has registered the same source before.
        """
        self._check_open("refusing to register function")
        known = self._functions.get(SourceFunction(function_name, source))
        if isinstance(known, str):
            raise ValueError(f"Function already registered as function id: {known}")
        function_id = self.client.register_source_code(source, function_name, **options)
        self._functions.put(SourceFunction(function_name, source), function_id)
        return function_id

    def _python_there(self) -> str:
        """The Python that runs the tasks; empty where that isn't known. It may ask the service."""
        if self._is_local:
            return platform.python_version()
        if self._route.endpoint_id:
            with contextlib.suppress(ServiceError):  # the submission itself will say what is wrong
                return self.client.endpoint_python(self._route.endpoint_id)
        return ""

    @property
    def _is_local(self) -> bool:
        return self._route.endpoint_id == LOCAL_ENDPOINT_ID

    def _dispatcher(self) -> Dispatcher:
        return self.client.dispatcher(self._route.endpoint_id, self.amqp_port)

    def _check_open(self, consequence: str) -> None:
        if self._stopped:
            raise RuntimeError(f"{self!r} is shutdown; {consequence}")
