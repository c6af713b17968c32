"""Shift+Tab on a magic's line: explains the word at the cursor. It uses no network."""

from __future__ import annotations

import inspect
import re
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from gc_jupyter.errors import ComputeError
from gc_jupyter.remote_text import one_line

if TYPE_CHECKING:
    from gc_jupyter.magics.gcrun import GCMagics

_CELLS = ("%%gcrun", "%%gcshell")
_NAMES_ENDPOINT = ("use", "status", "doctor")
_WORD = re.compile(r"\S+")


def install(kernel: Any, magics: GCMagics) -> None:
    """Have a kernel answer inspect requests on lines of these magics, and others as before.

    IPython looks for an object of the name at the cursor, so it finds nothing for `use` in
    `%gc use`.
    """
    plain = getattr(kernel.do_inspect, "_gc_plain", kernel.do_inspect)

    def do_inspect(code: str, cursor_pos: int, *args: Any, **options: Any) -> Any:
        text = help_at(magics, code, cursor_pos)
        if text is None:
            return plain(code, cursor_pos, *args, **options)
        return {"status": "ok", "found": True, "data": {"text/plain": text}, "metadata": {}}

    do_inspect._gc_plain = plain  # type: ignore[attr-defined]
    kernel.do_inspect = do_inspect


def help_at(magics: GCMagics, code: str, cursor: int) -> str | None:
    """The help for the word at the cursor; None on a line that isn't of these magics.

    Parameters
    ----------
    magics:
        The kernel's magics.
    code, cursor:
        A cell, and the cursor's offset in it, in characters.
    """
    start = code.rfind("\n", 0, cursor) + 1
    line = code[start:].split("\n", 1)[0]
    found = list(_WORD.finditer(line))
    words = [one.group() for one in found]
    at = next((n for n, one in enumerate(found) if cursor - start <= one.end()), len(words) - 1)
    if words[:1] == ["%gc"]:
        return _command(magics, words, at)
    if words and words[0] in _CELLS and not code[:start].strip():
        return _cell(magics, words, at)
    return None


def _cell(magics: GCMagics, words: list[str], at: int) -> str:
    name = words[0][2:]
    if at > 0:
        text = _option(name, words, at)
        if text is None and not words[at - 1].startswith("-"):
            text = _endpoint(magics, words[at])
        if text is not None:
            return text
    return str(getattr(magics, name).getdoc())


def _option(magic: str, words: list[str], at: int) -> str | None:
    """The help for the option at the cursor, or for the option whose value is there."""
    from gc_jupyter.options import OPTIONS

    for word in (words[at], words[at - 1]):
        for option in OPTIONS.values():
            if magic not in option.magics or not word.startswith("-"):
                continue
            if word in option.off:
                return f"{', '.join(option.off)}\n\n{option.off_help}"
            takes_value = option.kind is not bool
            if word in option.flags and (takes_value or word == words[at]):
                value = option.metavar or "|".join(option.choices) or option.name.upper()
                form = ", ".join(option.flags) + (f" {value}" if takes_value else "")
                return f"{form}\n\n{option.help}"
    return None


def _command(magics: GCMagics, words: list[str], at: int) -> str:
    from gc_jupyter.magics.gcrun import GCMagics

    manual = inspect.getdoc(GCMagics.gc) or ""
    if at > 1 and (words[1] in _NAMES_ENDPOINT or words[at - 1] == "--on"):
        text = _endpoint(magics, words[at])
        if text is not None:
            return text
    return (at > 0 and _entry(manual, words[1])) or manual


def _entry(manual: str, command: str) -> str:
    """The manual's entry for a subcommand; empty if there is no such subcommand."""
    lines = iter(manual.splitlines())
    for line in lines:
        if line.split()[:2] == ["%gc", command]:
            rest = takewhile(lambda one: one.startswith(" "), lines)
            form, _, text = line.partition("  ")
            said = " ".join([text.strip(), *(one.strip() for one in rest)])
            return f"{form}\n\n{said.strip()}"
    return ""


def _endpoint(magics: GCMagics, word: str) -> str | None:
    if word.startswith("-"):
        return None
    directory = magics.session.directory
    try:
        found = directory.resolve(word.strip("\"'"), ask=False)
    except ComputeError:
        return None
    if found.name == "local":
        return "local: worker processes on this machine."
    known = directory.about(found.endpoint_id)
    python = f", Python {known.python}" if known is not None and known.python else ""
    state = directory.state(found.endpoint_id) or "state unknown"
    name = one_line(found.name or found.endpoint_id, 200)
    return (
        f"{name}: an endpoint, {state}{python}.\n\n{found.endpoint_id}\n"
        f"%gc status {name} asks for its state."
    )
