"""Executor: submit functions to one endpoint and get futures, as with concurrent.futures."""

from __future__ import annotations

import concurrent.futures
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gc_jupyter.client import Client
from gc_jupyter.executor.registrations import Registrations
from gc_jupyter.functions.hardware import HARDWARE_REPORT
from gc_jupyter.functions.python import Submittable, registration
from gc_jupyter.future import TaskFuture, results_in_order
from gc_jupyter.protocol.batches import MAX_BATCH_TASKS, Route, check_payload_size
from gc_jupyter.runtime.tasks import Origin, QueuedTask
from gc_jupyter.serialize import (
    DEFAULT_STRATEGY_DATA,
    ComputeSerializer,
    JSONData,
    remote_path,
)
from gc_jupyter.serialize.limits import both, check_result, limit_of, results_limit
from gc_jupyter.serialize.near import NEAR_DATA, NearData, forget
from gc_jupyter.serialize.streamed import StreamedArguments
from gc_jupyter.service.base import FunctionRegistration
from gc_jupyter.travel.sending import going_to
from gc_jupyter.types import LOCAL_ENDPOINT_ID, LOCAL_NAME, UUIDLike
from gc_jupyter.uuids import as_uuid_text, optional_uuid

if TYPE_CHECKING:
    from gc_jupyter.serialize import Strategylike

_FIRST_USE = threading.Lock()


