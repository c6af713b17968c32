"""Message bytes <-> values, and what can't be read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gc_jupyter.errors import DeserializationError
from gc_jupyter.protocol.messages import (
    ResultMessage,
    TaskMessage,
    pack_result,
    pack_task,
    ran,
    reported_by,
    unpack_result,
    unpack_task,
    worker_info,
)
from gc_jupyter.types import Reported, TaskInfo, WorkerInfo

FULL = ResultMessage(
    task_id="t1",
    data="00\nabc\n",
    details={"python_version": "3.11.2", "os": "Linux"},
    started_ns=1_000_000_000,
    ended_ns=3_500_000_000,
)
FAILED = ResultMessage("t2", "Traceback …", error_code="MaxResultSizeExceeded", error_message="big")


def result_body(**changes: Any) -> bytes:
    """A result message with these fields of its data changed; None removes one."""
    data = {"task_id": "t", "data": "11\n1", "details": None, "task_statuses": []} | changes
    return envelope("result", {name: value for name, value in data.items() if value is not None})


def envelope(message_type: object, data: object) -> bytes:
    return b"\x01" + json.dumps({"message_type": message_type, "data": data}).encode()


@pytest.mark.parametrize("message", [FULL, FAILED, ResultMessage("t3", "é ☃ \ud800")])
def test_result_there_and_back(message: ResultMessage) -> None:
    assert unpack_result(pack_result(message)) == message


def test_task_there_and_back() -> None:
    message = TaskMessage("t1", "3\nabc")
    assert unpack_task(pack_task(message)) == message


def test_bytes_of_a_task() -> None:
    assert json.loads(pack_task(TaskMessage("t1", "3\nabc"))[1:]) == {
        "message_type": "task",
        "data": {"task_id": "t1", "container_id": None, "container": None, "task_buffer": "3\nabc"},
    }
    assert pack_task(TaskMessage("t1", ""))[:1] == b"\x01"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "version 1"),
        (b"\x02{}", "version 1"),
        (b"{}", "version 1"),
        (b"\x01", "not JSON"),
        (b"\x01{", "not JSON"),
        (b"\x01\xff\xfe\x00", "not JSON"),
        (b"\x01" + b"[" * 100_000, "not JSON"),
        (b"\x01" + b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "not JSON"),
        (b"\x01" + b"1" * 5000, "not JSON"),  # longer than int() reads
        (b"\x01null", "got ''"),
        (b"\x01[1, 2]", "got ''"),
        (b"\x01{}", "got ''"),
        (envelope("task", {"task_id": "t", "task_buffer": ""}), "got 'task'"),
        (envelope("x" * 5000, {}), "got 'xxxx"),
        (envelope(["result"], {}), "Expected a result message"),
        (envelope("result", None), "without data"),
        (envelope("result", []), "without data"),
        (result_body(task_id=None), "task_id is not text"),
        (result_body(task_id=7), "task_id is not text"),
        (result_body(task_id="t\n"), "task_id is no id"),
        (result_body(task_id="\ud800"), "task_id is no id"),
        (result_body(task_id="t" * 101), "task_id is no id"),
        (result_body(data=None), "data is not text"),
        (result_body(data={"a": 1}), "data is not text"),
        (result_body(error_details="no"), "not an object"),
        (result_body(error_details=[1]), "not an object"),
    ],
)
def test_unreadable_result(body: bytes, says: str) -> None:
    with pytest.raises(DeserializationError, match=says) as caught:
        unpack_result(body)
    assert len(str(caught.value)) < 200  # a hostile message doesn't fill the log


def test_a_result_is_not_a_task() -> None:
    with pytest.raises(DeserializationError, match="Expected a task message, got 'result'"):
        unpack_task(pack_result(FULL))


def test_unknown_fields_are_ignored() -> None:
    body = json.loads(pack_result(FULL)[1:])
    body["new"] = body["data"]["new"] = {"deep": [1]}
    assert unpack_result(b"\x01" + json.dumps(body).encode()) == FULL


@pytest.mark.parametrize(
    ("statuses", "times"),
    [
        (None, (None, None)),
        ("soon", (None, None)),
        ([None, 3, "x"], (None, None)),
        ([{"state": "execution-start"}], (None, None)),
        ([{"timestamp": "7", "state": "execution-start"}], (None, None)),
        ([{"timestamp": True, "state": "execution-start"}], (None, None)),
        ([{"timestamp": 7, "state": "execution-start"}], (7, None)),
        ([{"timestamp": 9, "state": "execution-end", "actor": "WORKER"}], (None, 9)),
        ([{"timestamp": 1, "state": ["waiting"]}, {"timestamp": 2, "state": None}], (None, None)),
    ],
)
def test_times(statuses: object, times: tuple[int | None, int | None]) -> None:
    message = unpack_result(result_body(task_statuses=statuses))
    assert (message.started_ns, message.ended_ns) == times


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (None, None, ""),
        ({}, "RemoteExecutionError", ""),
        ({"code": None, "user_message": None}, "RemoteExecutionError", ""),
        ({"code": "WorkerLost", "user_message": "gone"}, "WorkerLost", "gone"),
        ({"code": 7, "user_message": 8}, "7", "8"),
    ],
)
def test_error_details(error: object, code: str | None, said: str) -> None:
    message = unpack_result(result_body(error_details=error))
    assert (message.error_code, message.error_message) == (code, said)


@pytest.mark.parametrize("details", [None, "Linux", [1]])
def test_details_that_say_nothing(details: object) -> None:
    assert unpack_result(result_body(details=details)).worker is None


def test_worker_info() -> None:
    assert worker_info({"python_version": None, "dill_version": 4, "else": 1}) == WorkerInfo(
        dill_version="4"
    )
    assert worker_info({}) is None


@pytest.mark.parametrize(
    ("record", "threads"),
    [
        ({}, False),
        ({"metadata": None, "endpoint_config": 4}, False),
        ({"endpoint_config": "engine:\n    type: ThreadPoolEngine\n"}, True),
        ({"metadata": {"user_config_template": "engine: {type: ThreadPoolEngine}"}}, True),
        ({"endpoint_config": "engine:\n  # ThreadPoolEngine\n  type: ProcessPoolEngine"}, False),
        ({"endpoint_config": "ThreadPoolEngine\nGlobusComputeEngine"}, False),
    ],
)
def test_what_an_endpoint_has_reported(record: dict[str, Any], threads: bool) -> None:
    assert reported_by({"python_version": "3.1\n0", **record}) == Reported("3.1 0", threads)


def test_times_of_a_task() -> None:
    sent = TaskInfo("t1", "g", "e", "f", submitted_at=0.5)
    info = ran(sent, FULL)
    assert (info.task_id, info.task_group_id, info.endpoint_id, info.function_id) == (
        "t1",
        "g",
        "e",
        "f",
    )
    assert (info.queued_s, info.running_s) == (0.5, 2.5)
    assert info.worker == WorkerInfo(python_version="3.11.2", os="Linux")
    # the worker's clock is behind ours
    assert ran(TaskInfo(submitted_at=5.0), FULL).queued_s is None
    assert ran(sent, ResultMessage("t1", "")).running_s is None
