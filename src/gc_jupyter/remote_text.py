"""Text that somebody else has chosen -> text that a terminal, a notebook and a log can be given.

What a task writes, and what endpoints, users and errors are called, may hold terminal codes: they
can set a window's title, fill the clipboard (OSC 52), or write over what stood there before.
"""

from __future__ import annotations

import re

_SUSPECT = re.compile(r"[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_CODE = re.compile(
    r"(\x1b\[[0-9;:]*m)"  # colours
    r"|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # titles, the clipboard: a string with its end
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # moves and erases
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f]"
    r"|([\ud800-\udfff])"  # half a character: no stream takes it
)


def harmless(text: str) -> str:
    """Text with its lines and colours, and without every other terminal code.

    Tabs, backspaces and carriage returns stay: a progress bar rewrites its own line with them.

    Parameters
    ----------
    text:
        Of any length; the time taken is linear in it.
    """
    if _SUSPECT.search(text) is None:
        return text
    return _CODE.sub(lambda found: found[1] or ("\ufffd" if found[2] else ""), text)


def one_line(text: str, limit: int = 80) -> str:
    """Text on one line, cut at `limit` characters; what isn't printable is dropped.

    Parameters
    ----------
    text:
        Only its first `8 * limit` characters are looked at.
    limit:
        In characters; a cut text ends with an ellipsis.
    """
    if len(text) <= limit and text.isprintable():  # what most are
        return text
    seen = "".join(ch for ch in text[: 8 * limit] if ch.isprintable() or ch.isspace())
    text = " ".join(seen.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
