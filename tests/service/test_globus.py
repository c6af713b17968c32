"""What globus-sdk, requests and urllib3 say -> this package's errors; replies -> values."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any

import globus_sdk
import pytest
import requests
import urllib3.exceptions as of_urllib3

from gc_jupyter import errors
from gc_jupyter.service import globus_failures
from gc_jupyter.service.base import FunctionRegistration, SubmitRequest, TaskStatus
from gc_jupyter.service.globus import GlobusService, registration_body, submit_body, task_status

POOL: Any = None
CERTIFICATE = ssl.SSLCertVerificationError(1, "certificate verify failed")
BROKEN_RECORD = ssl.SSLError(1, "decryption failed or bad record mac")


def wrapped(error: Exception) -> requests.exceptions.RequestException:
    """As requests wraps what urllib3 raises."""
    kind = requests.exceptions.SSLError if isinstance(error, of_urllib3.SSLError) else None
    return (kind or requests.exceptions.ConnectionError)(of_urllib3.MaxRetryError(POOL, "/", error))


@pytest.mark.parametrize("by", [lambda error: error, wrapped], ids=["urllib3", "requests"])
@pytest.mark.parametrize(
    ("cause", "sent"),
    [
        (of_urllib3.NewConnectionError(POOL, "refused"), False),
        (of_urllib3.NameResolutionError("host", POOL, OSError("no name")), False),  # type: ignore[arg-type]
        (of_urllib3.ConnectTimeoutError("too long"), False),
        (of_urllib3.ProxyError("no proxy", OSError()), False),
        (of_urllib3.SSLError(CERTIFICATE), False),
        (of_urllib3.SSLError(BROKEN_RECORD), True),  # may come with the reply
        (of_urllib3.ProtocolError("aborted", ConnectionResetError()), True),
        (of_urllib3.ReadTimeoutError(POOL, "/", "timed out"), True),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whether_the_request_had_left(
    cause: Exception, sent: bool, by: Callable[[Exception], Exception]
) -> None:
    network = globus_sdk.GlobusConnectionError("failed", by(cause))
    error = globus_failures.unreachable(network)
    assert error.sent is sent
    assert error.next_step
    assert ("after the request had left" in error.reason) is sent


def test_a_connection_that_took_too_long() -> None:
    network = globus_sdk.GlobusConnectionTimeoutError("slow", of_urllib3.TimeoutError())
    assert globus_failures.unreachable(network).sent is False


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("²", None),
        ("1.2.3", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert globus_failures._seconds({"Retry-After": value}) == seconds
    assert globus_failures._seconds(None) is None


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("Wed, 25 Nov 2026 12:00:30 GMT", "Wed, 25 Nov 2026 12:00:00 GMT", 30.0),
        ("Wed, 25 Nov 2026 11:00:00 GMT", "Wed, 25 Nov 2026 12:00:00 GMT", 0.0),
        ("Wed, 25 Nov 2026 12:00:30 -0000", "Wed, 25 Nov 2026 12:00:00 GMT", 30.0),
        ("Wed, 25 Nov 9999 12:00:30 GMT", "Wed, 25 Nov 2026 12:00:00 GMT", 365 * 86400.0),
        ("Mon, 99 Foo 2026 99:99:99 GMT", "Wed, 25 Nov 2026 12:00:00 GMT", None),
        ("Wed, 25 Nov 2000 12:00:30 GMT", "", 0.0),  # by this machine's clock
    ],
)
def test_retry_after_a_date(value: str, date: str, seconds: float | None) -> None:
    """It is by the service's clock, which its Date tells."""
    assert globus_failures._seconds({"Retry-After": value, "Date": date}) == seconds


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ({}, TaskStatus("t", "unknown")),
        ({"status": "Waiting-For-EP"}, TaskStatus("t", "waiting-for-ep")),
        (
            {"status": "success", "result": "00\nx", "completion_t": 12.5, "details": {"os": "L"}},
            TaskStatus("t", "success", "12.5", "00\nx", None, {"os": "L"}),
        ),
        (
            {"status": "failed", "exception": "Traceback", "details": "none"},
            TaskStatus("t", "failed", None, None, "Traceback"),
        ),
        (
            {"status": "abandoned"},
            TaskStatus(
                "t", "abandoned", exception="The service has no result: the task is abandoned."
            ),
        ),
        (
            {"status": "failed", "reason": "No such\x1b[2Jqueue"},
            TaskStatus("t", "failed", exception="No such[2Jqueue", reason="No such[2Jqueue"),
        ),
        ({"status": "running", "reason": "x"}, TaskStatus("t", "running")),
        (
            {"status": "failed", "reason": "x", "exception": "e"},
            TaskStatus("t", "failed", exception="e"),
        ),
        ({"status": "abandoned", "result": "r"}, TaskStatus("t", "abandoned", result="r")),
        ({"status": 7, "exception": {"a": 1}}, TaskStatus("t", "7", exception="{'a': 1}")),
    ],
)
def test_task_status(reply: dict[str, Any], status: TaskStatus) -> None:
    assert task_status("t", reply) == status
    assert status.done is (status.result is not None or status.exception is not None)


