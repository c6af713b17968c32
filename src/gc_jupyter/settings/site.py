"""A site's settings: ``gc_jupyter.toml`` in Jupyter's environment and system directories.

An administrator writes it into ``/etc/jupyter``, or into ``etc/jupyter`` of the environment that
people's servers run in; JUPYTER_CONFIG_PATH names more directories. It has the keys of the user's
own file, which wins over it, and four more: ``locked`` (the names of settings that users
can't change), ``results`` (a table: endpoint's UUID -> what its results may be), and ``notice`` and
``notice_link``, a line for the panel.

A lock prevents accidents. It is no barrier, since a user's kernel runs any code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gc_jupyter.options import SETTINGS
from gc_jupyter.remote_text import one_line
from gc_jupyter.settings.checks import RESULTS, SettingsError, checked
from gc_jupyter.settings.files import TomlFile, signature
from gc_jupyter.uuids import is_uuid_like

NAME = "gc_jupyter.toml"
#: What can be locked beside the settings.
_TABLES = ("aliases",)
_ONLY_HERE = ("locked", "results", "notice", "notice_link")
_ASK = "Tell whoever runs this Jupyter."


@dataclass(eq=False)
class SiteSettings:
    """What all of a site's files say together. A file nearer to the user wins.

    Parameters
    ----------
    settings:
        Name -> value, and the file that it is from.
    aliases:
        Names for endpoints -> UUID, or ``local``.
    locked:
        Name -> the file that locks it.
    results:
        Endpoints' UUIDs, in lower case -> what their results may be.
    notice, notice_link:
        A line for the panel, and the address of a page about it. Plain text, never markup.
    problems:
        What can't be used, and why.
    """

    settings: dict[str, tuple[Any, str]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    locked: dict[str, str] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)
    notice: str = ""
    notice_link: str = ""
    problems: list[SettingsError] = field(default_factory=list)

    def refuse_locked(self, name: str, where: str = "") -> None:
        """Raise an error if the site has locked this setting.

        Parameters
        ----------
        name:
            Of the setting.
        where:
            The user's file that has it.

        Raises
        ------
        SettingsError
            A file of the site locks it.
        """
        if name in self.locked:
            unused = f"{where}: {name} isn't used. It" if where else f"{name}"
            raise SettingsError(
                f"{unused} is set for everybody here, by {self.locked[name]}.", next_step=_ASK
            )

    def _take(self, path: str, table: dict[str, Any]) -> None:
        """Add a file's content; it wins over that of the files read before."""
        for name in SETTINGS.keys() & table.keys():
            if name not in self.locked:
                try:
                    self.settings[name] = checked(name, table[name], path), path
                except SettingsError as error:
                    self._problem(error.reason)
        if "aliases" not in self.locked:
            self.aliases |= self._texts(path, table, "aliases")
        for endpoint, limit in self._texts(path, table, "results").items():
            if is_uuid_like(endpoint) and limit in RESULTS:
                self.results[endpoint.lower()] = limit
            else:
                wanted = " or ".join(RESULTS)
                self._problem(f"{path}: results.{endpoint} must be UUID = {wanted}.")
        for name in ("notice", "notice_link"):
            if isinstance(value := table.get(name, ""), str):
                setattr(self, name, one_line(value, 500) or getattr(self, name))
            else:
                self._problem(f"{path}: {name} is no text.")
        if self.notice_link and not self.notice_link.startswith(("https://", "http://")):
            self._problem(f"{path}: notice_link is no web address.")
            self.notice_link = ""
        locked = table.get("locked", [])
        for name in locked if isinstance(locked, list) else [locked]:
            if name in SETTINGS or name in _TABLES:
                self.locked.setdefault(name, path)
            else:
                self._problem(f"{path}: there is no setting {one_line(repr(name))} to be locked.")
        if unknown := sorted(table.keys() - SETTINGS.keys() - {*_TABLES, *_ONLY_HERE}):
            self._problem(f"{path}: there is no setting {one_line(', '.join(unknown), 200)}.")

    def _texts(self, path: str, table: dict[str, Any], name: str) -> dict[str, str]:
        found = table.get(name, {})
        if isinstance(found, dict) and all(isinstance(one, str) for one in found.values()):
            return {one_line(key, 200): one_line(one, 200) for key, one in found.items()}
        self._problem(f"{path}: {name} is no table of texts.")
        return {}

    def _problem(self, reason: str) -> None:
        self.problems.append(SettingsError(reason, next_step=_ASK))


class Site:
    """The files of a site. They are read again when one of them has changed.

    Parameters
    ----------
    files:
        From the nearest to the farthest. By default ``gc_jupyter.toml`` in each of Jupyter's
        configuration directories but the user's own.
    """

    def __init__(self, files: Sequence[Path] | None = None) -> None:
        self._files = site_files() if files is None else list(files)
        self._seen: Any = None
        self._found = SiteSettings()

    def read(self) -> SiteSettings:
        """What they say now; not to be changed."""
        seen = [signature(path) for path in self._files]
        if seen != self._seen:
            self._found, self._seen = self._read(), seen
        return self._found

    def _read(self) -> SiteSettings:
        found = SiteSettings()
        for path in reversed(self._files):
            if not os.path.lexists(path):  # TomlFile would check the folders above it
                continue
            try:
                table = TomlFile(path, owners=_owners(path)).read()
            except SettingsError as error:
                found.problems.append(error)
            else:
                found._take(str(path), table)
        return found


def site_files() -> list[Path]:
    """Where a site's files may be, from the nearest to the farthest."""
    from jupyter_core.paths import jupyter_config_dir, jupyter_config_path

    own = os.path.abspath(jupyter_config_dir())
    folders = dict.fromkeys(os.path.abspath(one) for one in jupyter_config_path())
    return [Path(one, NAME) for one in folders if one != own]


def _owners(path: Path) -> frozenset[int]:
    """Users beside this one and root who may own a file: in the environment's folder its owner,
    whose Python runs here anyway."""
    if os.name == "posix" and path.is_relative_to(sys.prefix):
        return frozenset([os.stat(sys.prefix).st_uid])
    return frozenset()
