"""The text that travels: worker_side.py, the steps before a cell, the cell, and an entry point."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import Any

from gc_jupyter.capture.worker_side import worker_text
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.travel import rebuild
from gc_jupyter.travel.texts import (
    WRITING,
    digest,
    reading_text,
    store_name,
    store_text,
    writing_name,
    writing_text,
)

#: Names the module that worker_side.py becomes on a worker; its text's digest is added.
WORKER_MODULE = "_gc_jupyter_worker"

_ENTRY = """
def {name}(inputs, options):
    import sys, types, zlib
    def module(name, text, same=(), **given):
        found = sys.modules.get(name)
        if found is None:
            found = types.ModuleType(name)
            found.__file__ = "<gc_jupyter>"
            found.__dict__.update(given)
            found.__dict__.update(dict.fromkeys(same, found))
            exec(compile(text, found.__file__, "exec"), found.__dict__)
            found = sys.modules.setdefault(name, found)
        return found
    known = {reading!r} in sys.modules
    packed = b"" if known else zlib.compress(_READING.encode(), 9)
    reading = module({reading!r}, _READING, NAME={reading!r}, PACKED=packed)
    module({writing!r}, _WRITING, {parts!r}, rebuild=reading, rebuild_classes=reading)
    module({storing!r}, _STORING)
    worker = module({module!r}, _WORKER)
    if options is not None:
        return worker.run(options.get("task") or _TASK, inputs, options)
"""
#: What runs a single cell or call is called at the service.
_RUNNER = "cell"


@functools.cache
def _constant() -> str:
    """The part of a task's text that is the same for all cells."""
    worker = worker_text()  # names the others
    pairs = (
        *(("READING", reading_text()), ("WRITING", writing_text()), ("STORING", store_text())),
        ("WORKER", worker),
    )
    return "".join(f"_{name} = r'''{text}'''\n" for name, text in pairs)


@dataclass(frozen=True)
class CellTask:
    """What a worker does: `steps` in order, then `cell` or the function `call`.

    Parameters
    ----------
    steps:
        ``("import", name, statement)``, or ``("load", name)``: the next piece of the inputs, or
        ``("module", name)``: the next piece has variables that were set in that module, or
        ``("bring", name)``: the next piece is that module itself, or ``("settings", name, (file,
        statements))``: what that module's text has set in installed ones, with line numbers.
    modules:
        Pairs of module name and (source, is a package): importable by the steps and the cell.
    brought:
        The modules that come as objects: importable, too.
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
    brought: tuple[str, ...] = ()
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
            "brought": list(self.brought),
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
def compose(name: str, task: CellTask) -> SourceFunction:
    """A function of its own for the many tasks of a fan-out, which carry no text then; the same one
    for an equal task."""
    return _text(name, task.plain())


def _text(name: str, plain: dict[str, Any] | None) -> SourceFunction:
    """One self-contained source text."""
    constant = _constant()
    entry = _ENTRY.format(
        name=name,
        module=f"{WORKER_MODULE}_{digest(worker_text())}",
        reading=rebuild.NAME,
        writing=writing_name(),
        storing=store_name(),
        parts=WRITING,
    )
    return SourceFunction(name, f"{constant}_TASK = {plain!r}\n{entry}")


def remote_filename(kind: str, text: str) -> str:
    """How frames on the worker name a text: unique by content, and the same on each run."""
    return f"<{kind} {digest(text)}>"
