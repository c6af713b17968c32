"""Settings that outlast a kernel: a project's pyproject.toml, and the user's own file.

The user's file is ``gc_jupyter.toml`` in Jupyter's configuration directory (``~/.jupyter``;
JUPYTER_CONFIG_DIR moves it). A project's are the table ``[tool.gc_jupyter]`` of the nearest
pyproject.toml, from the kernel's directory upwards. Both hold the keys of `KEYS`, and a table
``aliases`` of names for endpoints. The project's win.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gc_jupyter.errors import ComputeError
from gc_jupyter.remote_text import one_line

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: What can be set -> the types that its value may have.
KEYS: dict[str, tuple[type, ...]] = {
    "endpoint": (str,),
    "block": (bool,),
    "timeout": (int, float),
    "on_interrupt": (str,),
    "progress_after": (int, float),
    "tb_limit": (int,),
    "label": (str,),
    "resources": (dict,),
    "endpoint_config": (dict,),
    "amqp_port": (int,),
    "html": (bool,),
    "quiet": (bool,),
    "verbose": (bool,),
    "collect_results": (bool,),
}
#: The least and the most that a number may be, where there is such a thing.
_BOUNDS: dict[str, tuple[float, float]] = {
    "timeout": (0, math.inf),
    "tb_limit": (1, math.inf),
    "amqp_port": (1, 65535),
}
_HEADER = "# Written by %gc use and %gc config; comments don't last.\n"
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class SettingsError(ComputeError):
    """A settings file can't be read, or a setting doesn't exist or has the wrong kind of value."""


class Settings:
    """What the two files say now; a changed file is read again.

    Parameters
    ----------
    user_file:
        By default Jupyter's configuration directory has it.
    directory:
        Where the search for a pyproject.toml starts; by default the current one.
    """

    def __init__(self, user_file: Path | None = None, directory: Path | None = None) -> None:
        self._user_file = user_file
        self._directory = directory
        self._read: dict[Path, tuple[int, dict[str, Any]]] = {}

    @property
    def user_file(self) -> Path:
        """The user's own file; it may not exist."""
        if self._user_file is None:
            from jupyter_core.paths import jupyter_config_dir

            self._user_file = Path(jupyter_config_dir()) / "gc_jupyter.toml"
        return self._user_file

    def get(self, key: str) -> Any:
        """A setting's value; None where no file has it."""
        return self.find(key)[0]

    def find(self, key: str) -> tuple[Any, str]:
        """A setting's value, and the file that it is from.

        Raises
        ------
        SettingsError
            A file can't be read, or its value is of the wrong kind.
        """
        return self.all().get(key, (None, ""))

    def all(self) -> dict[str, tuple[Any, str]]:
        """Every setting that a file has: its value, and the file.

        Raises
        ------
        SettingsError
            As `find`.
        """
        found: dict[str, tuple[Any, str]] = {}
        for path, table in reversed(list(self._tables())):
            for key in KEYS.keys() & table.keys():
                found[key] = checked(key, table[key], str(path)), str(path)
        return found

    def aliases(self) -> dict[str, str]:
        """Names for endpoints -> their UUIDs."""
        found: dict[str, str] = {}
        for path, table in reversed(list(self._tables())):
            aliases = table.get("aliases", {})
            if not isinstance(aliases, dict):
                raise SettingsError(
                    f"{path}: aliases is no table.", next_step='Write [aliases] NAME = "UUID".'
                )
            found |= {one_line(name, 200): one_line(str(of), 200) for name, of in aliases.items()}
        return found

    def set(self, key: str, value: Any) -> None:
        """Write a setting into the user's file; None takes it out."""
        with self._change() as table:
            table.pop(key, None)
            if value is not None:
                table[key] = checked(key, value, "")

    def set_alias(self, name: str, endpoint: str | None) -> None:
        """Write a name for an endpoint into the user's file; None takes it out."""
        with self._change() as table:
            aliases = table.setdefault("aliases", {})
            aliases.pop(name, None)
            if endpoint is not None:
                aliases[name] = endpoint

    # --- files -----------------------------------------------------------------------------

    def _tables(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        project = self._project_file()
        if project is not None:
            tool = self._load(project).get("tool")
            table = tool.get("gc_jupyter") if isinstance(tool, dict) else None
            if isinstance(table, dict):
                yield project, table
        yield self.user_file, self._load(self.user_file)

    def _project_file(self) -> Path | None:
        directory = str(self._directory or os.getcwd())
        while True:
            file = os.path.join(directory, "pyproject.toml")
            if os.path.isfile(file):
                return Path(file)
            above = os.path.dirname(directory)
            if above == directory:
                return None
            directory = above

    def _load(self, path: Path) -> dict[str, Any]:
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            return {}
        known = self._read.get(path)
        if known is None or known[0] != changed:
            try:
                known = changed, tomllib.loads(path.read_text("utf-8"))
            except (OSError, ValueError) as error:
                raise SettingsError(
                    f"{path} can't be read: {error}.", next_step="Repair it, or take it away."
                ) from None
            self._read[path] = known
        return known[1]

    @contextlib.contextmanager
    def _change(self) -> Iterator[dict[str, Any]]:
        path = self.user_file
        table = json.loads(json.dumps(self._load(path)))  # a copy
        yield table
        self._read.pop(path, None)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".gc_jupyter")
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(_HEADER + to_toml(table))
            os.replace(name, path)
        except OSError as error:
            raise SettingsError(
                f"{path} can't be written: {error.strerror}.",
                next_step="Make it writable, or set JUPYTER_CONFIG_DIR to another directory.",
            ) from None


def checked(key: str, value: Any, where: str) -> Any:
    """The value, where it is one that this setting may have."""
    if key not in KEYS:
        raise SettingsError(
            f"There is no setting {key!r}.", next_step=f"There are: {', '.join(KEYS)}."
        )
    wrong = _why_not(key, value)
    if wrong:
        raise SettingsError(
            f"{where + ': ' if where else ''}{key} is {wrong}.",
            next_step=f"%gc config {key} VALUE sets it.",
        )
    return value


def _why_not(key: str, value: Any) -> str:
    """What this is, and what it should be; empty where it may be."""
    kinds, (least, most) = KEYS[key], _BOUNDS.get(key, (0, 0))
    fits = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if not fits:
        return f"{type(value).__name__}, not {' or '.join(kind.__name__ for kind in kinds)}"
    if key not in _BOUNDS or least <= value <= most:
        return ""
    wanted = f"{least} or more" if most == math.inf else f"from {least} to {most}"
    return f"{value}, not {wanted}"


def to_toml(table: Mapping[str, Any], prefix: str = "") -> str:
    """TOML text of plain values: text, numbers, booleans, lists, tables."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"{_key(key)} = {_value(value)}\n" for key, value in plain.items()]
    for key, value in table.items():
        if isinstance(value, dict):
            path = f"{prefix}{_key(key)}"
            lines.append(f"\n[{path}]\n{to_toml(value, path + '.')}")
    return "".join(lines)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    text = json.dumps(value, ensure_ascii=False)  # TOML's basic strings are JSON's
    return text.replace("\x7f", "\\u007f")