class Executor(Registrations):
    """Runs functions on a Globus Compute endpoint (Executor user guide).

    Parameters
    ----------
    endpoint_id:
        UUID of the endpoint, or ``"local"`` for worker processes on this machine.
    client:
        The `Client` to submit with; by default one of its own, which logs in when needed.
    task_group_id:
        Group for the tasks, as for `reload_tasks`. By default the client's own, made with its
        first submission.
    resource_specification, user_endpoint_config:
        JSON-serializable dicts for the endpoint's engine and template.
    label:
        Shown beside the tasks.
    batch_size:
        The most tasks sent in one request.
    amqp_port:
        Port of the result stream: 443, 5671 or 5672; by default the one that the service names.
    api_burst_limit, api_burst_window_s:
        Accepted for compatibility. The limit of 20 submissions in 10 s holds in any case.
    serializer:
        Used in place of the client's.
    result_serializers:
        Strategies that the endpoint tries in order for the results. If none of them runs code,
        results of other strategies are refused.

    Notes
    -----
    Submitting returns at once. It raises if an argument can't be serialized or is too large. Any
    later error becomes the future's exception. If a batch fails, only its futures fail, and the
    executor stays usable.
    """

    def __init__(
        self,
        endpoint_id: UUIDLike | None = None,
        client: Client | None = None,
        task_group_id: UUIDLike | None = None,
        resource_specification: dict[str, Any] | None = None,
        user_endpoint_config: dict[str, Any] | None = None,
        label: str = "",
        batch_size: int = MAX_BATCH_TASKS,
        amqp_port: int | None = None,
        api_burst_limit: int = 4,
        api_burst_window_s: int = 16,
        serializer: ComputeSerializer | None = None,
        result_serializers: Iterable[Strategylike] | None = None,
    ) -> None:
        super().__init__()
        self.endpoint_id = endpoint_id
        self.task_group_id = task_group_id
        self.resource_specification = resource_specification
        self.user_endpoint_config = user_endpoint_config
        self.result_serializers = result_serializers
        self.batch_size = batch_size
        self.amqp_port = amqp_port
        self.api_burst_limit = api_burst_limit
        self.api_burst_window_s = api_burst_window_s
        self.label = label
        self._client = client
        self._serializer: ComputeSerializer | None = None
        if serializer is not None:
            self.serializer = serializer
        self._origin = Origin(self._deserialize)

    # --- where and how ---------------------------------------------------------------------

    @property
    def client(self) -> Client:
        """The client that submits; made, and logged in, at first use."""
        if self._client is None:
            with _FIRST_USE:  # two threads' first calls must not make two clients
                if self._client is None:
                    made = Client.local() if self._is_local else Client()
                    made.fx_serializer = self._serializer or made.fx_serializer
                    self._client = made
        return self._client

    @property
    def endpoint_id(self) -> uuid.UUID | None:
        """The endpoint that tasks go to; assign a UUID, its text, ``"local"`` or None."""
        return self._endpoint_id

    @endpoint_id.setter
    def endpoint_id(self, value: UUIDLike | None) -> None:
        self._endpoint_id = optional_uuid(
            LOCAL_ENDPOINT_ID if value == LOCAL_NAME else value, "endpoint_id"
        )
        text = str(self._endpoint_id) if self._endpoint_id else ""
        self._route = replace(self._route, endpoint_id=text)
        self._functions.forget_serialized()  # another Python may need another strategy
        self._checked: set[str] = set()  # registered functions whose Python was looked at

    @property
    def task_group_id(self) -> uuid.UUID | None:
        """The group of the tasks: the one set here, or the client's, which exists from its first
        submission on."""
        if self._task_group_id is not None or self._client is None or self._endpoint_id is None:
            return self._task_group_id
        return optional_uuid(self._dispatcher().submitter.task_group_id, "task_group_id")

    @task_group_id.setter
    def task_group_id(self, value: UUIDLike | None) -> None:
        self._task_group_id = optional_uuid(value, "task_group_id")
        text = str(self._task_group_id) if self._task_group_id else None
        self._route = replace(self._route, task_group_id=text)

    @property
    def serializer(self) -> ComputeSerializer:
        """Serializes functions and arguments, and decodes results; the client's unless set.

        The client uses one that is assigned here, too, as with the official SDK.
        """
        return self._serializer or self.client.fx_serializer

    @serializer.setter
    def serializer(self, value: ComputeSerializer) -> None:
        if not isinstance(value, ComputeSerializer):
            raise TypeError(f"Expected ComputeSerializer, got {type(value).__name__}")
        self._serializer = value
        if self._client is not None:
            self._client.fx_serializer = value
        self._functions.forget_serialized()

    @property
    def task_count_submitted(self) -> int:
        """How many of this executor's tasks the service has accepted."""
        return self._origin.submitted

    # --- submitting ------------------------------------------------------------------------

    def submit(self, /, *args: Any, **kwargs: Any) -> TaskFuture:
        """Run ``fn(*args, **kwargs)`` on the endpoint.

        Parameters
        ----------
        *args, **kwargs:
            A callable, a ShellFunction or a SourceFunction, and its arguments. Without positional
            arguments the callable may be `fn=`.

        Returns
        -------
        TaskFuture
            At once; the request leaves in the background.

        Raises
        ------
        SerializationError
            The function or an argument can't be serialized.
        PayloadTooLarge
            Over the service's 10 MB when encoded.
        RuntimeError
            After `shutdown`.
        ValueError
            No endpoint is set.
        TypeError
            No function is given.
        """
        if not args:
            if "fn" not in kwargs:
                raise TypeError("submit() needs a function: submit(f, 1, 2)")
            args = (kwargs.pop("fn"),)
        return self.submit_as(TaskFuture(), *args, **kwargs)

    def submit_as(
        self, future: TaskFuture, fn: Submittable, /, *args: Any, **kwargs: Any
    ) -> TaskFuture:
        """As `submit`, for a future of the caller's own: its `decode` unpacks the result.

        Parameters
        ----------
        future:
            Is returned.
        fn, *args, **kwargs:
            As for `submit`; or one `StreamedArguments`.
        """
        function = self._registration(fn)
        if args and isinstance(args[0], StreamedArguments):
            return self._put(future, function, self._route, args[0])
        return self._queue(future, function, args, kwargs)

    def _registration(self, fn: Submittable) -> FunctionRegistration | str:
        self._check_ready()
        function = self._functions.get(fn)
        if function is None:
            with going_to(self._python_there, self._route.endpoint_id):
                function = registration(fn, self.serializer)
            check_payload_size(function.code, f"function {function.name}")
            self._functions.put(fn, function)
        return function

    def submit_to_registered_function(
        self,
        function_id: UUIDLike,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> TaskFuture:
        """Run a function that is registered already, also one that others registered.

        Parameters
        ----------
        function_id:
            As `register_function` returned it.
        args, kwargs:
            Arguments for the function.
        """
        self._check_ready()
        function = as_uuid_text(function_id, "function_id")
        if function not in self._checked and not self._is_local:
            self._checked.add(function)
            self.client.warn_of_versions(str(self._endpoint_id), [function])
        return self._queue(TaskFuture(), function, tuple(args or ()), dict(kwargs or {}))

    def map(
        self,
        fn: Submittable,
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,  # noqa: ARG002 - tasks share requests anyway
    ) -> Iterator[Any]:
        """As `concurrent.futures.Executor.map`: submits everything, yields results in order.

        The tasks go out together, in as few requests as the limits of size and count allow.

        Parameters
        ----------
        fn, *iterables:
            A function, and one iterable for each of its arguments.
        timeout:
            Seconds for all results, from this call on.
        chunksize:
            Has no effect.
        """
        futures = [self.submit(fn, *args) for args in zip(*iterables, strict=False)]
        return results_in_order(futures, timeout)

    def gathering(self) -> AbstractContextManager[None]:
        """``with executor.gathering():`` sends what is submitted in it at its end, in as few
        requests as the limits of size and count allow."""
        self._check_ready()
        return self._dispatcher().submitter.gathering()

    def get_worker_hardware_details(self) -> str:
        """What the endpoint's workers run on, as text; waits for a task of the endpoint."""
        return str(self.submit(HARDWARE_REPORT).result())

    def reload_tasks(self, task_group_id: UUIDLike | None = None) -> list[TaskFuture]:
        """Futures for every task of the group, as to pick up work of an earlier process
        (Executor user guide, "Reloading Tasks").

        Parameters
        ----------
        task_group_id:
            Replaces the executor's own.

        Raises
        ------
        ValueError
            No task group is known.
        """
        if task_group_id is not None:
            self.task_group_id = task_group_id
        group = self.task_group_id
        if group is None:
            raise ValueError("must specify a task_group_id in order to reload tasks")
        return self._dispatcher().adopt(str(group), self._origin)

    def cancel_unsent(self) -> int:
        """Cancel this executor's tasks that no request carries yet; how many they were."""
        return self._dispatcher().cancel_unsent(self._origin)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Accept nothing more.

        Parameters
        ----------
        wait:
            Return only when every future of this executor is resolved.
        cancel_futures:
            Cancel the tasks that were not sent yet. Sent ones can't be cancelled.
        """
        self._stopped = True
        if self._client is None or self._endpoint_id is None:
            return
        dispatcher = self._dispatcher()
        if cancel_futures:
            self.cancel_unsent()
        while wait and (pending := dispatcher.open_futures(self._origin)):
            concurrent.futures.wait(pending)

    def _get_result_watcher(self) -> concurrent.futures.Executor:
        """What Parsl's GlobusComputeExecutor shuts down at its end, after the executor."""
        return self

    def __repr__(self) -> str:
        label = f"{self.label}; " if self.label else ""
        ids = f"ep_id:{self._endpoint_id}; tg_id:{self._task_group_id}"
        return f"Executor<{label}{ids}; bs:{self.batch_size}>"

    def _queue(
        self,
        future: TaskFuture,
        function: FunctionRegistration | str,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> TaskFuture:
        serializer = self.serializer
        near = self._is_local and not self._limit() and self._result_serializers is None
        near = near and serializer.data_serializer is DEFAULT_STRATEGY_DATA
        with going_to(self._python_there, self._route.endpoint_id):
            write = NEAR_DATA.serialize if near else serializer.serialize
            parts = [write(args), write(kwargs)]
        payload = serializer.pack_buffers(parts)
        route = self._route
        if near:
            route = replace(route, result_serializers=(NearData.identifier,))
            for one in parts:
                if one.startswith(NearData.identifier):
                    future.add_done_callback(partial(forget, one))
        return self._put(future, function, route, payload)

    def _put(
        self,
        future: TaskFuture,
        function: FunctionRegistration | str,
        route: Route,
        payload: str | StreamedArguments,
    ) -> TaskFuture:
        name = function if isinstance(function, str) else function.name
        size = check_payload_size(payload, name)
        of_endpoint = results_limit(route.endpoint_id)
        if limit := both(self._limit(), of_endpoint):
            future._describe(limit=limit)
        if of_endpoint and not route.result_serializers:
            route = replace(route, result_serializers=(remote_path(JSONData),))
        task = QueuedTask(future, self._origin, route, function, payload, size)
        self._dispatcher().submit(task, self.label or name)
        return future

    def _limit(self) -> str:
        """By what its tasks' results may be read."""
        return limit_of(self.serializer.allowed_deserializer_types, self._result_serializers)

    def _deserialize(self, text: str) -> Any:
        check_result(text, self._limit())  # the completer has checked the endpoint's
        value = self.serializer.deserialize_result(text)
        forget(text)
        return value

    def _check_ready(self) -> None:
        self._check_open("no new functions may be executed")
        if self._endpoint_id is None:
            raise ValueError("No endpoint_id set.  Set it: executor.endpoint_id = <endpoint id>")
