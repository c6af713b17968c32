"""Tasks at the service: run one, run a batch, ask for states and results."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from gc_jupyter.client.batch import Batch, BatchCall
from gc_jupyter.client.functions import FunctionCalls
from gc_jupyter.errors import ServiceError, SubmitUncertain, TaskPending
from gc_jupyter.functions.versions import differs, warn_of_registered
from gc_jupyter.protocol.batches import match_reply
from gc_jupyter.protocol.failures import task_error
from gc_jupyter.serialize import JSONData, Strategylike, remote_path
from gc_jupyter.serialize.foreign import written_by
from gc_jupyter.serialize.limits import both, check_result, limit_of, results_limit
from gc_jupyter.service.base import SubmitReply, TaskStatus, statuses_of
from gc_jupyter.types import UUIDLike
from gc_jupyter.uuids import as_uuid_text


class TaskCalls(FunctionCalls):
    """See Client."""

    def run(self, *args: Any, endpoint_id: UUIDLike, function_id: UUIDLike, **kwargs: Any) -> str:
        """Submit one call; returns its task id (Client user guide, "Running Functions").

        Parameters
        ----------
        *args, **kwargs:
            The function's arguments.
        endpoint_id, function_id:
            Where, and what.

        Raises
        ------
        NotFound
            The service doesn't know the endpoint or the function.
        SerializationError, PayloadTooLarge
            An argument can't be serialized, or all take more than 10 MB.
        ValueError
            A malformed UUID.
        """
        batch = self.create_batch()
        batch.add(function_id, args=args, kwargs=kwargs)
        return self._run(batch, as_uuid_text(endpoint_id, "endpoint_id"))[1][0]

    def create_batch(
        self,
        task_group_id: UUIDLike | None = None,
        resource_specification: dict[str, Any] | None = None,
        user_endpoint_config: dict[str, Any] | None = None,
        create_websocket_queue: bool = False,
        result_serializers: Sequence[Strategylike] | None = None,
    ) -> Batch:
        """An empty batch, whose arguments this client's data strategy serializes.

        Parameters
        ----------
        task_group_id, resource_specification, user_endpoint_config, result_serializers:
            See `Batch`.
        create_websocket_queue:
            The `request_queue` of `Batch`.
        """
        return Batch(
            task_group_id,
            resource_specification,
            user_endpoint_config,
            create_websocket_queue,
            self.fx_serializer,
            result_serializers=result_serializers,
        )

    def batch_run(
        self, endpoint_id: UUIDLike | Batch, batch: Batch | None = None
    ) -> dict[str, Any] | list[str]:
        """Submit a batch, in as few requests as the limits of count and bytes allow.

        ``batch_run(endpoint_id, batch)``
            Returns a dict: `tasks` (function id -> task ids, in order), `request_id`,
            `task_group_id`, `endpoint_id` (Client user guide, "Batching").
        ``batch_run(batch)``
            For calls that name their endpoints; returns the task ids in the order of the calls
            (tutorial, "Running Batches").

        Parameters
        ----------
        endpoint_id:
            A UUID, or the batch in the second form.
        batch:
            As `create_batch` made it, in the first form.

        Raises
        ------
        ServiceError
            A request was refused, or failed (SubmitUncertain: it may have been accepted). What
            earlier requests of the same batch have submitted is its `accepted`.
        ValueError
            The batch is empty, or a malformed UUID.
        TypeError
            No endpoint, or no batch.
        """
        if isinstance(endpoint_id, Batch):
            return self._run(endpoint_id, None)[1]
        if not isinstance(batch, Batch):
            raise TypeError(f"batch_run: expected a Batch, got {type(batch).__name__}")
        return self._run(batch, as_uuid_text(endpoint_id, "endpoint_id"))[0]

    def _run(self, batch: Batch, endpoint_id: str | None) -> tuple[dict[str, Any], list[str]]:
        if not batch:
            raise ValueError("No tasks specified for batch run")
        parts = batch.parts(endpoint_id)
        for where, calls in parts:
            self.warn_of_versions(where, {call.function_id for call in calls})
        dispatcher = self.dispatcher("")
        group = str(batch.task_group_id) if batch.task_group_id else None
        if group is not None:
            dispatcher.share(group)
        tasks: dict[str, list[str]] = {}
        summary: dict[str, Any] = {}
        ids: dict[int, str] = {}
        for where, calls in parts:
            request, of_endpoint = batch.request(where, calls, group), results_limit(where)
            if of_endpoint and not request.result_serializers:
                request = replace(request, result_serializers=[remote_path(JSONData)])
            send = partial(dispatcher.service.submit, request)
            try:
                reply = self.with_login(partial(dispatcher.requests.wait, send, submission=True))
                matched = _matched(calls, reply)
            except ServiceError as error:
                error.accepted = summary or None
                raise
            group = self._batch_group = reply.task_group_id
            if reply.ha_warning:
                warnings.warn(reply.ha_warning, stacklevel=3)
            limit = both(of_endpoint, limit_of((), batch.result_serializers))
            self._limited |= {task_id: limit for _, task_id, _ in matched if limit}
            for function_id, task_id, call in matched:
                tasks.setdefault(function_id, []).append(task_id)
                ids[id(call)] = task_id
            summary = {
                "request_id": reply.request_id,
                "task_group_id": group,
                "endpoint_id": reply.endpoint_id,
                "tasks": tasks,
            }
        return summary, [ids[id(call)] for call in batch.calls]

    def warn_of_versions(self, endpoint_id: str, function_ids: Iterable[str]) -> None:
        """Warn of functions registered as bytecode that this endpoint's Python can't read.

        Parameters
        ----------
        endpoint_id, function_ids:
            UUIDs. Nothing is asked for functions that this client has registered. What the service
            has of another one is asked where the versions differ.
        """
        others = [one for one in function_ids if one not in self._registered]
        if not others:
            return
        try:
            there = self.endpoint_python(endpoint_id)
            if not differs(there):
                return
            shown = [self.get_function(one) for one in others]
        except ServiceError:  # the submission itself will say what is wrong
            return
        for one in shown:
            warn_of_registered(one, there)

    def get_task(self, task_id: UUIDLike) -> dict[str, Any]:
        """What is known of a task: `pending`, `status`, and once it is done `completion_t` and
        `result`, or `exception` (an exception object); `details` of the worker.

        Parameters
        ----------
        task_id:
            As `run` returned it.

        Raises
        ------
        NotFound
            The service doesn't know the task.
        ValueError
            A malformed UUID.
        """
        key = as_uuid_text(task_id, "task_id")
        known = self.cache().tasks.get(key)
        if known is None:
            status = self.request(partial(self.globus_service().task, key))
            known = self._note(status, self._limits([key]).get(key, ""))
        return dict(known)

    def get_result(self, task_id: UUIDLike) -> Any:
        """The task's result (Client user guide, "Retrieving Results").

        Parameters
        ----------
        task_id:
            As `run` returned it.

        Raises
        ------
        TaskPending
            There is none yet.
        TaskExecutionFailed
            The task failed: it is raised here.
        DeserializationError
            The result can't be read here.
        NotFound, ValueError
            As `get_task`.
        """
        task = self.get_task(task_id)
        if task["pending"]:
            raise TaskPending(task["status"])
        if "exception" in task:
            raise task["exception"]
        return task["result"]

    def get_batch_result(
        self, task_id_list: Iterable[UUIDLike] | Mapping[str, Any]
    ) -> dict[str, dict[str, Any]]:
        """What is known of several tasks, by id, as `get_task` has it; failed ones included.

        Parameters
        ----------
        task_id_list:
            Task ids, or what `batch_run` returned.

        Returns
        -------
        dict
            By task id; tasks that the service doesn't know are absent.

        Raises
        ------
        ValueError
            A malformed UUID.
        """
        done = self.cache().tasks
        wanted = [as_uuid_text(one, "task_id") for one in _ids(task_id_list)]
        missing = [key for key in dict.fromkeys(wanted) if key not in done]
        found = {key: done[key] for key in wanted if key in done}
        service, limits = self.globus_service(), self._limits(missing)
        for statuses in statuses_of(
            missing, lambda some: self.request(partial(service.task_statuses, some))
        ):
            for key, status in statuses.items():
                found[key] = self._note(status, limits.get(key, ""))
        return {key: dict(found[key]) for key in wanted if key in found}

    def _limits(self, task_ids: Sequence[str]) -> dict[str, str]:
        """By what these tasks' results may be read, as the journal and the endpoints have it."""
        sent = self._limited
        recorder = self.shared.recorder() if task_ids else None
        found = {} if recorder is None else dict(recorder.limits(task_ids))
        for task_id in sent.keys() & set(task_ids):
            found[task_id] = both(found.get(task_id, ""), sent[task_id])
        return found

    def _note(self, status: TaskStatus, limit: str) -> dict[str, Any]:
        """A task as users see it; a finished one is kept."""
        # a task that the service abandoned has neither a result nor an exception
        over = status.done or status.status in ("success", "failed", "abandoned")
        task: dict[str, Any] = {"pending": not over, "status": status.status}
        if status.reason:
            task["reason"] = status.reason
        if status.details is not None:
            task["details"] = dict(status.details)
        if not over:
            return task
        task["completion_t"] = status.completion_t
        if status.result is None:
            text = status.exception or f"The service has no result: the task is {status.status}."
            task["exception"] = task_error(
                text,
                code=status.code,
                completion_t=status.completion_t,
                details=status.details,
                python_version=platform.python_version(),
            )
        else:
            try:
                with written_by((status.details or {}).get("python_version")):
                    check_result(status.result, limit)
                task["result"] = self.fx_serializer.deserialize_result(status.result)
            except Exception as error:
                task["exception"] = error
        self.cache().tasks[status.task_id] = task
        return task


def _matched(calls: list[BatchCall], reply: SubmitReply) -> list[tuple[str, str, BatchCall]]:
    sent: dict[str, list[BatchCall]] = {}
    for call in calls:
        sent.setdefault(call.function_id, []).append(call)
    matched, unmatched = match_reply(sent, reply.tasks)
    if unmatched:
        error: SubmitUncertain = unmatched[0][1]
        error.task_group_id = reply.task_group_id
        raise error
    return matched


def _ids(tasks: Iterable[UUIDLike] | Mapping[str, Any]) -> list[UUIDLike]:
    if isinstance(tasks, Mapping):
        by_function = tasks.get("tasks", tasks)
        return [task_id for ids in by_function.values() for task_id in ids]
    if isinstance(tasks, str):
        return [tasks]
    return list(tasks)
