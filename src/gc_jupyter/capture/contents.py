"""List what a captured cell consists of, name by name, before a byte of it is sent."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal

from gc_jupyter.capture.cell import Captured
from gc_jupyter.capture.pieces import module_piece

Kind = Literal["import", "source", "data", "module"]


@dataclass(frozen=True)
class CapturedName:
    """One thing that travels with a cell.

    Parameters
    ----------
    name:
        The notebook's name for it.
    kind:
        ``"import"``: the endpoint imports it. ``"source"``: a function or class, its code as text.
        ``"data"``: pickled. ``"module"``: a module that isn't installed, as its text.
    size:
        The bytes that are sent for it.
    text:
        The import statement or the source; empty for data and classes.
    """

    name: str
    kind: Kind
    size: int
    text: str = ""


def contents(captured: Captured) -> tuple[CapturedName, ...]:
    """List everything that travels with a cell, in the order in which the worker uses it."""
    parts = []
    for step in captured.task.steps:
        name = step[1]
        if step[0] == "import":
            parts.append(CapturedName(name, "import", len(step[2].encode()), step[2]))
        elif step[0] == "load":
            kind: Kind = "source" if name in captured.sources else "data"
            parts.append(
                CapturedName(name, kind, captured.sizes[name], captured.sources.get(name, ""))
            )
    for name in captured.task.brought:
        size = captured.sizes.get(module_piece(name), 0)  # or it lies within another one's text
        origin = captured.origins.get(str(getattr(sys.modules.get(name), "__file__", "")))
        parts.append(CapturedName(name, "module", size, origin.source if origin else ""))
    for name, (text, _) in captured.task.modules:
        parts.append(CapturedName(name, "module", len(text.encode()), text))
    return tuple(parts)
