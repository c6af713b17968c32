"""No token, secret or code in a log, a repr, a warning or a traceback, whatever the source."""

from __future__ import annotations

import logging
import pickle
import traceback
import warnings
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import globus_sdk
import pytest

from gc_jupyter.auth import Login, resolve
from tests.auth.conftest import globus_data, hub_state, log_in
from tests.auth.servers import HubServer
from tests.service.globus_auth import GlobusAuth

Call = Callable[[Login], Any]
SECRET = "canary-secret-5f1e"
CLIENT = "b0500dab-ebd4-430f-b962-0c85bd43bdbb"


class Leaks:
    """What a user or a log file may see."""

    def __init__(self, log: pytest.LogCaptureFixture) -> None:
        self._log = log
        self.texts: list[str] = []

    def attempt(self, action: Callable[[], Any]) -> Any:
        """Run, keeping the traceback (with its notes, causes and contexts) if it fails."""
        try:
            return action()
        except Exception as error:
            self.texts += traceback.format_exception(error)
            self.texts += [str(error), repr(error), repr(vars(error))]
            return None

    def login(self, login: Login) -> None:
        """Everything that can be shown of a login."""
        self.texts += [repr(login), str(login), login.source, login.next_step, *login.notes]
        self.texts += [repr(login.authorizer), repr(login.app), repr(login.flow())]
        self.texts.append(repr(self.attempt(login.identity)))

    def text(self) -> str:
        formatter = logging.Formatter("%(name)s %(message)s")
        return "\n".join([*self.texts, *(formatter.format(r) for r in self._log.records)])


@pytest.fixture
def leaks(caplog: pytest.LogCaptureFixture) -> Iterator[Leaks]:
    caplog.set_level(logging.DEBUG)  # globus_sdk's and urllib3's records too
    found = Leaks(caplog)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        yield found
    found.texts += [str(one.message) for one in seen]


def environment(source: str, auth: GlobusAuth, hub: HubServer) -> dict[str, str]:
    auth.add_client(CLIENT, SECRET)
    if source == "client credentials":
        return {"GLOBUS_COMPUTE_CLIENT_ID": CLIENT, "GLOBUS_COMPUTE_CLIENT_SECRET": SECRET}
    if source == "wrong client secret":
        return {"FUNCX_SDK_CLIENT_ID": CLIENT, "FUNCX_SDK_CLIENT_SECRET": SECRET + "-wrong"}
    if source == "half of the credentials":
        return {"GLOBUS_COMPUTE_CLIENT_SECRET": SECRET}
    if source == "access token":
        return {"GLOBUS_COMPUTE_ACCESS_TOKEN": auth.issue()["access_token"]}
    if source == "hub":
        hub.state = hub_state(auth)
        return hub.environ
    if source == "hub that refuses":
        return {**hub.environ, "JUPYTERHUB_API_TOKEN": SECRET}
    if source == "GLOBUS_DATA":
        return {"GLOBUS_DATA": globus_data(auth)[0]}
    if source == "bad GLOBUS_DATA":
        return {"GLOBUS_DATA": b64encode(pickle.dumps({SECRET: {SECRET}})).decode()}
    if source == "GLOBUS_DATA in clear":
        return {"GLOBUS_DATA": SECRET}
    return {}


SOURCES = [
    "client credentials",
    "wrong client secret",
    "half of the credentials",
    "access token",
    "hub",
    "hub that refuses",
    "GLOBUS_DATA",
    "bad GLOBUS_DATA",
    "GLOBUS_DATA in clear",
    "a person",
]


@pytest.mark.parametrize("source", SOURCES)
def test_no_source_leaks(
    source: str,
    globus_auth: GlobusAuth,
    hub: HubServer,
    call: Call,
    leaks: Leaks,
    compute_dir: Path,
) -> None:
    globus_auth.echoes = True
    environ = environment(source, globus_auth, hub)
    environ["GLOBUS_COMPUTE_USER_DIR"] = str(compute_dir)
    login = leaks.attempt(lambda: resolve(environ=environ))
    codes: list[str] = []
    if login is not None:
        if login.flow() is not None:
            leaks.attempt(lambda: log_in(login, globus_auth))
            flow = login.flow()
            codes.append(globus_auth.approve(flow.start()))
            flow.start()
            leaks.attempt(lambda: flow.finish(codes[0]))  # refused: not for the newest link
        leaks.login(login)
        leaks.attempt(lambda: call(login))
        leaks.texts.append(str(leaks.attempt(login.token_key)))
        globus_auth.revoke_all()
        for action in (
            lambda: call_quietly(call, login),
            login.renew,
            login.ensure,
            login.identity,
            login.logout,
        ):
            leaks.attempt(action)
        leaks.login(login)

    text = leaks.text()
    assert text
    secrets = [SECRET, hub.api_token, *codes, *globus_auth.tokens]
    shown = [secret for secret in secrets if secret in text]
    assert shown == []


def call_quietly(call: Call, login: Login) -> None:
    """The service's refusal is the service layer's to word; what `auth` raises passes."""
    try:
        call(login)
    except globus_sdk.GlobusAPIError:
        return


def test_the_canary_sings(leaks: Leaks) -> None:
    """The test above can fail: each way out is looked at."""

    def raise_with(note: str) -> None:
        error = ValueError("x")
        if hasattr(error, "add_note"):
            error.add_note(note)
        else:
            error.args = (note,)
        raise error

    leaks.attempt(lambda: raise_with("in a note"))
    logging.getLogger("globus_sdk.authorizers").debug("in %s", "a log")
    assert "in a note" in leaks.text()
    assert "in a log" in leaks.text()
    login = Login("in a source", authorizer=globus_sdk.AccessTokenAuthorizer("x"))
    leaks.login(login)
    assert "in a source" in leaks.text()
