"""%gc: the table of subcommands, and running one of them."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable
from typing import Any, NoReturn

from IPython.core.error import UsageError

from gc_jupyter.magics import endpoint_commands as endpoints
from gc_jupyter.magics import kept_commands as kept
from gc_jupyter.magics import login, tail
from gc_jupyter.magics import settings_commands as settings
from gc_jupyter.magics import task_commands as tasks
from gc_jupyter.magics.line import parse, split
from gc_jupyter.magics.notebook import NotebookMagics


class _Parser(argparse.ArgumentParser):
    def __init__(self, name: str) -> None:
        super().__init__(prog=f"%gc {name}", add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}")


def _login(magics: NotebookMagics, line: argparse.Namespace) -> None:
    login.sign_in(magics.session, force=line.force, own=line.own)


def _logout(magics: NotebookMagics, _line: argparse.Namespace) -> None:
    login.sign_out(magics.session)


def _whoami(magics: NotebookMagics, _line: argparse.Namespace) -> None:
    print(login.who(magics.session.client.login()))


def _doctor(magics: NotebookMagics, line: argparse.Namespace) -> None:
    from gc_jupyter.doctor import report_lines

    for one in report_lines(magics.session, magics.expand(line.endpoint) or magics.endpoint):
        print(one, flush=True)  # at once, since the next check may take a while


_FLAG: dict[str, Any] = {"action": "store_true"}
_ENDPOINT: tuple[str, dict[str, Any]] = ("endpoint", {"nargs": "?"})
_NAMES: tuple[str, dict[str, Any]] = ("names", {"metavar": "NAME", "nargs": "*"})
_ON: tuple[str, dict[str, Any]] = ("--on", {"metavar": "ENDPOINT"})

#: Name of a subcommand -> the function that runs it, and its arguments.
COMMANDS: dict[str, tuple[Callable[..., Any], list[tuple[str, dict[str, Any]]]]] = {
    "login": (_login, [("--force", _FLAG), ("--own", _FLAG)]),
    "logout": (_logout, []),
    "whoami": (_whoami, []),
    "endpoints": (endpoints.list_endpoints, []),
    "use": (
        endpoints.use,
        [
            _ENDPOINT,
            *(("--alias", {}), ("--forget", {}), ("--default", _FLAG), ("--results", {})),
        ],
    ),
    "status": (endpoints.status, [_ENDPOINT]),
    "tasks": (tasks.list_tasks, [("--all", _FLAG), ("--failed", _FLAG)]),
    "attach": (
        tasks.attach_tasks,
        [("ids", {"nargs": "*"}), ("--all", _FLAG), ("--forget", _FLAG)],
    ),
    "result": (tasks.show_result, [("id", {"metavar": "ID"})]),
    "tail": (tail.follow_task, [("id", {"metavar": "ID"})]),
    "cancel": (tasks.cancel, [("ids", {"metavar": "ID", "nargs": "*"}), ("--all", _FLAG)]),
    "kept": (kept.list_kept, [_NAMES, _ON]),
    "keep": (kept.keep, [("names", {"metavar": "NAME", "nargs": "+"}), _ON]),
    "fetch": (kept.fetch_kept, [("names", {"metavar": "NAME", "nargs": "+"}), _ON]),
    "forget": (kept.forget_kept, [_NAMES, ("--all", _FLAG), _ON]),
    "doctor": (_doctor, [_ENDPOINT]),
    "config": (settings.config, [("key", {"nargs": "?"}), ("value", {"nargs": "*"})]),
    "trust": (
        settings.trust,
        [("path", {"nargs": "?"}), ("--forget", _FLAG), ("--list", _FLAG)],
    ),
}


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of a subcommand's arguments."""
    parser = _Parser(name)
    for flag, options in COMMANDS[name][1]:
        parser.add_argument(flag, **options)
    return parser


def run_command(magics: NotebookMagics, line: str, manual: str) -> Any:
    """Run `%gc LINE`; without a line, print the manual.

    Parameters
    ----------
    magics, line:
        The kernel's magics, and the text after `%gc`.
    manual:
        The form of each subcommand, and what it does.

    Raises
    ------
    UsageError
        There is no such subcommand, or its arguments are wrong.
    """
    words = split(line)
    if not words or words[0] in ("help", "-h", "--help"):
        print(manual)
        return None
    name, rest = words[0], line.strip()[len(words[0]) :]
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, ["help", *COMMANDS], n=1)
        meant = f"Did you mean %gc {close[0]}?" if close else f"There are: {', '.join(COMMANDS)}."
        raise UsageError(f"%gc has no {name!r}. {meant}")
    forms = (one.split("  ")[0] for one in manual.splitlines() if one.startswith(f"%gc {name}"))
    return COMMANDS[name][0](magics, parse(parser_of(name), rest, "%gc", next(forms)))
