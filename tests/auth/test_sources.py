"""Where a token comes from, in order."""

from __future__ import annotations

import base64
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import globus_sdk
import pytest
from globus_sdk.authorizers import AccessTokenAuthorizer

from gc_jupyter.auth import Login, resolve, user_login
from gc_jupyter.errors import LoginMisconfigured, LoginRequired
from tests.auth.conftest import globus_data, hub_state, log_in
from tests.auth.servers import ComputeServer, HubServer
from tests.service.globus_auth import GlobusAuth

Call = Callable[[Login], Any]
CLIENT = "b0500dab-ebd4-430f-b962-0c85bd43bdbb"


def credentials(auth: GlobusAuth, prefix: str = "GLOBUS_COMPUTE") -> dict[str, str]:
    auth.add_client(CLIENT, "the secret")
    return {f"{prefix}_CLIENT_ID": CLIENT, f"{prefix}_CLIENT_SECRET": "the secret"}


def test_the_order(
    globus_auth: GlobusAuth,
    hub: HubServer,
    monkeypatch: pytest.MonkeyPatch,
    signed_in: Path,
) -> None:
    """Each source gives way to the one before it: they are taken away one at a time."""
    hub.state = hub_state(globus_auth)
    text, _state = globus_data(globus_auth)
    present = {
        **credentials(globus_auth, "FUNCX_SDK"),
        **credentials(globus_auth),
        "GLOBUS_COMPUTE_ACCESS_TOKEN": "a token",
        **hub.environ,
        "GLOBUS_DATA": text,
    }
    for name, value in present.items():
        monkeypatch.setenv(name, value)

    given = AccessTokenAuthorizer("given")
    assert resolve(authorizer=given).source == "the authorizer given to the client"
    with globus_sdk.ClientApp(client_id=CLIENT, client_secret="the secret") as app:
        assert resolve(app=app).source == "the app given to the client"
    expected = {
        "the client credentials in GLOBUS_COMPUTE_CLIENT_ID": "GLOBUS_COMPUTE_CLIENT_",
        "the client credentials in FUNCX_SDK_CLIENT_ID": "FUNCX_SDK_CLIENT_",
        "the access token in GLOBUS_COMPUTE_ACCESS_TOKEN": "GLOBUS_COMPUTE_ACCESS_TOKEN",
        "JupyterHub's login": "JUPYTERHUB",
        "JupyterHub's GLOBUS_DATA": "GLOBUS_DATA",
        f"the Globus login in {signed_in}": "",
    }
    for source, prefix in expected.items():
        login = resolve()
        assert login.source == source
        assert repr(login) == f"<Login from {source}>"
        login.close()
        for name in present:
            if prefix and name.startswith(prefix):
                monkeypatch.delenv(name, raising=False)


def test_only_a_hub_is_asked_over_the_network(globus_auth: GlobusAuth) -> None:
    text, _state = globus_data(globus_auth)
    for environ in (
        {},
        credentials(globus_auth),
        {"GLOBUS_COMPUTE_ACCESS_TOKEN": "a token"},
        {"GLOBUS_DATA": text},
    ):
        resolve(environ=environ)
    assert globus_auth.requests == []


def test_app_and_authorizer_exclude_each_other() -> None:
    app = globus_sdk.UserApp(client_id=CLIENT)
    with pytest.raises(ValueError, match=r"'app' and 'authorizer' are mutually exclusive\."):
        resolve(app=app, authorizer=AccessTokenAuthorizer("x"))


@pytest.mark.parametrize("prefix", ["GLOBUS_COMPUTE", "FUNCX_SDK"])
@pytest.mark.parametrize("half", ["CLIENT_ID", "CLIENT_SECRET"])
def test_half_of_the_client_credentials(prefix: str, half: str) -> None:
    with pytest.raises(LoginMisconfigured) as caught:
        resolve(environ={f"{prefix}_{half}": "canary-secret"})
    other = {"CLIENT_ID": "CLIENT_SECRET", "CLIENT_SECRET": "CLIENT_ID"}[half]
    assert f"{prefix}_{half} is set, but {prefix}_{other} is not." in str(caught.value)
    assert "canary-secret" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("prefix", ["GLOBUS_COMPUTE", "FUNCX_SDK"])
