"""LoginWidget: sign in from a notebook, without blocking the kernel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from gc_jupyter.errors import ComputeError, ServiceError
from gc_jupyter.remote_text import one_line
from gc_jupyter.runtime.loop import kernel_loop
from gc_jupyter.widgets.flusher import flusher
from gc_jupyter.widgets.live_widget import LiveWidget
from gc_jupyter.widgets.messages import LoginState, OutputMark

if TYPE_CHECKING:
    from gc_jupyter.auth.flow import LoginFlow
    from gc_jupyter.auth.login import Login

log = logging.getLogger(__name__)

#: The reason for a login that no cell asks for.
WHY = "Endpoints of Globus Compute run cells of people who are signed in."
#: The scopes of a login in words, as Globus asks a person to allow them.
ASKS = "Globus asks you to allow that functions run at endpoints as you, and that we see your name."


class LoginWidget(LiveWidget):
    """Shows the reason for a login, a link, a field for the code, and then who is signed in.

    Parameters
    ----------
    login:
        The login that `gc_jupyter.auth.resolve` found. It must have a `flow`.
    gare:
        The service's requirements for this login, as in `LoginRequired.gare`.
    then:
        Called on the kernel's loop once the tokens are stored, to continue what waits for them.
    why:
        The purpose of the login, in a sentence.
    hint:
        What happens after the login, or what to do then. It is shown before and after it.

    again:
        Whether the cell that shows it is run again then, where the front end has our extension.

    Raises
    ------
    TypeError
        A person can't complete this login (`Login.flow` is None).

    Notes
    -----
    The code travels as a message and never as state, so no saved notebook has it. After the login
    the output becomes a line of text.
    """

    def __init__(
        self,
        login: Login,
        *,
        gare: Any = None,
        then: Callable[[], object] | None = None,
        why: str = WHY,
        hint: str = "Run the cell again.",
        again: bool = False,
    ) -> None:
        flow = login.flow()
        if flow is None:
            raise TypeError(f"{login!r} has no link to open")
        self._login = login
        self._flow: LoginFlow = flow
        self._gare = gare
        self._then = then
        self._hint = hint
        self._again = again
        self._state = LoginState(
            kind="login",
            url=flow.start(gare),
            why=one_line(f"{why} {ASKS}", 600),
            after=one_line(hint, 200),
            status="waiting",
            message=one_line(" ".join(login.notes), 400),  # for example a missing scope
        )
        super().__init__("login")

    @property
    def url(self) -> str:
        """Return the link to sign in."""
        return self._state["url"]

    def finish(self, code: str) -> None:
        """Submit the code, as the button does. Returns at once."""
        kernel_loop().call(self._start, code)

    def on_front_end_message(self, content: dict[str, Any]) -> None:
        """See LiveWidget."""
        if content.get("type") == "code" and isinstance(content.get("code"), str):
            self.finish(content["code"])

    # --- the loop's thread -----------------------------------------------------------------

    def _start(self, code: str) -> None:
        if self._state["status"] not in ("checking", "signed in"):
            self._set("checking", "")
            self._checking = kernel_loop().aio.create_task(self._check(code))

    async def _check(self, code: str) -> None:
        exchange = kernel_loop().http.submit(self._exchange, code)
        try:
            who = await asyncio.wrap_future(exchange)
        except Exception as error:
            if not isinstance(error, ComputeError):  # a defect must not leave the user waiting
                log.exception("a login failed")
            self._state["url"] = self._flow.start(self._gare)
            self._set("failed", one_line(str(error) or type(error).__name__, 400))
            return
        self._set("signed in", one_line(f"Signed in{who}. {self._hint}", 400).rstrip())
        if self._then is not None:
            self._then()

    def _exchange(self, code: str) -> str:
        self._flow.finish(code)
        try:
            identity = self._login.identity()
        except ServiceError:  # the login itself has succeeded
            return ""
        return f" as {identity.username or identity.identity_id}" if identity else ""

    def _set(self, status: Any, message: str) -> None:
        self._state = {**self._state, "status": status, "message": message}
        flusher().mark(self)

    def flush(self) -> bool:
        """See flusher.Source."""
        self.push(dict(self._state))
        self.changed()
        if self._state["status"] == "signed in":
            self.settle()
        return False

    def state(self) -> dict[str, Any]:
        """See LiveWidget."""
        return dict(self._state)

    def mark(self, at: float) -> OutputMark:
        """See LiveWidget.

        Parameters
        ----------
        at:
            As there.
        """
        mark = super().mark(at)
        if self._again and self._state["status"] == "signed in":
            mark["again"] = True
        return mark

    def static_bundle(self, _at: float) -> dict[str, str]:
        """See LiveWidget."""
        if self._state["status"] == "signed in":
            text = self._state["message"]
            return {"text/plain": text, "text/html": f"<p>{escape(text)}</p>"}
        # the link is for one login by this kernel's user, and not for readers of the notebook
        text = "Not signed in to Globus. Run %gc login, or this cell again."
        return {"text/plain": text, "text/html": f"<p>{escape(text)}</p>"}
