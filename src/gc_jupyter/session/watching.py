"""Wait for one task, and show its output while it runs."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gc_jupyter.session.output import Screen
from gc_jupyter.session.waiting import Line

if TYPE_CHECKING:
    from gc_jupyter.capture import CellFuture
    from gc_jupyter.future import TaskFuture

#: Seconds between two messages to the page, which has to draw each one.
SPACING_S = 0.05
#: How long to wait for more output, since `print` writes each argument separately.
GATHER_S = 0.01
#: Seconds between two lines about the progress of a result that comes in parts.
FETCHING_S = 0.25


class Watch:
    """Shows one task's output in the running cell; its methods are for that cell's thread.

    Parameters
    ----------
    future:
        The task's.
    quiet:
        Whether to suppress the line that says why there is nothing to show.

    Attributes
    ----------
    screen:
        Where it is shown.
    """

    def __init__(self, future: CellFuture, *, quiet: bool = False) -> None:
        self.screen = Screen()
        self.screen.explained = quiet
        self._future = future
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._over = threading.Event()
        self._line = None if quiet else Line()
        self._line_at = 0.0
        future.live.listen(self._wake)
        future.when_fetching(self._wake)
        future.add_done_callback(self._end)

    def _wake(self) -> None:
        if self._news.empty():
            self._news.put(None)

    def _end(self, _future: object) -> None:
        self._over.set()
        self._news.put(None)

    def pause(self, _futures: Sequence[TaskFuture], seconds: float | None) -> bool:
        """Wait until the task is done, for so many seconds or for ever; returns whether it is.

        Parameters
        ----------
        _futures:
            The task's.
        seconds:
            How long, or None.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while not self._future.done():
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            try:
                self._news.get(timeout=left)
            except queue.Empty:
                return False
            self._over.wait(GATHER_S)
            self.screen.follow(self._future)
            self._show_fetching()
            self._over.wait(SPACING_S)  # all output of this time is one message
        return True

    def _show_fetching(self) -> None:
        """Show the progress of a result that comes in parts."""
        fetching, now = self._future.fetching, time.monotonic()
        if fetching is not None and self._line is not None and now - self._line_at > FETCHING_S:
            self._line_at = now
            self._line.show(fetching.text())

    def end(self) -> None:
        """Show the rest of the output, and stop listening."""
        if self._line is not None:
            self._line.clear()
        self._future.live.silence(self._wake)
        self.screen.show(self._future)
        self.screen.explain(self._future)
        self.screen.close()
