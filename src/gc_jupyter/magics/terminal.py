"""A line in a plain terminal that says how far the tasks are: it is rewritten, and goes at the end.

A page has the task table. What goes to a file or a log has neither.
"""

from __future__ import annotations

import concurrent.futures
import math
import shutil
import sys
import time
from collections.abc import Sequence

from gc_jupyter.future import TaskFuture, dropped
from gc_jupyter.session.waiting import Pause
from gc_jupyter.widgets.durations import duration
from gc_jupyter.widgets.front_end import shell

_TICK_S = 1.0
_CLEAR = "\r\x1b[K"


def has_terminal() -> bool:
    """Whether a person looks at a terminal here."""
    here = shell()
    return here is not None and getattr(here, "kernel", None) is None and sys.stderr.isatty()


class Progress:
    """The line of some tasks; it appears when `start` was called.

    Parameters
    ----------
    endpoint:
        What the user knows it by.
    pause:
        Waits for the tasks, where something else than this is shown of them, too.
    """

    def __init__(self, endpoint: str, pause: Pause | None) -> None:
        self._endpoint = endpoint
        self._pause = pause or _wait
        self._begun = time.monotonic()
        self._on = False

    def start(self) -> None:
        """They take long: show it from now on."""
        self._on = True

    def pause(self, futures: Sequence[TaskFuture], seconds: float | None) -> bool:
        """Wait, and say meanwhile how far they are; see `gc_jupyter.session.waiting.Pause`.

        Parameters
        ----------
        futures, seconds:
            As there.
        """
        end = math.inf if seconds is None else time.monotonic() + seconds
        try:
            while True:
                if self._on:
                    self._write(self._text(futures))
                left = max(0.0, end - time.monotonic())
                tick = min(left, _TICK_S) if self._on else None if left == math.inf else left
                if self._pause(futures, tick):
                    return True
                if time.monotonic() >= end:
                    return False
        finally:
            if self._on:
                self._write("")

    def _text(self, futures: Sequence[TaskFuture]) -> str:
        done = [one for one in futures if one.done()]
        failed = sum(not dropped(one) and one.exception() is not None for one in done)
        what = f"{len(done):,} of {len(futures):,} ended" if len(futures) > 1 else "1 task"
        parts = [what, f"{failed:,} failed" if failed else "", self._endpoint]
        parts += [duration(time.monotonic() - self._begun)]
        return " · ".join(part for part in parts if part)

    def _write(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(_CLEAR + text[:width])
        sys.stderr.flush()


def _wait(futures: Sequence[TaskFuture], seconds: float | None) -> bool:
    return not concurrent.futures.wait(futures, seconds).not_done
