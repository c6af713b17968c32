"""How an Executor's tasks are sent: serializers, batches, options, endpoint, port."""

from __future__ import annotations

import uuid

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.errors import (
    TaskExecutionFailed,
)
from gc_jupyter.serialize import AllCodeStrategies, ComputeSerializer, DillDataBase64, JSONData
from tests.executors import (
    double,
    executor,
    instant,
    submits,
    tasks_in,
    wait_for_stream,
)
from tests.service.handle import Loopback

__all__ = ["executor", "instant"]  # fixtures

TIMEOUT = 60


def test_serializer(client: Client, loopback: Loopback) -> None:
    serializer = ComputeSerializer(strategy_code=AllCodeStrategies(), strategy_data=JSONData())
    with Executor(loopback.endpoint("inline"), client=client, serializer=serializer) as executor:
        assert executor.submit(double, 3).result(TIMEOUT) == 6
        payload = next(iter(submits(loopback)[0]["tasks"].values()))[0]
        assert "11\n[3]" in payload
        executor.serializer = ComputeSerializer(strategy_data=DillDataBase64())
        assert executor.submit(double, 3).result(TIMEOUT) == 6
        with pytest.raises(TypeError, match="Expected ComputeSerializer, got str"):
            executor.serializer = "JSONData"  # type: ignore[assignment]
    assert len(loopback.requests("POST", "/v3/functions")) == 2  # one for each serializer


def test_result_serializers(client: Client, loopback: Loopback) -> None:
    with Executor(
        loopback.endpoint("inline"), client=client, result_serializers=[JSONData]
    ) as executor:
        assert executor.submit(lambda: (1, 2)).result(TIMEOUT) == [1, 2]
        executor.result_serializers = [JSONData(), DillDataBase64()]
        assert executor.submit(lambda: {1, 2}).result(TIMEOUT) == {1, 2}
        executor.result_serializers = [JSONData()]
        with pytest.raises(TaskExecutionFailed, match="JSON"):
            executor.submit(lambda: {1, 2}).result(TIMEOUT)
        executor.result_serializers = None
        assert executor.submit(lambda: (1, 2)).result(TIMEOUT) == (1, 2)
    official = "globus_compute_sdk.serialize.concretes."
    assert [body.get("result_serializers") for body in submits(loopback)] == [
        [official + "JSONData"],
        [official + "JSONData", official + "DillDataBase64"],
        [official + "JSONData"],
        None,
    ]


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_batch_size(client: Client, loopback: Loopback, batch_size: int) -> None:
    endpoint_id = loopback.endpoint("instant")
    with Executor(endpoint_id, client=client, batch_size=batch_size) as executor:
        futures = [executor.submit(double, n) for n in range(30)]
    assert all(future.result(TIMEOUT) is None for future in futures)
    sizes = [tasks_in(body) for body in submits(loopback)]
    assert sum(sizes) == 30
    assert max(sizes) <= batch_size


def test_options_on_the_wire(client: Client, loopback: Loopback) -> None:
    resources, config = {"num_nodes": 2}, {"worker_init": "module load x", "n": [1]}
    with Executor(
        loopback.endpoint("instant"),
        client=client,
        resource_specification=resources,
        user_endpoint_config=config,
        label="sweep 7",
    ) as executor:
        future = executor.submit(double, 1)
        future.result(TIMEOUT)
        assert future.label == "sweep 7"
        executor.resource_specification = executor.user_endpoint_config = None
        executor.submit(double, 1).result(TIMEOUT)
    assert repr(executor).startswith("Executor<sweep 7; ep_id:")
    first, second = submits(loopback)
    assert (first["resource_specification"], first["user_endpoint_config"]) == (resources, config)
    assert not {"resource_specification", "user_endpoint_config"} & second.keys()
    for body in (first, second):
        assert body["create_queue"] is True
        assert body["user_runtime"]["globus_compute_sdk_version"] == "4.19.0"


@pytest.mark.parametrize("name", ["resource_specification", "user_endpoint_config"])
def test_options_that_are_no_json(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} must be of type dict, not str"):
        Executor(**{name: "nodes"})  # type: ignore[arg-type]
    executor = Executor()
    with pytest.raises(TypeError, match=f"{name} must be JSON-serializable"):
        setattr(executor, name, {"a": object()})
    assert getattr(executor, name) is None


def test_options_are_as_they_were_at_submission(client: Client, loopback: Loopback) -> None:
    config = {"queue": "debug"}
    with Executor(
        loopback.endpoint("instant"), client=client, user_endpoint_config=config
    ) as executor:
        executor.submit(double, 1).result(TIMEOUT)
    config["queue"] = "changed later"
    assert submits(loopback)[0]["user_endpoint_config"] == {"queue": "debug"}


def test_endpoint_id(client: Client, loopback: Loopback) -> None:
    executor = Executor(client=client)
    assert executor.endpoint_id is None
    with pytest.raises(ValueError, match="No endpoint_id set"):
        executor.submit(double, 1)
    executor.endpoint_id = loopback.endpoint("inline")
    assert executor.endpoint_id == uuid.UUID(loopback.endpoint("inline"))
    future = executor.submit(double, 1)
    executor.endpoint_id = uuid.UUID(loopback.endpoint("instant"))
    other = executor.submit(double, 1)
    assert (future.result(TIMEOUT), other.result(TIMEOUT)) == (2, None)
    assert future.info.endpoint_id != other.info.endpoint_id


def test_amqp_port(client: Client, loopback: Loopback) -> None:
    """The port named wins over the service's: here, over one where nobody listens."""
    address = client.get_result_amqp_url()["connection_url"]
    port = int(address.rpartition(":")[2].partition("/")[0])
    loopback.broker_fault(refuse=True)
    with Executor(loopback.endpoint("inline"), client=client, amqp_port=port) as executor:
        assert executor.amqp_port == port
        assert executor.submit(double, 1).result(TIMEOUT) == 2
        wait_for_stream(client, port)
