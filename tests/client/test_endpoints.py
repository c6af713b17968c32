"""Endpoints at the service: look at them, register, stop and delete them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from gc_jupyter import Client
from gc_jupyter.errors import LoginRequired, NotFound
from tests.service.handle import Loopback

ADMIN, POLICY, SUBSCRIPTION = (str(uuid.uuid4()) for _ in range(3))


def word() -> str:
    return "said"


def test_status(client: Client, loopback: Loopback) -> None:
    """With the tutorial's path to the details."""
    status = client.get_endpoint_status(uuid.UUID(loopback.endpoint("inline")))
    assert status["status"] == "online"
    assert status["details"]["total_workers"] == status["logs"][0]["total_workers"] == 1
    assert client.get_endpoint_status(loopback.endpoint("offline"))["status"] == "offline"
    online = client.globus_service().endpoint_online
    assert (online(loopback.endpoint("inline")), online(loopback.endpoint("offline"))) == (
        True,
        False,
    )


def test_status_without_details(client: Client, loopback: Loopback) -> None:
    endpoint_id = loopback.endpoint("instant")
    loopback.fault(path=f"/v2/endpoints/{endpoint_id}/status", body='{"status": "offline"}')
    assert client.get_endpoint_status(endpoint_id) == {
        "status": "offline",
        "logs": [
            dict.fromkeys(
                (
                    *("total_workers", "idle_workers", "pending_tasks"),
                    *("outstanding_tasks", "managers"),
                ),
                0,
            )
        ],
    }


def test_metadata_and_list(client: Client, loopback: Loopback) -> None:
    endpoint_id = loopback.new_endpoint("instant", {"endpoint_name": "mine"})
    assert client.get_endpoint_metadata(uuid.UUID(endpoint_id))["name"] == "mine"
    for options in ({}, {"role": "any"}):
        assert endpoint_id in [one["uuid"] for one in client.get_endpoints(**options)]
    queries = [one["query"] for one in loopback.requests("GET", "/v2/endpoints")][1:]
    assert queries == [{}, {"role": "any"}]


def test_registration(client: Client, loopback: Loopback) -> None:
    function_id = client.register_function(word)
    loopback.clear()
    reply = client.register_endpoint(
        "new",
        metadata={"endpoint_version": "4.0"},
        multi_user=True,
        display_name="New",
        allowed_functions=[uuid.UUID(function_id)],
        auth_policy=POLICY,
        subscription_id=SUBSCRIPTION,
        public=False,
        high_assurance=True,
        admins=[ADMIN],
    )
    version, registration = loopback.requests()
    assert version["path"] == "/v2/version"
    assert (registration["method"], registration["path"]) == ("POST", "/v3/endpoints")
    assert registration["body"] == {
        "endpoint_name": "new",
        "display_name": "New",
        "multi_user": True,
        "metadata": {"endpoint_version": "4.0"},
        "allowed_functions": [function_id],
        "authentication_policy": POLICY,
        "subscription_uuid": SUBSCRIPTION,
        "public": False,
        "high_assurance": True,
        "admins": [ADMIN],
    }
    endpoint_id = reply["endpoint_id"]
    assert client.get_allowed_functions(endpoint_id) == {
        "endpoint_id": endpoint_id,
        "restricted": True,
        "functions": [function_id],
    }
    other = client.register_function(word)
    with pytest.raises(LoginRequired, match="not permitted") as caught:
        client.run(endpoint_id=endpoint_id, function_id=other)
    assert caught.value.status == 403
    client.register_endpoint("renamed", endpoint_id)
    assert loopback.requests("PUT", f"/v3/endpoints/{endpoint_id}")[0]["body"] == {
        "endpoint_name": "renamed"
    }
    assert client.get_endpoint_metadata(endpoint_id)["name"] == "renamed"
    client.stop_endpoint(endpoint_id)
    assert loopback.requests("POST", f"/v3/endpoints/{endpoint_id}/lock")
    client.delete_endpoint(uuid.UUID(endpoint_id))
    with pytest.raises(NotFound, match=endpoint_id):
        client.get_endpoint_metadata(endpoint_id)


def test_hardware(client: Client, early: Loopback) -> None:
    task_id = client.get_worker_hardware_details(early.endpoint("inline"))
    report = client.get_result(task_id)
    assert "Compute Endpoint worker" in report
    for fact in ("machine:", "python:", "cores:", "disk here:", "$ lscpu", "$ free -h"):
        assert fact in report


CALLS: dict[str, Any] = {
    "get_endpoint_status": {"endpoint_uuid": "x"},
    "get_endpoint_metadata": {"endpoint_uuid": "x"},
    "get_allowed_functions": {"endpoint_id": "x"},
    "get_worker_hardware_details": {"endpoint_id": "x"},
    "stop_endpoint": {"endpoint_id": "x"},
    "delete_endpoint": {"endpoint_id": "x"},
    "get_function": {"function_id": "x"},
    "delete_function": {"function_id": "x"},
    "get_container": {"container_uuid": "x", "container_type": "docker"},
    "get_task": {"task_id": "x"},
    "get_result": {"task_id": "x"},
    "get_batch_result task_id": {"task_id_list": ["x"]},
    "create_batch": {"task_group_id": "x"},
    "run": {"endpoint_id": ADMIN, "function_id": "x"},
    "run ": {"endpoint_id": "x", "function_id": ADMIN},
    "register_function": {"function": word, "group": "x"},
    "register_function ": {"function": word, "ha_endpoint_id": "x"},
    "register_source_code": {"source": "", "function_name": "f", "group": "x"},
    "register_endpoint": {"name": "n", "endpoint_id": "x"},
    "register_endpoint ": {"name": "n", "admins": ["x"]},
    "register_endpoint  ": {"name": "n", "allowed_functions": ["x"]},
    "register_endpoint   ": {"name": "n", "auth_policy": "x"},
    "register_endpoint    ": {"name": "n", "subscription_id": "x"},
}


@pytest.mark.parametrize("name", CALLS)
def test_malformed_ids(client: Client, loopback: Loopback, name: str) -> None:
    """Refused here, naming the argument, before anything is sent."""
    options = CALLS[name]
    method, _, said = name.partition(" ")
    argument = said.strip() or next(k for k, v in options.items() if v in ("x", ["x"]))
    with pytest.raises(ValueError, match=f"{argument}: 'x' is not a UUID; it should look like"):
        getattr(client, method)(**options)
    assert not loopback.requests()
