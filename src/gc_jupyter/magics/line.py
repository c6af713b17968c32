"""Parsing a magic's line. A mistake in it gives a message of one line that ends with the fix."""

from __future__ import annotations

import argparse
import re

from IPython.core.error import UsageError

_OPENING = {"(": ")", "[": "]", "{": "}"}
_UNKNOWN = re.compile(r"unrecognized arguments: (\S+)")


def split(line: str) -> list[str]:
    """The parts between spaces. Spaces in quotes or brackets don't separate.

    A part that is quoted as a whole loses its quotes: ``--label "two words"``. Quotes inside a
    part stay: ``--map name=["a b", "c"]`` and ``--resources {"num_nodes": 2}`` need no others.
    """
    parts: list[str] = []
    current, closing, quote = "", "", ""
    for char in line:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in _OPENING:
            closing += _OPENING[char]
        elif closing and char == closing[-1]:
            closing = closing[:-1]
        elif char.isspace() and not closing:
            parts += [current] if current else []
            current = ""
            continue
        current += char
    if quote or closing:
        what = f"the quote {quote}" if quote else f"{closing[-1]!r}"
        raise UsageError(f"{what} is missing at the end of: {line.strip()}")
    return [_unquoted(part) for part in [*parts, current] if part]


def _unquoted(part: str) -> str:
    if len(part) > 1 and part[0] == part[-1] and part[0] in "\"'" and part[0] not in part[1:-1]:
        return part[1:-1]
    return part


def parse(
    parser: argparse.ArgumentParser, line: str, magic: str, usage: str = ""
) -> argparse.Namespace:
    """The line's arguments.

    Parameters
    ----------
    parser, line:
        The parser, and the text to parse.
    magic:
        The magic or subcommand whose help the message names.
    usage:
        What to write, if it is short enough for the message.

    Raises
    ------
    UsageError
        The line has a mistake. The message is one line that ends with what to write.
    """
    try:
        return parser.parse_args(split(line))
    except UsageError as error:
        message = str(error).strip().rstrip(".")
        unknown = _UNKNOWN.search(message)
        close: list[str] = []
        if unknown and unknown[1].startswith("-"):
            import difflib

            close = difflib.get_close_matches(unknown[1], option_names(parser), n=1)
        fix = f"Write {usage}" if usage else f"{magic}? shows what it takes."
        if close:
            fix = f"Did you mean {close[0]}?"
        raise UsageError(f"{message}. {fix}") from None


def option_names(parser: argparse.ArgumentParser) -> list[str]:
    """The flags of all options of a parser."""
    return [name for action in parser._actions for name in action.option_strings]
