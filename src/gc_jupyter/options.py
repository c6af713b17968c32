"""The table of options: what a cell's line, ``%config GCMagics`` and the settings files can say.

Each option is declared here once. The parsers and the help of the magics, completion, the traits of
``%config``, what a settings file may hold, the bounds of a value, ``%gc config`` and the page
docs/reference/options.md are made from this table. `magics/cell_options.py` decides which source
wins. A new option needs a row here and the code that uses its value.
"""

# The annotations are read below, so they are no strings: no `from __future__ import annotations`.
import argparse
import json
import math
from collections.abc import Callable
from enum import IntEnum
from types import UnionType
from typing import Any, get_args, get_origin


class SetBy(IntEnum):
    """Where an option can be set. Each place includes the ones before it, except FILES."""

    LINE = 1  # on a cell's line only
    USER = 2  # with %config, in the user's file and in a site's file
    PROJECT = 3  # in a trusted project's pyproject.toml, too
    FILES = 4  # in the user's file and in a site's file only


class Option:
    """One row of the table. It is a field of `Options`, which has its value.

    Parameters
    ----------
    default:
        Its value where nothing sets it.
    help:
        What it does, as `%%gcrun?`, `%config GCMagics` and the docs say it.
    flags, metavar:
        How a cell's line spells it. A flag without dashes is a position. No flags: not on a line.
    off, off_help:
        The flags that mean False.
    magics:
        The magics whose lines take it.
    set_by:
        Where it can be set.
    least, most:
        The bounds of a number.
    choices:
        The values of a text, where not every text will do.
    read:
        Turns the text on a line into the value, where the kind alone does not say how. It raises
        `argparse.ArgumentTypeError`.
    """

    name: str  # of the field, the trait, and the key in a settings file
    kind: type  # of its value

    def __init__(
        self,
        default: Any,
        help: str,
        *flags: str,
        metavar: str | None = None,
        off: tuple[str, ...] = (),
        off_help: str = "",
        magics: tuple[str, ...] = ("gcrun", "gcshell"),
        set_by: SetBy = SetBy.USER,
        least: float = -math.inf,
        most: float = math.inf,
        choices: tuple[str, ...] = (),
        read: Callable[[str], Any] | None = None,
    ) -> None:
        self.default, self.help, self.flags, self.metavar = default, help, flags, metavar
        self.off, self.off_help, self.magics, self.set_by = off, off_help, magics, set_by
        self.least, self.most, self.choices, self.read = least, most, choices, read

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        annotated: Any = owner.__annotations__[name]
        if isinstance(annotated, UnionType):  # with None
            annotated = get_args(annotated)[0]
        self.kind = get_origin(annotated) or annotated

    def __get__(self, options: Any, owner: type) -> Any:
        return self if options is None else vars(options).get(self.name, self.default)

    @property
    def kinds(self) -> tuple[type, ...]:
        """The types that a value in a settings file may have."""
        return (int, float) if self.kind is float else (self.kind,)

    def why_not(self, value: Any) -> str:
        """What the value should be; empty where it is that. The value has one of the kinds."""
        if self.choices and value not in self.choices:
            return " or ".join(self.choices)
        inside = self.kind not in (int, float) or self.least <= value <= self.most
        return "" if inside else self.bounds

    @property
    def bounds(self) -> str:
        """The numbers that it may be."""
        if self.most == math.inf:
            return f"{self.least} or more"
        return f"from {self.least} to {self.most}"

    def from_text(self, text: str) -> Any:
        """The value that a cell's line spells, for argparse's `type`.

        Raises
        ------
        argparse.ArgumentTypeError
            The text spells no value, or one out of bounds.
        """
        if self.read is not None:
            return self.read(text)
        try:
            value = self.kind(text)
        except ValueError:
            wanted = "whole number; write 3" if self.kind is int else "number; write 60"
            raise argparse.ArgumentTypeError(f"{text} is no {wanted}") from None
        if wanted := self.why_not(value):
            raise argparse.ArgumentTypeError(f"{text} is not {wanted}")
        return value


