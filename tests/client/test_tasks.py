"""Tasks at the service: run one, ask for its state and its result."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from gc_jupyter import Client
from gc_jupyter.errors import (
    DeserializationError,
    NotFound,
    TaskExecutionFailed,
    TaskPending,
    WorkerLost,
)
from tests.service.handle import Loopback


def total(*args: int, start: int = 0) -> int:
    return start + sum(args)


def fail(word: str) -> None:
    raise ValueError(f"on purpose: {word}")


def die() -> None:
    import os

    os._exit(3)


@pytest.fixture
def inline(early: Loopback) -> str:
    return early.endpoint("inline")


def run(client: Client, endpoint_id: str, function: Any, *args: Any, **kwargs: Any) -> str:
    function_id = client.register_function(function)
    return client.run(*args, endpoint_id=endpoint_id, function_id=function_id, **kwargs)


def test_run(client: Client, inline: str) -> None:
    function_id = uuid.UUID(client.register_function(total))
    task_id = client.run(1, 2, endpoint_id=uuid.UUID(inline), function_id=function_id, start=3)
    assert str(uuid.UUID(task_id)) == task_id
    assert client.get_result(task_id) == 6
    assert client.get_result(uuid.UUID(task_id)) == 6
    task = client.get_task(task_id)
    assert task.pop("details")["python_version"]
    assert float(task.pop("completion_t")) > 0
    assert task == {"pending": False, "status": "success", "result": 6}


def test_pending(client: Client, loopback: Loopback) -> None:
    task_id = run(client, loopback.endpoint("offline"), total)
    expected = {"pending": True, "status": "waiting-for-ep"}
    assert client.get_task(task_id) == expected
    assert client.get_batch_result([task_id]) == {task_id: expected}
    with pytest.raises(TaskPending, match="waiting-for-ep") as caught:
        client.get_result(task_id)
    assert caught.value.reason == "waiting-for-ep"


def test_failed(client: Client, inline: str) -> None:
    task_id = run(client, inline, fail, "today")
    with pytest.raises(TaskExecutionFailed, match="ValueError: on purpose: today") as caught:
        client.get_result(task_id)
    task = client.get_task(task_id)
    assert (task["pending"], task["status"], task["exception"]) == (False, "failed", caught.value)
    assert "result" not in task


def test_failed_tasks_are_in_a_batch(client: Client, inline: str) -> None:
    good, bad = run(client, inline, total, 1), run(client, inline, fail, "now")
    found = client.get_batch_result([good, bad])
    assert list(found) == [good, bad]
    assert found[good]["result"] == 1
    assert "on purpose: now" in str(found[bad]["exception"])


def test_a_lost_worker(client: Client, early: Loopback) -> None:
    with pytest.raises(WorkerLost) as caught:
        client.get_result(run(client, early.new_endpoint("inline"), die))
    assert "out of memory" in caught.value.next_step


def test_a_result_that_can_not_be_read(client: Client, inline: str, early: Loopback) -> None:
    task_id = run(client, inline, total)
    early.change_task(task_id, result="00\nbm8gcGlja2xl\n")
    for _ in range(2):
        with pytest.raises(DeserializationError, match="DillDataBase64 can't read"):
            client.get_result(task_id)
    assert client.get_task(task_id)["status"] == "success"


def test_abandoned(client: Client, inline: str, early: Loopback) -> None:
    """A result that nobody fetched in time is gone."""
    task_id = run(client, inline, total)
    early.change_task(task_id, status="abandoned", result=None)
    with pytest.raises(TaskExecutionFailed, match="no result: the task is abandoned"):
        client.get_result(task_id)
    assert client.get_task(task_id)["pending"] is False


def test_the_reason_of_a_failure(client: Client, inline: str, early: Loopback) -> None:
    """What the service says of a task that failed without a traceback."""
    task_id = run(client, inline, total)
    early.change_task(task_id, status="failed", result=None, reason="The endpoint was deleted")
    assert client.get_batch_result([task_id])[task_id]["reason"] == "The endpoint was deleted"
    with pytest.raises(TaskExecutionFailed, match="The endpoint was deleted"):
        client.get_result(task_id)


def test_unknown(client: Client, inline: str) -> None:
    unknown = str(uuid.uuid4())
    for ask in (client.get_task, client.get_result):
        with pytest.raises(NotFound, match=unknown) as caught:
            ask(unknown)
        assert caught.value.status == 404
        assert caught.value.next_step == "Check the id."
    known = run(client, inline, total)
    assert list(client.get_batch_result([unknown, known])) == [known]
    assert client.get_batch_result([]) == {}
    with pytest.raises(NotFound, match=f"Function {unknown}"):
        client.run(endpoint_id=inline, function_id=unknown)
    with pytest.raises(NotFound, match=f"Endpoint {unknown}") as caught:
        client.run(endpoint_id=unknown, function_id=client.register_function(total))
    assert "%gc endpoints" in caught.value.next_step


def test_many_are_asked_in_pieces(client: Client, early: Loopback) -> None:
    endpoint_id = early.endpoint("instant")
    batch = client.create_batch()
    function_id = client.register_function(total)
    for _ in range(501):
        batch.add(function_id)
    reply = client.batch_run(endpoint_id, batch)
    early.clear()
    assert len(client.get_batch_result(reply)) == 501  # type: ignore[arg-type]
    asked = [len(one["body"]["task_ids"]) for one in early.requests("POST", "/v2/batch_status")]
    assert asked == [50, 250, 201]  # a few, until it is seen how large their results are


def test_one_id_and_repeated_ids(client: Client, inline: str, early: Loopback) -> None:
    task_id = run(client, inline, total)
    early.clear()
    assert list(client.get_batch_result([task_id, uuid.UUID(task_id)])) == [task_id]
    assert list(client.get_batch_result(task_id)) == [task_id]
    assert len(early.requests("POST", "/v2/batch_status")) == 1
