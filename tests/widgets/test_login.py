"""Signing in by the widget, on a loopback Globus Auth."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.auth import Login, resolve
from gc_jupyter.runtime.loop import kernel_loop
from gc_jupyter.widgets import LoginWidget
from gc_jupyter.widgets.live_widget import VIEW
from tests.auth.conftest import FOREIGN
from tests.service.globus_auth import GlobusAuth
from tests.widgets.conftest import RecordingComm, Shell

pytestmark = pytest.mark.usefixtures("notebook")


@pytest.fixture
def globus_auth(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[GlobusAuth]:
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(tmp_path / "compute"))
    with GlobusAuth() as auth:
        for name, value in auth.environ.items():
            monkeypatch.setenv(name, value)
        yield auth


@pytest.fixture
def login(globus_auth: GlobusAuth) -> Iterator[Login]:
    made = resolve(environ=os.environ | globus_auth.environ)
    assert made.required
    yield made
    made.close()


def until(widget: LoginWidget, *statuses: str) -> dict[str, Any]:
    """The widget's state, once it is one of these and everything is sent."""
    reached = threading.Event()

    def look() -> None:
        if widget._state["status"] in statuses and (widget.settled or statuses == ("failed",)):
            reached.set()
        else:
            kernel_loop().aio.call_later(0.01, look)

    kernel_loop().call(look)
    assert reached.wait(60)
    kernel_loop().ask(widget.flush)
    return RecordingComm.made[-1].front_end


def test_link_code_signed_in(
    login: Login, globus_auth: GlobusAuth, notebook: Shell, tmp_path: Path
) -> None:
    went_on = threading.Event()
    widget = LoginWidget(login, then=went_on.set, hint="Run the cell again.")
    widget._ipython_display_()
    comm = RecordingComm.made[-1]
    state = comm.front_end
    assert state["status"] == "waiting"
    assert "people who are signed in. Globus asks you to allow" in state["why"]
    assert state["after"] == "Run the cell again."
    code = globus_auth.approve(state["url"])
    comm.receive({"type": "code", "code": f" {code}\n"})
    until(widget, "signed in")
    assert went_on.wait(60)
    assert not login.required
    [bundle] = notebook.display_pub.outputs.values()
    assert VIEW not in bundle
    name = globus_auth.person.preferred_username
    assert bundle["text/plain"] == f"Signed in as {name}. Run the cell again."
    storage = tmp_path / "compute" / "storage.db"
    assert stat.S_IMODE(storage.stat().st_mode) == 0o600
    everything = json.dumps([comm.sent, notebook.display_pub.published], default=str)
    assert code not in everything
    for token in globus_auth.tokens:
        assert token not in everything


def test_a_wrong_code_says_so_and_the_next_one_works(login: Login, globus_auth: GlobusAuth) -> None:
    widget = LoginWidget(login)
    widget._ipython_display_()
    comm = RecordingComm.made[-1]
    first = widget.url
    comm.receive({"type": "code", "code": "nonsense"})
    state = until(widget, "failed")
    assert "try again" in state["message"]
    assert widget.url != first
    comm.receive({"type": "code", "code": globus_auth.approve(widget.url)})
    until(widget, "signed in")
    assert not login.required


def test_the_kernel_is_not_blocked(login: Login, globus_auth: GlobusAuth) -> None:
    widget = LoginWidget(login)
    release = threading.Event()
    exchange = widget._exchange
    widget._exchange = lambda code: release.wait(20) and exchange(code)  # type: ignore[assignment]
    RecordingComm.made[-1].receive({"type": "code", "code": globus_auth.approve(widget.url)})
    kernel_loop().ask(lambda: None)  # the loop is free
    assert widget._state["status"] == "checking"
    release.set()
    widget._ipython_display_()
    until(widget, "signed in")


def test_an_unfinished_login_leaves_no_link_behind(login: Login) -> None:
    widget = LoginWidget(login)
    bundle = widget.static_bundle(0.0)
    assert "http" not in bundle["text/html"] + bundle["text/plain"]


def test_a_login_without_steps_is_refused() -> None:
    import globus_sdk

    given = resolve(authorizer=globus_sdk.AccessTokenAuthorizer("token"))
    with pytest.raises(TypeError, match="no link"):
        LoginWidget(given)
