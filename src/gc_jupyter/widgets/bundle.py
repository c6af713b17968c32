"""The TypeScript half, as the build has put it into static/."""

from __future__ import annotations

import functools
from pathlib import Path

MODULE = Path(__file__).parent / "static" / "widgets.js"


@functools.cache
def module_text() -> str:
    """The one ES module with all widgets; it needs no network.

    Raises
    ------
    RuntimeError
        It was never built.
    """
    try:
        return MODULE.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RuntimeError(
            "The widgets' front end isn't built. In a clone, run: pip install -e ."
        ) from None
