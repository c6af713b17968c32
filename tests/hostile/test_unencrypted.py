"""Addresses without TLS: nothing goes to another machine in clear text unless the user says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import globus_sdk
import pika
import pytest
import requests

from gc_jupyter.errors import ServiceError, StreamError
from gc_jupyter.service.amqp_address import AmqpAddress
from gc_jupyter.service.globus import GlobusService
from gc_jupyter.settings import Settings
from gc_jupyter.unencrypted import how_to_allow, refused_host

OF_THIS_MACHINE = ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"]
OTHERS = [
    *("broker.example", "10.0.0.5", "localhost.example", "127.0.0.1.example", "[::2]", "0.0.0.0"),
    *("LOCALHOST.example", "[::ffff:10.0.0.5]", "2130706433", ""),
]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    return Settings(projects=False)


@pytest.fixture
def service() -> GlobusService:
    return make("https://compute.example")


def make(url: str) -> GlobusService:
    return GlobusService(authorizer=globus_sdk.AccessTokenAuthorizer("token"), base_url=url)


def gives(service: GlobusService, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Have the service answer with this address of the broker."""

    def request(_method: str, of: str, **_: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response.url = 200, of
        response._content = f'{{"queue_prefix": "q.", "connection_url": "{url}"}}'.encode()
        response.headers["Content-Type"] = "application/json"
        return response

    monkeypatch.setattr(service._transport, "request", request)


@pytest.mark.parametrize("scheme", ["amqp", "AMQP"])
@pytest.mark.parametrize("host", OTHERS)
def test_an_address_without_tls_is_refused(
    service: GlobusService, monkeypatch: pytest.MonkeyPatch, scheme: str, host: str
) -> None:
    gives(service, monkeypatch, f"{scheme}://user:secret@{host}:5672/%2F")
    with pytest.raises(StreamError, match="without TLS") as caught:
        service.amqp_address()
    assert "Ask whoever runs it" in caught.value.next_step
    assert "results are asked for by HTTPS" in caught.value.next_step
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@localhost:5672/",  # pika takes it for AMQP
        "https://user:secret@broker.example:443/",
        "//user:secret@localhost/",
        "user:secret@localhost",
        "file:///etc/passwd",
        "",
    ],
)
def test_what_is_no_address_of_a_broker(
    service: GlobusService, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    gives(service, monkeypatch, url)
    with pytest.raises(StreamError, match="can't be read") as caught:
        service.amqp_address()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        *(f"amqp://user:secret@{host}:5672/%2F" for host in OF_THIS_MACHINE),
        *(f"amqps://user:secret@{host or 'h'}:443/%2F" for host in OTHERS),
        "AMQPS://user:secret@broker.example:443/%2F",
    ],
)
def test_what_is_taken(service: GlobusService, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    gives(service, monkeypatch, url)
    address = service.amqp_address()
    tls = address.parameters(connect_s=1).ssl_options
    assert (tls is not None) == address.encrypted == url.lower().startswith("amqps:")
    if tls is not None:
        assert tls.context.check_hostname


def test_a_query_in_the_address_is_not_read(tmp_path: Path) -> None:
    """pika takes TLS's files, and Python literals, from there."""
    options = f"ssl_options={{'certfile':'{tmp_path / 'nowhere'}','verify_mode':'CERT_NONE'}}"
    address = AmqpAddress("", f"amqps://u:p@h:443/%2F?{options}&heartbeat=1&tcp_options=[]")
    parameters = address.parameters(connect_s=1)
    assert parameters.ssl_options.context.check_hostname
    assert parameters.heartbeat == pika.ConnectionParameters().heartbeat


def test_a_host_that_the_user_has_named(
    service: GlobusService, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.set("unencrypted", "other.example, Broker.example")
    gives(service, monkeypatch, "amqp://user:secret@broker.EXAMPLE:5672/%2F")
    assert not service.amqp_address().encrypted
    gives(service, monkeypatch, "amqp://user:secret@broker.example.evil:5672/%2F")
    with pytest.raises(StreamError):
        service.amqp_address()


CALLS: dict[str, Callable[[GlobusService], object]] = {
    "amqp_address": lambda service: service.amqp_address(),
    "task_statuses": lambda service: service.task_statuses(["t"]),
}


@pytest.mark.parametrize("call", CALLS)
def test_no_request_to_a_service_without_tls(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, call: str
) -> None:
    service = make("http://compute.example")
    gives(service, monkeypatch, "amqps://h")
    with pytest.raises(ServiceError, match=r"http://compute\.example.* has no TLS") as caught:
        CALLS[call](service)
    assert "%gc config unencrypted compute.example" in caught.value.next_step
    settings.set("unencrypted", "compute.example")
    assert make("http://compute.example")._in_clear == ""


def test_a_hosts_name_makes_no_command() -> None:
    host = refused_host("amqp://u:p@a b;{x}/")
    assert host == "no host's name"
    assert "%gc" not in how_to_allow(host)
    assert "%gc config unencrypted a-b.example," in how_to_allow("a-b.example")


def test_a_redirect_is_not_followed() -> None:
    """A task's body would go where it leads; globus-sdk's own way is taken behind a proxy."""
    sent: list[dict[str, Any]] = []
    service = make("https://compute.example")
    service._transport._pool = None

    def send(_request: object, **options: Any) -> requests.Response:
        sent.append(options)
        raise globus_sdk.NetworkError("stop", ConnectionError())

    service._transport.session.send = send  # type: ignore[method-assign]
    with pytest.raises(ServiceError):
        service.task_statuses(["t"])
    assert [options["allow_redirects"] for options in sent] == [False]
