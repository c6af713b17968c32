"""The Jupyter Server half of the lab extension: the journal and the login, for the panels.

::

    journal's file ─► JournalWatch ─┐               the server's loop
    a kernel ends ──► Processes ────┴► Notices ─► Jupyter's event bus ─► panels fetch again
    GET tasks ◄────── panel.py                      a worker thread reads
    task groups of kernels that have ended
         ─► Keeper: claim, listen, store, then acknowledge    gc-loop; gc-keeper writes
"""

from __future__ import annotations

from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    """Where Jupyter Server finds the extension."""
    from gc_jupyter.server.extension import GCJupyter

    return [{"module": "gc_jupyter.server", "app": GCJupyter}]
