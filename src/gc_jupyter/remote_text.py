"""Make text from elsewhere safe for a terminal, a notebook and a log.

A task's output, and the names of endpoints, users and errors, may contain terminal codes. These
can set a window's title, fill the clipboard (OSC 52), or overwrite earlier text. Controls of
writing direction can disguise what a text says: they are shown as escapes.
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
    r"|([\ud800-\udfff])"  # half a character, which no stream can encode
)


def harmless(text: str) -> str:
    """Text with its lines and colours, but without other terminal codes. Controls of writing
    direction are shown as escapes, like ``\\u202e``.

    Tabs, backspaces and carriage returns stay: a progress bar rewrites its own line with them.

    Parameters
    ----------
    text:
        A text of any length; the time is linear in it.
    """
    if _SUSPECT.search(text) is None:
        return text
    text = _CODE.sub(lambda found: found[1] or ("\ufffd" if found[2] else ""), text)
    return _DIRECTION.sub(_escape, text)


def one_line(text: str, limit: int = 80) -> str:
    """Text on one line, cut at `limit` characters. Controls of writing direction are shown as
    escapes; other unprintable characters are dropped.

    Parameters
    ----------
    text:
        Only its first `8 * limit` characters are looked at.
    limit:
        In characters; a cut text ends with an ellipsis.
    """
    if len(text) <= limit and text.isprintable():  # the usual case
        return text
    text = _DIRECTION.sub(_escape, text[: 8 * limit])
    seen = "".join(ch for ch in text if ch.isprintable() or ch.isspace())
    text = " ".join(seen.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
