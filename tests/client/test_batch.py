"""Batches: three forms of `add`, two of `batch_run`, and what doesn't fit one request."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from gc_jupyter import Batch, Client
from gc_jupyter.errors import (
    NotFound,
    PayloadTooLarge,
    SerdeError,
    SerializationError,
    ServiceError,
    SubmitUncertain,
)
from gc_jupyter.protocol.batches import MAX_BATCH_BYTES
from gc_jupyter.serialize import ComputeSerializer, JSONData
from tests.service.handle import Loopback

F, E = str(uuid.uuid4()), str(uuid.uuid4())


def call(batch: Batch) -> tuple[str, str | None, Any, Any]:
    """The one call of a batch, with its arguments read."""
    (one,) = batch.calls
    args, kwargs = map(
        ComputeSerializer().deserialize, ComputeSerializer.unpack_buffers(one.payload)
    )
    return one.function_id, one.endpoint_id, args, kwargs


FORMS: dict[str, tuple[Callable[[Batch], None], tuple[Any, ...]]] = {
    "id": (lambda b: b.add(F), (F, None, (), {})),
    "uuid": (lambda b: b.add(uuid.UUID(F)), (F, None, (), {})),
    "args": (lambda b: b.add(F, args=(1, 2)), (F, None, (1, 2), {})),
    "list": (lambda b: b.add(F, [1]), (F, None, [1], {})),
    "positional": (lambda b: b.add(F, (1,), {"a": 2}), (F, None, (1,), {"a": 2})),
    "both named": (lambda b: b.add(F, args=(1,), kwargs={"a": 2}), (F, None, (1,), {"a": 2})),
    "none": (lambda b: b.add(F, None, None), (F, None, (), {})),
    "all named": (lambda b: b.add(function_id=F, args=(1,)), (F, None, (1,), {})),
    "endpoint": (lambda b: b.add(F, E, args=(1,)), (F, E, (1,), {})),
    "endpoint and all positional": (lambda b: b.add(F, E, (1,), {"a": 2}), (F, E, (1,), {"a": 2})),
    "endpoint named": (lambda b: b.add(F, endpoint_id=E, args=(1,)), (F, E, (1,), {})),
    "old": (lambda b: b.add(1, 2, endpoint_id=E, function_id=F), (F, E, (1, 2), {})),
    "old, of UUIDs": (lambda b: b.add(uuid.UUID(E), endpoint_id=E, function_id=uuid.UUID(F)),
                      (F, E, (uuid.UUID(E),), {})),
    "old, with names": (lambda b: b.add(1, a=2, endpoint_id=E, function_id=F),
                        (F, E, (1,), {"a": 2})),
    "old, nothing": (lambda b: b.add(endpoint_id=E, function_id=F), (F, E, (), {})),
}  # fmt: skip

MALFORMED: dict[str, tuple[Callable[[Batch], None], type[Exception], str]] = {
    "nothing": (lambda b: b.add(), TypeError, "no function_id given"),
    "no id": (lambda b: b.add("square", (1,)), ValueError, "function_id: 'square' is not a UUID"),
    "no endpoint id": (
        lambda b: b.add(1, endpoint_id="here", function_id=F),
        ValueError,
        "endpoint_id: 'here' is not a UUID",
    ),
    "args": (lambda b: b.add(F, args=5), TypeError, "args: expected `tuple`, got: int"),
    "text": (lambda b: b.add(F, "text"), TypeError, "args: expected `tuple`, got: str"),
    "kwargs": (lambda b: b.add(F, kwargs=[1]), TypeError, "kwargs: expected dict, got: list"),
    "keys": (
        lambda b: b.add(F, kwargs={1: 2}),
        TypeError,
        "kwargs: expected kwargs with `str` keys, got: int",
    ),
    "too many": (lambda b: b.add(F, (1,), {}, 7), TypeError, "7 not understood"),
    "unpacked": (lambda b: b.add(F, x=1), TypeError, "x not understood; .* go into args="),
    "pickle": (lambda b: b.add(F, args=(memoryview(b""),)), SerializationError, "memoryview"),
    "size": (lambda b: b.add(F, args=("x" * 10_600_000,)), PayloadTooLarge, "accepts 10.5 MB"),
}


@pytest.mark.parametrize("form", FORMS)
def test_add(form: str) -> None:
    add, expected = FORMS[form]
    batch = Batch()
    assert not batch
    add(batch)
    assert call(batch) == expected
    assert len(batch) == 1
    assert batch


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed(case: str) -> None:
    add, kind, words = MALFORMED[case]
    batch = Batch()
    with pytest.raises(kind, match=words):
        add(batch)
    assert len(batch) == 0


def test_options() -> None:
    for name in ("resource_specification", "user_endpoint_config"):
        with pytest.raises(TypeError, match=f"{name} must be of type dict, not list"):
            Batch(**{name: []})
        with pytest.raises(TypeError, match=f"{name} must be JSON-serializable"):
            Batch(**{name: {"a": object()}})
    with pytest.raises(SerdeError, match="Invalid strategy-like"):
        Batch(result_serializers=["no.such.Strategy"])
    with pytest.raises(ValueError, match="task_group_id: 'mine' is not a UUID"):
        Batch("mine")


def test_prepare(client: Client) -> None:
    """What is sent can be looked at before (Client user guide)."""
    group = uuid.uuid4()
    batch = client.create_batch(
        group,
        {"num_nodes": 2},
        {"queue": "debug"},
        create_websocket_queue=True,
        result_serializers=[JSONData, "gc_jupyter.serialize.DillDataBase64"],
    )
    batch.add(F, (1,))
    batch.add(F, (2,))
    prepared = batch.prepare()
    assert prepared.pop("user_runtime")["globus_compute_sdk_version"]
    assert prepared == {
        "create_queue": True,
        "tasks": {F: [one.payload for one in batch.calls]},
        "task_group_id": str(group),
        "resource_specification": {"num_nodes": 2},
        "user_endpoint_config": {"queue": "debug"},
        "result_serializers": [
            "globus_compute_sdk.serialize.concretes.JSONData",
            "globus_compute_sdk.serialize.concretes.DillDataBase64",
        ],
    }
    assert batch.tasks == {uuid.UUID(F): prepared["tasks"][F]}
    assert repr(batch) == "<Batch: 2 tasks of 1 functions>"


def double(x: int) -> int:
    return 2 * x


def triple(x: int) -> int:
    return 3 * x


@pytest.fixture
def functions(client: Client) -> tuple[str, str]:
    return client.register_function(double), client.register_function(triple)


def test_run(client: Client, early: Loopback, functions: tuple[str, str]) -> None:
    endpoint_id = early.endpoint("inline")
    batch = client.create_batch()
    for n, function_id in enumerate([*functions, *functions]):
        batch.add(function_id, args=(n,))
    reply: Any = client.batch_run(uuid.UUID(endpoint_id), batch)
    assert set(reply) == {"request_id", "task_group_id", "endpoint_id", "tasks"}
    assert reply["endpoint_id"] == endpoint_id
    first, second = (reply["tasks"][one] for one in functions)
    found = client.get_batch_result(reply)
    assert list(found) == first + second
    assert [found[one]["result"] for one in first + second] == [0, 4, 3, 9]


def test_run_without_an_endpoint(
    client: Client, early: Loopback, functions: tuple[str, str]
) -> None:
    """Each call has its own; the ids come in the order of the calls."""
    endpoints = [early.endpoint("inline"), early.new_endpoint("inline")]
    batch = client.create_batch()
    for n in range(4):
        batch.add(n, endpoint_id=endpoints[n % 2], function_id=functions[n // 2])
    task_ids = client.batch_run(batch)
    assert isinstance(task_ids, list)
    found = client.get_batch_result(task_ids)
    assert list(found) == task_ids
    assert [one["result"] for one in found.values()] == [0, 2, 6, 9]
    groups = {one["body"].get("task_group_id") for one in early.requests("POST", "/submit")}
    assert len(early.requests("POST", "/submit")) == 2
    assert len(groups) == 2  # the second request of a batch names the group of the first
    assert None in groups
    assert client.session_task_group_id is not None


def test_an_endpoint_given_wins(client: Client, loopback: Loopback, functions: Any) -> None:
    batch = client.create_batch()
    batch.add(functions[0], E, args=(1,))
    assert client.batch_run(loopback.endpoint("instant"), batch)


@pytest.mark.parametrize("size", ["bytes", "count"])
def test_splitting(
    client: Client, loopback: Loopback, functions: tuple[str, str], size: str
) -> None:
    count, argument = (3, "x" * (MAX_BATCH_BYTES // 3)) if size == "bytes" else (5001, "")
    batch = client.create_batch()
    for n in range(count):
        batch.add(functions[n % 2], args=(argument,))
    reply: Any = client.batch_run(loopback.endpoint("instant"), batch)
    sizes = [one["size"] for one in loopback.requests("POST", "/submit")]
    assert len(sizes) == 2
    assert sizes[1] < sizes[0] < MAX_BATCH_BYTES + 10_000
    assert [len(reply["tasks"][one]) for one in functions] == [count - count // 2, count // 2]
    assert len(client.get_batch_result(reply)) == count


@pytest.mark.parametrize("how", ["refused", "lost", "unreadable"])
def test_a_failure_in_the_middle(
    client: Client, loopback: Loopback, functions: tuple[str, str], how: str
) -> None:
    """What was accepted before is in the error."""
    endpoint_id = loopback.endpoint("instant")
    batch = client.create_batch()
    for _ in range(5001):
        batch.add(functions[0], args=(1,))
    fault, kind = {
        "refused": ({"status": 422}, ServiceError),
        "lost": ({"drop": "after"}, SubmitUncertain),
        "unreadable": ({"body": "<html>"}, SubmitUncertain),
    }[how]
    loopback.fault(path="/v3/endpoints/.*/submit", times=1, delay_s=0)
    loopback.fault(path="/v3/endpoints/.*/submit", **fault)
    with pytest.raises(kind) as caught:
        client.batch_run(endpoint_id, batch)
    accepted = caught.value.accepted
    assert accepted is not None
    assert len(accepted["tasks"][functions[0]]) == 5000
    text = f"5000 other tasks of the batch were accepted, in task group {accepted['task_group_id']}"
    assert text in str(caught.value)
    assert len(client.get_batch_result(accepted)) == 5000


def test_the_first_failure_names_nothing(client: Client, loopback: Loopback) -> None:
    batch = client.create_batch()
    batch.add(F)
    with pytest.raises(NotFound) as caught:
        client.batch_run(loopback.endpoint("instant"), batch)
    assert caught.value.accepted is None
    assert "accepted" not in str(caught.value)


def test_bad_runs(client: Client, loopback: Loopback) -> None:
    endpoint_id = loopback.endpoint("instant")
    batch = client.create_batch()
    with pytest.raises(ValueError, match="No tasks specified for batch run"):
        client.batch_run(endpoint_id, batch)
    with pytest.raises(ValueError, match="No tasks specified"):
        client.batch_run(batch)
    batch.add(F)
    with pytest.raises(TypeError, match="no endpoint; use batch_run"):
        client.batch_run(batch)
    with pytest.raises(TypeError, match="expected a Batch, got list"):
        client.batch_run(endpoint_id, [])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected a Batch, got NoneType"):
        client.batch_run(endpoint_id)
    with pytest.raises(ValueError, match="endpoint_id: 'here' is not a UUID"):
        client.batch_run("here", batch)
    assert not loopback.requests()
