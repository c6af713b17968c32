"""Compose the text that travels: the worker's part, the steps, the cell, and an entry point."""

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

#: The name of the module that the worker's part becomes there. The digest of its text is added.
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
#: The name under which the service knows the function that runs a single cell or call.
_RUNNER = "cell"


@functools.cache
def _constant() -> str:
    """Return the part of a task's text that is the same for all cells."""
    worker = worker_text()  # it lists the other files
    pairs = (
        *(("READING", reading_text()), ("WRITING", writing_text()), ("STORING", store_text())),
        ("WORKER", worker),
    )
    return "".join(f"_{name} = r'''{text}'''\n" for name, text in pairs)


@dataclass(frozen=True)
class CellTask:
    """A worker's instructions: `steps` in order, then `cell` or the function `call`.

    Parameters
    ----------
    steps:
        ``("import", name, statement)``, or ``("load", name)``: the next piece of the inputs, or
        ``("module", name)``: the next piece has variables that were set in that module, or
        ``("bring", name)``: the next piece is that module itself, or ``("settings", name, (file,
        statements))``: what that module's text has set in installed ones, with line numbers.
    modules:
        Pairs of module name and (source, is a package). The steps and the cell can import them.
    brought:
        The modules that come as objects. They can be imported, too.
    cell, filename, line:
        The cell's text, the file name that frames have for it, and the number of its first line.
    deferred:
        Whether the cell's annotations stay text, as with ``from __future__ import annotations``.
    call:
        The name of the function to call instead of running a cell.
    out:
        Names to bring back.
    variable:
        In a fan-out, the name under which a task finds its own value; else empty.
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
        """Return the plain data that the worker reads."""
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
    """Return the function that runs every single cell and call. The task is its argument.

    All users of one version have the same text, so it is registered once, and compiled once in
    each worker.
    """
    made = _text(_RUNNER, None)
    return replace(made, description="Runs cells of Jupyter notebooks", lasting=True)


@functools.lru_cache(maxsize=256)
def compose(name: str, task: CellTask) -> SourceFunction:
    """Return a function for the tasks of one fan-out, which then carry no text of their own.
    Equal tasks get the same function."""
    return _text(name, task.plain())


def _text(name: str, plain: dict[str, Any] | None) -> SourceFunction:
    """Return one self-contained source text."""
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
    """Return the file name that frames on the worker have for a text. It follows from the content,
    so it is the same on each run."""
    return f"<{kind} {digest(text)}>"
