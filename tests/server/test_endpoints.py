"""The list of endpoints: asked for with the user's login, and only when it is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from gc_jupyter import Client
from gc_jupyter.journal import Journal, KernelSession
from gc_jupyter.server.endpoints import list_endpoints
from gc_jupyter.session.directory import Directory
from gc_jupyter.settings import Settings
from tests.service.handle import Loopback


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "gc_jupyter.toml", tmp_path)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite", KernelSession.here())


def test_names_are_asked_for_once_and_remembered(
    client: Client, loopback: Loopback, settings: Settings, journal: Journal
) -> None:
    name = "an endpoint of this test"
    endpoint = loopback.new_endpoint("offline", {"display_name": name})
    settings.set_alias("mine", endpoint)
    loopback.clear()
    first = list_endpoints(settings, journal, client, ask=False)
    assert first["signed_in"]
    assert [(one["name"], one["alias"]) for one in first["endpoints"]] == [
        ("local", ""),
        ("", "mine"),
    ]
    assert loopback.requests() == []  # nobody was asked
    asked = list_endpoints(settings, journal, client, ask=True)
    assert asked["problem"] == ""
    (found,) = [one for one in asked["endpoints"] if one["endpoint_id"] == endpoint]
    assert (found["name"], found["alias"]) == (name, "mine")
    assert found["at"] > 0
    loopback.clear()
    owners = {endpoint: found["owner"]}  # which the server keeps; the journal has no owners
    later = list_endpoints(settings, journal, client, ask=False, owners=owners)
    assert found["owner"]
    assert found in later["endpoints"]
    assert loopback.requests() == []
    journal.close()


def test_a_binder_session(
    client: Client,
    loopback: Loopback,
    settings: Settings,
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The server has no login, since a kernel keeps its own in memory: what it knows is listed."""
    name = "known to a kernel"
    loopback.new_endpoint("offline", {"display_name": name})
    of_kernel = Directory(settings, lambda: client, journal)
    assert of_kernel.refresh()  # as `%gc endpoints` does
    for variable in ("GLOBUS_COMPUTE_ACCESS_TOKEN", "GLOBUS_COMPUTE_USER_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("BINDER_LAUNCH_HOST", "https://mybinder.org/")
    found = list_endpoints(settings, journal, Client(do_version_check=False), ask=True)
    assert not found["signed_in"]
    assert "each kernel signs in for itself" in found["problem"]
    assert "%gc endpoints" in found["next_step"]
    assert name in [one["name"] for one in found["endpoints"]]
    journal.close()


def test_a_service_that_refuses(
    client: Client, loopback: Loopback, settings: Settings, journal: Journal
) -> None:
    loopback.fault(path="/v2/endpoints", status=403)
    found = list_endpoints(settings, journal, client, ask=True)
    assert found["problem"]
    assert [one["name"] for one in found["endpoints"]] == ["local"]
    journal.close()


def test_settings_that_cannot_be_read(client: Client, tmp_path: Path, journal: Journal) -> None:
    file = tmp_path / "gc_jupyter.toml"
    file.write_text("[")
    found = list_endpoints(Settings(file, tmp_path), journal, client, ask=False)
    assert "can't be read" in found["problem"]
    assert found["next_step"]
    assert [one["name"] for one in found["endpoints"]] == ["local"]
    journal.close()
