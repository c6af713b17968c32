"""The text that travels: worker_side.py, the steps before a cell, the cell, and an entry point."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace
from typing import Any

from gc_jupyter.capture.worker_side import worker_text
from gc_jupyter.functions.source import SourceFunction

#: Names the module that worker_side.py becomes on a worker; its text's digest is added.
WORKER_MODULE = "_gc_jupyter_worker"

_ENTRY = """
def {name}(inputs, options):
    import sys, types
    worker = sys.modules.get({module!r})
    if worker is None:
        worker = types.ModuleType({module!r})
        worker.__file__ = "<gc_jupyter>"
        exec(compile(_WORKER, worker.__file__, "exec"), worker.__dict__)
        worker = sys.modules.setdefault({module!r}, worker)
    return worker.run(options.get("task") or _TASK, inputs, options)
"""
#: What runs a single cell or call is called at the service.
_RUNNER = "cell"


@dataclass(frozen=True)
class Task:
    """What a worker does: `steps` in order, then `cell` or the function `call`.

    Parameters
    ----------
    steps:
        ``("load", name)``, the next input (an attribute, where the name has a dot), or ``("define",
        name, name in the source, source, filename, deferred)``.
    modules:
        Pairs of module name and (source, is a package): importable by the steps and the cell.
    cell, filename, line:
        The cell's text, how frames name it, and the number of its first line.
    deferred:
        Whether the cell's annotations stay text, as by ``from __future__ import annotations``.
    call:
        The name of the function to call, in place of a cell.
    out:
        Names to bring back.
    variable:
        The name that the task's own value goes by, where there are many alike; or empty.
    """

    steps: tuple[tuple[Any, ...], ...] = ()
    modules: tuple[tuple[str, tuple[str, bool]], ...] = ()
    cell: str = ""
    filename: str = ""
    line: int = 1
    deferred: bool = False
    call: str | None = None
    out: tuple[str, ...] = ()
    variable: str = ""

    def plain(self) -> dict[str, Any]:
        """As the worker takes it."""
        return {
            "steps": list(self.steps),
            "modules": dict(self.modules),
            "cell": self.cell,
            "filename": self.filename,
            "line": self.line,
            "deferred": self.deferred,
            "call": self.call,
            "out": list(self.out),
            "variable": self.variable,
        }


@functools.cache
def runner() -> SourceFunction:
    """The function that every single cell and call runs: its task is an argument.

    It is the same text for everybody who has this version: registered once, and compiled once in
    each worker.
    """
    made = _text(_RUNNER, None)
    return replace(made, description="Runs cells of Jupyter notebooks", lasting=True)


@functools.lru_cache(maxsize=256)
def compose(name: str, task: Task) -> SourceFunction:
    """A function of its own for the many tasks of a fan-out, which carry no text then; the same one
    for an equal task."""
    return _text(name, task.plain())


def _text(name: str, plain: dict[str, Any] | None) -> SourceFunction:
    """One self-contained source text."""
    entry = _ENTRY.format(name=name, module=_worker_module())
    return SourceFunction(name, f"_WORKER = r'''{worker_text()}'''\n_TASK = {plain!r}\n{entry}")


def remote_filename(kind: str, text: str) -> str:
    """How frames on the worker name a text: unique by content, and the same on each run."""
    return f"<{kind} {_digest(text)}>"


@functools.cache
def _worker_module() -> str:
    return f"{WORKER_MODULE}_{_digest(worker_text())}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()
