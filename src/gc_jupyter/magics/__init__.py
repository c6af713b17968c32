"""%%gcrun, %%gcshell and %gc: cells that run on an endpoint, and what goes with them."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any


def load(shell: Any) -> None:
    """Register the magics with an IPython shell, and have its tasks journaled.

    This is what a notebook waits for at `%load_ext`: everything else is imported at first use.
    """
    from gc_jupyter.magics.gcrun import GCMagics
    from gc_jupyter.runtime import recording

    magics = GCMagics(shell)
    shell.register_magics(magics)
    shell.events.register("pre_run_cell", magics.enter_cell)
    for key in ("%%gcrun", "%%gcshell", "%gc"):
        shell.set_hook("complete_command", partial(_complete, magics), str_key=key)
    recording.make = lambda: magics.journal
    if "jupyter_core.paths" in sys.modules:  # a kernel has it; a terminal hears of it later
        magics.announce()


def _complete(magics: Any, _shell: Any, event: Any) -> list[str]:
    from gc_jupyter.magics.completion import complete

    return complete(magics, event)
