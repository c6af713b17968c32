"""Turn a finished future into its state and a line of text, and on request into its whole text.

A preview is made for each of 10,000 results, on the thread that delivers them. So it must be cheap
and run none of the user's code. The whole text is made for one task, on request.
"""

from __future__ import annotations

import concurrent.futures
import reprlib
from typing import Any

from gc_jupyter.capture import CellFuture
from gc_jupyter.credentials import masked
from gc_jupyter.errors import ComputeError, full_text, gist
from gc_jupyter.functions.shell import ShellResult
from gc_jupyter.future import dropped
from gc_jupyter.remote_text import harmless, one_line
from gc_jupyter.types import TaskState

PREVIEW = 80  # characters
WHOLE = 50_000

_PLAIN = (int, float, complex, bool, str, bytes, type(None))
_CONTAINERS = (list, tuple, dict, set, frozenset)

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = PREVIEW
_short.maxlevel = 2


def outcome(future: concurrent.futures.Future[Any]) -> tuple[TaskState, str]:
    """Return a finished future's state, and its result or error in one line."""
    if dropped(future):
        return TaskState.CANCELLED, ""
    error = future.exception()
    if error is None:
        return TaskState.SUCCESS, one_line(masked(preview(future.result())))
    state = TaskState.CANCELLED if future.cancelled() else TaskState.FAILED
    return state, one_line(masked(gist(error)))


def preview(value: Any) -> str:
    """Describe a value in a few words."""
    if type(value) in _PLAIN or (type(value) in _CONTAINERS and _is_plain(value)):
        return _short.repr(masked(value) if type(value) is str else value)
    if isinstance(value, ShellResult):
        # a script's last line is most often its result
        last = value.stdout.rstrip().rpartition("\n")[2]
        return f"exit status {value.returncode}" + (f": {last}" if last else "")
    kind = type(value)
    name = kind.__name__ if kind.__module__ in ("builtins", "__main__") else _qualified(kind)
    shape = getattr(value, "shape", None) if kind.__module__.partition(".")[0] in _ARRAYS else None
    if isinstance(shape, tuple):
        return f"{name} {shape}"
    return f"{name} of {len(value)}" if kind in _CONTAINERS else name


_ARRAYS = {"numpy", "pandas", "polars", "torch", "jax", "jaxlib", "cupy", "xarray", "scipy"}


def _is_plain(value: Any) -> bool:
    """Whether the part of a container that a preview shows has only built-in types."""
    items = value.items() if type(value) is dict else value
    for _, item in zip(range(8), items, strict=False):
        parts = item if type(value) is dict else (item,)
        if any(type(part) not in _PLAIN for part in parts):
            return False
    return True


def _qualified(kind: type) -> str:
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"


def traceback_text(future: concurrent.futures.Future[Any], limit: int = WHOLE) -> str:
    """Return a failed task's remote traceback, cut at its start; empty text for other tasks."""
    error = None if dropped(future) or not future.done() else future.exception()
    text = masked(harmless(full_text(error)).strip())
    return text if len(text) <= limit else "…\n" + text[-limit:]


def whole_text(future: concurrent.futures.Future[Any]) -> str:
    """Return the result's `repr`, or the failure's whole text. Runs the user's code."""
    if not future.done():
        return _printed(future) or "The task has no result yet."
    if dropped(future):
        return "The task was cancelled before it was sent."
    text, printed = _outcome_text(future), _printed(future)
    return f"{text}\n\nIt has printed:\n{printed}" if printed else text


def _outcome_text(future: concurrent.futures.Future[Any]) -> str:
    error = future.exception()
    if isinstance(error, ComputeError):
        return traceback_text(future)
    try:
        text = f"{type(error).__name__}: {error}" if error is not None else repr(future.result())
    except Exception as problem:  # the user's own __repr__
        text = f"The result has no text: its repr raised {type(problem).__name__}."
    text = masked(harmless(text))
    return text if len(text) <= WHOLE else text[:WHOLE] + f"\n… {len(text) - WHOLE:,} more"


def _printed(future: concurrent.futures.Future[Any]) -> str:
    """Return what a task has printed so far, cut at its start, as a page shows it."""
    if not isinstance(future, CellFuture):
        return ""
    lines = future.output[-2 * WHOLE :].split("\n")
    # the part of a line that a progress bar has written last
    text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)
    text = masked(harmless(text)).rstrip()
    return text if len(text) <= WHOLE else "…\n" + text[-WHOLE:]
