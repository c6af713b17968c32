"""Settings that outlast a kernel: the user's own file, and a project's pyproject.toml.

The user's file is ``gc_jupyter.toml`` in Jupyter's configuration directory (``~/.jupyter``;
JUPYTER_CONFIG_DIR moves it). It holds the keys of `SETTINGS`, and a table ``aliases`` of names for
endpoints. A project's are the table ``[tool.gc_jupyter]`` of the nearest pyproject.toml, from the
kernel's directory upwards. Once the user has said ``%gc trust``, it can set those of `OF_PROJECTS`,
and wins over the user's file. That wins over the site's files (`gc_jupyter.settings.site`), which
may lock a setting. A value is plain text, a number or a table; it is never evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gc_jupyter.options import SETTINGS
from gc_jupyter.remote_text import one_line
from gc_jupyter.settings.checks import RESULTS, SettingsError, checked, shown
from gc_jupyter.settings.files import TomlFile, to_toml
from gc_jupyter.settings.known import NAME as KNOWN
from gc_jupyter.settings.known import Known, Pinned
from gc_jupyter.settings.project import Project, find_project
from gc_jupyter.settings.site import Site, SiteSettings
from gc_jupyter.types import LOCAL_NAME
from gc_jupyter.uuids import is_uuid_like

__all__ = [
    "RESULTS",
    "Known",
    "Pinned",
    "Project",
    "Settings",
    "SettingsError",
    "login_is_locked",
    "login_setting",
    "shown",
    "to_toml",
]

_HEADER = "# Written by %gc use and %gc config; comments don't last.\n"


class Settings:
    """The current settings; a changed file is read again.

    Parameters
    ----------
    user_file:
        By default ``gc_jupyter.toml`` in Jupyter's configuration directory.
    directory:
        Where the search for a pyproject.toml starts; by default the current one.
    projects:
        False to ignore projects, as Jupyter Server does: it can be started in any folder.
    site_files:
        The site's files, from the nearest to the farthest; by default, where Jupyter looks.
    """

    def __init__(
        self,
        user_file: Path | None = None,
        directory: Path | None = None,
        *,
        projects: bool = True,
        site_files: Sequence[Path] | None = None,
    ) -> None:
        if user_file is None:
            from jupyter_core.paths import jupyter_config_dir

            user_file = Path(jupyter_config_dir()) / "gc_jupyter.toml"
        #: The user's own file; it may not exist.
        self.user_file = user_file
        #: The file of what the user has agreed to.
        self._site = Site(site_files)
        self.known = Known(user_file.with_name(KNOWN), self._site)
        self._directory = directory
        self._projects = projects
        self._file = TomlFile(user_file)
        self._said: set[str] = set()

    def get(self, key: str) -> Any:
        """A setting's value; None where no file has it."""
        return self.find(key)[0]

    def find(self, key: str) -> tuple[Any, str]:
        """A setting's value, and the file that it is from."""
        return self.all().get(key, (None, ""))

    def all(self) -> dict[str, tuple[Any, str]]:
        """Every valid setting: its value, and the file. `problems` has the invalid ones."""
        site = self.site()
        found = dict(site.settings)
        with _passing_over():
            table = self._file.read()
            for key in SETTINGS.keys() & table.keys() - site.locked.keys():
                with _passing_over():
                    found[key] = checked(key, table[key]), str(self.user_file)
        with _passing_over():
            project = self.project()
            if project is not None and project.trusted(self.known.projects()):
                free = project.settings.keys() - site.locked.keys()
                found |= {key: (project.settings[key], str(project.path)) for key in free}
        return found

    def site(self) -> SiteSettings:
        """What the site's administrator has set for all users."""
        return self._site.read()

    def aliases(self) -> dict[str, str]:
        """Names for endpoints -> their UUIDs, or ``local``; from the user's file and the site's.

        Raises
        ------
        SettingsError
            The file can't be read, so what a name means isn't known.
        """
        site = self.site()
        both = [*site.aliases.items(), *([] if "aliases" in site.locked else self._all_aliases())]
        return {name: of for name, of in both if not _why_no_alias(name, of)}

    def project(self) -> Project | None:
        """The project's file as it is now, trusted or not; None where none has settings."""
        return find_project(self._directory) if self._projects else None

    def tells(self, key: str) -> bool:
        """Whether the user's file can be read, so that what it sets is known."""
        try:
            table = self._file.read()
            if key in table:
                checked(key, table[key])
        except SettingsError:
            return False
        return True

    def problems(self) -> list[SettingsError]:
        """The entries of the files that can't be used, and why."""
        site = self.site()
        found = list(site.problems)
        for name, of in site.aliases.items():
            if why := _why_no_alias(name, of):
                found.append(SettingsError(f"A file of this site: {why}", next_step=_ALIAS))
        try:
            table = self._file.read()
            for key in SETTINGS.keys() & table.keys():
                try:
                    checked(key, table[key], str(self.user_file))
                    site.refuse_locked(key, str(self.user_file))
                except SettingsError as error:
                    found.append(error)
            for name, of in self._all_aliases():
                if why := _why_no_alias(name, of):
                    found.append(SettingsError(f"{self.user_file}: {why}", next_step=_ALIAS))
            self.known.projects()
        except SettingsError as error:
            found.append(error)
        return found

    def notices(self) -> list[str]:
        """Lines about entries that aren't used, and about a project that waits for
        ``%gc trust``. Each is returned once."""
        lines = [one_line(str(error), 1000) for error in self.problems()]
        with _passing_over():
            if (project := self.project()) is not None:
                lines.append(one_line(project.notice(self.known.projects()), 1000))
        new = [line for line in dict.fromkeys(lines) if line and line not in self._said]
        self._said.update(new)
        return new

    def set(self, key: str, value: Any) -> None:
        """Write a setting into the user's file; None takes it out.

        Raises
        ------
        SettingsError
            The value is invalid, the site has locked the setting, or the file can't be read or
            written.
        """
        if value is not None:
            self.site().refuse_locked(key)
        with self._file.changing(_HEADER) as table:
            table.pop(key, None)
            if value is not None:
                table[key] = checked(key, value)

    def set_alias(self, name: str, endpoint: str | None) -> None:
        """Write a name for an endpoint into the user's file; None takes it out.

        Raises
        ------
        SettingsError
            The name is a UUID, or ``local``; or as `set`.
        """
        if endpoint is not None:
            self.site().refuse_locked("aliases")
        if endpoint is not None and (why := _why_no_alias(name, endpoint)):
            raise SettingsError(why, next_step=_ALIAS)
        with self._file.changing(_HEADER) as table:
            aliases = table.get("aliases")
            table["aliases"] = aliases = aliases if isinstance(aliases, dict) else {}
            aliases.pop(name, None)
            if endpoint is not None:
                aliases[name] = endpoint

    def _all_aliases(self) -> list[tuple[str, str]]:
        aliases = self._file.read().get("aliases", {})
        if not isinstance(aliases, dict):
            raise SettingsError(
                f"{self.user_file}: aliases is no table.",
                next_step='Write [aliases] NAME = "UUID".',
            )
        return [(one_line(name, 200), one_line(str(of), 200)) for name, of in aliases.items()]


_ALIAS = "%gc use UUID --alias NAME sets one."


def _why_no_alias(name: str, of: str) -> str:
    if is_uuid_like(name) or name == LOCAL_NAME:
        return f"{name} is the alias of {of}, and can't be: it means itself."
    if of != LOCAL_NAME and not is_uuid_like(of):
        return f"the alias {name!r} stands for {of!r}, which is no UUID."
    return ""


@contextmanager
def _passing_over() -> Iterator[None]:
    """Ignore an error that `problems` reports."""
    try:
        yield
    except SettingsError:
        return


def login_setting() -> str:
    """What the user, or the site, has set of `login`: ``own``, ``hub``, or nothing."""
    return str(Settings(projects=False).get("login") or "")


def login_is_locked() -> bool:
    """Whether the site has set `login` for everybody."""
    return "login" in Settings(projects=False).site().locked
