"""funcX's LoginManager protocol, as `Client(login_manager=…)` takes it; the authorizer of one."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from globus_sdk import AuthClient, BaseClient, SearchClient
from globus_sdk.authorizers import GlobusAuthorizer

from gc_jupyter.errors import LoginMisconfigured


@runtime_checkable
class LoginManagerProtocol(Protocol):
    """What funcX asks of a login manager (funcX user guide, "Using a Custom LoginManager")."""

    def get_auth_client(self) -> AuthClient:
        """A client of Globus Auth."""

    def get_search_client(self) -> SearchClient:
        """A client of Globus Search."""

    def get_funcx_web_client(self, *, base_url: str) -> BaseClient:
        """A client of the Compute service at this address.

        Parameters
        ----------
        base_url:
            The address.
        """

    def ensure_logged_in(self) -> Any:
        """Log in if nobody is."""

    def logout(self) -> Any:
        """Forget the tokens."""


def authorizer_from(login_manager: LoginManagerProtocol, base_url: str) -> GlobusAuthorizer:
    """The authorizer of the web client that a login manager makes.

    Raises
    ------
    LoginMisconfigured
        It makes no web client with an authorizer.
    """
    login_manager.ensure_logged_in()
    make = getattr(login_manager, "get_funcx_web_client", None) or getattr(
        login_manager,
        "get_web_client",
        None,  # its name in globus-compute-sdk 2
    )
    authorizer = getattr(make(base_url=base_url), "authorizer", None) if callable(make) else None
    if not isinstance(authorizer, GlobusAuthorizer):
        raise LoginMisconfigured(
            "The login manager's get_funcx_web_client gives no client with an authorizer.",
            next_step="Return gc_jupyter.auth.FuncxWebClient(base_url=…, authorizer=…) from it.",
        )
    return authorizer
