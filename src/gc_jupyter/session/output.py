"""Show here what tasks have printed and displayed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gc_jupyter.capture.undecoded import AtEndpoint
from gc_jupyter.remote_text import harmless, one_line
from gc_jupyter.travel.kept import LAST
from gc_jupyter.travel.store import megabytes

if TYPE_CHECKING:
    from gc_jupyter.capture import CellFuture
    from gc_jupyter.capture.events import Event


#: The most characters that one cell's tasks may add to a notebook: with more, it can't be opened.
#: The limits of a single task are smaller (`capture.worker_side.output`).
TEXT_LIMIT = 4_000_000
DISPLAY_LIMIT = 20_000_000
#: The most displays of a cell: each is a message and an output.
DISPLAYS = 1_000
#: How often text may go from one stream to the other. After that it keeps no order in a burst.
SWITCHES = 1_000

_CUT = "\n[There is more than what can be shown while the task runs. It goes on.]\n"
_HIDDEN = "HTML from an endpoint is shown on request only: run the cell with --html.\n"
#: The methods by which IPython's objects (HTML, Markdown, SVG, ...) become markup.
_MARKUP = ("html", "svg", "markdown", "latex", "javascript", "json", "mimebundle")


def show_output(*futures: CellFuture) -> None:
    """Show the output of tasks in order; a notebook gets their pictures."""
    screen = Screen()
    for future in futures:
        screen.show(future)
        screen.explain(future)
    screen.close()


class Screen:
    """The output of a cell's tasks. Used by one thread."""

    def __init__(self) -> None:
        self._text_room, self._display_room = TEXT_LIMIT, DISPLAY_LIMIT
        self._displays, self._switches = DISPLAYS, SWITCHES
        self._rest: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._last = ""  # the stream of the last text
        self._lost: dict[str, int] = {}  # task id -> characters
        self._unshown = 0  # displays
        self._hidden = False
        # the events of the followed task that are shown already
        self._seen: list[Event] = []
        self._handles: dict[int, Any] = {}  # the displays, by their places
        self._of: list[Event] | None = None  # the list of events that they are from
        self._clear = self._cut = False
        self.shown = False
        #: Whether a line has said why there is nothing to show.
        self.explained = False

    def follow(self, future: CellFuture) -> None:
        """Show the new output of a running task."""
        events = future.so_far
        if future.replied:  # `show` shows all of it
            return
        if events is not self._of:
            if self._seen:
                self._clear, self._seen, self._handles = True, [], {}
            self._of = events
        self._show_new(future, live=True)
        if future.live.why and not self.explained and not self._seen:
            self.explained = True
            _display({"text/plain": future.live.why}, display_id=False)  # not the cell's output
        if future.live.cut and not self._cut:
            self._cut = True
            sys.stderr.write(_CUT)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # the kernel would keep it for 0.2 s

    def show(self, future: CellFuture) -> None:
        """Show the output of an ended task that is not shown yet."""
        if not _begins_with(future.so_far, self._seen):  # the reply counts
            self._clear, self._seen, self._handles = bool(self._seen), [], {}
        self._show_new(future, live=False)

    def _show_new(self, future: CellFuture, *, live: bool) -> None:
        events = list(future.so_far)
        for at, handle in self._handles.items():
            if at < len(events) and events[at] != self._seen[at]:
                handle.update(events[at][1], raw=True)
                self._seen[at] = events[at]
        task = future.task_id or ""
        if self._seen and len(events) >= len(self._seen):
            (kind, before), (_, content) = self._seen[-1], events[len(self._seen) - 1]
            if kind in self._rest and len(content) > len(before):
                self._add(kind, content[len(before) :], task)
        for at in range(len(self._seen), len(events)):
            # before it is shown: a stop button may interrupt that, and it is shown once at most
            self._seen.append(events[at])
            self._add(*events[at], task, at if live else None)
        self._seen, self._handles = (events, self._handles) if live else ([], {})
        self._write()

    def _add(self, kind: str, content: Any, task: str, at: int | None = None) -> None:
        if self._clear:
            _clear(wait=True)
            self._clear = False
        more = 0
        if kind in self._rest:
            shown, more = content[: self._text_room], max(0, len(content) - self._text_room)
            self._text_room -= len(shown)
            if kind != self._last and self._switches > 0:
                self._switches -= 1
                self._write()
                sys.stdout.flush()  # a kernel gathers the text of each stream
                sys.stderr.flush()
            self._last = kind
            self._rest[kind].append(harmless(shown))
        elif kind == "display":
            size = sum(map(len, content.values()))
            if self._displays == 0 or size > self._display_room:
                more = max(size, 1)
                self._unshown += 1
            else:
                self._write()
                self._display_room -= size
                self._displays -= 1
                handle = _display(content, display_id=at is not None)
                if at is not None and handle is not None:
                    self._handles[at] = handle
        else:
            self._hidden = self._hidden or kind == "hidden"
        self.shown = self.shown or kind != "hidden"
        if more:
            self._lost[task] = self._lost.get(task, 0) + more

    def explain(self, future: CellFuture) -> None:
        """Say which of a task's values have not come, and why."""
        for kept in future.stayed:
            name = "The value" if kept.name == LAST else kept.name
            sys.stderr.write(
                f"{name} stays on {future.endpoint}: it has {megabytes(kept.size)}, which is over"
                " fetch_mb (%gc config). Cells there may use it; its .fetch() brings it.\n"
            )
        for name, value in future.undecoded.items():
            if isinstance(value, AtEndpoint):
                reason = f"{megabytes(value.size)}; {one_line(value.reason, 500)}"
                where = f"{name or 'The value'} stays on {future.endpoint}"
                sys.stderr.write(f"{where} ({reason}). Its .fetch() brings it.\n")
                continue
            what = f"{name} stays on" if name else "The value can't be brought back from"
            reason = one_line(value.reason, 500)
            sys.stderr.write(f"{what} {future.endpoint}: {reason}. What is shown is its text.\n")

    def close(self) -> None:
        """Show the rest, and say what isn't shown."""
        if self._clear:
            _clear(wait=False)
        self._write()
        if self._lost:
            of_displays = f" of text and {self._unshown:,} displays" if self._unshown else ""
            sys.stderr.write(
                f"\n[{sum(self._lost.values()):,} more characters{of_displays} are not shown here."
                f" %gc result {next(iter(self._lost))} shows one task's; .stdout of its future is"
                " the text.]\n"
            )
        if self._hidden:
            sys.stderr.write(_HIDDEN)

    def _write(self) -> None:
        for kind, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
            if self._rest[kind]:
                stream.write("".join(self._rest[kind]))
                self._rest[kind].clear()


