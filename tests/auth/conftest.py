from __future__ import annotations

import base64
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import globus_sdk
import pytest

from gc_jupyter.auth import Login, resolve
from tests.auth.servers import ComputeServer, HubServer
from tests.service.globus_auth import GlobusAuth

FOREIGN = (
    "GLOBUS_COMPUTE_CLIENT_ID",
    "GLOBUS_COMPUTE_CLIENT_SECRET",
    "FUNCX_SDK_CLIENT_ID",
    "FUNCX_SDK_CLIENT_SECRET",
    "GLOBUS_COMPUTE_ACCESS_TOKEN",
    "JUPYTERHUB_API_URL",
    "JUPYTERHUB_API_TOKEN",
    "JUPYTERHUB_USER",
    "GLOBUS_DATA",
    "GLOBUS_SDK_ENVIRONMENT",
    "GC_JUPYTER_NONINTERACTIVE",
)


@pytest.fixture
def globus_auth(monkeypatch: pytest.MonkeyPatch) -> Iterator[GlobusAuth]:
    """A Globus Auth on this machine, which globus-sdk's clients reach."""
    with GlobusAuth() as auth:
        for name, value in auth.environ.items():
            monkeypatch.setenv(name, value)
        yield auth


@pytest.fixture(autouse=True)
def compute_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for the shared login, and an environment without any other source."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    directory = tmp_path / "compute"
    monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(directory))
    return directory


@pytest.fixture
def compute(globus_auth: GlobusAuth) -> Iterator[ComputeServer]:
    server = ComputeServer(globus_auth)
    yield server
    server.stop()


@pytest.fixture
def hub() -> Iterator[HubServer]:
    server = HubServer()
    yield server
    server.stop()


@pytest.fixture
def call(compute: ComputeServer) -> Callable[[Login], Any]:
    """Ask the Compute service something with a login, as the service's client does."""

    def ask(login: Login) -> Any:
        client = globus_sdk.ComputeClientV2(base_url=compute.url, authorizer=login.authorizer)
        with client:
            return client.get_version()["min_sdk_version"]

    return ask


@pytest.fixture
def no_retry_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """globus-sdk's waits between its retries take no time."""
    monkeypatch.setattr("globus_sdk.transport.requests.time.sleep", lambda _seconds: None)


@pytest.fixture
def signed_in(globus_auth: GlobusAuth, compute_dir: Path) -> Path:
    """Somebody has logged in with the official SDK before."""
    log_in(resolve(), globus_auth)
    return compute_dir / "storage.db"


def log_in(login: Login, auth: GlobusAuth) -> None:
    """Log in as the widget does: the URL to a browser, the code back."""
    flow = login.flow()
    assert flow is not None
    flow.finish(auth.approve(flow.start()))


def globus_data(auth: GlobusAuth, scopes: str | None = None) -> tuple[str, dict[str, Any]]:
    """GLOBUS_DATA as the hub's authenticator makes it, and the state in it."""
    state = hub_state(auth, scopes)
    return base64.b64encode(pickle.dumps(state)).decode(), state


def hub_state(auth: GlobusAuth, scopes: str | None = None) -> dict[str, Any]:
    """What GlobusOAuthenticator keeps of a user: tokens by resource server, of its own client."""
    reply = auth.issue(client_id="the-hub", **({"scopes": scopes} if scopes else {}))
    tokens = {
        one["resource_server"]: {k: v for k, v in one.items() if k != "other_tokens"}
        for one in (reply, *reply["other_tokens"])
    }
    return {"client_id": "the-hub", "tokens": tokens, "username": "ada", "roles": ["user"]}