def json_object(text: str) -> dict[str, Any]:
    """A JSON object, for argparse's `type`."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f'{text} is not JSON ({error}); write {{"name": value}}'
        ) from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f'{text} is no JSON object; write {{"name": value}}')
    return value


def names(text: str) -> tuple[str, ...]:
    """Variables' names between commas, for argparse's `type`."""
    found = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in found:
        if not name.isidentifier():
            raise argparse.ArgumentTypeError(f"{name!r} is not a variable's name; write A,B")
    return found


def variable(text: str) -> str:
    """One variable's name, for argparse's `type`."""
    if not text.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} is not a variable's name")
    return text


def assignment(text: str) -> tuple[str, str]:
    """``VAR=ITERABLE``, for argparse's `type`."""
    name, sign, expression = (part.strip() for part in text.partition("="))
    if not name.isidentifier() or not sign or not expression:
        raise argparse.ArgumentTypeError(f"{text!r}: write --map x=range(10)")
    return name, expression


def option(default: Any, help: str, *flags: str, **rest: Any) -> Any:
    """An `Option`. Its field is annotated with the type of its value, so this is typed as Any."""
    return Option(default, help, *flags, **rest)


_CELL = ("gcrun",)
_SCRIPT = ("gcshell",)
#: What options that take variables' names have in common.
_NAMES: Any = {"metavar": "A,B", "magics": _CELL, "set_by": SetBy.LINE, "read": names}


class Options:
    """The options of one cell.

    Parameters
    ----------
    values:
        Those that are not the defaults.
    """

    endpoint: str | None = option(
        None,
        "Where to run: 'local' (worker processes on this machine), an endpoint's name, alias"
        " or UUID. $name and {name} take it from a variable. Default: see %gc use.",
        "endpoint",
        set_by=SetBy.PROJECT,
    )
    block: bool = option(
        True,
        "Wait for it. The default.",
        *("-b", "--block"),
        off=("-a", "--async"),
        off_help="Don't wait: return a future, and leave a table that follows it.",
    )
    out: tuple[str, ...] = option(
        (), "Bring these variables of the cell back into the notebook.", "-o", "--out", **_NAMES
    )
    keep: tuple[str, ...] = option(
        (),
        "Leave these variables of the cell at the endpoint, for later cells there: see %gc kept.",
        "--keep",
        **_NAMES,
    )
    also: tuple[str, ...] = option(
        (),
        "Send these variables too, which the cell is not seen to use; and send them even"
        " where they hold what looks like a credential.",
        *("-i", "--in"),
        **_NAMES,
    )
    capture: bool = option(
        True,
        "Send what the cell uses of the notebook. The default.",
        off=("--no-capture",),
        off_help="Send nothing of the notebook but what --in names.",
        magics=_CELL,
        set_by=SetBy.LINE,
    )
    map: tuple[str, str] | None = option(
        None,
        "One task per value, sent together; the result is the list of theirs, in order.",
        "--map",
        metavar="VAR=ITERABLE",
        magics=_CELL,
        set_by=SetBy.LINE,
        read=assignment,
    )
    html: bool = option(
        False,
        "Show HTML and SVG that the cell displays; by default only text and pictures are.",
        "--html",
        magics=_CELL,
        set_by=SetBy.PROJECT,
    )
    tb_limit: int | None = option(
        None,
        "Show the innermost N frames of a remote traceback. Default: all.",
        "--tb-limit",
        metavar="N",
        magics=_CELL,
        set_by=SetBy.PROJECT,
        least=1,
    )
    walltime: float | None = option(
        None,
        "End the script, and all that it started, after so many seconds.",
        "--walltime",
        metavar="S",
        magics=_SCRIPT,
        set_by=SetBy.LINE,
        least=0,
    )
    future: str = option(
        "",
        "Bind the task's future to this name (with --map: all of them).",
        "--future",
        metavar="NAME",
        set_by=SetBy.LINE,
        read=variable,
    )
    timeout: float | None = option(
        None,
        "Stop waiting after so many seconds. The task goes on.",
        "--timeout",
        metavar="S",
        least=0,
    )
    on_interrupt: str = option(
        "detach",
        "What an interrupt does beside ending the wait. detach (default): drops this cell's"
        " tasks that were not sent yet. cancel-unsent: also those of earlier -a cells for this"
        " endpoint. Tasks that were sent go on; those on local end.",
        "--on-interrupt",
        choices=("detach", "cancel-unsent"),
    )
    progress_after: float = option(
        2.0,
        "Show a table of the tasks after so many seconds. Default: 2; -1: never.",
        "--progress-after",
        metavar="S",
        set_by=SetBy.PROJECT,
        least=-1,
    )
    label: str = option(
        "", "What the task is called in tables.", "--label", metavar="TEXT", set_by=SetBy.PROJECT
    )
    workers: int | None = option(
        None,
        "How many tasks 'local' runs at once, in this kernel from now on. Default: local_workers.",
        "--workers",
        metavar="N",
        set_by=SetBy.LINE,
        least=1,
    )
    resources: dict[str, Any] | None = option(
        None,
        'What each task needs of the endpoint\'s engine, such as {"num_nodes": 2}.',
        "--resources",
        metavar="JSON",
        read=json_object,
    )
    endpoint_config: dict[str, Any] | None = option(
        None,
        "Values for a multi-user endpoint's template.",
        "--config",
        metavar="JSON",
        read=json_object,
    )
    amqp_port: int | None = option(
        None,
        "Receive results by this port: 443, 5671 or 5672. Default: the service's choice.",
        "--amqp-port",
        metavar="PORT",
        least=1,
        most=65535,
    )
    live: bool = option(
        False,
        "Show what the cell prints while it runs, on an endpoint too: by a file that this"
        " machine sees as well, else by small tasks on another of its workers. On 'local' it is"
        " always so.",
        "--live",
    )
    quiet: bool = option(
        False, "Show the cell's own output only.", "-q", "--quiet", set_by=SetBy.PROJECT
    )
    verbose: bool = option(
        False,
        "Also show where the task ran and how long it took.",
        *("-v", "--verbose"),
        set_by=SetBy.PROJECT,
    )
    dry_run: bool = option(
        False, "Show what would be sent, and send nothing.", "--dry-run", set_by=SetBy.LINE
    )
    endpoint_from: str = ""  # what names the endpoint, where the line doesn't
    given: frozenset[str] = frozenset()  # the names of the options that the line says itself

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)

    def but(self, **values: Any) -> "Options":
        """The same options, except these."""
        return Options(**{**vars(self), **values})


