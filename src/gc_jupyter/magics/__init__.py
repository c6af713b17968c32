"""%%gcrun: cells that run on an endpoint."""

from __future__ import annotations

from typing import Any


def load(shell: Any) -> None:
    """Register the magics with an IPython shell."""
    from gc_jupyter.magics.gcrun import GCMagics

    shell.register_magics(GCMagics)
