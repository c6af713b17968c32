"""A login: the identity that the service sees, the source of its token, and how to renew it."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from globus_sdk import AuthClient, ClientApp, GlobusApp, Scope, UserApp
from globus_sdk.authorizers import GlobusAuthorizer
from globus_sdk.gare import GARE
from globus_sdk.scopes import AuthScopes, ComputeScopes
from globus_sdk.transport import RetryConfig

from gc_jupyter.auth.authorizers import AppAuthorizer
from gc_jupyter.auth.flow import CodeLoginFlow, LoginFlow, login_errors
from gc_jupyter.auth.requirements import HOW_TO_LOG_IN, parameters_of, refusals
from gc_jupyter.auth.storage import SharedTokenStorage
from gc_jupyter.errors import LoginRequired, ServiceError, ServiceUnreachable
from gc_jupyter.remote_text import one_line
from gc_jupyter.secret import Secret
from gc_jupyter.uuids import is_uuid_like

logger = logging.getLogger(__name__)

# A random key for each process: what `token_key` returns is useless in another process.
_PROCESS_KEY = secrets.token_bytes(32)
_MOST_IDENTITIES = 100


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is logged in, as Globus Auth says it. Remote text: escape it before it becomes markup.

    Parameters
    ----------
    identity_id:
        The identity's UUID.
    username, name, email:
        Empty where Globus Auth doesn't say.
    """

    identity_id: str
    username: str = ""
    name: str = ""
    email: str = ""


