"""Text that somebody else has chosen -> text that a terminal, a notebook and a log can be given.

What a task writes, and what endpoints, users and errors are called, may hold terminal codes: they
can set a window's title, fill the clipboard (OSC 52), or write over what stood there before.
Controls of writing direction make text read otherwise than it runs: they are shown as escapes.
"""

from __future__ import annotations

import re

_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # Unicode's Bidi_Control
_DIRECTION = re.compile(f"[{_DIRECTIONS}]")
_SUSPECT = re.compile(rf"[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff{_DIRECTIONS}]")
_CODE = re.compile(
    r"(\x1b\[[0-9;:]*m)"  # colours
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # titles, the clipboard: a string with its end
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # moves and erases
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f]"
    r"|([\ud800-\udfff])"  # half a character: no stream takes it
)


def harmless(text: str) -> str:
    """Text with its lines and colours, and without every other terminal code; controls of writing
    direction are shown as escapes, like ``\\u202e``.

    Tabs, backspaces and carriage returns stay: a progress bar rewrites its own line with them.

    Parameters
    ----------
    text:
        Of any length; the time taken is linear in it.
    """
    if _SUSPECT.search(text) is None:
        return text
    text = _CODE.sub(lambda found: found[1] or ("\ufffd" if found[2] else ""), text)
    return _DIRECTION.sub(_escape, text)


def one_line(text: str, limit: int = 80) -> str:
    """Text on one line, cut at `limit` characters. Controls of writing direction are shown as
    escapes; what else isn't printable is dropped.

    Parameters
    ----------
    text:
        Only its first `8 * limit` characters are looked at.
    limit:
        In characters; a cut text ends with an ellipsis.
    """
    if len(text) <= limit and text.isprintable():  # what most are
        return text
    text = _DIRECTION.sub(_escape, text[: 8 * limit])
    seen = "".join(ch for ch in text if ch.isprintable() or ch.isspace())
    text = " ".join(seen.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
