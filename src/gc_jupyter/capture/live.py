"""Hold what a running task has shown so far, as its worker sends it line by line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection
from typing import Any

from gc_jupyter.capture.cell import SAFE_MIMES
from gc_jupyter.capture.events import STREAMS, Event, as_event
from gc_jupyter.remote_text import harmless

#: The most characters of one line, and of the text and displays that are kept. The worker's own
#: limits are lower.
_LINE = 12_000_000
_TEXT = 2_100_000
_DISPLAYS = 8_000_000
#: A bar as tqdm writes it: "45%|████▌     | 45/100 [00:01<00:02, ...".
_BAR = re.compile(r"(\d{1,3})%\|[^|\r\n]*\|\s*(?:(\d+)/(\d+))?")


class LiveOutput:
    """Turns a worker's lines into events. Only the loop's thread feeds it; any thread may read it.

    Parameters
    ----------
    mimes:
        The media types that may be shown beside text.

    Attributes
    ----------
    events:
        As `CellFuture.events`. The list is replaced when the output is cleared. Otherwise it only
        grows: its last text becomes longer, and a newer display may replace one in its place.
    progress:
        How much is done, and the total (nan if unknown); None until the task reports progress.
    cut:
        Whether the task has shown more than is sent while it runs.
    why:
        The reason why there is no live output, if it is known.
    followed:
        Whether live output is expected at all.
    """

    def __init__(self, mimes: Collection[str] = SAFE_MIMES) -> None:
        self.events: list[Event] = []
        self.progress: tuple[float, float] | None = None
        self.cut = False
        self.why = ""
        self.followed = False
        self._mimes = mimes
        self._named: dict[str, list[int]] = {}  # display id -> its indices in the events
        self._rest = b""  # the start of a line whose end hasn't come yet
        self._text = self._displays = 0
        self._listeners: list[Callable[[], object]] = []

    def listen(self, listener: Callable[[], object]) -> None:
        """Call this after each change, on the loop's thread."""
        self._listeners.append(listener)

    def silence(self, listener: Callable[[], object]) -> None:
        """End of `listen`."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def feed(self, data: bytes) -> None:
        """Take in what the worker sends. Lines that can't be read are left out.

        Parameters
        ----------
        data:
            Bytes of any number that follow the last ones.
        """
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest if len(rest) <= _LINE else b""
        texts: list[Event] = []
        for line in lines:
            try:
                kind, *contents = json.loads(line)
                if kind in STREAMS:
                    texts.append(as_event(kind, contents[0], self._mimes))
                else:
                    self._append(texts)
                    texts = []
                    self._take(kind, contents)
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
                continue
        self._append(texts)
        self._tell()

    def explain(self, why: str) -> None:
        """Set the reason why there is no live output."""
        if why != self.why:
            self.why = why
            self._tell()

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()

    def last_line(self) -> str:
        """Return the last printed line that isn't empty."""
        text = next((text for kind, text in reversed(self.events) if kind in STREAMS), "")
        lines = re.split(r"[\r\n]+", text[-2000:].rstrip())
        return harmless(lines[-1])

    def _take(self, kind: object, contents: list[Any]) -> None:
        if kind == "progress":
            done, total = contents
            self._moved(float(done), math.nan if total is None else float(total))
        elif kind == "clear":
            self.events, self._named = [], {}
            self._text = self._displays = 0
        elif kind == "cut":
            self.cut = True
        elif kind == "hidden":
            self.events.append(("hidden", ""))
        elif kind in ("display", "update"):
            self._display(str(contents[0]), contents[1], update=kind == "update")

    def _display(self, name: str, made: Any, *, update: bool) -> None:
        _, bundle = event = as_event("display", made, self._mimes)
        size = sum(map(len, bundle.values()))
        if update:
            for place in self._named.get(name, ()):
                self.events[place] = event
        elif self._displays + size > _DISPLAYS:
            self.cut = True
        else:
            self._displays += size
            if name:
                self._named.setdefault(name, []).append(len(self.events))
            self.events.append(event)

    def _append(self, texts: list[Event]) -> None:
        """Add printed text. Neighbouring texts of one stream are one event."""
        for kind, text in _joined(texts):
            kept = text[: max(0, _TEXT - self._text)]
            self._text += len(kept)
            if kind == "stderr":
                self._look_for_bar(kept)
            if self.events and self.events[-1][0] == kind:
                self.events[-1] = (kind, self.events[-1][1] + kept)
            elif kept:
                self.events.append((kind, kept))
            if len(kept) < len(text):
                self.cut = True

    def _look_for_bar(self, text: str) -> None:
        found = _BAR.findall(text[-4000:])
        if found:
            percent, done, total = found[-1]
            self._moved(*((float(done), float(total)) if total else (float(percent), 100.0)))

    def _moved(self, done: float, total: float) -> None:
        if math.isfinite(done) and done >= 0 and not total <= 0:
            self.progress = done if math.isnan(total) else min(done, total), total


def _joined(texts: list[Event]) -> list[Event]:
    joined: list[tuple[str, list[str]]] = []
    for kind, text in texts:
        if joined and joined[-1][0] == kind:
            joined[-1][1].append(text)
        else:
            joined.append((kind, [text]))
    return [(kind, "".join(parts)) for kind, parts in joined]
