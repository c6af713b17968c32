"""A self-contained source text with a named entry point, the form in which cells are sent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceFunction:
    """Source that a worker executes in an empty namespace, and then calls `name` from it.

    Any version of Python and dill can run it (protocol: identifier ``st``).

    Parameters
    ----------
    name:
        The function in `source` that is called with the task's arguments.
    source:
        Python source text that contains everything it uses.
    description:
        Shown by the service beside the registered function.
    lasting:
        Whether every user of this version has the same text: it is then registered once, and its id
        remembered.
    """

    name: str
    source: str
    description: str | None = None
    lasting: bool = False
