"""What a task wrote and displayed, shown here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from gc_jupyter.remote_text import harmless, one_line

if TYPE_CHECKING:
    from gc_jupyter.capture import CellFuture


def show_output(future: CellFuture) -> None:
    """Show here what a task wrote and displayed, in order; a notebook gets its pictures."""
    for kind, content in future.events:
        if kind == "stdout":
            sys.stdout.write(harmless(content))
        elif kind == "stderr":
            sys.stderr.write(harmless(content))
        elif kind == "display":
            _display(content)
    for name, value in future.undecoded.items():
        what = f"{name} stays on {future.endpoint}" if name else "The value can't be brought back"
        reason = one_line(value.reason, 500)
        sys.stderr.write(f"{what}: {reason}. What is shown is its text.\n")


def _display(bundle: dict[str, Any]) -> None:
    if "IPython" in sys.modules:
        from IPython.core.interactiveshell import InteractiveShell
        from IPython.display import display

        if InteractiveShell.initialized():
            display(bundle, raw=True)  # type: ignore[no-untyped-call]
            return
    sys.stdout.write(bundle["text/plain"] + "\n")
