"""Names of endpoints are pinned at their first use: another endpoint of that name isn't used
without the user's word."""

from __future__ import annotations

from pathlib import Path

import pytest

from gc_jupyter import Client
from gc_jupyter.auth import resolve
from gc_jupyter.errors import UnknownEndpoint
from gc_jupyter.journal import KnownEndpoint
from gc_jupyter.session import Directory
from gc_jupyter.session.pins import Pins
from gc_jupyter.settings import Known, Pinned, Settings, SettingsError
from tests.auth.conftest import log_in
from tests.magics.conftest import kernels
from tests.magics.restarts import Start, start
from tests.service.globus_auth import GlobusAuth
from tests.service.handle import Loopback

__all__ = ["kernels", "start"]
A, B, C = (f"7ad8a1a5-32f2-4d6f-8f3e-00000000000{number}" for number in (1, 2, 3))
EVE = "66666666-2222-4333-8444-555555555555"


def listed(*ids: str) -> list[KnownEndpoint]:
    return [KnownEndpoint(one, "polaris") for one in ids]


@pytest.fixture
def known(tmp_path: Path) -> Known:
    return Known(tmp_path / "known.toml")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def pins(known: Known, said: list[str]) -> Pins:
    names = {A: "ann@example.org", B: "eve@example.org"}
    return Pins(known, lambda ids: {one: names.get(one, "") for one in ids}, said.append)


def test_the_first_use_is_remembered_with_its_owner(
    pins: Pins, known: Known, said: list[str]
) -> None:
    pins.first_use("polaris", A)
    assert known.names() == {"polaris": Pinned(A, "ann@example.org")}
    (line,) = said
    assert line.startswith(f"polaris is {A}, owned by ann@example.org. ")


