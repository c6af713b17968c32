"""funcX's login manager and web client, offered under their names there.

In place of ``funcx.sdk.login_manager.LoginManager`` and ``funcx.sdk.web_client.FuncxWebClient``
import the classes of the same names from here.
"""

from __future__ import annotations

from typing import Any

from globus_sdk import AuthClient, ComputeClientV2, SearchClient
from globus_sdk.authorizers import GlobusAuthorizer
from globus_sdk.scopes import AuthScopes, SearchScopes

from gc_jupyter.auth.login import Login
from gc_jupyter.auth.sources import resolve


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
