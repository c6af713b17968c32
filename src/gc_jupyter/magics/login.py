"""Signing in and out from a notebook: %gc login, logout and whoami, and cells that need a login."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.display import display

from gc_jupyter.errors import LoginRequired, ServiceError
from gc_jupyter.remote_text import one_line
from gc_jupyter.widgets.front_end import has_front_end, shell

if TYPE_CHECKING:
    from gc_jupyter.auth import Login
    from gc_jupyter.session import Session, Target


class SignInFirst(LoginRequired):
    """The cell can't be sent before somebody signs in. It is shown as one line."""

    def _render_traceback_(self) -> list[str]:
        return [str(self).replace("\n", " ")]


def require_login(session: Session, target: Target) -> None:
    """Make sure that a cell for an endpoint has a login; `local` needs none.

    In a notebook it shows the login widget and ends the cell with an error. In a terminal, the
    submission itself asks for a code.
    """
    login = None if target.local else session.client.login()
    if login is None or not login.required:
        return
    name = one_line(target.endpoint.name or target.endpoint.endpoint_id, 100)
    why = f"This cell is for {name}, and endpoints run cells of people who are signed in."
    hint = "The cell then runs by itself. If it doesn't, run it again."
    if offer(login, hint, why, again=True):
        raise SignInFirst(
            " ".join(["Nobody is signed in to Globus.", *login.notes]),
            next_step="Sign in above: the cell then runs again.",
        )
    if getattr(shell(), "kernel", None) is not None and not has_front_end():
        from gc_jupyter.auth.requirements import HOW_TO_LOG_IN

        raise LoginRequired(
            "Nobody is signed in, and nobody can be asked here.", next_step=HOW_TO_LOG_IN
        )


def offer(login: Login, hint: str, why: str = "", *, again: bool = False) -> bool:
    """Show the login widget; returns whether that was possible. `again`: its cell runs again
    after the sign-in."""
    if not has_front_end() or login.flow() is None:
        return False
    from gc_jupyter.widgets.login import WHY, LoginWidget

    try:
        display(LoginWidget(login, why=why or WHY, hint=hint, again=again))
    except RuntimeError:  # the widgets' JavaScript was never built
        return False
    return True


def sign_in(session: Session, *, force: bool, own: bool) -> None:
    """%gc login: signs in, or says that somebody is signed in already."""
    if own:
        session.settings.set("login", "own")
        session.use_client(None)
        print("Your own login is used from now on; %gc config login none goes back to the hub's.")
    login = session.client.login()
    if not force and not login.required:
        print(who(login))
        if login.flow() is None and (refusal := _refusal(session)):
            print(refusal)
        return
    if not offer(login, ""):
        login.renew()
        print(who(login))


def _refusal(session: Session) -> str:
    """Why the service refuses the token, and what to do; empty if it doesn't, or can't be asked."""
    try:
        session.client.get_endpoints()
    except LoginRequired as error:
        return str(error)
    except ServiceError:
        return ""
    return ""


def sign_out(session: Session) -> None:
    """%gc logout: removes the stored login."""
    login = session.client.login()
    if login.required:
        print("Nobody is signed in.")
    elif not login.can_log_out:
        print(f"Nothing to sign out of: this kernel uses {login.source}. {login.next_step}")
    else:
        login.logout()
        print("Signed out. %gc login signs in again.")


def who(login: Login) -> str:
    """%gc whoami: who is signed in, and where the login comes from."""
    if login.required:
        step = "%gc login signs in." if login.flow() is not None else login.next_step
        return "\n".join([f"Nobody is signed in. {step}", *login.notes])
    try:
        identity = login.identity()
    except ServiceError as error:
        name = f"(Globus Auth can't say whose it is: {error.reason})"
    else:
        name = "somebody (the token is for Globus Compute alone)"
        if identity is not None:
            more = ", ".join(part for part in (identity.name, identity.email) if part)
            name = f"{identity.username or identity.identity_id}" + (f" ({more})" if more else "")
    return "\n".join([f"Signed in as {one_line(name, 200)}, by {login.source}.", *login.notes])
