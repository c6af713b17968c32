"""Tracebacks that print local variables, as `%xmode Verbose` does, show no token."""

from __future__ import annotations

import contextlib
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import globus_sdk
import pytest
from IPython.core.ultratb import VerboseTB

from gc_jupyter import Client
from gc_jupyter.auth import resolve
from gc_jupyter.auth.authorizers import HubAuthorizer
from gc_jupyter.secret import Environment, Secret, without_frames
from gc_jupyter.service.amqp_address import AmqpAddress
from gc_jupyter.service.amqp_probe import probe
from tests.auth.conftest import hub_state, log_in
from tests.auth.servers import HubServer
from tests.magics.conftest import Kernel
from tests.service.globus_auth import GlobusAuth
from tests.service.handle import Loopback

#: Wrapped, since the frames of these tests are in their tracebacks too.
TOKEN = Secret("Ag" + "k3" * 40)
PASSWORD = Secret("canary-hunter2")
TASK = "4b116d3c-1703-4f8f-9f6f-39921e5864df"


def shown(action: Callable[[], Any]) -> str:
    """All that tracebacks of this failure can show, local variables included."""
    try:
        action()
    except BaseException as error:
        found = traceback.TracebackException.from_exception(error, capture_locals=True)
        verbose = VerboseTB()
        return "".join(found.format()) + verbose.text(type(error), error, error.__traceback__)
    raise AssertionError("it didn't fail")


def nobody() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def test_the_canary_sings() -> None:
    def fail(headers: dict[str, str]) -> None:
        raise ValueError(len(headers))

    assert TOKEN in shown(lambda: fail({"Authorization": str(TOKEN)}))
    assert TOKEN not in shown(lambda: fail({"Authorization": Secret(TOKEN)}))