def test_bodies_leave_out_what_is_not_set() -> None:
    body = submit_body(SubmitRequest("e", {"f": ["a", "b"]}))
    assert body.keys() == {"create_queue", "tasks", "user_runtime"}
    assert body["tasks"] == {"f": ["a", "b"]}
    full = SubmitRequest("e", {"f": ["a"]}, "g", True, {"n": 1}, {"c": 2}, ("p.JSONData",))
    assert submit_body(full) | {"user_runtime": 0} == {
        "create_queue": True,
        "tasks": {"f": ["a"]},
        "user_runtime": 0,
        "task_group_id": "g",
        "resource_specification": {"n": 1},
        "user_endpoint_config": {"c": 2},
        "result_serializers": ["p.JSONData"],
    }
    registered = registration_body(FunctionRegistration("f", "code", description="d"))
    assert registered["description"] == "d"
    assert not {"public", "group", "ha_endpoint_id"} & registered.keys()


class Reply:
    """A reply of globus-sdk's, with this JSON."""

    def __init__(self, data: object) -> None:
        self.data = data


def test_a_warning_of_a_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    service = GlobusService(authorizer=globus_sdk.NullAuthorizer(), base_url="http://127.0.0.1:9")
    reply = {"function_uuid": "f", "ha_warning": "High assurance: do not share."}
    monkeypatch.setattr(service.v3, "register_function", lambda _body: Reply(reply))
    with pytest.warns(UserWarning, match="do not share"):
        assert service.register_function(FunctionRegistration("f", "code")) == "f"


@pytest.mark.parametrize(
    "proxy", ["http://", "foo bar", "ftp://x:3", "http://a:99999999", "socks5://localhost:9"]
)
def test_a_proxy_that_cannot_be_one(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent: no riddle."""
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    service = GlobusService(
        authorizer=globus_sdk.NullAuthorizer(), base_url="http://compute.example"
    )
    monkeypatch.setattr(service, "_in_clear", None)
    with pytest.raises(errors.ServiceUnreachable, match="No connection to") as caught:
        service.submit(SubmitRequest("e", {"f": ["a"]}))
    assert "proxy settings" in str(caught.value)
    service.close()


def test_tls_that_cannot_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of certificates that isn't one: no request can have left."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", __file__)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        service = GlobusService(
            authorizer=globus_sdk.NullAuthorizer(),
            base_url=f"https://127.0.0.1:{listening.getsockname()[1]}",
        )
        with pytest.raises(errors.ServiceUnreachable, match="No connection to"):
            service.submit(SubmitRequest("e", {"f": ["a"]}))
        service.close()


@pytest.mark.parametrize("proxy", ["", "http://127.0.0.1:9"])
@pytest.mark.parametrize("token", ["first\nsecond", "first\r\nX-Other: second", "t€ken", "a\0b"])
def test_a_token_that_no_request_can_carry(
    token: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain refusal: nothing was sent, and nobody has to wonder whether a task runs."""
    if proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "")
    service = GlobusService(
        authorizer=globus_sdk.AccessTokenAuthorizer(token), base_url="http://127.0.0.1:9"
    )
    with pytest.raises(errors.LoginMisconfigured, match="Nothing was sent") as caught:
        service.submit(SubmitRequest("e", {"f": ["a"]}))
    assert "second" not in str(caught.value)
    assert "ken" not in str(caught.value).replace("token", "")
    service.close()


STRANGE = [None, [], "text", 7, {}, {"results": None}, {"tasks": None}, {"connection_url": 7}]


@pytest.mark.parametrize("data", STRANGE, ids=repr)
@pytest.mark.parametrize(
    "call",
    [
        lambda service: service.submit(SubmitRequest("e", {"f": ["a"]})),
        lambda service: service.task_statuses(["t"]),
        lambda service: service.task_group("g"),
        lambda service: service.amqp_address(),
        lambda service: service.register_function(FunctionRegistration("f", "code")),
    ],
    ids=["submit", "task_statuses", "task_group", "amqp_address", "register_function"],
)
def test_strange_replies(
    call: Callable[[GlobusService], object], data: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = GlobusService(authorizer=globus_sdk.NullAuthorizer(), base_url="http://127.0.0.1:9")
    for client in (service.v2, service.v3):
        for name in ("get", "post"):
            monkeypatch.setattr(client, name, lambda *_args, **_options: Reply(data))
    with pytest.raises((errors.BadReply, errors.SubmitUncertain)) as caught:
        call(service)
    reason: Any = caught.value
    if isinstance(reason, errors.SubmitUncertain):  # who sent it, and what became of the tasks?
        reason = reason.__cause__
        assert isinstance(reason, errors.BadReply)
    assert "%gc doctor" in reason.next_step
    service.close()
