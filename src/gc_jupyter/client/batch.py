"""Batch: calls to send together, in the three forms that guides of three ages show."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gc_jupyter.protocol.batches import MAX_BATCH_BYTES, MAX_BATCH_TASKS, check_payload_size
from gc_jupyter.serialize import ComputeSerializer, Strategylike, remote_path
from gc_jupyter.service.base import SubmitRequest
from gc_jupyter.types import UUIDLike
from gc_jupyter.uuids import as_uuid_text, is_uuid_like, optional_uuid

_MISSING: Any = object()


@dataclass(frozen=True, slots=True)
class BatchCall:
    """One call of a batch: whom, where (or None: `batch_run` says), and packed arguments."""

    function_id: str
    endpoint_id: str | None
    payload: str
    size: int


def json_text(value: dict[str, Any] | None, name: str) -> str:
    """The canonical text of an option for the endpoint; empty for None.

    Raises
    ------
    TypeError
        It is no dict, or not JSON-serializable; `name` says which option is meant.
    """
    if value is None:
        return ""
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be of type dict, not {type(value).__name__}")
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be JSON-serializable: {error}") from error


class Batch:
    """Calls to submit together by `Client.batch_run`; made by `Client.create_batch`.

    Parameters
    ----------
    task_group_id:
        Group for the tasks; by default the client's own.
    resource_specification, user_endpoint_config:
        JSON-serializable dicts for the endpoint.
    request_queue:
        Whether the service shall make the group's result queue, as executors need.
    serializer:
        For the arguments.
    user_runtime:
        Accepted for compatibility: what is sent always describes this process.
    result_serializers:
        Strategies that the endpoint tries in order for the results.

    Raises
    ------
    TypeError
        An option is no dict, or not JSON-serializable.
    SerdeError
        No strategy of this name is known.
    ValueError
        A malformed UUID.
    """

    def __init__(
        self,
        task_group_id: UUIDLike | None = None,
        resource_specification: dict[str, Any] | None = None,
        user_endpoint_config: dict[str, Any] | None = None,
        request_queue: bool = False,
        serializer: ComputeSerializer | None = None,
        user_runtime: object = None,  # noqa: ARG002 - official keyword
        result_serializers: Sequence[Strategylike] | None = None,
    ) -> None:
        self.task_group_id = task_group_id
        json_text(resource_specification, "resource_specification")
        json_text(user_endpoint_config, "user_endpoint_config")
        self.resource_specification = resource_specification
        self.user_endpoint_config = user_endpoint_config
        self.request_queue = request_queue
        self.result_serializers = [remote_path(one) for one in result_serializers or ()]
        self._serializer = serializer or ComputeSerializer()
        self.calls: list[BatchCall] = []

    @property
    def task_group_id(self) -> uuid.UUID | None:
        """Group for the tasks; assign a UUID, its text or None."""
        return self._task_group_id

    @task_group_id.setter
    def task_group_id(self, value: UUIDLike | None) -> None:
        self._task_group_id = optional_uuid(value, "task_group_id")

    def add(
        self,
        *positional: Any,
        function_id: UUIDLike | None = None,
        endpoint_id: UUIDLike | None = None,
        args: Sequence[Any] | None = _MISSING,
        kwargs: Mapping[str, Any] | None = _MISSING,
        **named: Any,
    ) -> None:
        """Add a call, in one of three forms:

        ``add(function_id, args=(…), kwargs={…})``
            Client user guide; `args` and `kwargs` may be positional.
        ``add(function_id, endpoint_id, args=(…))``
            Executor user guide, "Reloading Tasks".
        ``add(x, …, endpoint_id=…, function_id=…)``
            Tutorial and funcX guide: everything else goes to the function.

        Parameters
        ----------
        function_id, endpoint_id:
            UUIDs; without an endpoint, `batch_run` says it.
        args, kwargs:
            The function's arguments, in the first two forms.
        *positional, **named:
            The function's arguments, in the third form.

        Raises
        ------
        TypeError
            None of the three fits, `args` is no list or tuple, or `kwargs` no dict with text keys.
        SerializationError
            An argument can't be serialized.
        PayloadTooLarge
            Over the service's 10 MB when encoded.
        """
        rest = list(positional)
        call_args: Any
        call_kwargs: Any
        packed = args is not _MISSING or kwargs is not _MISSING
        if function_id is not None and not packed:
            function, call_args, call_kwargs = function_id, tuple(rest), named
        else:
            if function_id is None:
                if not rest:
                    raise TypeError("Batch.add: no function_id given")
                function_id = rest.pop(0)
            function = function_id
            if rest and endpoint_id is None and is_uuid_like(rest[0]):
                endpoint_id = rest.pop(0)
            call_args = rest.pop(0) if rest else () if args is _MISSING else args
            call_kwargs = rest.pop(0) if rest else {} if kwargs is _MISSING else kwargs
            if rest or named:
                extra = [repr(one)[:40] for one in rest] + sorted(named)
                raise TypeError(
                    f"Batch.add: {', '.join(extra)} not understood; the function's arguments go"
                    " into args=(…) and kwargs={…}"
                )
        self._add(
            as_uuid_text(function, "function_id"),
            as_uuid_text(endpoint_id, "endpoint_id") if endpoint_id else None,
            () if call_args is None else call_args,
            {} if call_kwargs is None else call_kwargs,
        )

    def _add(self, function_id: str, endpoint_id: str | None, args: Any, kwargs: Any) -> None:
        if not isinstance(args, list | tuple):
            raise TypeError(f"args: expected `tuple`, got: {type(args).__name__}")
        if not isinstance(kwargs, dict):
            raise TypeError(f"kwargs: expected dict, got: {type(kwargs).__name__}")
        for key in kwargs:
            if not isinstance(key, str):
                raise TypeError(
                    f"kwargs: expected kwargs with `str` keys, got: {type(key).__name__}"
                )
        serializer = self._serializer
        texts = [serializer.serialize(args), serializer.serialize(kwargs)]
        payload = serializer.pack_buffers(texts)
        size = check_payload_size(payload, f"function {function_id}")
        self.calls.append(BatchCall(function_id, endpoint_id, payload, size))

    def __len__(self) -> int:
        """How many calls it holds."""
        return len(self.calls)

    def __bool__(self) -> bool:
        return bool(self.calls)

    def __repr__(self) -> str:
        functions = len({call.function_id for call in self.calls})
        return f"<Batch: {len(self)} tasks of {functions} functions>"

    @property
    def tasks(self) -> dict[uuid.UUID, list[str]]:
        """Function id -> packed arguments, in order."""
        grouped: dict[uuid.UUID, list[str]] = {}
        for call in self.calls:
            grouped.setdefault(uuid.UUID(call.function_id), []).append(call.payload)
        return grouped

    def prepare(self) -> dict[str, Any]:
        """What will be sent, as a dict (Client user guide, "Batching").

        A large batch is sent in several parts, and one with calls for several endpoints in one for
        each at least.
        """
        from gc_jupyter.service.globus import submit_body

        return submit_body(self.request("", self.calls, None))

    def request(
        self, endpoint_id: str, calls: Sequence[BatchCall], task_group_id: str | None
    ) -> SubmitRequest:
        """The request for some of the calls.

        Parameters
        ----------
        endpoint_id:
            Where they go.
        calls:
            Some of this batch's.
        task_group_id:
            The group where the batch names none.
        """
        tasks: dict[str, list[str]] = {}
        for call in calls:
            tasks.setdefault(call.function_id, []).append(call.payload)
        group = task_group_id or (str(self.task_group_id) if self.task_group_id else None)
        return SubmitRequest(
            endpoint_id=endpoint_id,
            tasks=tasks,
            task_group_id=group,
            create_queue=self.request_queue,
            resource_specification=self.resource_specification,
            user_endpoint_config=self.user_endpoint_config,
            result_serializers=self.result_serializers,
        )

    def parts(self, endpoint_id: str | None) -> list[tuple[str, list[BatchCall]]]:
        """The calls by request: one endpoint each, within the limits of count and bytes.

        Parameters
        ----------
        endpoint_id:
            Where all go; None for the endpoints of the calls.

        Raises
        ------
        TypeError
            A call has no endpoint, and none is given here.
        """
        parts: list[tuple[str, list[BatchCall]]] = []
        room: dict[str, tuple[list[BatchCall], int]] = {}
        for call in self.calls:
            where = endpoint_id or call.endpoint_id
            if where is None:
                raise TypeError(
                    "batch_run: no endpoint; use batch_run(endpoint_id, batch), or give each call"
                    " one: batch.add(…, endpoint_id=…)"
                )
            part, size = room.get(where, ([], 0))
            if not part or len(part) >= MAX_BATCH_TASKS or size + call.size > MAX_BATCH_BYTES:
                part, size = [], 0
                parts.append((where, part))
            part.append(call)
            room[where] = (part, size + call.size)
        return parts
