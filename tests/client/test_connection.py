"""What every call stands on: login, caches by token, versions, keywords of earlier days."""

from __future__ import annotations

import threading
import uuid
import warnings
from typing import Any

import globus_sdk
import pytest

from gc_jupyter import Client, Executor, FuncXClient
from gc_jupyter.errors import LoginRequired, ServiceUnreachable, VersionMismatch
from gc_jupyter.protocol.sdk_version import COMPATIBLE_SDK_VERSION
from gc_jupyter.serialize import AllCodeStrategies, ComputeSerializer, JSONData
from tests.conftest import connect
from tests.service.handle import Loopback
from tests.service.known_auth import KnownAuth

MFA = {
    "code": "AuthorizationParameters",
    "reason": "This endpoint wants a second factor.",
    "authorization_parameters": {
        "session_message": "a second factor",
        "session_required_mfa": True,
    },
}


def word() -> str:
    return "said"


# --- construction --------------------------------------------------------------------------


def test_a_new_client_asks_for_the_version(to_loopback: Loopback) -> None:
    client = Client()
    assert [one["path"] for one in to_loopback.requests()] == ["/v2/version"]
    assert "GLOBUS_COMPUTE_ACCESS_TOKEN" in repr(client)
    assert to_loopback.token not in repr(client)
    client.close()


def test_without_version_check_nothing_is_asked(to_loopback: Loopback) -> None:
    assert repr(Client(do_version_check=False)) == "<Client: not logged in yet>"
    assert to_loopback.requests() == []


def test_old_name() -> None:
    assert FuncXClient is Client
    assert FuncXClient.FUNCX_SCOPE == FuncXClient.FUNCXSCOPE
    assert FuncXClient.FUNCX_SCOPE.endswith("/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all")


@pytest.mark.parametrize(
    ("keyword", "advice"),
    [
        ("asynchronous", "Use an Executor"),
        ("funcx_service_address", "GLOBUS_SDK_SERVICE_URL_COMPUTE"),
        ("http_timeout", "GLOBUS_SDK_HTTP_TIMEOUT"),
        ("fx_authorizer", "Use authorizer="),
        ("surprise", "might have been removed"),
    ],
)
def test_unknown_keywords(keyword: str, advice: str) -> None:
    with pytest.warns(UserWarning, match=f"'{keyword}' argument is unrecognized.*{advice}") as told:
        Client(do_version_check=False, **{keyword: 1})
    assert told[0].filename == __file__


def test_one_login_only() -> None:
    app = globus_sdk.UserApp("x", client_id=str(uuid.uuid4()))
    authorizer = globus_sdk.AccessTokenAuthorizer("t")
    for given in (
        {"app": app, "authorizer": authorizer},
        {"app": app, "login_manager": object()},
        {"authorizer": authorizer, "login_manager": object()},
    ):
        with pytest.raises(ValueError, match="exclu"):
            Client(do_version_check=False, **given)


def test_strategies() -> None:
    client = Client(
        do_version_check=False,
        code_serialization_strategy="globus_compute_sdk.serialize.AllCodeStrategies",
        data_serialization_strategy=JSONData(),
    )
    assert type(client.fx_serializer.code_serializer) is AllCodeStrategies
    assert type(client.fx_serializer.data_serializer) is JSONData
    own = ComputeSerializer()
    assert Client(do_version_check=False, serializer=own).fx_serializer is own


def test_local_compute_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOBUS_COMPUTE_ACCESS_TOKEN", "t")
    client = Client(local_compute_services=True, do_version_check=False)
    assert client.globus_service().v2.base_url == "http://localhost:5000"


def test_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOBUS_SDK_SERVICE_URL_COMPUTE", "http://127.0.0.1:9")
    monkeypatch.setattr("gc_jupyter.runtime.requests.retry_delay", lambda *_, **__: None)
    with pytest.raises(ServiceUnreachable, match="No connection") as caught:
        Client(authorizer=globus_sdk.AccessTokenAuthorizer("t"))
    assert "%gc doctor" in caught.value.next_step


# --- versions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minimum", "endpoint", "words"),
    [
        ({"min_sdk_version": "99.0"}, None, "version 99.0 at least; this package speaks"),
        ({"min_ep_version": "3.0.0"}, "2.9.9", "version 3.0.0 at least; the endpoint speaks 2.9.9"),
    ],
)
def test_version_mismatch(
    client: Client, loopback: Loopback, minimum: dict[str, str], endpoint: str | None, words: str
) -> None:
    loopback.control("versions", minimum)
    try:
        with pytest.raises(VersionMismatch, match=words) as caught:
            client.version_check(endpoint)
        assert caught.value.next_step
    finally:
        loopback.control("versions", {name: "2.0.0" for name in minimum})
    client.version_check("2.0.0")
    assert COMPATIBLE_SDK_VERSION.count(".") == 2


# --- caches --------------------------------------------------------------------------------


def test_results_are_cached_under_the_token(client: Client, early: Loopback) -> None:
    function_id = client.register_function(word)
    task_id = client.run(endpoint_id=early.endpoint("inline"), function_id=function_id)
    early.clear()
    for _ in range(2):
        assert client.get_result(task_id) == "said"
        assert client.get_batch_result([task_id])[task_id]["result"] == "said"
        assert client.get_function(function_id)["function_name"] == "word"
    assert [one["path"] for one in early.requests()] == [
        f"/v2/tasks/{task_id}",
        f"/v2/functions/{function_id}",
    ]
    client.logout()  # a token given can't be forgotten, but what was cached under it is
    client.get_task(task_id)
    assert len(early.requests("GET", "/v2/tasks")) == 2


