"""gc_jupyter: run a notebook cell on a Globus Compute endpoint as if it had run here.

Public names are imported at first use, so that `import gc_jupyter` and `%load_ext gc_jupyter` load
neither pika, dill nor ipywidgets, and start no thread.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gc_jupyter.client import Batch, Client, FuncXClient
    from gc_jupyter.executor import Executor
    from gc_jupyter.functions.shell import MPIFunction, ShellFunction, ShellResult
    from gc_jupyter.future import TaskFuture
    from gc_jupyter.parallel import joblib_backend
    from gc_jupyter.widgets.task_table import TaskTable

__version__ = "0.1.0"

__all__ = [
    "Batch",
    "Client",
    "Executor",
    "FuncXClient",
    "MPIFunction",
    "ShellFunction",
    "ShellResult",
    "TaskFuture",
    "TaskTable",
    "joblib_backend",
    "load_ipython_extension",
    "progress",
]

_HOMES = {
    "Batch": "gc_jupyter.client",
    "Client": "gc_jupyter.client",
    "FuncXClient": "gc_jupyter.client",
    "Executor": "gc_jupyter.executor",
    "MPIFunction": "gc_jupyter.functions.shell",
    "ShellFunction": "gc_jupyter.functions.shell",
    "ShellResult": "gc_jupyter.functions.shell",
    "TaskFuture": "gc_jupyter.future",
    "TaskTable": "gc_jupyter.widgets.task_table",
    "joblib_backend": "gc_jupyter.parallel",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])


def progress(done: float, total: float | None = None) -> None:
    """Say in a cell on an endpoint, or on `local`, how much of its work is done.

    The task's bar in the table moves. Nothing happens in a cell that runs here, nor where nobody is
    told of a task that runs (docs/live.md). An endpoint need not have gc_jupyter for it.

    Parameters
    ----------
    done, total:
        In any unit; without a total the bar only shows that something moves.
    """


def load_ipython_extension(ipython: Any) -> None:
    """Register the magics with this IPython shell (what `%load_ext gc_jupyter` calls).

    Parameters
    ----------
    ipython:
        The shell.
    """
    from gc_jupyter.magics import load

    load(ipython)
