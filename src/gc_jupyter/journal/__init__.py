"""The journal: which cell submitted what, on disk, so that a new kernel can pick it up.

::

    submit ─► note: cell, notebook         the submitting thread
    request about to leave ─► rows ─┐      gc-loop; the request waits until they are written
    TaskEvents ─────────► updates ──┤      gc-loop
                                    ▼
                     one transaction each   gc-journal, woken by the first, takes all that wait
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gc_jupyter.journal.database import Database, Entry, KnownEndpoint
    from gc_jupyter.journal.file import journal_path
    from gc_jupyter.journal.recorder import Journal
    from gc_jupyter.journal.sessions import CellPlace, KernelSession, Note

__all__ = [
    "CellPlace",
    "Database",
    "Entry",
    "Journal",
    "KernelSession",
    "KnownEndpoint",
    "Note",
    "journal_path",
]

_HOMES = {
    **dict.fromkeys(("Database", "Entry", "KnownEndpoint"), "database"),
    "Journal": "recorder",
    **dict.fromkeys(("CellPlace", "KernelSession", "Note"), "sessions"),
    "journal_path": "file",
}


def __getattr__(name: str) -> Any:
    # imports here would slow %load_ext down
    if name in _HOMES:
        return getattr(importlib.import_module(f"gc_jupyter.journal.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
