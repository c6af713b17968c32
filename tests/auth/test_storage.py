"""The login shared with the official SDK, and what happens when its file is no good."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.auth import Login, resolve
from gc_jupyter.auth.storage import SharedTokenStorage, storage_path
from gc_jupyter.errors import LoginMisconfigured, LoginRequired
from tests.auth.conftest import log_in
from tests.service.globus_auth import GlobusAuth

Call = Callable[[Login], Any]

# What the official SDK does, in an environment of its own: log in where needed, show the token.
OFFICIAL = """
import globus_compute_sdk
client = globus_compute_sdk.Client(do_version_check=False)
client.app.login()
print(client.app.get_authorizer("funcx_service").get_authorization_header(), flush=True)
"""


def official(python: str, auth: GlobusAuth, compute_dir: Path) -> subprocess.Popen[str]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(compute_dir.parent), **auth.environ}
    environ["GLOBUS_COMPUTE_USER_DIR"] = str(compute_dir)
    return subprocess.Popen(
        [python, "-u", "-c", OFFICIAL],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_official_sdk_needs_no_login_after_ours(
    endpoint_python: str, globus_auth: GlobusAuth, compute_dir: Path
) -> None:
    login = resolve()
    log_in(login, globus_auth)
    with official(endpoint_python, globus_auth, compute_dir) as theirs:
        output, _ = theirs.communicate("", timeout=60)
    assert output.strip() == login.authorizer.get_authorization_header()


def test_no_login_after_the_official_sdks(
    endpoint_python: str, globus_auth: GlobusAuth, compute_dir: Path, call: Call
) -> None:
    with official(endpoint_python, globus_auth, compute_dir) as theirs:
        assert theirs.stdout is not None
        url = next(line for line in theirs.stdout if line.startswith("http"))
        output, _ = theirs.communicate(globus_auth.approve(url.strip()) + "\n", timeout=60)
    login = resolve()
    assert not login.required
    assert login.authorizer.get_authorization_header() in output
    assert call(login) == "1.0.0"
    identity = login.identity()
    assert identity is not None
    assert identity.username == "ada@example.org"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_modes(signed_in: Path, globus_auth: GlobusAuth) -> None:
    assert stat.S_IMODE(signed_in.stat().st_mode) == 0o600
    assert stat.S_IMODE(signed_in.parent.stat().st_mode) == 0o700
    signed_in.chmod(0o644)
    assert not resolve().required
    assert stat.S_IMODE(signed_in.stat().st_mode) == 0o600
    assert globus_auth.tokens


def test_nothing_is_made_before_the_first_login(compute_dir: Path, globus_auth: GlobusAuth) -> None:
    login = resolve()
    assert login.required
    login.logout()
    assert not compute_dir.exists()
    assert globus_auth.requests == []


def test_where_it_is(compute_dir: Path) -> None:
    assert storage_path({}) == compute_dir.parent / ".globus_compute" / "storage.db"
    assert storage_path({"GLOBUS_COMPUTE_USER_DIR": "/x"}) == Path("/x/storage.db")


def test_no_home_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(LoginMisconfigured, match="GLOBUS_COMPUTE_USER_DIR"):
        storage_path({})


def damage(path: Path, how: str) -> None:
    """Make the file unusable in one of the ways that files become so."""
    if how == "not a database":
        path.write_bytes(b"x" * 4096)
    elif how == "malformed":
        data = bytearray(path.read_bytes())
        data[100:] = b"\xff" * (len(data) - 100)
        path.write_bytes(data)
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "a directory":
        path.unlink()
        path.mkdir()
    else:
        with sqlite3.connect(path) as database:
            if how == "two identities":
                [text] = database.execute(
                    "SELECT token_data_json FROM token_storage WHERE resource_server=?",
                    ("funcx_service",),
                ).fetchone()
                value = json.dumps({**json.loads(text), "identity_id": "somebody-else"})
            else:
                value = {"no JSON": "canary-secret{", "a list": '["canary-secret"]', "blank": "{}"}[
                    how
                ]
            database.execute(
                "UPDATE token_storage SET token_data_json=? WHERE resource_server='funcx_service'",
                (value,),
            )
        database.close()


@pytest.mark.parametrize(
    "how",
    [
        "not a database",
        "malformed",
        "empty",
        "a directory",
        "no JSON",
        "a list",
        "blank",
        "two identities",
    ],
)
def test_a_damaged_store(signed_in: Path, globus_auth: GlobusAuth, call: Call, how: str) -> None:
    """One warning names the file and the way on; a login works all the same, in memory."""
    damage(signed_in, how)
    before = None if signed_in.is_dir() else signed_in.read_bytes()
    with pytest.warns(UserWarning, match="login store") as caught:
        login = resolve()
    [warning] = caught
    assert str(signed_in) in str(warning.message)
    assert "canary-secret" not in str(warning.message)
    assert "this kernel's memory only" in str(warning.message)
    assert login.notes
    assert login.source == "the Globus login in this kernel's memory"
    assert login.required
    with pytest.raises(LoginRequired):
        call(login)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        log_in(login, globus_auth)
        assert call(login) == "1.0.0"
        login.logout()
    assert signed_in.is_dir() or signed_in.read_bytes() == before  # the user's to move away


def test_a_locked_store(signed_in: Path, globus_auth: GlobusAuth) -> None:
    storage = SharedTokenStorage(signed_in, "user/production", lock_timeout=0.05)
    database = sqlite3.connect(signed_in)
    database.execute("BEGIN EXCLUSIVE")
    with pytest.warns(UserWarning, match="is locked by another program"):
        assert storage.get_token_data_by_resource_server() == {}
    database.rollback()
    database.close()
    assert globus_auth.tokens


def test_a_store_that_is_locked_later(signed_in: Path) -> None:
    """The tokens last read stay usable, and a refreshed one is kept."""
    storage = SharedTokenStorage(signed_in, "user/production", lock_timeout=0.05)
    token = storage.get_token_data("funcx_service")
    assert token is not None
    database = sqlite3.connect(signed_in)
    database.execute("BEGIN EXCLUSIVE")
    token.access_token = "refreshed"
    with pytest.warns(UserWarning, match="locked") as caught:
        storage.store_token_data_by_resource_server({"funcx_service": token})
    assert len(caught) == 1
    kept = storage.get_token_data_by_resource_server()
    assert kept["funcx_service"].access_token == "refreshed"
    assert set(kept) == {"funcx_service", "auth.globus.org"}
    database.rollback()
    database.close()
    storage.close()


@pytest.mark.parametrize("kind", ["file in the way", "device"])
def test_a_home_that_cannot_be_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    globus_auth: GlobusAuth,
    call: Call,
    kind: str,
) -> None:
    """Not by mode bits: they don't stop root, which is who runs in many containers."""
    if kind == "device" and not sys.platform.startswith("linux"):
        pytest.skip("/dev/full is Linux's")
    parent = tmp_path / "file" if kind == "file in the way" else Path("/dev/full")
    if kind == "file in the way":
        parent.touch()
    monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(parent / "compute"))
    login = resolve()
    assert login.required
    with pytest.warns(UserWarning, match="GLOBUS_COMPUTE_USER_DIR") as caught:
        log_in(login, globus_auth)
    assert len(caught) == 1
    assert call(login) == "1.0.0"
    assert login.source == "the Globus login in this kernel's memory"
