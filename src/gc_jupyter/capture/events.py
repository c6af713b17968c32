"""Turn the worker's account of a task's output into events that are safe to show here."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

from gc_jupyter.capture.cell import SAFE_MIMES
from gc_jupyter.remote_text import harmless

#: ``("stdout", text)``, ``("stderr", text)``, ``("display", MIME bundle)`` or ``("hidden", "")``.
Event: TypeAlias = tuple[str, Any]

STREAMS = ("stdout", "stderr")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")


def as_event(kind: str, content: Any, mimes: Collection[str]) -> Event:
    """Return one event: text that a task wrote, or a display.

    Parameters
    ----------
    kind, content:
        As the worker sent them.
    mimes:
        The media types that may be shown beside text.

    Raises
    ------
    ValueError
        It isn't an event.
    """
    if kind == "display":
        return kind, as_bundle(content, mimes)
    if kind not in (*STREAMS, "hidden") or not isinstance(content, str):
        raise ValueError(f"no event: {kind!r}")
    return kind, content


def as_bundle(made: Mapping[str, Any], mimes: Collection[str]) -> dict[str, str]:
    """Limit a MIME bundle to what was asked for. The worker should have done so, but it may be
    somebody else's program.

    Parameters
    ----------
    made:
        As it came.
    mimes:
        As for `as_event`.
    """
    kept = {"text/plain": harmless(str(made.get("text/plain", "")))}
    for mime, content in made.items():
        if mime in SAFE_MIMES and isinstance(content, bytes):
            content = base64.b64encode(content).decode()
        if mime not in mimes or not isinstance(content, str):
            continue
        if mime not in SAFE_MIMES or _BASE64.fullmatch(content):  # it may become an attribute
            kept[mime] = content
    return kept


def text_of(events: Collection[Event], *kinds: str) -> str:
    """Return the text that was written to these streams.

    Parameters
    ----------
    events:
        In order.
    *kinds:
        The streams' names.
    """
    return "".join(content for kind, content in events if kind in kinds)
