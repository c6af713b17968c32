"""A record of the user's decisions: trusted projects, and the endpoints that names mean."""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gc_jupyter.remote_text import one_line
from gc_jupyter.settings.checks import RESULTS, SettingsError
from gc_jupyter.settings.files import TomlFile, signature
from gc_jupyter.settings.site import Site
from gc_jupyter.uuids import is_uuid_like

_HEADER = "# Written by %gc trust and %gc use: what you have agreed to. Yours alone to change.\n"
NAME = "gc_jupyter_known.toml"
#: Seconds for which the limits of results are taken from memory: a fan-out of 10,000 tasks would
#: look at the files 30,000 times, and a home may be on another machine.
LOOK_S = 0.1


@dataclass(frozen=True)
class Pinned:
    """The endpoint that a name was first used for.

    Parameters
    ----------
    endpoint:
        Its UUID.
    owner:
        Its owner then, in words; empty where that was not known.
    others:
        Other endpoints with this name, which the user did not mean.
    """

    endpoint: str
    owner: str = ""
    others: tuple[str, ...] = ()


class _Change:
    """When this process last changed such a file, by the monotonic clock: it holds at once."""

    at = -math.inf


class Known:
    """A file beside the user's settings that this package keeps, mode 0600.

    Every method raises `SettingsError` where the file can't be read or written: an unreadable file
    must not allow what it forbids.

    Parameters
    ----------
    path:
        The file.
    site:
        The site's files, which limit results too.
    """

    def __init__(self, path: Path, site: Site | None = None) -> None:
        self._file = TomlFile(path)
        self._site = Site([]) if site is None else site
        self._results: tuple[object, dict[str, str]] = (None, {})
        self._looked = -math.inf  # when the files were looked at for it; the monotonic clock

    def projects(self) -> dict[str, str]:
        """Trusted project files -> the digest of their content."""
        return self._part("projects", lambda value: isinstance(value, str))

    def names(self) -> dict[str, Pinned]:
        """Endpoints' names -> the endpoint that each was first used for."""
        found = self._part("names", _is_pinned)
        return {
            name: Pinned(one["endpoint"], one["owner"], tuple(one.get("others", ())))
            for name, one in found.items()
        }

    def results(self) -> dict[str, str]:
        """Endpoints' UUIDs -> how their results are limited, one of `RESULTS`. The site's limits
        always apply.

        Every task and every result asks for it, so the files are looked at again only after
        `LOOK_S`, and read again only when one of them has changed.
        """
        now = time.monotonic()
        if now - self._looked >= LOOK_S or self._looked <= _Change.at:
            own, site = signature(self._file.path), self._site.read()
            seen = own, site  # the same until a file changes
            if self._results[0] != seen:
                results = {} if own is None else self._part("results", _is_limit)
                mine = {key.lower(): value for key, value in results.items()}
                self._results = seen, {**mine, **site.results}
            self._looked = now
        return self._results[1]

    def trust(self, project: Path, digest: str | None) -> None:
        """Trust a project's file with this content; None ends the trust."""
        self._change("projects", str(project), digest)

    def pin(self, name: str, pinned: Pinned | None) -> None:
        """Let a name mean this endpoint from now on; None forgets the name."""
        one = pinned and {**asdict(pinned), "others": list(pinned.others)}
        self._change("names", name, one)

    def limit_results(self, endpoint_id: str, to: str | None) -> None:
        """Limit an endpoint's results from now on; None removes the limit."""
        self._change("results", endpoint_id, to)

    def _part(self, name: str, fits: Callable[[Any], bool]) -> dict[str, Any]:
        part = self._read().get(name, {})
        wrong = next((key for key, value in part.items() if not fits(value)), None)
        if wrong is not None:
            raise self._damaged(wrong)
        return part

    def _read(self) -> dict[str, dict[str, Any]]:
        return self._checked(self._file.read())

    def _checked(self, table: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        wrong = next((name for name, part in table.items() if not isinstance(part, dict)), None)
        if wrong is not None:
            raise self._damaged(wrong)
        return table

    def _damaged(self, where: str) -> SettingsError:
        return SettingsError(
            f"{self._file.path} can't be read: {one_line(where)} isn't as it was written.",
            next_step="Repair it; without it all that you have agreed to is forgotten.",
        )

    def _change(self, part: str, key: str, value: Any) -> None:
        with self._file.changing(_HEADER) as table:
            values = self._checked(table).setdefault(part, {})
            values.pop(key, None)
            if value is not None:
                values[key] = value
        _Change.at = time.monotonic()


@functools.lru_cache(maxsize=4)
def _known_with(*_decides: str | None) -> Known:
    from jupyter_core.paths import jupyter_config_dir

    return Known(Path(jupyter_config_dir()) / NAME, Site())


def known() -> Known:
    """The decisions of this process's user."""
    decides = ("JUPYTER_CONFIG_DIR", "HOME", "JUPYTER_CONFIG_PATH")
    return _known_with(*map(os.environ.get, decides))


def _is_limit(value: Any) -> bool:
    return value in RESULTS


def _is_pinned(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and is_uuid_like(value.get("endpoint"))
        and isinstance(value.get("owner"), str)
        and isinstance(value.get("others", []), list)
    )
