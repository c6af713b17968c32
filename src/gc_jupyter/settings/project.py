"""A project's settings: the table ``[tool.gc_jupyter]`` of the nearest pyproject.toml.

A stranger may have written it: a clone, a scratch folder or an archive can have one. So it is only
used once the user has agreed to its content, and only for harmless settings.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gc_jupyter.options import OF_PROJECTS, SETTINGS
from gc_jupyter.own_files import NotOwn, read_own
from gc_jupyter.settings.checks import SettingsError, checked, shown
from gc_jupyter.settings.files import MOST, digest, parse

NAME = "pyproject.toml"
_OURS = b"gc_jupyter"
_INSTEAD = {
    "aliases": "%gc use UUID --alias NAME gives an endpoint a name",
    "collect_results": "%gc config collect_results true is for you to say",
}


@dataclass(frozen=True)
class Project:
    """A project's file, read once: so what is checked is what is used.

    Parameters
    ----------
    path:
        The file.
    digest:
        The digest of its content; empty where that can't be used.
    settings:
        The settings of `OF_PROJECTS` that it has.
    refused:
        The other keys of its table.
    problem:
        Why it can't be used; empty where it can.
    """

    path: Path
    digest: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    problem: str = ""

    def trusted(self, known: Mapping[str, str]) -> bool:
        """Whether the user has agreed to this content."""
        return bool(self.digest) and known.get(str(self.path)) == self.digest

    @property
    def sets(self) -> str:
        """What it sets, in words on one line."""
        parts = [f"{key} = {shown(value, 100)}" for key, value in self.settings.items()]
        return " and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)

    def notice(self, known: Mapping[str, str]) -> str:
        """The line that tells the user about it; empty where there is nothing to tell."""
        if self.problem:
            return self.problem
        parts = []
        if self.settings and not self.trusted(known):
            changed = " has changed since you trusted it: it" if str(self.path) in known else ""
            parts.append(f"{self.path}{changed} would set {self.sets}; %gc trust has it used.")
        if self.refused:
            names = ", ".join(shown(name, 40).strip('"') for name in self.refused[:8])
            where = "" if parts else f"{self.path}: "
            verb = "isn't" if len(self.refused) == 1 else "aren't"
            parts.append(f"{where}{names} {verb} a project's to set: {_instead(self.refused)}.")
        return " ".join(parts)


def find_project(directory: Path | None) -> Project | None:
    """The project of a directory; None where no file has anything for this package.

    Parameters
    ----------
    directory:
        Where to begin, upwards; by default the current one.
    """
    try:
        at = str(directory or os.getcwd())
    except OSError:  # it was removed
        return None
    while not os.path.lexists(file := os.path.join(at, NAME)):
        above = os.path.dirname(at)
        if above == at:
            return None
        at = above
    return _read(Path(file))


def _read(path: Path) -> Project | None:
    try:
        content = read_own(path, MOST)
    except NotOwn as error:
        return Project(path, problem=_not_own(path, error)) if _may_have_ours(path) else None
    except OSError:
        return None  # the user can't do anything about an unreadable file
    if _OURS not in content:
        return None
    try:
        tool = parse(content, path).get("tool")
        table = tool.get("gc_jupyter", {}) if isinstance(tool, dict) else {}
        if not isinstance(table, dict):
            raise SettingsError(f"{path}: tool.gc_jupyter is no table.")
        settings = {key: checked(key, table[key], str(path)) for key in OF_PROJECTS if key in table}
    except SettingsError as error:
        return Project(path, problem=f"{error.reason} It isn't used.")
    refused = tuple(sorted(table.keys() - set(OF_PROJECTS)))
    if not table:
        return None
    return Project(path, digest(content), settings, refused)


def _may_have_ours(path: Path) -> bool:
    """Whether to report a file that isn't used: it has our table, or is no plain file."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return True
        with path.open("rb") as file:
            return _OURS in file.read(MOST)
    except OSError:
        return False


def _not_own(path: Path, error: NotOwn) -> str:
    return (
        f"{path} isn't used: {error.strerror}. It must be yours and closed to other writers, and so"
        " must every folder above it."
    )


def _instead(refused: tuple[str, ...]) -> str:
    said = [text for name, text in _INSTEAD.items() if name in refused]
    if others := [name for name in refused if name in SETTINGS and name not in _INSTEAD]:
        said.append(f"%gc config {others[0]} VALUE sets it for you")
    return "; ".join(said) or "there is no such setting"
