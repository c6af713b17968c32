"""What a task wrote and displayed, shown here."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from gc_jupyter.remote_text import harmless, one_line

if TYPE_CHECKING:
    from gc_jupyter.capture import CellFuture


#: What one cell's tasks may add to a notebook, in characters; a single task's own limits are
#: smaller (`capture.worker_side.output`). More makes a notebook that can't be opened.
TEXT_LIMIT = 4_000_000
DISPLAY_LIMIT = 20_000_000
#: And how many displays, and pieces of text between them: each is a message, and an output.
DISPLAYS = 1_000
PIECES = 10_000

_HIDDEN = "HTML from an endpoint is shown on request only: run the cell with --html.\n"
#: How IPython's own objects (HTML, Markdown, SVG, Javascript, IFrame, ...) become markup.
_MARKUP = ("html", "svg", "markdown", "latex", "javascript", "json", "mimebundle")


def show_output(*futures: CellFuture) -> None:
    """Show here what tasks wrote and displayed, in order; a notebook gets their pictures."""
    hidden = False
    text_room, display_room = TEXT_LIMIT, DISPLAY_LIMIT
    displays, pieces = DISPLAYS, PIECES
    rest: dict[str, list[str]] = {"stdout": [], "stderr": []}
    lost: dict[str, int] = {}  # task id -> characters
    unshown = 0  # displays
    for future in futures:
        for kind, content in future.events:
            if kind in ("stdout", "stderr"):
                shown, more = content[:text_room], max(0, len(content) - text_room)
                text_room -= len(shown)
                pieces -= 1
                rest[kind].append(harmless(shown))
                if pieces > 0:  # the last ones lose their place among each other
                    _write(rest)
            elif kind == "display":
                size = sum(map(len, content.values()))
                if displays == 0 or size > display_room:
                    more = max(size, 1)
                    unshown += 1
                else:
                    more = 0
                    display_room -= size
                    displays -= 1
                    _display(content)
            else:
                hidden, more = hidden or kind == "hidden", 0
            if more:
                lost[future.task_id or ""] = lost.get(future.task_id or "", 0) + more
        for name, value in future.undecoded.items():
            what = f"{name} stays on" if name else "The value can't be brought back from"
            reason = one_line(value.reason, 500)
            sys.stderr.write(f"{what} {future.endpoint}: {reason}. What is shown is its text.\n")
    _write(rest)
    if lost:
        of_displays = f" of text and {unshown:,} displays" if unshown else ""
        sys.stderr.write(
            f"\n[{sum(lost.values()):,} more characters{of_displays} are not shown here. %gc result"
            f" {next(iter(lost))} shows one task's; .stdout of its future is the text.]\n"
        )
    if hidden:
        sys.stderr.write(_HIDDEN)


def _write(texts: dict[str, list[str]]) -> None:
    for kind, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
        if texts[kind]:
            stream.write("".join(texts[kind]))
            texts[kind].clear()


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
