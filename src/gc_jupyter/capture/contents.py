"""What a captured cell consists of, name by name, before a byte of it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gc_jupyter.capture.cell import Captured

Kind = Literal["import", "source", "data", "module"]


@dataclass(frozen=True)
class Part:
    """One thing that travels with a cell.

    Parameters
    ----------
    name:
        The notebook's name for it. ``Class.attribute`` is an attribute that the class got after
        its text ran.
    kind:
        ``"import"``: the endpoint imports it. ``"source"``: a function or class, as its text.
        ``"data"``: pickled. ``"module"``: a module that isn't installed, as its text.
    size:
        Bytes that are sent for it.
    text:
        The import statement or the source; empty for data.
    """

    name: str
    kind: Kind
    size: int
    text: str = ""


def contents(captured: Captured) -> tuple[Part, ...]:
    """Everything that travels with a cell, in the order of its use there."""
    parts = []
    for step in captured.task.steps:
        if step[0] == "load":
            parts.append(Part(step[1], "data", captured.sizes[step[1]]))
        else:
            text = step[3].strip()
            kind: Kind = "import" if text.startswith(("import ", "from ")) else "source"
            parts.append(Part(step[1], kind, len(text.encode()), text))
    for name, (text, _) in captured.task.modules:
        parts.append(Part(name, "module", len(text.encode()), text))
    return tuple(parts)
