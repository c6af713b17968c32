"""A Globus Auth whose access tokens the loopback Globus Compute accepts, and a person at it."""

from __future__ import annotations

import pytest
from globus_sdk.login_flows import CommandLineLoginFlowManager

from tests.service.globus_auth import GlobusAuth
from tests.service.globus_tokens import Token
from tests.service.handle import Loopback


class KnownAuth(GlobusAuth):
    """See GlobusAuth. `shown` are the login URLs that the person at the keyboard was given."""

    def __init__(self, loopback: Loopback) -> None:
        super().__init__()
        self._loopback = loopback
        self.shown: list[str] = []

    def _new_token(self, like: Token, *, refreshes: bool = False) -> Token:
        made = super()._new_token(like, refreshes=refreshes)
        self._loopback.accept_token(made.text)
        return made

    def sit_down(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Be somebody who opens each login URL, and types the code shown there."""
        monkeypatch.setattr(
            CommandLineLoginFlowManager,
            "print_authorize_url",
            lambda _flow, url: self.shown.append(url),
        )
        monkeypatch.setattr("builtins.input", lambda _prompt="": self.approve(self.shown[-1]))
