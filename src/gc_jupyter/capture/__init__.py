"""Turn a cell into self-contained source and named inputs, and a worker's reply into values."""

from __future__ import annotations

from gc_jupyter.capture.cell import (
    Captured,
    annotations_flag,
    capture_calls,
    capture_cell,
    parse,
)
from gc_jupyter.capture.commands import check_magics, keep_time
from gc_jupyter.capture.contents import CapturedName, contents
from gc_jupyter.capture.reply import CellFuture
from gc_jupyter.capture.undecoded import AtEndpoint, Undecoded

__all__ = [
    "AtEndpoint",
    "Captured",
    "CapturedName",
    "CellFuture",
    "Undecoded",
    "annotations_flag",
    "capture_calls",
    "capture_cell",
    "check_magics",
    "contents",
    "keep_time",
    "parse",
]
