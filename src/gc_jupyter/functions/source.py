"""A self-contained source text with a named entry point: how cells travel."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceFunction:
    """Source that a worker executes in an empty namespace, and then calls `name` from it.

    Survives differences of Python and dill versions (protocol: identifier ``st``).

    Parameters
    ----------
    name:
        The function in `source` that is called with the task's arguments.
    source:
        Python source text; everything that it uses must be in it.
    description:
        Shown by the service beside the registered function.
    lasting:
        The same text for every user of this version: registered once, and remembered.
    """

    name: str
    source: str
    description: str | None = None
    lasting: bool = False
