"""Where a token comes from, in order: what is given, the environment, a hub, the shared login.

1. ``app=``, ``authorizer=`` or ``login_manager=`` (more than one is an error)
2. client credentials: GLOBUS_COMPUTE_CLIENT_ID and _SECRET, else FUNCX_SDK_CLIENT_ID and _SECRET
3. an access token: GLOBUS_COMPUTE_ACCESS_TOKEN
4. JupyterHub's API: JUPYTERHUB_API_URL and JUPYTERHUB_API_TOKEN
5. JupyterHub's GLOBUS_DATA
6. the login shared with the official SDK, ``~/.globus_compute/storage.db``; where that has none,
   a person logs in, and the login is kept there

Only the first source that has a token is used: a refused token is never replaced silently by
another identity's. The setting ``login`` leaves some out: ``own`` the 3rd to the 5th, ``hub``
the last.

A client id without its secret is an error here. The official SDK takes GLOBUS_COMPUTE_CLIENT_ID
alone for a native client of the user's own; give such a client as ``app=UserApp(…)``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from globus_sdk import ClientApp, GlobusApp, GlobusAppConfig, NativeAppAuthClient, UserApp
from globus_sdk.authorizers import AccessTokenAuthorizer, GlobusAuthorizer
from globus_sdk.config import get_service_url
from globus_sdk.scopes import AuthScopes, ComputeScopes
from globus_sdk.token_storage import MemoryTokenStorage

from gc_jupyter.auth.authorizers import HubAuthorizer, access_token_in
from gc_jupyter.auth.flow import CodeLoginFlow, may_prompt
from gc_jupyter.auth.globus_data import decode_globus_data
from gc_jupyter.auth.login import Identity, Login
from gc_jupyter.auth.login_manager_protocol import LoginManagerProtocol, authorizer_from
from gc_jupyter.auth.storage import (
    SharedTokenStorage,
    may_be_kept,
    namespace,
    storage_path,
)
from gc_jupyter.errors import LoginMisconfigured, ServiceError
from gc_jupyter.secret import Environment
from gc_jupyter.settings import login_is_locked, login_setting

#: The official SDK's public native client. Refresh tokens are bound to their client, so sharing
#: its login means being this client (protocol, "Credentials").
NATIVE_CLIENT_ID = "4cf29807-cf21-49ec-9443-ff9a3fb9f81c"

APP_NAME = "gc_jupyter"

_CREDENTIALS = (
    ("GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_COMPUTE_CLIENT_SECRET"),
    ("FUNCX_SDK_CLIENT_ID", "FUNCX_SDK_CLIENT_SECRET"),
)


def resolve(
    app: GlobusApp | None = None,
    authorizer: GlobusAuthorizer | None = None,
    login_manager: LoginManagerProtocol | None = None,
    *,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
    interactive: bool | None = None,
    base_url: str | None = None,
) -> Login:
    """The login to use. Only a hub is asked over the network; nobody is prompted.

    Parameters
    ----------
    app, authorizer, login_manager:
        A login that the caller has; at most one. `login_manager` is funcX's protocol.
    environment:
        The part of the shared login to use; GLOBUS_SDK_ENVIRONMENT by default. Which Globus Auth
        is asked follows globus-sdk's own variables (and GLOBUS_SDK_SERVICE_URL_AUTH).
    environ:
        The environment variables; `os.environ` by default.
    interactive:
        Whether a person can be asked for a login, on the main thread; by default found out when
        it matters (`gc_jupyter.auth.flow.may_prompt`).
    base_url:
        The Compute service's address, which a `login_manager` wants to be told.

    Raises
    ------
    ValueError
        More than one of `app`, `authorizer`, `login_manager`.
    LoginMisconfigured
        A client id without its secret, or the other way round; a GLOBUS_DATA that isn't plain
        data.
    """
    environ = Environment(os.environ if environ is None else environ)
    if app is not None and authorizer is not None:
        raise ValueError("'app' and 'authorizer' are mutually exclusive.")
    if login_manager is not None and (app is not None or authorizer is not None):
        raise ValueError("'login_manager' excludes 'app' and 'authorizer'.")

    def asking() -> bool:
        return may_prompt(interactive, environ)

    if app is not None:
        return Login("the app given to the client", app=app, may_prompt=asking)
    if authorizer is not None:
        return Login(
            "the authorizer given to the client",
            authorizer=authorizer,
            next_step="Make a new client with an authorizer that has a valid token.",
        )
    if login_manager is not None:
        return Login(
            "the login manager given to the client",
            authorizer=authorizer_from(login_manager, base_url or get_service_url("compute")),
            next_step="Renew the tokens of the login manager, and make a new client with it.",
            on_logout=login_manager.logout,
        )

    environment = environment or environ.get("GLOBUS_SDK_ENVIRONMENT") or "production"
    notes: list[str] = []
    choice = login_setting()
    found = _client_credentials(environ, environment)
    if found is None and choice != "own":
        found = _access_token(environ) or _hub(environ, notes) or _globus_data(environ, notes)
    if found is None and choice == "hub":
        found = _nobody(notes)
    return found or user_login(
        environ=environ, environment=environment, interactive=interactive, notes=notes
    )


def user_login(
    *,
    environment: str | None = None,
    environ: Mapping[str, str] | None = None,
    interactive: bool | None = None,
    notes: list[str] | None = None,
) -> Login:
    """A person's own login, shared with the official SDK, whatever the environment holds.

    Parameters
    ----------
    environment, environ, interactive:
        As for `resolve`.
    notes:
        Become `Login.notes`.
    """
    environ = Environment(os.environ if environ is None else environ)
    environment = environment or environ.get("GLOBUS_SDK_ENVIRONMENT") or "production"
    path, kept = storage_path(environ), may_be_kept(environ)
    storage = SharedTokenStorage(path, namespace(environment), kept=kept)
    client = NativeAppAuthClient(client_id=NATIVE_CLIENT_ID, app_name=APP_NAME)
    manager = CodeLoginFlow(
        client, request_refresh_tokens=True, native_prefill_named_grant=APP_NAME
    )
    app = UserApp(
        APP_NAME,
        login_client=client,
        config=GlobusAppConfig(
            token_storage=storage,
            login_flow_manager=manager,
            request_refresh_tokens=True,
            token_validation_error_handler=None,  # the default prompts from inside a request
        ),
    )
    return Login(
        lambda: f"the Globus login in {storage.description}",
        app=app,
        flow_manager=manager,
        may_prompt=lambda: may_prompt(interactive, environ),
        notes=tuple(notes or ()),
        storage=storage,
    )


def _client_credentials(environ: Mapping[str, str], environment: str) -> Login | None:
    for id_name, secret_name in _CREDENTIALS:
        client_id, secret = environ.get(id_name), environ.get(secret_name)
        if not client_id and not secret:
            continue
        if not client_id or not secret:
            has, lacks = (id_name, secret_name) if client_id else (secret_name, id_name)
            raise LoginMisconfigured(
                f"{has} is set, but {lacks} is not.",
                next_step="Set both to use a client identity, or remove both to log in as a user.",
            )
        path, kept = storage_path(environ), may_be_kept(environ)
        storage = SharedTokenStorage(path, namespace(environment, client_id), kept=kept)
        app = ClientApp(
            APP_NAME,
            client_id=client_id,
            client_secret=secret,
            config=GlobusAppConfig(token_storage=storage, token_validation_error_handler=None),
        )
        return Login(
            f"the client credentials in {id_name}",
            app=app,
            next_step=f"Check {id_name} and {secret_name}, or remove both to log in as a user.",
            storage=storage,
        )
    return None


def _nobody(notes: list[str]) -> Login:
    """Raise the error for a user who may use the hub's login only, where the hub has none."""
    why = "The login comes from JupyterHub alone (%gc config login says where that is set)."
    return Login(
        "JupyterHub's login",
        app=UserApp(
            APP_NAME,
            client_id=NATIVE_CLIENT_ID,
            config=GlobusAppConfig(
                token_storage=MemoryTokenStorage(), token_validation_error_handler=None
            ),
        ),
        next_step=f"{_SIGN_IN_AT_THE_HUB}.",
        notes=(*notes, why),
    )


