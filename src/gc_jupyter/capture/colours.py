"""Colour a traceback's lines as IPython colours those of local errors, except for source code.

Colours are used only where IPython itself uses them: in a notebook and a terminal, not in logs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import TypeAlias

#: A line's kind and its text. The kind is ``place`` for a frame's file and line, ``code`` for a
#: line of source, ``error`` for the exception, and empty for any other line.
Line: TypeAlias = "tuple[str, str]"

_CODE = re.compile(r"((?:-+>|) *\d+ ?)(.*)")
_PLACE = re.compile(r"((?:File )?)(.*?)(, line |:)(\d+)((?:, in .*)?)")
_KIND = re.compile(r"([\w.]+)((?::.*)?)", re.DOTALL)
_RED, _GREEN, _CYAN, _BOLD_GREEN, _END = "\x1b[31m", "\x1b[32m", "\x1b[36m", "\x1b[1;32m", "\x1b[0m"


def shown(lines: Iterable[Line]) -> list[str]:
    """Return the lines' texts, coloured where IPython uses colours."""
    return [_painted(*line) for line in lines] if _wanted() else [text for _, text in lines]


def _wanted() -> bool:
    ipython = sys.modules.get("IPython")  # never imported here: no IPython, no colours
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and str(shell.colors).lower() != "nocolor"


def _painted(kind: str, text: str) -> str:
    if kind == "error" and (found := _KIND.fullmatch(text)):
        return f"{_RED}{found[1]}{_END}{found[2]}"
    if kind == "place" and (found := _PLACE.fullmatch(text)):
        file, name, joint, number, inside = found.groups()
        return f"{file}{_GREEN}{name}{_END}{joint}{_GREEN}{number}{_END}{_CYAN}{inside}{_END}"
    if kind == "code" and (found := _CODE.fullmatch(text.lstrip())):
        margin = text[: len(text) - len(text.lstrip())]
        number = _BOLD_GREEN if found[1].startswith("-") else _GREEN
        return f"{margin}{number}{found[1]}{_END}{found[2]}"
    return text
