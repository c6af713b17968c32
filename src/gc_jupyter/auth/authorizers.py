"""What puts the bearer token on a request: from an app, from a hub, or as given. Never prompts.

A `GlobusAuthorizer` is asked on whichever thread sends the request. So none of these may start a
login; they raise `LoginRequired`, and `Login.renew` prompts where a prompt is possible. Handing
the clients an authorizer, never an app, also keeps a user's own app (whose default is to prompt
from inside a request, even for a Globus Auth requirements error) away from background threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from globus_sdk import (
    BaseClient,
    GlobusAPIError,
    GlobusApp,
    NetworkError,
    Scope,
    UserApp,
)
from globus_sdk.authorizers import GlobusAuthorizer, StaticGlobusAuthorizer
from globus_sdk.scopes import ComputeScopes
from globus_sdk.transport import RequestsTransport, RetryConfig

from gc_jupyter.auth.requirements import HOW_TO_LOG_IN, refusals
from gc_jupyter.errors import LoginRequired, ServiceUnreachable
from gc_jupyter.secret import Secret


class AppAuthorizer(GlobusAuthorizer):
    """An app's current token for one resource server, refreshed by the app itself.

    globus-sdk says that an app is not thread safe. What several threads do here is: read the
    cached authorizer (a dict), and refresh it. Two refreshes at once cost one request too many and
    leave a valid token, so no lock is needed.

    Parameters
    ----------
    app:
        A UserApp or ClientApp. The scope is added to its requirements.
    resource_server, scope:
        Whose token, and for what.
    source:
        Returns `Login.source`, for errors.
    next_step:
        What to do when the token is refused.
    """

    def __init__(
        self,
        app: GlobusApp,
        resource_server: str,
        scope: str | Scope,
        source: Callable[[], str],
        next_step: str = HOW_TO_LOG_IN,
    ) -> None:
        self._app = app
        self._resource_server = resource_server
        self._source = source
        self._next_step = next_step
        app.add_scope_requirements({resource_server: [scope]})

    def get_authorization_header(self) -> str | None:
        """``Bearer …``, refreshed if it has expired.

        Raises
        ------
        LoginRequired
            No token, or Globus Auth refused to refresh it.
        ServiceUnreachable
            Globus Auth can't be reached for a refresh.
        """
        with refusals(self._source, self._next_step):
            header = self._current().get_authorization_header()
            return None if header is None else Secret(header)

    def handle_missing_authorization(self) -> bool:
        """After a 401: drop the access token, so that the next request refreshes it."""
        with refusals(self._source, self._next_step):
            return self._current().handle_missing_authorization()

    def _current(self) -> GlobusAuthorizer:
        # `login_required` is how globus-sdk looks at an app without setting off its handler.
        prompts = isinstance(self._app, UserApp) and self._app.config.token_validation_error_handler
        if prompts and self._app.login_required():
            raise LoginRequired(
                f"Not logged in: there is no usable token in {self._source()}.",
                next_step=self._next_step,
                status=401,
            )
        return self._app.get_authorizer(self._resource_server)


class _HubToken(StaticGlobusAuthorizer):
    def __init__(self, token: str) -> None:
        self.header_val = Secret(f"token {token}")


class HubAuthorizer(GlobusAuthorizer):
    """The Compute token that JupyterHub keeps fresh in a user's auth state.

    Protocol ("Credentials"): a server whose role grants ``admin:auth_state!user`` gets its user's
    tokens from ``GET $JUPYTERHUB_API_URL/users/$JUPYTERHUB_USER`` with ``$JUPYTERHUB_API_TOKEN``.
    It is asked at the first use, and again after each 401.

    Parameters
    ----------
    api_url, api_token, user:
        The three variables above.
    next_step:
        What to do when the hub has no token.
    """

    def __init__(
        self, api_url: str, api_token: str, user: str, next_step: str = HOW_TO_LOG_IN
    ) -> None:
        self._client = BaseClient(
            base_url=api_url,
            authorizer=_HubToken(api_token),
            transport=RequestsTransport(http_timeout=10.0),
            retry_config=RetryConfig(max_retries=1),
        )
        self._user = user
        self._next_step = next_step
        self._state: Any = None

    @property
    def state(self) -> Any:
        """The auth state that the hub gave last."""
        return self._state

    def get_authorization_header(self) -> str:
        """``Bearer …``, asking the hub if no token is held.

        Raises
        ------
        LoginRequired
            The hub refuses, or has no Compute token for this server.
        ServiceUnreachable
            The hub doesn't answer.
        """
        token = access_token_in(self._state, ComputeScopes.resource_server)
        if token is None:
            self._state = self._ask()
            token = access_token_in(self._state, ComputeScopes.resource_server)
        if token is None:
            raise LoginRequired(
                "JupyterHub gives this server no Globus Compute token.",
                next_step=self._next_step,
            )
        return Secret(f"Bearer {token}")

    def handle_missing_authorization(self) -> bool:
        """After a 401: forget the token, so that the hub is asked again."""
        self._state = None
        return True

    def _ask(self) -> Any:
        try:
            # not `/user`: that has a place for the auth state, and leaves it empty
            user = self._client.get(f"/users/{quote(self._user, safe='')}").data
        except NetworkError as error:
            raise ServiceUnreachable(
                f"JupyterHub's API can't be reached ({type(error).__name__}).",
                next_step="Try again, or restart your server from the hub's control panel.",
            ) from None
        except GlobusAPIError as error:
            raise LoginRequired(
                f"JupyterHub's API refuses this server's token (HTTP {error.http_status}).",
                next_step=self._next_step,
                status=error.http_status,
            ) from None
        return user.get("auth_state") if isinstance(user, dict) else None


def access_token_in(state: Any, resource_server: str) -> str | None:
    """The access token in an authenticator's state, ``tokens{resource_server{access_token}}``."""
    for key in ("tokens", resource_server, "access_token"):
        state = state.get(key) if isinstance(state, dict) else None
    return Secret(state) if isinstance(state, str) and state else None
