"""Whether somebody looks at this kernel's outputs while it runs."""

from __future__ import annotations

import os
import sys
from typing import Any

_TRUE = {"1", "true", "yes", "on"}


def shell() -> Any:
    """The running IPython shell, or None outside of IPython."""
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()


def has_front_end() -> bool:
    """Whether widgets come alive here.

    Not in plain Python, in a terminal, with GC_JUPYTER_NONINTERACTIVE set, nor in a run that
    nobody watches: nbclient and papermill say with every cell that nobody can be asked
    (`allow_stdin`). Voilà says so too, but shows widgets.
    """
    if os.environ.get("GC_JUPYTER_NONINTERACTIVE", "").lower() in _TRUE:
        return False
    kernel = getattr(shell(), "kernel", None)
    if kernel is None:
        return False
    return under_voila() or bool(getattr(kernel, "_allow_stdin", True))


def vs_code_notebook() -> str:
    """The notebook's path where VS Code's Jupyter extension has this kernel, which says so in a
    variable; else empty."""
    found = getattr(shell(), "user_ns", {}).get("__vsc_ipynb_file__")
    return found if isinstance(found, str) else ""


def under_voila() -> bool:
    """Whether Voilà shows this kernel's outputs: a page that lives with its kernel, never saved."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")
