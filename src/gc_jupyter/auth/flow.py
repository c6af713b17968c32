"""One login in two steps, a URL and a code, for the prompt, `%gc login` and the login widget.

::

    UserApp.login ─► CodeLoginFlow.run_login_flow ─► exchange ─► the app stores the tokens
                       ▲ a code that was handed in            (prompt: print the URL, ask)
    LoginFlow.start ───┤ the URL
    LoginFlow.finish ──┘ the code, then UserApp.login
"""

from __future__ import annotations

import builtins
import contextlib
import sys
import threading
import types
from collections.abc import Mapping
from typing import Any

from globus_sdk import OAuthTokenResponse, UserApp
from globus_sdk.gare import GARE, GlobusAuthorizationParameters
from globus_sdk.login_flows import CommandLineLoginFlowManager
from globus_sdk.scopes import ScopeParser

from gc_jupyter.auth.requirements import HOW_TO_LOG_IN, parameters_of, refusals
from gc_jupyter.errors import LoginRequired
from gc_jupyter.secret import Secret

_TRUE = {"1", "true", "yes", "on"}


def may_prompt(interactive: bool | None, environ: Mapping[str, str]) -> bool:
    """Whether a person can be asked on this thread, now.

    Never on a background thread. Otherwise as told; without being told, no when
    GC_JUPYTER_NONINTERACTIVE is set, yes on a terminal and where a kernel has put its own
    `input` in place (it does so while a cell runs).
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    if interactive is not None:
        return interactive
    if environ.get("GC_JUPYTER_NONINTERACTIVE", "").lower() in _TRUE:
        return False
    if not isinstance(builtins.input, types.BuiltinFunctionType):
        return True
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


class CodeLoginFlow(CommandLineLoginFlowManager):
    """The login flow of our own UserApp: takes a code that was handed in, else asks for one."""

    _code: str | None = None

    def begin(self, parameters: GlobusAuthorizationParameters) -> str:
        """The URL to log in at; a later call makes an earlier URL's code useless (PKCE)."""
        return self._get_authorize_url(parameters, self.redirect_uri)

    def hand_in(self, code: str) -> None:
        """The code for the next `run_login_flow`."""
        self._code = Secret(code)

    def run_login_flow(self, auth_parameters: GlobusAuthorizationParameters) -> OAuthTokenResponse:
        """Exchange the code for tokens. Called by the app, which stores them."""
        if self._code is None:
            self.print_authorize_url(self.begin(auth_parameters))
            self._code = self.prompt_for_code()
        code, self._code = self._code, None
        return self.login_client.oauth2_exchange_code_for_tokens(code)

    def prompt_for_code(self) -> str:
        """Ask at the keyboard. Raises `LoginRequired` where the front end has no keyboard input."""
        try:
            code = Secret(input("Paste the code that the page shows: ").strip())
        except (EOFError, OSError, NotImplementedError):  # the last is a front end without stdin
            raise LoginRequired(
                "Nobody can be asked for a code here.", next_step=HOW_TO_LOG_IN
            ) from None
        return checked_code(code)


class LoginFlow:
    """A login in two steps, for an interface that must not block in between.

    Parameters
    ----------
    app, manager:
        A UserApp and the flow manager that it was made with.
    """

    def __init__(self, app: UserApp, manager: CodeLoginFlow) -> None:
        self._app = app
        self._manager = manager

    def start(self, gare: GARE | Mapping[str, Any] | None = None) -> str:
        """The URL at which the user logs in and gets a code. Touches no network.

        Parameters
        ----------
        gare:
            A Globus Auth requirements error to satisfy, as in `LoginRequired.gare`.
        """
        parameters = parameters_of(gare) or GlobusAuthorizationParameters()
        wanted = [scope for scopes in self._app.scope_requirements.values() for scope in scopes]
        asked = [
            scope for text in parameters.required_scopes or [] for scope in ScopeParser.parse(text)
        ]
        parameters.required_scopes = [str(s) for s in ScopeParser.merge_scopes(wanted, asked)]
        return self._manager.begin(parameters)

    def finish(self, code: str) -> None:
        """Exchange the code; the app stores the tokens. Blocks on Globus Auth; any thread.

        Parameters
        ----------
        code:
            As shown after the login at the URL of the last `start`.

        Raises
        ------
        LoginRequired
            The code is empty, old, or not for the URL of the last `start`; or it logs in another
            identity than the stored one.
        ServiceUnreachable
            Globus Auth doesn't answer. `finish` may be called again.
        """
        code = checked_code(code)
        self._manager.hand_in(code)
        with login_errors():
            self._app.login(force=True)


def login_errors() -> contextlib.AbstractContextManager[None]:
    """Turn the errors of a person's login into this package's errors."""
    return refusals(
        lambda: "this login",
        "Sign in by the newest link, and try again: a code works once.",
    )


def checked_code(code: str) -> str:
    """The pasted code without the spaces around it; raises `LoginRequired` where it is empty."""
    if not (code := Secret(code.strip())):
        raise LoginRequired(
            "No code was given.",
            next_step="Open the link, log in, and paste the code that the page shows.",
        )
    return code
