"""What %%gcrun and %%gcshell can be told on their line, and the help on it."""

from __future__ import annotations

import functools
from inspect import cleandoc
from typing import Any

from IPython.core.magic_arguments import MagicArgumentParser, argument

from gc_jupyter.magics.line import assignment, json_object, names, seconds, variable

#: As in `settings.keys`, which a notebook need not wait for at %load_ext.
INTERRUPTS = ("detach", "cancel-unsent")


_WHERE = (
    argument(
        "endpoint",
        nargs="?",
        help="Where to run: 'local' (worker processes on this machine), an endpoint's name, alias"
        " or UUID. $name and {name} take it from a variable. Default: see %%gc use.",
    ),
    argument("-b", "--block", action="store_true", default=None, help="Wait for it. The default."),
    argument(
        "-a",
        "--async",
        dest="block",
        action="store_false",
        default=None,
        help="Don't wait: return a future, and leave a table that follows it.",
    ),
)
_CELL = (
    argument(
        "-o",
        "--out",
        type=names,
        metavar="A,B",
        help="Bring these variables of the cell back into the notebook.",
    ),
    argument(
        "-i",
        "--in",
        dest="also",
        type=names,
        metavar="A,B",
        help="Send these variables too, which the cell is not seen to use; and send them even"
        " where they hold what looks like a credential.",
    ),
    argument(
        "--no-capture",
        dest="capture",
        action="store_false",
        default=None,
        help="Send nothing of the notebook but what --in names.",
    ),
    argument(
        "--map",
        type=assignment,
        metavar="VAR=ITERABLE",
        help="One task per value, sent together; the result is the list of theirs, in order.",
    ),
    argument(
        "--html",
        action="store_true",
        default=None,
        help="Show HTML and SVG that the cell displays; by default only text and pictures are.",
    ),
    argument(
        "--tb-limit",
        type=int,
        metavar="N",
        help="Show the innermost N frames of a remote traceback. Default: all.",
    ),
)
_SHELL = (
    argument(
        "--walltime",
        type=seconds,
        metavar="S",
        help="End the script, and all that it started, after so many seconds.",
    ),
)
_COMMON = (
    argument(
        "--future",
        type=variable,
        metavar="NAME",
        help="Bind the task's future to this name (with --map: all of them).",
    ),
    argument(
        "--timeout",
        type=seconds,
        metavar="S",
        help="Stop waiting after so many seconds. The task goes on.",
    ),
    argument(
        "--on-interrupt",
        choices=INTERRUPTS,
        help="What an interrupt does beside ending the wait. detach (default): drops this cell's"
        " tasks that were not sent yet. cancel-unsent: also those of earlier -a cells for this"
        " endpoint. Tasks that were sent go on.",
    ),
    argument(
        "--progress-after",
        type=float,
        metavar="S",
        help="Show a table of the tasks after so many seconds. Default: 2; -1: never.",
    ),
    argument("--label", metavar="TEXT", help="What the task is called in tables."),
    argument(
        "--resources",
        type=json_object,
        metavar="JSON",
        help='What each task needs of the endpoint\'s engine, such as {"num_nodes": 2}.',
    ),
    argument(
        "--config",
        dest="endpoint_config",
        type=json_object,
        metavar="JSON",
        help="Values for a multi-user endpoint's template.",
    ),
    argument(
        "--amqp-port",
        type=int,
        metavar="PORT",
        help="Receive results by this port: 443, 5671 or 5672. Default: the service's choice.",
    ),
    argument(
        "--live",
        action="store_true",
        default=None,
        help="Show what the cell prints while it runs, on an endpoint too: by a file that this"
        " machine sees as well, else by small tasks on another of its workers. On 'local' it is"
        " always so.",
    ),
    argument(
        "-q", "--quiet", action="store_true", default=None, help="Show the cell's own output only."
    ),
    argument(
        "-v",
        "--verbose",
        action="store_true",
        default=None,
        help="Also show where the task ran and how long it took.",
    ),
    argument(
        "--dry-run",
        action="store_true",
        default=None,
        help="Show what would be sent, and send nothing.",
    ),
)


def run_arguments(magic: Any) -> Any:
    """Gives %%gcrun its options."""
    return _described(magic, (*_WHERE, *_CELL, *_COMMON))


def shell_arguments(magic: Any) -> Any:
    """Gives %%gcshell its options."""
    return _described(magic, (*_WHERE, *_SHELL, *_COMMON))


def _described(magic: Any, arguments: tuple[Any, ...]) -> Any:
    """What `@magic_arguments` does, except that parser and help are made when they are needed:
    they would take half of the time of %load_ext."""
    make = functools.cache(functools.partial(_make_parser, magic, arguments))
    magic.make_parser = make
    magic.getdoc = lambda: make().format_help()  # where IPython's `?` looks first
    return magic


def _make_parser(magic: Any, arguments: tuple[Any, ...]) -> MagicArgumentParser:
    parser = MagicArgumentParser(f"%%{magic.__name__}", description=cleandoc(magic.__doc__ or ""))
    for one in arguments:
        one.add_to_parser(parser, None)
    return parser
