"""funcX's LoginManager protocol: accepted by `Client(login_manager=…)`, and offered.

In place of ``funcx.sdk.login_manager.LoginManager`` and ``funcx.sdk.web_client.FuncxWebClient``
import the classes of the same names from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from globus_sdk import AuthClient, BaseClient, ComputeClientV2, SearchClient
from globus_sdk.authorizers import GlobusAuthorizer
from globus_sdk.scopes import AuthScopes, SearchScopes

from gc_jupyter.errors import LoginMisconfigured

if TYPE_CHECKING:
    from gc_jupyter.auth.login import Login


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


class FuncxWebClient(ComputeClientV2):
    """A client of the Compute service, made as funcX's is.

    Parameters
    ----------
    base_url:
        The service's address. funcX's ends in ``/v2``, which is the routes' part here.
    authorizer:
        What puts the token on its requests.
    **options:
        As of any globus-sdk client.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        authorizer: GlobusAuthorizer | None = None,
        **options: Any,
    ) -> None:
        if base_url is not None:
            base_url = base_url.rstrip("/").removesuffix("/v2")
        super().__init__(base_url=base_url, authorizer=authorizer, **options)


class LoginManager:
    """funcX's own login manager: the login that `gc_jupyter.auth.resolve` finds.

    Parameters
    ----------
    environment:
        As of `gc_jupyter.auth.resolve`.
    """

    def __init__(self, *, environment: str | None = None) -> None:
        self._environment = environment
        self._found: Login | None = None

    @property
    def _login(self) -> Login:
        if self._found is None:
            from gc_jupyter.auth.sources import resolve  # which takes a login manager itself

            self._found = resolve(environment=self._environment)
        return self._found

    def ensure_logged_in(self) -> None:
        """Log in if nobody is; see `Login.ensure`."""
        self._login.ensure()

    def logout(self) -> bool:
        """Forget the tokens; see `Login.logout`."""
        return self._login.logout()

    def get_auth_client(self) -> AuthClient:
        """A client of Globus Auth."""
        return AuthClient(
            authorizer=self._login.authorizer_for(AuthScopes.resource_server, AuthScopes.openid)
        )

    def get_search_client(self) -> SearchClient:
        """A client of Globus Search. Nothing here needs it: the function search is gone."""
        return SearchClient(
            authorizer=self._login.authorizer_for(SearchScopes.resource_server, SearchScopes.all)
        )

    def get_funcx_web_client(self, *, base_url: str) -> FuncxWebClient:
        """A client of the Compute service at this address.

        Parameters
        ----------
        base_url:
            The address.
        """
        return FuncxWebClient(base_url=base_url, authorizer=self._login.authorizer)


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