def test_client_credentials(prefix: str, globus_auth: GlobusAuth, call: Call) -> None:
    login = resolve(environ=credentials(globus_auth, prefix))
    assert not login.required
    assert call(login) == "1.0.0"
    identity = login.identity()
    assert identity is not None
    assert identity.username == f"{CLIENT}@clients.auth.globus.org"
    assert login.flow() is None

    # An expired or revoked token is replaced, without anybody being asked.
    globus_auth.revoke_all()
    assert call(login) == "1.0.0"
    login.renew()
    assert call(login) == "1.0.0"


def test_client_credentials_share_the_official_storage(
    globus_auth: GlobusAuth, call: Call, compute_dir: Path, compute: ComputeServer
) -> None:
    environ = {**credentials(globus_auth), "GLOBUS_COMPUTE_USER_DIR": str(compute_dir)}
    call(resolve(environ=environ, environment="production"))
    call(resolve(environ=environ))
    assert compute.asked[0] == compute.asked[1]
    storage = globus_sdk.token_storage.SQLiteTokenStorage(
        compute_dir / "storage.db", namespace=f"clientprofile/production/{CLIENT}"
    )
    token = storage.get_token_data("funcx_service")
    storage.close()
    assert token is not None
    assert compute.asked[0] == f"Bearer {token.access_token}"


def test_wrong_client_secret(globus_auth: GlobusAuth, call: Call) -> None:
    environ = credentials(globus_auth) | {"GLOBUS_COMPUTE_CLIENT_SECRET": "canary-secret"}
    with pytest.raises(LoginRequired) as caught:
        call(resolve(environ=environ))
    assert "HTTP 401, invalid_client" in str(caught.value)
    assert "GLOBUS_COMPUTE_CLIENT_SECRET" in caught.value.next_step


def test_access_token(globus_auth: GlobusAuth, call: Call) -> None:
    token = globus_auth.issue()["access_token"]
    login = resolve(environ={"GLOBUS_COMPUTE_ACCESS_TOKEN": f" {token}\n"})
    assert call(login) == "1.0.0"
    assert login.identity() is None
    assert login.logout() is False
    globus_auth.revoke_all()
    with pytest.raises(globus_sdk.GlobusAPIError):
        call(login)
    with pytest.raises(LoginRequired) as caught:
        login.renew()
    assert "can't give a new token" in str(caught.value)
    assert "GLOBUS_COMPUTE_ACCESS_TOKEN" in caught.value.next_step


def test_hub(globus_auth: GlobusAuth, hub: HubServer, call: Call) -> None:
    hub.state = hub_state(globus_auth)
    login = resolve(environ=hub.environ)
    assert call(login) == "1.0.0"
    assert len(hub.asked) == 1
    identity = login.identity()
    assert identity is not None
    assert identity.username == "ada@example.org"

    # The hub has refreshed its token meanwhile: a 401 makes us ask again, within the same call.
    globus_auth.revoke_all()
    hub.state = hub_state(globus_auth)
    assert call(login) == "1.0.0"
    assert len(hub.asked) == 2
    login.renew()
    assert call(login) == "1.0.0"
    assert len(hub.asked) == 3

    with pytest.raises(LoginRequired) as caught:
        login.renew({"code": "ConsentRequired", "authorization_parameters": {"prompt": "login"}})
    assert "restart your server" in caught.value.next_step


def test_whose_a_hubs_token_is(globus_auth: GlobusAuth, hub: HubServer) -> None:
    """By default GlobusOAuthenticator leaves out the token with which that could be asked."""
    hub.state = hub_state(globus_auth)
    del hub.state["tokens"]["auth.globus.org"]
    hub.state["globus_user"] = {
        "sub": globus_auth.person.sub,
        "preferred_username": "ada@example.org",
        "name": "Ada Example",
    }
    text = base64.b64encode(pickle.dumps(hub.state)).decode()
    for environ in (hub.environ, {"GLOBUS_DATA": text}):
        identity = resolve(environ=environ).identity()
        assert identity is not None
        assert (identity.username, identity.email) == ("ada@example.org", "")
    assert globus_auth.seen("/v2/oauth2/userinfo") == []


def test_hub_whose_token_stays_bad(globus_auth: GlobusAuth, hub: HubServer, call: Call) -> None:
    hub.state = hub_state(globus_auth)
    login = resolve(environ=hub.environ)
    globus_auth.revoke_all()
    with pytest.raises(globus_sdk.GlobusAPIError) as refused:
        call(login)
    assert refused.value.http_status == 401
    assert len(hub.asked) == 2
    hub.state = None
    login.renew()
    with pytest.raises(LoginRequired, match="no Globus Compute token"):
        call(login)