class Login:
    """The source of the token, and how to renew or forget it. `resolve` makes it.

    Making it sends no request and prompts nobody; each method says what it does.

    Parameters
    ----------
    source:
        The token's source in words, or a function that returns them.
    authorizer:
        Adds the token to requests. Where `app` is given, it is made from that.
    app:
        The globus-sdk app that gets the tokens, if there is one.
    may_prompt:
        Whether a person can be asked on the calling thread.
    next_step:
        What a user can do once the service refuses this token.
    identity_authorizer:
        For Globus Auth, to learn whose token it is; the `authorizer` is for Compute.
    identity:
        The token's owner, where that is known.
    notes:
        Why sources before this one were passed over.
    flow_manager, storage:
        The app's flow manager and token storage, where they are ours.
    on_logout:
        Replaces the app's logout.
    """

    def __init__(
        self,
        source: str | Callable[[], str],
        *,
        authorizer: GlobusAuthorizer | None = None,
        app: GlobusApp | None = None,
        may_prompt: Callable[[], bool] = lambda: False,
        next_step: str = HOW_TO_LOG_IN,
        identity_authorizer: GlobusAuthorizer | None = None,
        identity: Identity | None = None,
        notes: tuple[str, ...] = (),
        flow_manager: CodeLoginFlow | None = None,
        storage: SharedTokenStorage | None = None,
        on_logout: Callable[[], object] | None = None,
    ) -> None:
        if (app is None) == (authorizer is None):
            raise TypeError("A Login needs either an app or an authorizer.")
        self._source = source
        self.app = app
        self.next_step = next_step
        self._may_prompt = may_prompt
        self._identity_authorizer = identity_authorizer
        self._notes = notes
        self._flow_manager = flow_manager
        self._storage = storage
        self._on_logout = on_logout
        self._identity = identity
        #: For `ComputeClientV2(authorizer=…)` and `V3`, with an app too. Any thread; never prompts.
        self.authorizer = authorizer or self.authorizer_for(
            ComputeScopes.resource_server, ComputeScopes.all
        )

    @property
    def source(self) -> str:
        """Where the token comes from: the line of `%gc whoami`."""
        return self._source if isinstance(self._source, str) else self._source()

    @property
    def notes(self) -> tuple[str, ...]:
        """Why sources before this one were passed over, and what is wrong with the login store."""
        problem = self._storage.problem if self._storage is not None else ""
        return (*self._notes, problem) if problem else self._notes

    def __repr__(self) -> str:
        return f"<Login from {self.source}>"

    @property
    def required(self) -> bool:
        """Whether a person must log in before anything works. Reads storage, asks no network."""
        return (
            self.app is not None
            and not isinstance(self.app, ClientApp)
            and self.app.login_required()
        )

    def ensure(self) -> None:
        """Log in if nobody is: asks on this thread if a person can be asked here.

        Raises
        ------
        LoginRequired
            Nobody is logged in, and nobody can be asked here.
        """
        if self.required:
            self.renew()

    def renew(self, gare: GARE | Mapping[str, Any] | None = None) -> None:
        """Get a new token, after a 401 or a Globus Auth requirements error, or on `force_login`.

        A hub is asked again; client credentials are used again; a person is asked to log in,
        with the parameters that the service wants, on the main thread only.

        Parameters
        ----------
        gare:
            The requirements error, as in `LoginRequired.gare`.

        Raises
        ------
        LoginRequired
            This source can't give another token, or nobody can be asked on this thread; its
            `gare` is the one given.
        ServiceUnreachable
            Globus Auth doesn't answer.
        """
        parameters = parameters_of(gare)
        if self.app is None:
            if parameters is None and self.authorizer.handle_missing_authorization():
                return
            raise self._cannot_renew(f"{_sentence(self.source)} can't give a new token.", gare)
        if not isinstance(self.app, ClientApp) and not self._may_prompt():
            raise self._cannot_renew("A login is needed, and nobody can be asked here.", gare)
        self._identity = None
        own = isinstance(self.app, ClientApp)
        with refusals(lambda: self.source, self.next_step) if own else login_errors():
            self.app.login(auth_params=parameters, force=True)

    def flow(self) -> LoginFlow | None:
        """The login as a URL out and a code in, for a widget; None where this login has no such
        steps (no person behind it, or an app of the user's own)."""
        if self._flow_manager is None or not isinstance(self.app, UserApp):
            return None
        return LoginFlow(self.app, self._flow_manager)

    @property
    def username(self) -> str:
        """Who is logged in, where `identity` has told; asks no network."""
        return self._identity.username or self._identity.identity_id if self._identity else ""

    @property
    def renewal(self) -> str:
        """What a user can do once the service refuses the token."""
        return self.next_step if self.flow() is None else "Sign in again: %gc login --force."

    def identity(self) -> Identity | None:
        """Who is logged in. Asks Globus Auth once; any thread; never prompts.

        None where there is a Compute token only: nobody can be asked whose it is.

        Raises
        ------
        LoginRequired
            Nobody is logged in, or Globus Auth refuses the token.
        ServiceUnreachable
            Globus Auth doesn't answer.
        """
        if self._identity is None:
            if self.app is not None:
                # The scope that every app has: asking for more would invalidate a login that the
                # official SDK has made.
                authorizer = self.authorizer_for(AuthScopes.resource_server, AuthScopes.openid)
                self._identity = self._ask_identity(authorizer)
            elif self._identity_authorizer is not None:
                self._identity = self._ask_identity(self._identity_authorizer)
        return self._identity

    def usernames(self, identity_ids: Collection[str]) -> dict[str, str]:
        """Whose identities these are, as far as Globus Auth tells; any thread; never prompts.

        Parameters
        ----------
        identity_ids:
            UUIDs. Those that nobody tells of are left out: with a Compute token alone, all.
        """
        authorizer = self._identity_authorizer
        if self.app is not None and not self.required:
            authorizer = self.authorizer_for(AuthScopes.resource_server, AuthScopes.openid)
        ids = [one for one in identity_ids if is_uuid_like(one)]
        if authorizer is None or not ids:
            return {}
        try:
            with (
                refusals(lambda: self.source, self.next_step),
                AuthClient(
                    authorizer=authorizer, retry_config=RetryConfig(max_retries=1)
                ) as client,
            ):
                found = client.get_identities(ids=ids[:_MOST_IDENTITIES])
                return {
                    str(one["id"]): one_line(str(one.get("username") or one["id"]), 100)
                    for one in found
                }
        except ServiceError:
            return {}

    @property
    def can_log_out(self) -> bool:
        """Whether there is something here to forget: see `logout`."""
        return self.app is not None or self._on_logout is not None

    def logout(self) -> bool:
        """Revoke and forget the tokens of this login; any thread.

        Returns
        -------
        bool
            False where there is nothing of ours to forget: a token that was given, or that the
            environment or a hub provides. (The official SDK logs a warning then, as here.)

        Raises
        ------
        ServiceUnreachable
            Globus Auth didn't answer. The tokens are forgotten here, and valid until they expire.
        """
        self._identity = None
        if self._on_logout is not None:
            self._on_logout()
            return True
        if self.app is None:
            logger.warning("Logout is not supported when the token comes from %s.", self.source)
            return False
        try:
            with refusals(lambda: self.source, self.next_step):
                self.app.logout()
        except ServiceError as error:
            for resource_server in self.app.scope_requirements:
                self.app.token_storage.remove_token_data(resource_server)
                # The public way to drop the app's cached authorizer too.
                self.app.add_scope_requirements({resource_server: []})
            raise ServiceUnreachable(
                f"{error.reason} The tokens are forgotten here, but not revoked.",
                next_step="Revoke them in your Globus account, under consents, if that matters.",
            ) from None
        finally:
            # The next login may be another identity's; globus-sdk remembers the last one.
            self.app.token_storage.identity_id = None
        return True

    def token_key(self) -> str:
        """An opaque key for caches that must not outlive the token. May refresh; never prompts.

        User guide, "Client": caches are based on user authentication tokens.
        """
        header = Secret(self.authorizer.get_authorization_header() or "")
        return hmac.new(_PROCESS_KEY, header.encode(), hashlib.sha256).hexdigest()

    def close(self) -> None:
        """Close what was opened for this login; an app that was given stays open. No logout."""
        if self.app is not None and self._storage is not None:
            self.app.close()
            self._storage.close()

    def authorizer_for(self, resource_server: str, scope: str | Scope) -> GlobusAuthorizer:
        """An authorizer for another service of Globus. Any thread; never prompts.

        Parameters
        ----------
        resource_server, scope:
            Whose token, and for what.

        Raises
        ------
        LoginRequired
            The source has a token for Compute only.
        """
        if self.app is None:
            raise self._cannot_renew(f"{_sentence(self.source)} is for Globus Compute only.", None)
        return AppAuthorizer(self.app, resource_server, scope, lambda: self.source, self.next_step)

    def _ask_identity(self, authorizer: GlobusAuthorizer) -> Identity:
        with (
            refusals(lambda: self.source, self.next_step),
            AuthClient(authorizer=authorizer, retry_config=RetryConfig(max_retries=1)) as client,
        ):
            user = client.userinfo()
            identity_id = user["sub"]
            found: Mapping[str, Any] = user.data
            if "preferred_username" not in found:
                # The shared login has the scope `openid` alone: the rest is asked separately.
                found = next(iter(client.get_identities(ids=identity_id)), {})
            return Identity(
                identity_id=identity_id,
                username=found.get("preferred_username") or found.get("username") or "",
                name=found.get("name") or "",
                email=found.get("email") or "",
            )

    def _cannot_renew(self, reason: str, gare: GARE | Mapping[str, Any] | None) -> LoginRequired:
        error = LoginRequired(reason, next_step=self.next_step, status=401)
        if gare is not None:
            error.gare = gare.to_dict(include_extra=True) if isinstance(gare, GARE) else dict(gare)
        return error


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