def client_at(url: str, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("GLOBUS_SDK_SERVICE_URL_COMPUTE", url)
    monkeypatch.setenv("GLOBUS_COMPUTE_ACCESS_TOKEN", TOKEN)
    return Client(do_version_check=False, rate_limited=False)


CALLS: dict[str, Callable[[Client], Any]] = {
    "task": lambda client: client.get_task(TASK),
    "batch": lambda client: client.get_batch_result([TASK]),
    "endpoints": lambda client: client.get_endpoints("any"),
    "broker": lambda client: client.get_result_amqp_url(),
    "run": lambda client: client.run(endpoint_id=TASK, function_id=TASK),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_request_that_nobody_answers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gc_jupyter.runtime.requests.retry_delay", lambda *_, **__: None)
    with contextlib.closing(client_at(f"http://{nobody()}", monkeypatch)) as client:
        assert TOKEN not in shown(lambda: CALLS[name](client))


def test_a_request_by_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """That way is globus-sdk's own, and requests'."""
    monkeypatch.setattr("gc_jupyter.runtime.requests.retry_delay", lambda *_, **__: None)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://{nobody()}")
    with contextlib.closing(client_at("http://compute.example.org", monkeypatch)) as client:
        for call in CALLS.values():
            assert TOKEN not in shown(lambda call=call: call(client))  # type: ignore[misc]


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_request_that_is_refused(
    status: int, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gc_jupyter.runtime.requests.retry_delay", lambda *_, **__: None)
    for name, value in loopback.environment.items():
        monkeypatch.setenv(name, value)
    token = Secret(loopback.token)
    given = globus_sdk.AccessTokenAuthorizer(token)
    for client in (
        Client(do_version_check=False, rate_limited=False),
        Client(do_version_check=False, rate_limited=False, authorizer=given),
    ):
        with contextlib.closing(client):
            for call in CALLS.values():
                loopback.fault(path="/v.*", status=status)
                text = shown(lambda call=call, client=client: call(client))  # type: ignore[misc]
                assert token not in text


def test_a_login_that_is_not_renewed(
    globus_auth: GlobusAuth, compute_dir: Path, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gc_jupyter.runtime.requests.retry_delay", lambda *_, **__: None)
    monkeypatch.setattr("globus_sdk.transport.requests.time.sleep", lambda _seconds: None)
    url = loopback.environment["GLOBUS_SDK_SERVICE_URL_COMPUTE"]
    monkeypatch.setenv("GLOBUS_SDK_SERVICE_URL_COMPUTE", url)
    log_in(resolve(), globus_auth)
    assert compute_dir.exists()
    texts = []
    client = Client(do_version_check=False, rate_limited=False)
    globus_auth.revoke_all()
    texts.append(shown(lambda: client.get_task(TASK)))
    globus_auth.outage = True
    texts.append(
        shown(
            lambda: (
                client.login().authorizer.handle_missing_authorization() and client.get_task(TASK)
            )
        )
    )
    texts.append(shown(lambda: client.get_endpoints()))
    globus_auth.outage = False
    flow = resolve().flow()
    assert flow is not None
    code = Secret(globus_auth.approve(flow.start()))
    flow.start()
    texts.append(shown(lambda: flow.finish(code)))
    client.close()
    for text in texts:
        assert [one for one in (*globus_auth.tokens, code) if one in text] == []


def test_client_credentials_and_the_environment(
    globus_auth: GlobusAuth, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOTHER_SECRET", PASSWORD)
    monkeypatch.setenv("GLOBUS_COMPUTE_CLIENT_SECRET", PASSWORD)
    assert PASSWORD not in shown(resolve)  # half of the credentials
    monkeypatch.setenv("GLOBUS_COMPUTE_CLIENT_ID", "b0500dab-ebd4-430f-b962-0c85bd43bdbb")
    login = resolve()
    assert PASSWORD not in shown(login.renew)
    assert PASSWORD not in shown(login.token_key)
    globus_auth.outage = True
    assert PASSWORD not in shown(login.token_key)
    assert PASSWORD not in repr(Environment({"A": PASSWORD}))


def test_a_hub(hub: HubServer, globus_auth: GlobusAuth) -> None:
    given = HubAuthorizer(hub.environ["JUPYTERHUB_API_URL"], PASSWORD, "ada")
    assert PASSWORD not in shown(given.get_authorization_header)
    hub.state = hub_state(globus_auth)
    good = resolve(environ=hub.environ)
    header = good.authorizer.get_authorization_header()
    assert repr(header) == "'***'"
    hub.stop()
    good.authorizer.handle_missing_authorization()
    text = shown(good.authorizer.get_authorization_header)
    assert hub.api_token not in text
    assert [one for one in globus_auth.tokens if one in text] == []


@pytest.mark.parametrize(
    "url",
    [
        f"amqp://user:{PASSWORD}@{{nobody}}/vhost",
        f"amqps://user:{PASSWORD}@{{nobody}}/vhost",
        f"amqp://user:{PASSWORD}@host:not-a-port/vhost",
        f"http://user:{PASSWORD}@[bad",
    ],
)
def test_a_broker_that_lets_nobody_in(url: str) -> None:
    address = AmqpAddress("q.", Secret(url.replace("{nobody}", nobody())))

    def connect() -> None:
        parameters = address.parameters(connect_s=1.0)
        raise RuntimeError(probe(address, parameters.port))

    assert PASSWORD not in shown(connect)


def test_a_reply_that_lacks_a_part(loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came with it is a local variable."""
    from gc_jupyter.service.globus import GlobusService

    reply = {"connection_url": f"amqps://u:{PASSWORD}@h/v"}
    monkeypatch.setattr(GlobusService, "call", lambda *_: dict(reply))
    service = GlobusService(authorizer=globus_sdk.NullAuthorizer(), base_url=loopback.url)
    assert PASSWORD not in shown(service.amqp_address)


def test_without_frames() -> None:
    def fail() -> None:
        try:
            raise ValueError("a")
        except ValueError as error:
            raise KeyError("b") from error

    with pytest.raises(KeyError) as caught:
        fail()
    error = without_frames(caught.value)
    assert error.__traceback__ is None
    assert error.__cause__ is not None
    assert error.__cause__.__traceback__ is None


# --- as a user meets it -----------------------------------------------------------------------


def test_verbose_in_a_kernel(tmp_path: Path) -> None:
    environment = {
        "GLOBUS_SDK_SERVICE_URL_COMPUTE": f"http://{nobody()}",
        "GLOBUS_COMPUTE_ACCESS_TOKEN": TOKEN,
    }
    kernel = Kernel(tmp_path, environment)
    try:
        kernel.ok("%load_ext gc_jupyter")
        kernel.ok("%xmode Verbose")
        kernel.ok("from gc_jupyter import Client, Executor")
        kernel.ok("client = Client(do_version_check=False)")
        kernel.ok("import gc_jupyter.runtime.requests as r\nr.retry_delay = lambda *_, **__: None")
        for cell in (
            f"client.get_task({TASK!r})",
            "client.get_endpoints('any')",
            "client.get_result_amqp_url()",
            f"Executor({TASK!r}, client=client).submit(print).result()",
            "client.register_function(print)",
            f"%%gcrun {TASK}\n1",
            "%gc endpoints",
            "%gc doctor",
        ):
            shown = kernel.run(cell)
            assert TOKEN not in str(shown.outputs), cell
            if cell.startswith("client"):
                assert "client" in shown.traceback  # the frames are there, with their variables
    finally:
        kernel.close()
