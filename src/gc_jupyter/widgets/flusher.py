"""Send the widgets' news by one map of what is dirty and one timer: at most four messages a second.

Lives on the kernel's loop. Nothing runs while nothing changes.
"""

from __future__ import annotations

import logging
from typing import Any, Protocol

from gc_jupyter.runtime.loop import KernelLoop, kernel_loop

log = logging.getLogger(__name__)

INTERVAL_S = 0.25


class Source(Protocol):
    """Something that has news to send."""

    def flush(self) -> bool:
        """Send one message. Returns whether there is more to send."""


class Clock(Protocol):
    """The part of an event loop that the flusher uses."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Any) -> Any: ...


class Flusher:
    """Sends the news of dirty widgets in turn, one message each `interval`.

    Parameters
    ----------
    clock:
        The loop.
    interval:
        The least seconds between two messages.
    delay:
        The seconds from the first news to the first message.
    """

    def __init__(self, clock: Clock, interval: float = INTERVAL_S, delay: float = 0.0) -> None:
        self._clock = clock
        self._interval = interval
        self._delay = delay
        self._dirty: dict[Source, None] = {}
        self._armed = False
        self._next = 0.0

    def mark(self, source: Source) -> None:
        """Note that a source has news."""
        self._dirty.setdefault(source)
        self._arm(self._clock.time() + self._delay)

    def forget(self, source: Source) -> None:
        """Drop a source that has ended."""
        self._dirty.pop(source, None)

    def _arm(self, at: float) -> None:
        if not self._armed:
            self._armed = True
            self._clock.call_at(max(self._next, at), self._tick)

    def _tick(self) -> None:
        self._armed = False
        if not self._dirty:
            return
        source = next(iter(self._dirty))
        del self._dirty[source]
        self._next = self._clock.time() + self._interval
        try:
            if source.flush():
                self._dirty[source] = None
        except Exception:  # one broken widget must not stop the others
            log.exception("a widget can't send its state")
        if self._dirty:
            self._arm(self._next)


_current: tuple[KernelLoop, Flusher] | None = None


def flusher() -> Flusher:
    """Return the kernel's flusher. Call it on the loop."""
    global _current
    loop = kernel_loop()
    if _current is None or _current[0] is not loop:
        _current = loop, Flusher(loop.aio)
    return _current[1]
