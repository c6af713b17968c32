"""What can be set, by whom, and to which values."""

from __future__ import annotations

import json
import math
from typing import Any

from gc_jupyter.errors import ComputeError
from gc_jupyter.remote_text import one_line

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
    "unencrypted": (str,),
    "html": (bool,),
    "live": (bool,),
    "quiet": (bool,),
    "verbose": (bool,),
    "collect_results": (bool,),
    "login": (str,),
    "large_mb": (int, float),
    "store_folder": (str,),
    "store_gb": (int, float),
}
#: What a project may set: what is shown, and where cells go that name no endpoint.
OF_PROJECTS = ("endpoint", "progress_after", "tb_limit", "label", "html", "quiet", "verbose")
#: What an endpoint's results may be limited to.
RESULTS = ("json",)
#: The words that a text may be, where not every text will do.
CHOICES = {"on_interrupt": ("detach", "cancel-unsent"), "login": ("hub", "own")}
#: The least and the most that a number may be, where there is such a thing.
_BOUNDS: dict[str, tuple[float, float]] = {
    "timeout": (0, math.inf),
    "tb_limit": (1, math.inf),
    "amqp_port": (1, 65535),
    "large_mb": (0.001, 5),
    "store_gb": (0.001, math.inf),
}


class SettingsError(ComputeError):
    """A settings file can't be read, or a setting doesn't exist or has the wrong kind of value."""


def checked(key: str, value: Any, where: str = "") -> Any:
    """The value, where it is one that this setting may have.

    Parameters
    ----------
    key, value:
        The setting.
    where:
        The file that it is from.

    Raises
    ------
    SettingsError
        There is no such setting, or it can't have this value.
    """
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
    if key in CHOICES and value not in CHOICES[key]:
        return f"{one_line(repr(value))}, not {' or '.join(CHOICES[key])}"
    if key not in _BOUNDS or least <= value <= most:
        return ""
    wanted = f"{least} or more" if most == math.inf else f"from {least} to {most}"
    return f"{value}, not {wanted}"


def shown(value: Any, limit: int = 500) -> str:
    """A setting's value on one line, as TOML and JSON write it.

    Parameters
    ----------
    value:
        Text, a number, a boolean, a list or a table.
    limit:
        In characters.
    """
    try:
        return one_line(json.dumps(value, ensure_ascii=False, default=str), limit)
    except (RecursionError, ValueError):
        return "…"