def _begins_with(events: Sequence[Event], seen: Sequence[Event]) -> bool:
    """Whether these events begin with the seen ones; a display may have been updated."""
    if len(events) < len(seen):
        return False
    for at, (kind, part) in enumerate(seen):
        now, content = events[at]
        text = kind == now and isinstance(content, str)
        same = content.startswith(part) if text and at == len(seen) - 1 else content == part
        if now != kind or not (same or kind == "display"):
            return False
    return True


def without_markup(value: Any) -> Any:
    """A cell's last value without `--html`: what IPython would show as markup text is shown as an
    object, and a line says how to see it. The value is not changed."""
    kind = type(value)
    if kind.__module__.startswith("IPython.") and kind.__name__ != "Image":
        for name in _MARKUP:
            if hasattr(value, f"_repr_{name}_"):
                setattr(value, f"_repr_{name}_", None)
        sys.stderr.write(_HIDDEN)
    return value


def _display(bundle: dict[str, Any], *, display_id: bool) -> Any:
    if _notebook():
        from IPython.display import display

        show: Any = display
        return show(bundle, raw=True, display_id=True) if display_id else show(bundle, raw=True)
    sys.stdout.write(bundle["text/plain"] + "\n")
    return None


def _clear(*, wait: bool) -> None:
    """Clear the cell's output so far."""
    if _notebook():
        from IPython.display import clear_output

        clear: Any = clear_output
        clear(wait)


def _notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    from IPython.core.interactiveshell import InteractiveShell

    return bool(InteractiveShell.initialized())
