"""Logins as programs for the official SDK make them: apps, token storage, login managers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

import globus_sdk
from globus_sdk import AuthClient, GlobusApp
from globus_sdk.authorizers import GlobusAuthorizer
from globus_sdk.gare import GlobusAuthorizationParameters
from globus_sdk.scopes import AuthScopes
from globus_sdk.scopes import ComputeScopes as _Scopes

from gc_jupyter.auth import FuncxWebClient
from gc_jupyter.auth.requirements import parameters_of, requirements_of
from gc_jupyter.auth.sources import NATIVE_CLIENT_ID, resolve
from gc_jupyter.auth.storage import SharedTokenStorage, may_be_kept, namespace, storage_path
from gc_jupyter.errors import LoginMisconfigured
from gc_jupyter.sdk.programs import print_table

T = TypeVar("T")

DEFAULT_CLIENT_ID = NATIVE_CLIENT_ID
COMPUTE_DIR_ENV = "GLOBUS_COMPUTE_USER_DIR"
NOT_LOGGED_IN_MSG = "Nobody is logged in. Log in again."


class ComputeScopeBuilder:
    """The scope of Globus Compute and its resource server, as attributes."""

    resource_server = _Scopes.resource_server
    all = str(_Scopes.all)


ComputeScopes = ComputeScopeBuilder()


class ComputeAuthClient(AuthClient):
    """A client of Globus Auth for an app that has logged in for Compute."""

    default_scope_requirements = [AuthScopes.openid]


class AuthorizerLoginManager:
    """A login manager that has its authorizers from the caller.

    Parameters
    ----------
    authorizers:
        Resource server -> authorizer: Compute's, and Globus Auth's where identities are asked.
    """

    def __init__(self, authorizers: Mapping[str, GlobusAuthorizer]) -> None:
        self.authorizers = dict(authorizers)

    def ensure_logged_in(self) -> None:
        """Check that there is an authorizer for Compute.

        Raises
        ------
        LookupError
            There is none.
        """
        if _Scopes.resource_server not in self.authorizers:
            raise LookupError(
                f"AuthorizerLoginManager has no authorizer for {_Scopes.resource_server}; give it"
                " one under ComputeScopes.resource_server."
            )

    def get_auth_client(self) -> AuthClient:
        """A client of Globus Auth."""
        return AuthClient(authorizer=self.authorizers[AuthScopes.resource_server])

    def get_search_client(self) -> globus_sdk.SearchClient:
        """funcX's search is gone; an unauthorized client stands for it."""
        return globus_sdk.SearchClient()

    def get_web_client(
        self, *, base_url: str | None = None, app_name: str | None = None
    ) -> FuncxWebClient:
        """A client of the Compute service.

        Parameters
        ----------
        base_url, app_name:
            The address, and what the client calls itself.
        """
        options = {"app_name": app_name} if app_name else {}
        authorizer = self.authorizers[_Scopes.resource_server]
        return FuncxWebClient(base_url=base_url, authorizer=authorizer, **options)

    get_funcx_web_client = get_web_client

    def logout(self) -> bool:
        """False: the tokens are the caller's, and stay valid."""
        return False


def get_client_creds() -> tuple[str | None, str | None]:
    """Id and secret of the client identity in the environment, each None where it isn't set."""
    return (
        os.environ.get("GLOBUS_COMPUTE_CLIENT_ID"),
        os.environ.get("GLOBUS_COMPUTE_CLIENT_SECRET"),
    )


def get_globus_app(environment: str | None = None) -> GlobusApp:
    """The app that a `Client` logs in with.

    Parameters
    ----------
    environment:
        A Globus environment other than production.

    Raises
    ------
    LoginMisconfigured
        The environment provides a token, which has no app.
    """
    login = resolve(environment=environment)
    if login.app is None:
        raise LoginMisconfigured(
            f"The login comes from {login.source}, which is a token without an app.",
            next_step="Use Client() without app=: it uses that token.",
        )
    return login.app


def get_compute_dir() -> Path:
    """The folder of the login; GLOBUS_COMPUTE_USER_DIR moves it. It may not exist."""
    return storage_path(os.environ).parent


def ensure_compute_dir() -> Path:
    """`get_compute_dir`, made with mode 0700 where it doesn't exist.

    Raises
    ------
    FileExistsError
        Something that is no folder has its name.
    """
    folder = get_compute_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def get_token_storage(environment: str | None = None) -> SharedTokenStorage:
    """Where the login of this user, or of the client in the environment, is kept.

    Parameters
    ----------
    environment:
        A Globus environment other than production.
    """
    environment = environment or os.environ.get("GLOBUS_SDK_ENVIRONMENT") or "production"
    client_id, secret = get_client_creds()
    part = namespace(environment, client_id if secret else None)
    return SharedTokenStorage(storage_path(os.environ), part, kept=may_be_kept(os.environ))


def get_user_info(auth_client: AuthClient, user_id: str) -> list[str]:
    """Username, name, id and email of an identity.

    Parameters
    ----------
    auth_client, user_id:
        Whom to ask, and the identity's UUID.
    """
    identity = auth_client.get_identities(ids=user_id)["identities"][0]
    return [identity["username"], identity["name"], user_id, identity["email"]]


def print_whoami_info(app: GlobusApp, linked_identities: bool = False) -> None:
    """Print who is logged in.

    Parameters
    ----------
    app:
        The app of the login.
    linked_identities:
        Also the identities that are linked to this one.

    Raises
    ------
    ValueError
        Nobody is logged in, or the login may not be asked for linked identities.
    """
    if app.login_required():
        raise ValueError(NOT_LOGGED_IN_MSG)
    with ComputeAuthClient(app=app) as client:
        user = client.userinfo()
        ids = [user["sub"]]
        if linked_identities:
            if "identity_set" not in user.data:
                raise ValueError(
                    "This login may not be asked for linked identities: log in with that consent."
                )
            ids = [identity["sub"] for identity in user["identity_set"]]
        rows = [get_user_info(client, identity_id) for identity_id in ids]
    print_table(["Username", "Name", "ID", "Email"], rows)


class GareLogin(Protocol):
    """How `gare_handler` logs in."""

    def __call__(self, *, auth_params: GlobusAuthorizationParameters) -> None:
        """Log in with these parameters."""


def gare_handler(login: GareLogin, f: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Call a function; when Globus asks for another login, log in and call it once more.

    Parameters
    ----------
    login:
        Called with the parameters that Globus asks for.
    f, *args, **kwargs:
        The call.
    """
    try:
        return f(*args, **kwargs)
    except globus_sdk.GlobusAPIError as error:
        parameters = parameters_of(requirements_of(error))
        if parameters is None:
            raise
        login(auth_params=parameters)
    return f(*args, **kwargs)