@pytest.mark.parametrize(
    ("body", "note"),
    [
        (None, "no Globus Compute token"),
        ([], "no Globus Compute token"),
        ({"auth_state": {"tokens": {"funcx_service": {"access_token": 5}}}}, "no Globus Compute"),
        ({"auth_state": {"tokens": [1]}}, "no Globus Compute token"),
    ],
)
def test_hub_that_grants_nothing(
    hub: HubServer, globus_auth: GlobusAuth, body: Any, note: str
) -> None:
    """The next source is used, and `notes` says why."""
    hub.body = body
    text, _state = globus_data(globus_auth)
    login = resolve(environ={**hub.environ, "GLOBUS_DATA": text})
    assert login.source == "JupyterHub's GLOBUS_DATA"
    assert note in " ".join(login.notes)


@pytest.mark.usefixtures("no_retry_sleep")
def test_hub_that_refuses_or_is_away(hub: HubServer) -> None:
    refused = resolve(environ={**hub.environ, "JUPYTERHUB_API_TOKEN": "canary-secret"})
    assert refused.notes == ("JupyterHub's API refuses this server's token (HTTP 403).",)
    environ = hub.environ
    hub.stop()
    away = resolve(environ=environ)
    assert "can't be reached" in away.notes[0]
    assert away.flow() is not None


def test_globus_data(globus_auth: GlobusAuth, call: Call) -> None:
    text, state = globus_data(globus_auth)
    login = resolve(environ={"GLOBUS_DATA": text})
    assert call(login) == "1.0.0"
    identity = login.identity()
    assert identity is not None
    assert identity.identity_id == globus_auth.person.sub
    # The hub's refresh token is its own client's: it must never be sent by us.
    globus_auth.revoke_all(refresh_tokens=False)
    with pytest.raises(globus_sdk.GlobusAPIError):
        call(login)
    with pytest.raises(LoginRequired) as caught:
        login.renew()
    assert "Restart your server" in caught.value.next_step
    assert globus_auth.seen("/v2/oauth2/token") == []
    assert state["tokens"]["funcx_service"]["refresh_token"]


def test_globus_data_without_a_compute_token(globus_auth: GlobusAuth) -> None:
    text, _state = globus_data(globus_auth, "openid")
    login = resolve(environ={"GLOBUS_DATA": text})
    assert login.notes == ("GLOBUS_DATA has no Globus Compute token.",)
    assert login.flow() is not None


def test_user_login_ignores_the_environment(globus_auth: GlobusAuth, call: Call) -> None:
    """The way on when the environment's token is no good: %gc login."""
    login = user_login(environ={"GLOBUS_COMPUTE_ACCESS_TOKEN": "expired"})
    assert login.required
    log_in(login, globus_auth)
    assert call(login) == "1.0.0"


def test_the_namespace_follows_the_environment(
    globus_auth: GlobusAuth, compute_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(resolve(environment="local"), globus_auth)
    monkeypatch.setenv("GLOBUS_SDK_ENVIRONMENT", "preview")
    log_in(resolve(), globus_auth)
    storage = globus_sdk.token_storage.SQLiteTokenStorage(compute_dir / "storage.db")
    assert set(storage.iter_namespaces()) == {"user/local", "user/preview"}
    storage.close()


def test_globus_sdk_honours_its_own_redirections(monkeypatch: pytest.MonkeyPatch) -> None:
    """GLOBUS_SDK_ENVIRONMENT picks Globus Auth; GLOBUS_SDK_SERVICE_URL_AUTH wins over it."""
    monkeypatch.delenv("GLOBUS_SDK_SERVICE_URL_AUTH", raising=False)
    monkeypatch.setenv("GLOBUS_SDK_ENVIRONMENT", "preview")
    flow = resolve().flow()
    assert flow is not None
    assert flow.start().startswith("https://auth.preview.globus.org/v2/oauth2/authorize?")
    monkeypatch.setenv("GLOBUS_SDK_SERVICE_URL_AUTH", "http://127.0.0.1:9/")
    flow = resolve().flow()
    assert flow is not None
    assert flow.start().startswith("http://127.0.0.1:9/v2/oauth2/authorize?")


def test_token_key(globus_auth: GlobusAuth) -> None:
    one = globus_auth.issue()["access_token"]
    keys = [
        resolve(environ={"GLOBUS_COMPUTE_ACCESS_TOKEN": token}).token_key()
        for token in (one, one, globus_auth.issue()["access_token"])
    ]
    assert keys[0] == keys[1] != keys[2]
    assert one not in keys[0]
