"""What an administrator sets for everybody: below the user's own, and locked where it says so."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gc_jupyter.errors import LoginRequired
from gc_jupyter.settings import Settings, SettingsError
from gc_jupyter.settings.known import Known
from gc_jupyter.settings.site import Site, site_files

POLARIS = "4b116d3c-1703-4f8f-9f6f-39921e5864df"
OTHER = "5b116d3c-1703-4f8f-9f6f-39921e5864df"


@pytest.fixture
def near(tmp_path: Path) -> Path:
    (tmp_path / "near").mkdir()
    return tmp_path / "near/gc_jupyter.toml"


@pytest.fixture
def far(tmp_path: Path) -> Path:
    (tmp_path / "far").mkdir()
    return tmp_path / "far/gc_jupyter.toml"


@pytest.fixture
def settings(tmp_path: Path, near: Path, far: Path) -> Settings:
    return Settings(tmp_path / "home/gc_jupyter.toml", tmp_path, site_files=[near, far])


def test_the_nearer_file_wins(settings: Settings, near: Path, far: Path) -> None:
    assert settings.find("endpoint") == (None, "")
    far.write_text(f"endpoint = 'far'\namqp_port = 443\n[aliases]\nbig = '{OTHER}'\n")
    assert settings.find("endpoint") == ("far", str(far))
    near.write_text(f"endpoint = 'near'\n[aliases]\nbig = '{POLARIS}'\nhere = 'local'\n")
    assert settings.find("endpoint") == ("near", str(near))
    assert settings.find("amqp_port") == (443, str(far))
    assert settings.aliases() == {"big": POLARIS, "here": "local"}
    settings.set("endpoint", "mine")
    settings.set_alias("big", OTHER)
    assert settings.find("endpoint") == ("mine", str(settings.user_file))
    assert settings.aliases() == {"big": OTHER, "here": "local"}
    settings.set("endpoint", None)
    assert settings.get("endpoint") == "near"


def test_what_is_locked_is_the_sites(settings: Settings, near: Path, far: Path) -> None:
    settings.set("amqp_port", 5671)
    settings.set_alias("big", OTHER)
    project = near.parents[1] / "pyproject.toml"
    project.write_text("[tool.gc_jupyter]\nendpoint = 'ours'\n")
    found = settings.project()
    assert found is not None
    settings.known.trust(found.path, found.digest)
    far.write_text(
        "locked = ['amqp_port', 'unencrypted', 'endpoint', 'aliases']\n"
        f"amqp_port = 443\nendpoint = 'big'\n[aliases]\nbig = '{POLARIS}'\n"
    )
    near.write_text("amqp_port = 5672\n")  # a lock holds for the files between, too
    assert settings.find("amqp_port") == (443, str(far))
    assert settings.find("unencrypted") == (None, "")
    assert settings.find("endpoint") == ("big", str(far))
    assert settings.aliases() == {"big": POLARIS}
    said = f"amqp_port is set for everybody here, by {far}."
    for change in (
        lambda: settings.set("amqp_port", 5671),
        lambda: settings.site().refuse_locked("amqp_port"),
    ):
        with pytest.raises(SettingsError, match=said) as caught:
            change()
        assert caught.value.next_step == "Tell whoever runs this Jupyter."
    with pytest.raises(SettingsError, match="aliases is set for everybody here"):
        settings.set_alias("small", OTHER)
    (unused,) = settings.problems()
    assert f"{settings.user_file}: amqp_port isn't used. It is set for everybody" in unused.reason
    settings.set("amqp_port", None)  # one's own, which means nothing here, can be taken out
    assert settings.problems() == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("endpoint = ", "can't be read"),
        ("tb_limit = 0", "tb_limit is 0, not 1 or more"),
        ("locked = ['endpiont']", "there is no setting 'endpiont' to be locked"),
        ("locked = 3", "there is no setting 3 to be locked"),
        ("endpiont = 'x'", "there is no setting endpiont"),
        ("notice = 3", "notice is no text"),
        ("notice_link = 'javascript:alert(1)'", "notice_link is no web address"),
        ("results = 3", "results is no table of texts"),
        (f"[results]\n'{POLARIS}' = 'any'", f"results.{POLARIS} must be UUID = json"),
        ("[aliases]\nhere = 'polaris'", "which is no UUID"),
        ("aliases = {x = 3}", "aliases is no table of texts"),
    ],
)
def test_a_bad_line_costs_itself_alone(
    settings: Settings, near: Path, far: Path, text: str, said: str
) -> None:
    far.write_text("label = 'good'\n")
    near.write_text(text)
    assert settings.get("label") == "good"
    (problem,) = settings.problems()
    assert said in problem.reason
    assert problem.next_step
    assert settings.site().notice_link == ""


def test_somebody_elses_file(settings: Settings, near: Path) -> None:
    near.write_text("endpoint = 'theirs'\n")
    near.chmod(0o666)
    assert settings.get("endpoint") is None
    (problem,) = settings.problems()
    assert "other users may have written it" in problem.reason


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs two users")
def test_an_environment_of_another_user(
    settings: Settings, near: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner's Python runs here anyway; nobody else's file is taken from there."""
    near.write_text("endpoint = 'of the environment'\n")
    for path in (near, near.parent):
        os.chown(path, 1234, 1234)
    assert settings.get("endpoint") is None
    monkeypatch.setattr(sys, "prefix", str(near.parent))
    os.utime(near)
    assert settings.get("endpoint") == "of the environment"
    os.chown(near, 1235, 1235)
    assert settings.get("endpoint") is None


def test_results_stay_limited(tmp_path: Path, near: Path) -> None:
    near.write_text(f"[results]\n'{POLARIS.upper()}' = 'json'\n")
    known = Known(tmp_path / "home/known.toml", Site([near]))
    assert known.results() == {POLARIS: "json"}
    known.limit_results(OTHER, "json")
    known.limit_results(POLARIS, None)
    assert known.results() == {POLARIS: "json", OTHER: "json"}


def test_where_jupyter_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path / "site"))
    found = site_files()
    assert found[0] == tmp_path / "site/gc_jupyter.toml"
    assert Path(sys.prefix) / "etc/jupyter/gc_jupyter.toml" in found
    assert Path("/etc/jupyter/gc_jupyter.toml") in found or os.name != "posix"
    assert tmp_path / "own/gc_jupyter.toml" not in found


def test_the_login_that_a_site_wants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gc_jupyter.auth import resolve

    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "own"))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(tmp_path))
    environ = {"GLOBUS_COMPUTE_ACCESS_TOKEN": "a token", "HOME": str(tmp_path)}
    assert "GLOBUS_COMPUTE_ACCESS_TOKEN" in resolve(environ=environ).source
    (tmp_path / "gc_jupyter.toml").write_text("login = 'own'\n")
    assert "storage.db" in resolve(environ=environ).source
    (tmp_path / "gc_jupyter.toml").write_text("login = 'hub'\n")
    assert "GLOBUS_COMPUTE_ACCESS_TOKEN" in resolve(environ=environ).source
    nobody = resolve(environ={"HOME": str(tmp_path)}, interactive=True)
    assert nobody.required
    assert nobody.flow() is None
    with pytest.raises(LoginRequired) as caught:
        nobody.ensure()
    assert caught.value.next_step == "Log out of the hub and in again, then restart your server."
