"""Find out whether a person looks at this kernel's outputs while it runs."""

from __future__ import annotations

import os
import sys
from typing import Any

_TRUE = {"1", "true", "yes", "on"}


def shell() -> Any:
    """Return the running IPython shell, or None outside of IPython."""
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()


def has_front_end() -> bool:
    """Whether this kernel's front end shows live widgets.

    It doesn't in plain Python, in a terminal, with GC_JUPYTER_NONINTERACTIVE set, or in an
    unattended run: nbclient and papermill send `allow_stdin` as false with every cell. Voilà does
    so, too, but shows widgets.
    """
    if os.environ.get("GC_JUPYTER_NONINTERACTIVE", "").lower() in _TRUE:
        return False
    kernel = getattr(shell(), "kernel", None)
    if kernel is None:
        return False
    return under_voila() or bool(getattr(kernel, "_allow_stdin", True))


def vs_code_notebook() -> str:
    """Return the notebook's path if VS Code's Jupyter extension runs this kernel, else empty text.
    The extension sets a variable."""
    found = getattr(shell(), "user_ns", {}).get("__vsc_ipynb_file__")
    return found if isinstance(found, str) else ""


def under_voila() -> bool:
    """Whether Voilà shows this kernel's outputs, in a page that is never saved."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")
