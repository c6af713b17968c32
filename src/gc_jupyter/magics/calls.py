"""The options of calls of remote functions, from the line of the cell that defines them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from IPython.core.error import UsageError

from gc_jupyter.durations import duration
from gc_jupyter.magics.cell_waiting import wait_for
from gc_jupyter.remote_function import CallOptions

if TYPE_CHECKING:
    from gc_jupyter.capture import CellFuture
    from gc_jupyter.magics.notebook import NotebookMagics
    from gc_jupyter.options import Options
    from gc_jupyter.session import Target

#: Options that are refused where no task is submitted: option -> its flag, what to do instead.
_OF_TASKS = {
    "future": ("--future", "f.submit(…) of a function f gives a future"),
    "block": ("-a", "f.submit(…) of a function f gives a future and doesn't wait"),
    "out": ("--out", "a function's value is what f(…) returns"),
    "keep": ("--keep", "%gc keep f leaves what the notebook has at an endpoint"),
    "map": ("--map", "f.map(values) runs a function f once per value"),
}


def calls_of(magics: NotebookMagics, options: Options, target: Target) -> CallOptions:
    """The options for calls of the functions that a cell defines.

    Raises
    ------
    UsageError
        The line has an option that only a task can have.
    """
    refused = [name for name in _OF_TASKS if name in options.given]
    if options.block:
        refused = [name for name in refused if name != "block"]  # --block is what calls do
    if refused:
        names = ", ".join(_OF_TASKS[name][0] for name in refused)
        raise UsageError(
            f"{names}: this cell only defines, and has no task. Leave it out;"
            f" {'; '.join(_OF_TASKS[name][1] for name in refused)}."
        )
    # a table for each slow call would be too much, so a call shows one only if the line asks for it
    asked = "progress_after" in options.given
    waiting = options if asked else options.but(progress_after=-1.0)
    return CallOptions(
        html=options.html,
        label=options.label,
        tb_limit=options.tb_limit,
        also=options.also,
        capture=options.capture,
        wait=partial(wait_for, magics.session, waiting, target),
        say=None if options.quiet else magics.say_once,
        ended=_tell if options.verbose else None,
    )


def _tell(future: CellFuture) -> None:
    print(account(future))


def account(future: CellFuture) -> str:
    """A line that says where a task ran and how long it took."""
    info = future.info
    queued, running = info.queued_s, info.running_s
    parts = [f"Task {future.task_id} on {future.place.endpoint}"]
    parts += [f"host {future.place.host}"] if future.place.host else []
    parts += [f"Python {future.place.python}"] if future.place.python else []
    parts += [f"queued {duration(queued)}"] if queued is not None else []
    parts += [f"ran {duration(running)}"] if running is not None else []
    return ", ".join(parts) + "."
