"""Settings as TOML: read from a file that is the user's own, and written."""

from __future__ import annotations

import contextlib
import copy
import functools
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gc_jupyter.own_files import NotOwn, locked, read_own, write_own
from gc_jupyter.settings.checks import SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

#: The most bytes of a file; real ones have a hundredth of that.
MOST = 1024 * 1024
_PARTS = 100
_NO_KEY = re.compile(rb"[=,#{}\[\]]")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class TomlFile:
    """One file, which is read again when it has changed. A missing file is an empty table.

    Parameters
    ----------
    path:
        The file. It, and every folder above it, must be the user's own or root's.
    owners:
        User ids of others who may own it.
    """

    def __init__(self, path: Path, *, owners: frozenset[int] = frozenset()) -> None:
        self.path = path
        self._owners = owners

    def read(self) -> dict[str, Any]:
        """Its content now; not to be changed.

        Raises
        ------
        SettingsError
            It can't be read, isn't TOML, or somebody else may have written it.
        """
        try:
            content = read_own(self.path, MOST, with_own_group=True, owners=self._owners)
        except FileNotFoundError:
            return {}
        except NotOwn as error:
            raise SettingsError(
                f"{self.path} isn't used: {error.strerror}.",
                next_step="Make it a file that only you can write, in folders of yours, or move it"
                " away.",
            ) from None
        except OSError as error:
            raise _unreadable(self.path, error.strerror or type(error).__name__) from None
        return parse(content, self.path)

    @contextlib.contextmanager
    def changing(self, header: str) -> Iterator[dict[str, Any]]:
        """Replace it at the block's end by what the block makes of its content; `header` is a
        comment. Other kernels' changes come before or after.

        Raises
        ------
        SettingsError
            As `read`, or it can't be written.
        """
        with locked(self.path.with_name(f".{self.path.stem}.lock")):
            table = copy.deepcopy(self.read())
            yield table
            self._write(table, header)

    def _write(self, table: Mapping[str, Any], header: str) -> None:
        try:
            write_own(self.path, header + to_toml(table))
        except OSError as error:
            raise SettingsError(
                f"{self.path} can't be written: {error.strerror}.",
                next_step="Make it writable, or set JUPYTER_CONFIG_DIR to another directory.",
            ) from None


@functools.lru_cache(maxsize=8)
def parse(content: bytes, path: Path) -> dict[str, Any]:
    """A TOML file's content as a table, not to be changed: it is cached.

    Parameters
    ----------
    content:
        The file's bytes.
    path:
        For the error.

    Raises
    ------
    SettingsError
        It isn't TOML in UTF-8, or is nested too deeply.
    """
    if _has_endless_keys(content):  # the parser's time grows with the square of their number
        raise _unreadable(path, "it is nested too deeply")
    try:
        table: dict[str, Any] = tomllib.loads(content.decode("utf-8"))
        json.dumps(table, default=str)  # dotted keys nest, too
        return table
    except RecursionError:
        raise _unreadable(path, "it is nested too deeply") from None
    except UnicodeDecodeError:
        raise _unreadable(path, "it isn't text in UTF-8") from None
    except ValueError as error:
        raise _unreadable(path, str(error)) from None


def _has_endless_keys(content: bytes) -> bool:
    """Whether a key may have hundreds of parts between dots."""
    return any(
        part.count(b".") > _PARTS
        for line in content.split(b"\n")
        if line.count(b".") > _PARTS
        for part in _NO_KEY.split(line)
    )


def signature(path: Path) -> tuple[int, ...] | None:
    """A value that changes when a file is written or replaced; None where there is no file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def digest(content: bytes) -> str:
    """The digest that identifies a file's content."""
    return hashlib.sha256(content).hexdigest()


def _unreadable(path: Path, why: str) -> SettingsError:
    return SettingsError(
        f"{path} can't be read: {why.rstrip('.')}.", next_step="Repair it, or take it away."
    )


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
