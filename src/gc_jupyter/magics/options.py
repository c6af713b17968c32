"""What %%gcrun and %%gcshell can be told, and where a value comes from that the line leaves out.

An option on the line wins over ``%config GCMagics``, which wins over a project's pyproject.toml,
which wins over the user's own file (`gc_jupyter.settings`).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic_arguments import argument

from gc_jupyter.magics.line import assignment, json_object, names, variable

if TYPE_CHECKING:
    from gc_jupyter.settings import Settings

INTERRUPTS = ("detach", "cancel-unsent")


@dataclass(frozen=True)
class Options:
    """A cell's options, all decided."""

    endpoint: str | None = None
    block: bool = True
    out: tuple[str, ...] = ()
    future: str = ""
    also: tuple[str, ...] = ()
    capture: bool = True
    map: tuple[str, str] | None = None
    timeout: float | None = None
    on_interrupt: str = "detach"
    progress_after: float = 2.0
    tb_limit: int | None = None
    label: str = ""
    resources: dict[str, Any] | None = None
    endpoint_config: dict[str, Any] | None = None
    amqp_port: int | None = None
    html: bool = False
    quiet: bool = False
    verbose: bool = False
    dry_run: bool = False
    walltime: float | None = None

    @classmethod
    def decide(
        cls, line: argparse.Namespace, configured: Callable[[str], Any], settings: Settings
    ) -> Options:
        """The options of a line, with what it leaves out.

        Parameters
        ----------
        line:
            None for what it doesn't say.
        configured:
            A name's value in ``%config GCMagics``, or None.
        settings:
            The files.
        """
        said = {name: value for name, value in vars(line).items() if value is not None}
        files = settings.all()
        for name in CONFIGURABLE:
            if name not in said:
                value = configured(name)
                value = files.get(name, (None,))[0] if value is None else value
                if value is not None:
                    said[name] = value
        if said.get("on_interrupt", "detach") not in INTERRUPTS:
            raise UsageError(
                f"on_interrupt is {said['on_interrupt']!r}. Set it to {' or '.join(INTERRUPTS)}."
            )
        return cls(**said)


#: What can be set beside the line.
CONFIGURABLE = (
    *("endpoint", "block", "timeout", "on_interrupt", "progress_after", "tb_limit", "label"),
    *("resources", "endpoint_config", "amqp_port", "html", "quiet", "verbose"),
)

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
        help="Send these variables too, which the cell is not seen to use.",
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
        type=float,
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
        type=float,
        metavar="S",
        help="Stop waiting after so many seconds. The task runs on.",
    ),
    argument(
        "--on-interrupt",
        choices=INTERRUPTS,
        help="What an interrupt does beside ending the wait. detach (default): drops this cell's"
        " tasks that were not sent yet. cancel-unsent: also those of earlier -a cells for this"
        " endpoint. Tasks that were sent run on.",
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
        "-q", "--quiet", action="store_true", default=None, help="Show the cell's own output only."
    ),
    argument(
        "-v",
        "--verbose",
        action="store_true",
        default=None,
        help="Also show what was sent, to whom, and how long it took.",
    ),
    argument(
        "--dry-run",
        action="store_true",
        default=None,
        help="Show what would be sent, and send nothing.",
    ),
)


def run_arguments(magic: Any) -> Any:
    """Decorates %%gcrun with its options."""
    return _decorated(magic, (*_WHERE, *_CELL, *_COMMON))


def shell_arguments(magic: Any) -> Any:
    """Decorates %%gcshell with its options."""
    return _decorated(magic, (*_WHERE, *_SHELL, *_COMMON))


def _decorated(magic: Any, arguments: tuple[Any, ...]) -> Any:
    for one in reversed(arguments):
        magic = one(magic)
    return magic
