"""Find the TypeScript half, which the build puts into static/."""

from __future__ import annotations

import functools
from pathlib import Path

MODULE = Path(__file__).parent / "static" / "widgets.js"


@functools.cache
def module_text() -> str:
    """Return the ES module with all widgets. It needs no network.

    Raises
    ------
    RuntimeError
        The module was never built.
    """
    try:
        return MODULE.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RuntimeError(
            "The widgets' front end isn't built. In a clone, run: pip install -e ."
        ) from None
