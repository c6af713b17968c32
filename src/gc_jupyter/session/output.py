"""What a task wrote and displayed, shown here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from gc_jupyter.remote_text import harmless, one_line

if TYPE_CHECKING:
    from gc_jupyter.capture import CellFuture


_HIDDEN = "HTML from an endpoint is shown on request only: run the cell with --html.\n"
#: How IPython's own objects (HTML, Markdown, SVG, Javascript, IFrame, ...) become markup.
_MARKUP = ("html", "svg", "markdown", "latex", "javascript", "json", "mimebundle")


def show_output(*futures: CellFuture) -> None:
    """Show here what tasks wrote and displayed, in order; a notebook gets their pictures."""
    hidden = False
    for future in futures:
        for kind, content in future.events:
            if kind == "stdout":
                sys.stdout.write(harmless(content))
            elif kind == "stderr":
                sys.stderr.write(harmless(content))
            elif kind == "display":
                _display(content)
            hidden = hidden or kind == "hidden"
        for name, value in future.undecoded.items():
            what = f"{name} stays on" if name else "The value can't be brought back from"
            reason = one_line(value.reason, 500)
            sys.stderr.write(f"{what} {future.endpoint}: {reason}. What is shown is its text.\n")
    if hidden:
        sys.stderr.write(_HIDDEN)


def without_markup(value: Any) -> Any:
    """A cell's last value, where nobody has asked for HTML: what IPython would show as a text of
    markup is shown as an object, and a line says how to see it. The value is the same one."""
    kind = type(value)
    if kind.__module__.startswith("IPython.") and kind.__name__ != "Image":
        for name in _MARKUP:
            if hasattr(value, f"_repr_{name}_"):
                setattr(value, f"_repr_{name}_", None)
        sys.stderr.write(_HIDDEN)
    return value


def _display(bundle: dict[str, Any]) -> None:
    if "IPython" in sys.modules:
        from IPython.core.interactiveshell import InteractiveShell
        from IPython.display import display

        if InteractiveShell.initialized():
            display(bundle, raw=True)  # type: ignore[no-untyped-call]
            return
    sys.stdout.write(bundle["text/plain"] + "\n")
