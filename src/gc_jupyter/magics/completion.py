"""Completion on a magic's first line: endpoints, options and subcommands. It uses no network."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleCompletion

from gc_jupyter.magics.line import option_names

if TYPE_CHECKING:
    from gc_jupyter.magics.gcrun import GCMagics

#: A completion, and its kind: the word that front ends show beside it.
Choices = Iterable[tuple[str, str]]

_TAKES_ENDPOINT = ("use", "status", "doctor")
_TAKES_TASK = ("attach", "result", "cancel")
_TAKES_KEPT = ("kept", "fetch", "forget")
_TASKS = 20
_SPECIAL = frozenset('"{}$')
_BARE = re.compile(r"[\w.:@/+-]+")


def complete(magics: GCMagics, context: CompletionContext) -> dict[str, Any]:
    """The completions at the cursor. If there are any, Python's names are left out."""
    line = context.text_until_cursor
    words = line.split()
    typed = "" if line.endswith((" ", "\t")) else words.pop()
    found: Choices = []
    if words and words[0] == "%gc":
        found = _sub(magics, words)
    elif words and words[0] in ("%%gcrun", "%%gcshell") and context.cursor_line == 0:
        found = _cell(magics, words)
    return {
        "completions": [
            SimpleCompletion(one, type=what) for one, what in found if one.startswith(typed)
        ],
        "matched_fragment": typed,
        "suppress": True,
        "ordered": True,
    }


def _cell(magics: GCMagics, words: list[str]) -> Choices:
    magic = magics.gcrun if words[0] == "%%gcrun" else magics.gcshell
    given = [word for word in words[1:] if not word.startswith("-")]
    options = [name for name in option_names(magic.make_parser()) if name not in words]
    return [*([] if given else _endpoints(magics)), *_all("option", options)]


def _sub(magics: GCMagics, words: list[str]) -> Choices:
    from gc_jupyter.magics.commands import COMMANDS, parser_of

    if len(words) == 1:
        return _all("command", COMMANDS)
    name = words[1]
    if name not in COMMANDS:
        return []
    if words[-1] == "--on":
        return _endpoints(magics)
    found = _all("option", (one for one in option_names(parser_of(name)) if one not in words))
    if name in _TAKES_KEPT:
        found += _all("kept", _kept(magics))
    elif name == "keep":
        hidden = magics.shell.user_ns_hidden
        names = (one for one in magics.shell.user_ns if one not in hidden and one not in words)
        found += _all("variable", names)
    if name in _TAKES_ENDPOINT:
        found += _endpoints(magics)
    elif name in _TAKES_TASK:
        found += _all("task", _tasks(magics))
    elif name == "config" and len(words) == 2:
        from gc_jupyter.options import SETTINGS

        found += _all("setting", SETTINGS)
    return found


def _all(what: str, names: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, what) for name in names]


def _endpoints(magics: GCMagics) -> Iterator[tuple[str, str]]:
    """The endpoints' names, as they must be typed on the line, each with its last known state."""
    directory = magics.session.directory
    for name in filter(_typeable, directory.names()):
        yield name if _BARE.fullmatch(name) else f'"{name}"', directory.state(name) or "endpoint"


def _kept(magics: GCMagics) -> list[str]:
    from gc_jupyter.magics.kept_commands import names_known

    return names_known(magics)


def _typeable(name: str) -> bool:
    # braces and dollars would be looked up in the notebook, a leading dash is an option's
    return name.isprintable() and not _SPECIAL.intersection(name) and not name.startswith("-")


def _tasks(magics: GCMagics) -> list[str]:
    tasks = sorted(magics.session.tasks.items(), reverse=True)[:_TASKS]
    return [future.task_id for _, future in tasks if future.task_id]