class FileOptions:
    """What only the settings files can say, for all of a user's kernels."""

    unencrypted: str = option(
        "", "Hosts, between spaces, that may be reached without TLS.", set_by=SetBy.FILES
    )
    collect_results: bool = option(
        False,
        "Have Jupyter Server collect the results of kernels that have ended.",
        set_by=SetBy.FILES,
    )
    login: str = option(
        "", "Whose login to use on a hub.", choices=("hub", "own"), set_by=SetBy.FILES
    )
    local_workers: int | None = option(
        None, "How many tasks `local` runs at once; 0 switches it off.", least=0, set_by=SetBy.FILES
    )
    active_hours: float = option(
        0, "For so many hours an open task counts as activity.", least=0, set_by=SetBy.FILES
    )
    large_mb: float = option(
        1,
        "Values over so many MB go to the endpoint's store, once.",
        least=0.001,
        most=5,
        set_by=SetBy.FILES,
    )
    fetch_mb: float = option(
        100,
        "Values over so many MB stay at the endpoint until `.fetch()`.",
        least=0,
        set_by=SetBy.FILES,
    )
    store_folder: str = option("", "The folder of the store on endpoints.", set_by=SetBy.FILES)
    store_gb: float = option(
        20, "How much a store may hold, in GB.", least=0.001, set_by=SetBy.FILES
    )


#: Every option by its name, in the order of help and of `%gc config`.
OPTIONS: dict[str, Option] = {
    name: one
    for table in (Options, FileOptions)
    for name, one in vars(table).items()
    if isinstance(one, Option)
}
#: Those that a settings file may hold.
SETTINGS = {name: one for name, one in OPTIONS.items() if one.set_by > SetBy.LINE}
#: Those that a trusted project may set: where cells go that name no endpoint, and what is shown.
OF_PROJECTS = tuple(name for name, one in OPTIONS.items() if one.set_by is SetBy.PROJECT)
#: Those that `%config GCMagics` sets.
OF_KERNELS = tuple(name for name, one in SETTINGS.items() if one.set_by is not SetBy.FILES)