_SIGN_IN_AT_THE_HUB = "Log out of the hub and in again, then restart your server"
_OF_A_USER = (
    "Set GLOBUS_COMPUTE_ACCESS_TOKEN to a valid Compute token, or remove it to log in another way."
)
_RESTART = "Restart your server from the hub's control panel, which may give it a new token"


def _or_own(repair: str) -> str:
    """A hub's repair, and the other one, unless the site has locked the setting `login`."""
    own = "" if login_is_locked() else ", or sign in with a login of your own: %gc login --own"
    return f"{repair}{own}."


def _access_token(environ: Mapping[str, str]) -> Login | None:
    if not (token := environ.get("GLOBUS_COMPUTE_ACCESS_TOKEN", "").strip()):
        return None
    return Login(
        "the access token in GLOBUS_COMPUTE_ACCESS_TOKEN",
        authorizer=AccessTokenAuthorizer(token),
        next_step=_or_own(_RESTART) if environ.get("JUPYTERHUB_API_TOKEN") else _OF_A_USER,
    )


def _hub(environ: Mapping[str, str], notes: list[str]) -> Login | None:
    names = ("JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_USER")
    api_url, api_token, user = (environ.get(name, "") for name in names)
    if not (api_url and api_token and user) or not may_be_kept(environ):
        return None  # BinderHub's hub knows nobody, and has no tokens to give
    next_step = _or_own(_SIGN_IN_AT_THE_HUB)
    hub = HubAuthorizer(api_url, api_token, user, next_step)
    try:
        hub.get_authorization_header()
    except ServiceError as error:
        notes.append(error.reason)
        return None
    return Login(
        "JupyterHub's login",
        authorizer=hub,
        next_step=next_step,
        notes=tuple(notes),
        **_whose(hub.state),
    )


def _globus_data(environ: Mapping[str, str], notes: list[str]) -> Login | None:
    if not (text := environ.get("GLOBUS_DATA")):
        return None
    state: dict[str, Any] = decode_globus_data(text)
    token = access_token_in(state, ComputeScopes.resource_server)
    if token is None:
        notes.append("GLOBUS_DATA has no Globus Compute token.")
        return None
    return Login(
        "JupyterHub's GLOBUS_DATA",
        authorizer=AccessTokenAuthorizer(token),
        # It has a lifetime but no date, and its refresh token is the hub's own client's.
        next_step=_or_own("Restart your server from the hub's control panel to get a new token"),
        notes=tuple(notes),
        **_whose(state),
    )


def _whose(state: Any) -> dict[str, Any]:
    """How `Login` knows whose a hub's tokens are.

    GlobusOAuthenticator keeps what Globus Auth said of the user as ``globus_user``, and by default
    leaves out the token to ask with (its `exclude_tokens`).
    """
    user = state.get("globus_user") if isinstance(state, dict) else None
    if isinstance(user, dict) and isinstance(user.get("sub"), str):
        names = ("preferred_username", "name", "email")
        return {"identity": Identity(user["sub"], *(str(user.get(one) or "") for one in names))}
    token = access_token_in(state, AuthScopes.resource_server)
    return {"identity_authorizer": AccessTokenAuthorizer(token)} if token else {}