def test_force_login(person: KnownAuth, loopback: Loopback) -> None:
    """A new token, and nothing remembered that was asked with the old one."""
    client = Client()
    function_id = client.register_function(word)
    client.get_function(function_id)
    assert len(person.shown) == 1
    again = Client()
    again.get_function(function_id)
    assert len(person.shown) == 1
    loopback.clear()
    forced = Client(force_login=True)
    forced.get_function(function_id)
    assert len(person.shown) == 2
    assert len(loopback.requests("GET", "/v2/functions")) == 1


@pytest.mark.usefixtures("to_loopback")
def test_force_login_needs_a_source_that_can() -> None:
    with pytest.raises(LoginRequired, match="can't give a new token"):
        Client(force_login=True)


def test_logout(person: KnownAuth, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client()
    client.logout()
    assert client.login().required
    client.get_endpoints()  # asks for a login
    assert len(person.shown) == 2
    client.logout()
    monkeypatch.setenv("GC_JUPYTER_NONINTERACTIVE", "1")
    with pytest.raises(LoginRequired):
        client.get_task(uuid.uuid4())


# --- requirements of Globus Auth -----------------------------------------------------------


CALLS = {
    "a question": ("/v2/endpoints", lambda client, _: client.get_endpoints()),
    "a registration": ("/v3/functions", lambda client, _: client.register_function(word)),
    "a submission": (
        "/v3/endpoints/.*/submit",
        lambda client, endpoint: client.run(
            endpoint_id=endpoint, function_id=client.register_function(word)
        ),
    ),
    "an executor's registration": (
        "/v3/functions",
        lambda client, endpoint: Executor(endpoint, client=client).register_function(word),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_requirements_lead_to_a_login(person: KnownAuth, loopback: Loopback, name: str) -> None:
    path, call = CALLS[name]
    client = Client(rate_limited=False)
    loopback.fault(path=path, status=403, error=MFA)
    assert call(client, loopback.endpoint("instant"))
    first, second = person.shown
    assert "session_required_mfa" not in first
    assert "session_required_mfa=True" in second
    assert "session_message=a+second+factor" in second


@pytest.mark.parametrize("name", CALLS)
def test_requirements_where_nobody_can_be_asked(
    client: Client, loopback: Loopback, name: str
) -> None:
    path, call = CALLS[name]
    loopback.fault(path=path, status=403, error=MFA, times=None)
    with pytest.raises(LoginRequired) as caught:
        call(client, loopback.endpoint("instant"))
    assert caught.value.gare is not None
    assert caught.value.gare["authorization_parameters"]["session_required_mfa"] is True


def test_never_a_prompt_on_a_background_thread(person: KnownAuth, loopback: Loopback) -> None:
    client = Client(rate_limited=False)
    loopback.fault(path="/v2/endpoints", status=403, error=MFA, times=None)
    loopback.fault(path="/v3/endpoints/.*/submit", status=403, error=MFA)
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            client.get_endpoints()
        except LoginRequired as error:
            caught.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert len(caught) == 1
    with Executor(loopback.endpoint("instant"), client=client) as executor:
        error = executor.submit(word).exception(60)
        assert isinstance(error, LoginRequired)
        assert len(person.shown) == 1
        # the way on that its text names
        assert "client.login().renew(error.gare)" in str(error)
        client.login().renew(error.gare)
        assert "session_required_mfa=True" in person.shown[-1]
        assert executor.submit(word).result(60) is None


def test_a_plain_refusal_asks_nobody(person: KnownAuth, loopback: Loopback) -> None:
    client = Client(rate_limited=False)
    loopback.fault(path="/v2/endpoints", status=403)
    with pytest.raises(LoginRequired, match="403") as caught:
        client.get_endpoints()
    assert caught.value.gare is None
    assert "owner" in caught.value.next_step
    assert len(person.shown) == 1


def test_an_expired_token(to_loopback: Loopback) -> None:
    client = connect(to_loopback, rate_limited=False)
    to_loopback.fault(path="/v2/endpoints", status=401)
    with pytest.raises(LoginRequired, match="can't give a new token") as caught:
        client.get_endpoints()
    assert "401" in str(caught.value.__cause__)
    client.close()


# --- the rest ------------------------------------------------------------------------------


def test_result_address(client: Client) -> None:
    first, second = client.get_result_amqp_url(), client.get_result_amqp_url()
    assert set(first) == {"queue_prefix", "connection_url"}
    assert first["connection_url"].startswith("amqp")
    assert first != second  # every call makes a new password


def test_session_task_group_id(client: Client, loopback: Loopback) -> None:
    """The group of what executors submit; `run` and batches without one stay out of it."""
    assert client.session_task_group_id is None
    endpoint_id = loopback.endpoint("instant")
    function_id = client.register_function(word)
    client.run(endpoint_id=endpoint_id, function_id=function_id)
    assert client.session_task_group_id is not None  # of the last batch
    with Executor(endpoint_id, client=client) as executor:
        assert executor.submit(word).result(60) is None
        group = str(executor.task_group_id)
    assert client.session_task_group_id == group
    batch = client.create_batch()
    batch.add(function_id)
    reply = client.batch_run(endpoint_id, batch)
    assert isinstance(reply, dict)
    assert reply["task_group_id"] != group
    own: Any = client.create_batch(task_group_id=uuid.UUID(group))
    own.add(function_id)
    assert client.batch_run(endpoint_id, own)["task_group_id"] == group  # type: ignore[call-overload]


def test_warning_of_high_assurance(client: Client, loopback: Loopback) -> None:
    endpoint_id = loopback.new_endpoint("instant", {"high_assurance": True})
    function_id = client.register_function(word)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client.run(endpoint_id=endpoint_id, function_id=function_id)
    shown = [str(one.message) for one in caught if one.category is UserWarning]
    assert any("assurance" in one.lower() for one in shown), shown
