"""Task and result bytes <-> dataclasses.

A message is one version byte (1) and JSON `{"message_type": …, "data": {…}}` (docs/protocol.md,
"Messages"). Unknown fields are ignored, so that a newer endpoint can say more.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gc_jupyter.errors import DeserializationError
from gc_jupyter.remote_text import one_line
from gc_jupyter.types import Reported, TaskInfo, WorkerInfo

_VERSION = b"\x01"
_LONGEST_ID = 100  # characters; a UUID has 36
_ENGINE = re.compile(r"^[^#\n]*?\b(\w+Engine)\b", re.MULTILINE)
_START = "execution-start"
_END = "execution-end"
_WORKER_FIELDS = (
    "python_version",
    "dill_version",
    "os",
    "globus_compute_sdk_version",
    "endpoint_id",
)


@dataclass(frozen=True, slots=True)
class TaskMessage:
    """What a worker is given: `task_buffer` packs function, args and kwargs."""

    task_id: str
    task_buffer: str


@dataclass(frozen=True, slots=True)
class ResultMessage:
    """What a worker gives back. With an `error_code`, `data` is the traceback as text.

    `started_ns` and `ended_ns` are nanoseconds since 1970 on the worker's clock.
    """

    task_id: str
    data: str
    details: Mapping[str, Any] | None = None
    error_code: str | None = None
    error_message: str = ""
    started_ns: int | None = None
    ended_ns: int | None = None

    @property
    def worker(self) -> WorkerInfo | None:
        """What the worker said of itself, or None where it said nothing."""
        return worker_info(self.details)


def reported_by(record: Mapping[str, Any]) -> Reported:
    """The typed form of what the service's record of an endpoint says of its workers."""
    said = {**(record.get("metadata") or {}), **record}
    python = one_line(_word(said.get("python_version")))
    configured = [str(said.get(name)) for name in ("endpoint_config", "user_config_template")]
    return Reported(python, threads=names_threads("\n".join(configured)))


def names_threads(configuration: str) -> bool:
    """Whether a configuration names the ThreadPoolEngine, and no other engine."""
    return set(_ENGINE.findall(configuration)) == {"ThreadPoolEngine"}


def worker_info(details: Mapping[str, Any] | None) -> WorkerInfo | None:
    """The typed form of a message's or a task status's `details`."""
    if not details:
        return None
    said = [details.get(name) for name in _WORKER_FIELDS]
    try:
        return _shared_worker_info(*said)
    except TypeError:  # nested values can't be looked up, and are of no use here
        return _shared_worker_info(*map(_word, said))


@functools.lru_cache(maxsize=256)  # thousands of results of one worker share one object
def _shared_worker_info(*said: object) -> WorkerInfo:
    return WorkerInfo(*[one_line(_word(one)) for one in said])


def ran(info: TaskInfo, message: ResultMessage) -> TaskInfo:
    """`info` with the times that the worker measured."""
    return TaskInfo(
        task_id=info.task_id,
        task_group_id=info.task_group_id,
        endpoint_id=info.endpoint_id,
        function_id=info.function_id,
        submitted_at=info.submitted_at,
        started_at=None if message.started_ns is None else message.started_ns / 1e9,
        ended_at=None if message.ended_ns is None else message.ended_ns / 1e9,
        worker=message.worker,
    )


def pack_task(message: TaskMessage) -> bytes:
    """The bytes of a `task` message."""
    return _pack(
        "task",
        {
            "task_id": message.task_id,
            "container_id": None,
            "container": None,
            "task_buffer": message.task_buffer,
        },
    )


def unpack_task(body: bytes) -> TaskMessage:
    """Read a `task` message; DeserializationError for anything else."""
    data = _unpack("task", body)
    return TaskMessage(_id(data), _text(data, "task_buffer"))


def pack_result(message: ResultMessage) -> bytes:
    """The bytes of a `result` message."""
    data: dict[str, Any] = {
        "task_id": message.task_id,
        "data": message.data,
        "details": message.details,
        "task_statuses": [
            {"timestamp": ns, "state": state, "actor": "worker"}
            for ns, state in ((message.started_ns, _START), (message.ended_ns, _END))
            if ns is not None
        ],
    }
    if message.error_code is not None:
        data["error_details"] = {
            "code": message.error_code,
            "user_message": message.error_message,
        }
    return _pack("result", data)


def unpack_result(body: bytes) -> ResultMessage:
    """Read a `result` message; DeserializationError for anything else."""
    data = _unpack("result", body)
    error = data.get("error_details")
    if error is not None and not isinstance(error, dict):
        raise DeserializationError("A result message whose error details are not an object.")
    times = _times(data.get("task_statuses"))
    details = data.get("details")
    return ResultMessage(
        task_id=_id(data),
        data=_text(data, "data"),
        details=details if isinstance(details, dict) else None,
        error_code=None if error is None else _word(error.get("code")) or "RemoteExecutionError",
        error_message="" if error is None else _word(error.get("user_message")),
        started_ns=times.get(_START),
        ended_ns=times.get(_END),
    )


def _times(statuses: object) -> dict[str, int]:
    times: dict[str, int] = {}
    for status in statuses if isinstance(statuses, list) else ():
        at = status.get("timestamp") if isinstance(status, dict) else None
        if type(at) is int and 0 <= at < 2**63:  # the range of a clock; a bool is an int, too
            times[_word(status.get("state"))] = at
    return times


def _pack(message_type: str, data: dict[str, Any]) -> bytes:
    return _VERSION + json.dumps({"message_type": message_type, "data": data}).encode()


def _unpack(expected: str, body: bytes) -> dict[str, Any]:
    if body[:1] != _VERSION:
        raise DeserializationError(f"Not a message of version 1: it starts with {body[:1]!r}.")
    try:
        message = json.loads(str(memoryview(body)[1:], "utf-8"))  # copied once
    # JSON of absurd depth is a RecursionError; both mean the same to the reader
    except (ValueError, RecursionError) as error:
        raise DeserializationError(
            f"A message that is not JSON ({type(error).__name__})."
        ) from error
    if not isinstance(message, dict) or message.get("message_type") != expected:
        kind = _word(message.get("message_type")) if isinstance(message, dict) else ""
        raise DeserializationError(f"Expected a {expected} message, got {kind[:40]!r}.")
    data = message.get("data")
    if not isinstance(data, dict):
        raise DeserializationError(f"A {expected} message without data.")
    return data


def _id(data: Mapping[str, Any]) -> str:
    """A task's id, checked: it is looked up, stored and shown."""
    value = _text(data, "task_id")
    if len(value) > _LONGEST_ID or not (value.isascii() and value.isprintable()):
        raise DeserializationError("A message whose task_id is no id.")
    return value


def _word(value: object) -> str:
    """Text, or a number as text; what is nested has none (its `str` may recurse too deeply)."""
    return str(value) if isinstance(value, (str, int, float)) and value else ""


def _text(data: Mapping[str, Any], field: str) -> str:
    value = data.get(field)
    if not isinstance(value, str):
        raise DeserializationError(f"A message whose {field} is not text.")
    return value
