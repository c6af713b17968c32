"""Settings files: what they hold, who wins, and what is said of a bad one."""

from __future__ import annotations

import concurrent.futures
import sys
import threading
from pathlib import Path

import pytest

from gc_jupyter.settings import Pinned, Settings, SettingsError, to_toml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "work/notebooks").mkdir(parents=True)
    return Settings(tmp_path / "home/gc_jupyter.toml", tmp_path / "work/notebooks")


def test_nothing_is_set(settings: Settings) -> None:
    assert settings.find("endpoint") == (None, "")
    assert settings.aliases() == {}


def test_what_is_set_outlasts_the_object(settings: Settings, tmp_path: Path) -> None:
    settings.set("endpoint", "polaris")
    settings.set("timeout", 2.5)
    settings.set("resources", {"num_nodes": 2, "inner": {"a": [1, "x"]}})
    settings.set_alias("my machine", "4b116d3c-1703-4f8f-9f6f-39921e5864df")
    again = Settings(settings.user_file, tmp_path)
    assert again.get("endpoint") == "polaris"
    assert again.get("timeout") == 2.5
    assert again.get("resources") == {"num_nodes": 2, "inner": {"a": [1, "x"]}}
    assert again.aliases() == {"my machine": "4b116d3c-1703-4f8f-9f6f-39921e5864df"}
    again.set("timeout", None)
    again.set_alias("my machine", None)
    assert settings.get("timeout") is None  # the file was read again
    assert settings.aliases() == {}


def test_changes_at_once_are_all_there(tmp_path: Path) -> None:
    """Each kernel has an object of its own."""
    path, endpoint = tmp_path / "gc_jupyter.toml", "4b116d3c-1703-4f8f-9f6f-39921e5864df"
    names = [f"n{n}" for n in range(40)]
    begin = threading.Barrier(4)

    def change(some: list[str]) -> None:
        settings = Settings(path, tmp_path)
        begin.wait()
        for name in some:
            settings.set_alias(name, endpoint)
            settings.known.pin(name, Pinned(endpoint))

    with concurrent.futures.ThreadPoolExecutor(4) as kernels:
        list(kernels.map(change, [names[n::4] for n in range(4)]))
    found = Settings(path, tmp_path)
    assert set(found.aliases()) == set(names)
    assert set(found.known.names()) == set(names)
    settings_and_locks = {one.name for one in tmp_path.iterdir()}
    assert len(settings_and_locks) == 4, settings_and_locks


def test_a_trusted_project_wins(settings: Settings, tmp_path: Path) -> None:
    settings.set("endpoint", "mine")
    project = tmp_path / "work/pyproject.toml"
    project.write_text('[tool.gc_jupyter]\nendpoint = "ours"\n')
    assert settings.get("endpoint") == "mine"
    found = settings.project()
    assert found is not None
    settings.known.trust(found.path, found.digest)
    assert settings.find("endpoint") == ("ours", str(project))
    project.write_text("[project]\nname = 'other'\n")
    assert settings.get("endpoint") == "mine"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("endpoint = ", "can't be read"),
        ("endpoint = 3", "endpoint is int, not str"),
        ("tb_limit = true", "tb_limit is bool, not int"),
        ("tb_limit = 0", "tb_limit is 0, not 1 or more"),
        ("timeout = -1", "timeout is -1, not 0 or more"),
        ("timeout = nan", "timeout is nan, not 0 or more"),
        ("amqp_port = 99999999", "amqp_port is 99999999, not from 1 to 65535"),
        ("on_interrupt = 'stop'", "on_interrupt is 'stop', not detach or cancel-unsent"),
    ],
)
def test_a_bad_setting_costs_itself_alone(settings: Settings, text: str, said: str) -> None:
    settings.user_file.parent.mkdir()
    settings.user_file.write_text(f"label = 'good'\n{text}\n")
    assert settings.get(text.split()[0]) is None
    assert settings.get("label") == ("good" if settings.tells("label") else None)
    (problem,) = settings.problems()
    assert said in problem.reason
    assert problem.next_step
    (line,) = settings.notices()
    assert said in line
    assert settings.notices() == []  # once


def test_a_setting_that_there_is_not(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="There is no setting 'nonsense'"):
        settings.set("nonsense", 1)
    assert not settings.user_file.exists()


@pytest.mark.parametrize(
    "table",
    [
        {"a": 'quote " and \\ and \n and é and \x7f', "b": True, "c": 1.5, "d": [1, [2]]},
        {"with space": {"in.ner": {"x": 1}, "y": 2}, "z": [{"k": "v"}]},
        {},
    ],
)
def test_toml(table: dict[str, object]) -> None:
    assert tomllib.loads(to_toml(table)) == table
