"""funcX's LoginManager protocol, as its user guide uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import globus_sdk
import pytest
from globus_sdk.scopes import AuthScopes, ComputeScopes, SearchScopes

from gc_jupyter.auth import (
    FuncxWebClient,
    Login,
    LoginManager,
    LoginManagerProtocol,
    resolve,
)
from gc_jupyter.errors import LoginMisconfigured, LoginRequired
from tests.auth.conftest import hub_state, log_in
from tests.auth.servers import ComputeServer, HubServer
from tests.service.globus_auth import GlobusAuth
from tests.service.globus_tokens import COMPUTE_SCOPE

Call = Callable[[Login], Any]


class GuidesLoginManager:
    """The funcX user guide's own class, "Using a Custom LoginManager"."""

    def __init__(self, authorizers: dict[Any, globus_sdk.AccessTokenAuthorizer]) -> None:
        self.authorizers = authorizers
        self.logged_out = 0

    def get_auth_client(self) -> globus_sdk.AuthClient:
        return globus_sdk.AuthClient(authorizer=self.authorizers[AuthScopes.openid])

    def get_search_client(self) -> globus_sdk.SearchClient:
        return globus_sdk.SearchClient(authorizer=self.authorizers[SearchScopes.all])

    def get_funcx_web_client(self, *, base_url: str) -> FuncxWebClient:
        return FuncxWebClient(base_url=base_url, authorizer=self.authorizers[COMPUTE_SCOPE])

    def ensure_logged_in(self) -> bool:
        return True

    def logout(self) -> None:
        self.logged_out += 1


class OlderLoginManager(GuidesLoginManager):
    """globus-compute-sdk 2 called the method `get_web_client`."""

    get_funcx_web_client = None  # type: ignore[assignment]

    def get_web_client(self, *, base_url: str) -> FuncxWebClient:
        return GuidesLoginManager.get_funcx_web_client(self, base_url=base_url)


def authorizers(auth: GlobusAuth) -> dict[Any, globus_sdk.AccessTokenAuthorizer]:
    token = auth.issue()["access_token"]
    return {COMPUTE_SCOPE: globus_sdk.AccessTokenAuthorizer(token)}


@pytest.mark.parametrize("kind", [GuidesLoginManager, OlderLoginManager])
def test_the_guides_login_manager(
    globus_auth: GlobusAuth, call: Call, kind: type[GuidesLoginManager]
) -> None:
    manager = kind(authorizers(globus_auth))
    login = resolve(login_manager=manager)
    assert login.source == "the login manager given to the client"
    assert call(login) == "1.0.0"
    assert login.identity() is None
    assert login.logout() is True
    assert manager.logged_out == 1
    with pytest.raises(LoginRequired, match="Renew the tokens of the login manager"):
        login.renew()


def test_its_web_client_works(globus_auth: GlobusAuth, compute: ComputeServer) -> None:
    manager = GuidesLoginManager(authorizers(globus_auth))
    assert isinstance(manager, LoginManagerProtocol)
    for base_url in (compute.url, compute.url + "/v2", compute.url + "/v2/"):
        with manager.get_funcx_web_client(base_url=base_url) as client:
            assert client.get_version()["min_sdk_version"] == "1.0.0"


def test_a_login_manager_without_a_usable_client() -> None:
    class Broken(GuidesLoginManager):
        def get_funcx_web_client(self, *, base_url: str) -> Any:
            return {"base_url": base_url}

    with pytest.raises(LoginMisconfigured) as caught:
        resolve(login_manager=Broken({}))
    assert "FuncxWebClient" in caught.value.next_step


def test_only_one_of_them() -> None:
    manager = GuidesLoginManager({})
    with pytest.raises(ValueError, match="excludes"):
        resolve(login_manager=manager, authorizer=globus_sdk.AccessTokenAuthorizer("x"))


def test_our_login_manager(globus_auth: GlobusAuth, compute: ComputeServer, call: Call) -> None:
    """In place of `funcx.sdk.login_manager.LoginManager`."""
    log_in(resolve(), globus_auth)
    manager = LoginManager()
    assert isinstance(manager, LoginManagerProtocol)
    manager.ensure_logged_in()
    with manager.get_funcx_web_client(base_url=compute.url) as client:
        assert client.get_version()["min_sdk_version"] == "1.0.0"
    assert manager.get_auth_client().userinfo()["sub"] == globus_auth.person.sub
    assert call(resolve(login_manager=manager)) == "1.0.0"
    # Another service's token is not in the login; that must not spoil the one that is.
    with pytest.raises(LoginRequired):
        manager.get_search_client().get("/v1/index")
    with manager.get_funcx_web_client(base_url=compute.url) as client:
        client.get_version()
    assert manager.logout() is True


def test_our_login_manager_on_a_hub(
    globus_auth: GlobusAuth, hub: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.state = hub_state(globus_auth, f"{ComputeScopes.all} openid")
    for name, value in hub.environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LoginRequired, match="for Globus Compute only"):
        LoginManager().get_search_client()
