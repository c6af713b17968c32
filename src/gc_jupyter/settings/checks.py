"""Check the values of a settings file, and show them."""

from __future__ import annotations

import json
from typing import Any

from gc_jupyter.errors import ComputeError
from gc_jupyter.options import SETTINGS
from gc_jupyter.remote_text import one_line

#: The limits for an endpoint's results.
RESULTS = ("json",)


class SettingsError(ComputeError):
    """A settings file can't be read, or a setting doesn't exist or has the wrong kind of value."""


def checked(key: str, value: Any, where: str = "") -> Any:
    """The value, checked: the setting must allow it.

    Parameters
    ----------
    key, value:
        The setting.
    where:
        The file that it is from.

    Raises
    ------
    SettingsError
        There is no such setting, or it doesn't allow this value.
    """
    if key not in SETTINGS:
        raise SettingsError(
            f"There is no setting {key!r}.", next_step=f"There are: {', '.join(SETTINGS)}."
        )
    if wrong := _why_not(key, value):
        raise SettingsError(
            f"{where + ': ' if where else ''}{key} is {wrong}.",
            next_step=f"%gc config {key} VALUE sets it.",
        )
    return value


def _why_not(key: str, value: Any) -> str:
    """Why a setting doesn't allow a value; empty where it does."""
    option = SETTINGS[key]
    kinds = option.kinds
    if not isinstance(value, kinds) or (isinstance(value, bool) and option.kind is not bool):
        return f"{type(value).__name__}, not {' or '.join(kind.__name__ for kind in kinds)}"
    wanted = option.why_not(value)
    is_now = one_line(repr(value)) if isinstance(value, str) else value
    return f"{is_now}, not {wanted}" if wanted else ""


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