@pytest.mark.parametrize("found", [[B], [A, B], [B, C]])
def test_nobody_can_be_asked(
    pins: Pins, known: Known, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GC_JUPYTER_NONINTERACTIVE", "1")
    pins.first_use("polaris", A)
    with pytest.raises(UnknownEndpoint) as caught:
        pins.choose("polaris", known.names()["polaris"], listed(*found))
    assert f"polaris was {A}, owned by ann@example.org until now" in caught.value.reason
    assert f"{B}, owned by eve@example.org" in caught.value.reason
    assert caught.value.next_step == "Say which one you mean: %gc use UUID --alias polaris."
    assert known.names()["polaris"].endpoint == A


@pytest.mark.parametrize(("answer", "chosen"), [("1", A), ("2", B), ("", ""), ("3", ""), ("x", "")])
def test_who_is_asked_chooses(
    pins: Pins, known: Known, monkeypatch: pytest.MonkeyPatch, answer: str, chosen: str
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or answer)
    monkeypatch.setattr("gc_jupyter.auth.flow.may_prompt", lambda *_: True)
    pins.first_use("polaris", A)
    before = known.names()["polaris"]
    if not chosen:
        with pytest.raises(UnknownEndpoint):
            pins.choose("polaris", before, listed(A, B))
        assert known.names()["polaris"] == before
    else:
        assert pins.choose("polaris", before, listed(A, B)) == chosen
        assert known.names()["polaris"].endpoint == chosen
        assert known.names()["polaris"].others == ((B,) if chosen == A else (A,))
    assert f"1: {A}, owned by ann@example.org" in asked[0]
    assert f"2: {B}, owned by eve@example.org" in asked[0]


# --- at a service -----------------------------------------------------------------------------


@pytest.fixture
def directory(client: Client, tmp_path: Path, said: list[str]) -> Directory:
    settings = Settings(tmp_path / "gc_jupyter.toml", tmp_path)
    return Directory(settings, lambda: client, say=said.append)


def named(loopback: Loopback, name: str, **record: str) -> str:
    return loopback.new_endpoint("offline", {"display_name": name, **record})


def test_an_endpoint_that_takes_a_name(
    directory: Directory, loopback: Loopback, client: Client, said: list[str]
) -> None:
    first = named(loopback, "pinned")
    assert directory.resolve("pinned").endpoint_id == first
    assert len(said) == 1
    assert directory.resolve("pinned").endpoint_id == first
    assert len(said) == 1
    second = named(loopback, "pinned", owner_id=EVE)
    later = Directory(directory.settings, lambda: client)
    later.refresh()
    with pytest.raises(UnknownEndpoint, match=f"{second}, owned by {EVE}"):
        later.resolve("pinned")
    client.delete_endpoint(first)
    later.refresh()
    with pytest.raises(UnknownEndpoint, match=f"was {first}.*now 1 is listed"):
        later.resolve("pinned")
    assert later.resolve("pinned", ask=False).endpoint_id == first  # --dry-run says what is pinned
    assert later.resolve(second).endpoint_id == second  # a UUID means itself
    directory.settings.set_alias("pinned", second)  # the user's word
    assert later.resolve("pinned").endpoint_id == second


def test_a_dry_run_pins_nothing(directory: Directory, loopback: Loopback) -> None:
    named(loopback, "only looked at")
    directory.refresh()
    directory.resolve("only looked at", ask=False)
    assert directory.settings.known.names() == {}


def test_pins_that_cannot_be_read_decide_nothing(directory: Directory, loopback: Loopback) -> None:
    named(loopback, "some name")
    for text in (
        "[",
        "[names]\nx = 3\n",
        '[names.x]\nendpoint = "no uuid"\nowner = ""\n',
        "names = 3",
    ):
        directory.settings.user_file.with_name("gc_jupyter_known.toml").write_text(text)
        with pytest.raises(SettingsError):
            directory.resolve("some name")
    assert directory.resolve("local").name == "local"


def test_owners_by_name(
    client: Client, loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the login has a token for Globus Auth."""
    with GlobusAuth() as auth:
        for name, value in auth.environ.items():
            monkeypatch.setenv(name, value)
        login = resolve(environ={"GLOBUS_COMPUTE_USER_DIR": str(tmp_path)})
        assert login.usernames([auth.person.sub]) == {}  # nobody is signed in, nobody is asked
        log_in(login, auth)
        assert login.usernames([auth.person.sub, "x", EVE]) == {
            auth.person.sub: auth.person.preferred_username
        }
        mine = named(loopback, "mine", owner_id=auth.person.sub)
        other = named(loopback, "other", owner_id=EVE)
        monkeypatch.setattr(client.login(), "usernames", login.usernames)
        directory = Directory(Settings(tmp_path / "gc_jupyter.toml", tmp_path), lambda: client)
        assert directory.owners([mine, other]) == {
            mine: auth.person.preferred_username,
            other: EVE,
        }
        auth.outage = True
        assert login.usernames([auth.person.sub]) == {}


def test_in_kernels(loopback: Loopback, start: Start) -> None:
    first = loopback.new_endpoint("inline", {"display_name": "shared-name"})
    kernel = start()
    kernel.ok("%load_ext gc_jupyter")
    shown = kernel.ok("%%gcrun shared-name\n1")
    assert shown.text == "1"
    assert f"shared-name is {first}, owned by 1111" in str(shown.outputs)
    assert "owned by" not in str(kernel.ok("%%gcrun shared-name\n2").outputs)
    second = loopback.new_endpoint("inline", {"display_name": "shared-name", "owner_id": EVE})
    listing = kernel.ok("%gc endpoints").stream("stdout")
    (line,) = [one for one in listing.splitlines() if second in one]
    assert line.endswith(EVE)
    loopback.clear()
    for cell in ("%%gcrun shared-name\n3", "%%gcshell shared-name\ntrue", "%gc use shared-name"):
        shown = kernel.run(cell, allow_stdin=False)
        assert "shared-name was" in shown.stream("stderr")
        assert "%gc use UUID --alias shared-name" in shown.stream("stderr")
    assert loopback.requests("POST", "/submit") == []
    assert f"shared-name is {first}, owned by" in kernel.ok("%gc use").stream("stdout")
    kernel.ok(f"%gc use {first} --alias shared-name")
    assert kernel.ok("%%gcrun shared-name\n4").text == "4"
    kernel.ok("%gc use --forget shared-name")  # the alias
    kernel.ok("%gc use --forget shared-name")  # what was pinned
    shown = kernel.run("%%gcrun shared-name\n5", allow_stdin=False)
    assert "2 endpoints are called 'shared-name'" in shown.stream("stderr")
    assert f"{second}, owned by {EVE} (online)" in shown.stream("stderr")
