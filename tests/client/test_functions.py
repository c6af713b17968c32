"""Functions at the service, and what is left of funcX's search and containers."""

from __future__ import annotations

import platform
import uuid
from typing import Any

import pytest

from gc_jupyter import Client
from gc_jupyter.errors import NotFound, SerializationError
from gc_jupyter.protocol.sdk_version import COMPATIBLE_SDK_VERSION
from tests.conftest import connect
from tests.service.handle import Loopback

GROUP = "8e0f4a5e-0000-4000-8000-000000000001"
SOURCE = "def half(x):\n    return x / 2\n"


def documented() -> str:
    """From the docstring."""
    return "foo"


def plain() -> None: ...


def registered(loopback: Loopback) -> dict[str, Any]:
    """The body of the one registration that arrived."""
    (request,) = loopback.requests("POST", "/v3/functions")
    return dict(request["body"])


@pytest.mark.parametrize(
    ("function", "options", "expected"),
    [
        (plain, {}, {}),
        (documented, {}, {"description": "From the docstring."}),
        (documented, {"description": "Wins."}, {"description": "Wins."}),
        (documented, {"description": ""}, {}),
        (plain, {"public": True}, {"public": True}),
        (plain, {"group": GROUP}, {"group": GROUP}),
        (plain, {"group": uuid.UUID(GROUP)}, {"group": GROUP}),
        (plain, {"ha_endpoint_id": uuid.UUID(GROUP)}, {"ha_endpoint_id": GROUP}),
        (plain, {"function_name": "other"}, {"function_name": "other"}),
        (plain, {"metadata": {"python_version": "3"}}, {"meta": {"python_version": "3"}}),
    ],
)
def test_register(
    client: Client, loopback: Loopback, function: Any, options: Any, expected: Any
) -> None:
    function_id = client.register_function(function, **options)
    assert str(uuid.UUID(function_id)) == function_id
    body = registered(loopback)
    code = body.pop("function_code")
    assert code.partition("\n")[2].startswith("01\n")
    assert body == {
        "function_name": function.__name__,
        "serialized": True,
        "meta": {
            "python_version": platform.python_version(),
            "sdk_version": COMPATIBLE_SDK_VERSION,
            "serde_identifier": "01",
        },
        **expected,
    }


def test_each_registration_is_a_new_one(client: Client) -> None:
    """So that a function registered after its deletion is one that exists."""
    first = client.register_function(plain)
    client.delete_function(first)
    second = client.register_function(plain)
    assert client.get_function(second)["function_name"] == "plain"
    with pytest.raises(NotFound, match=first):
        client.get_function(first)
    with pytest.raises(NotFound, match=first):
        client.delete_function(uuid.UUID(first))


def test_source_code(client: Client, early: Loopback) -> None:
    function_id = client.register_source_code(SOURCE, "half", description="Halves.")
    body = registered(early)
    assert (body["serialized"], body["function_code"]) == (False, SOURCE)
    assert (body["function_name"], body["description"]) == ("half", "Halves.")
    assert "serde_identifier" not in body["meta"]
    task_id = client.run(3, endpoint_id=early.endpoint("inline"), function_id=function_id)
    assert client.get_result(task_id) == 1.5


def test_high_assurance_excludes_sharing(client: Client, loopback: Loopback) -> None:
    for register in (
        lambda **options: client.register_function(plain, **options),
        lambda **options: client.register_source_code(SOURCE, "half", **options),
    ):
        for options in ({"public": True}, {"group": GROUP}):
            with pytest.raises(ValueError, match="mutually exclusive"):
                register(ha_endpoint_id=GROUP, **options)
    assert not loopback.requests()


def test_what_can_not_be_registered(client: Client, loopback: Loopback) -> None:
    with pytest.raises(SerializationError, match="not callable"):
        client.register_function(5)  # type: ignore[arg-type]
    assert not loopback.requests()


def test_search(client: Client, to_loopback: Loopback) -> None:
    """The service's index is gone: one's own functions are searched, and a warning says so."""
    first = client.register_function(documented, public=True)
    second = client.register_function(plain, description="A PLAIN one")
    to_loopback.clear()
    with pytest.warns(UserWarning, match="no function search any more") as told:
        (hit,) = client.search_function("docstring the", offset=0, limit=5)
    assert told[0].filename == __file__
    assert (hit["function_uuid"], hit["function_name"], hit["public"]) == (
        first,
        "documented",
        True,
    )

    def found(*arguments: Any) -> list[str]:
        with pytest.warns(UserWarning, match="search"):
            return [one["function_uuid"] for one in client.search_function(*arguments)]

    assert found("plain one") == [second]
    assert found("") == [second, first]
    assert found("", 1) == [first]
    assert found("", 0, 1) == [second]
    assert found("unheard") == []
    client.delete_function(second)
    assert found("plain") == []
    assert not to_loopback.requests("GET")
    stranger = connect(to_loopback)
    with pytest.warns(UserWarning, match="search"):
        assert stranger.search_function("") == []


def test_containers(client: Client, loopback: Loopback) -> None:
    """funcX's calls, for a service that still has them."""
    container_id = client.register_container("image:1", "docker", name="mine")
    assert client.get_container(container_id, "docker") == {
        "container_uuid": container_id,
        "name": "mine",
        "location": "image:1",
        "description": "",
        "type": "docker",
    }
    with pytest.raises(NotFound):
        client.get_container(container_id, "singularity")
    with pytest.warns(UserWarning, match="'container_uuid': Endpoints choose containers"):
        client.register_function(plain, container_uuid=container_id)
    with pytest.warns(UserWarning, match="'searchable'"):
        client.register_function(plain, searchable=True)
    loopback.fault(path="/v2/containers", status=404)
    with pytest.raises(NotFound, match=r"engine\.container_uri"):
        client.register_container("image:1", "docker")
