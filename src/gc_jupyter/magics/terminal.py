"""The line in a plain terminal that shows the progress of tasks. It is rewritten in place and
removed at the end.

A page has the task table instead. Output that goes to a file or a log gets neither.
"""

from __future__ import annotations

import concurrent.futures
import math
import shutil
import sys
import time
from collections.abc import Sequence

from gc_jupyter.durations import duration
from gc_jupyter.future import TaskFuture, dropped
from gc_jupyter.session.waiting import Pause
from gc_jupyter.widgets.front_end import shell

_TICK_S = 1.0
_CLEAR = "\r\x1b[K"


def has_terminal() -> bool:
    """Whether the output goes to a terminal that a person looks at."""
    here = shell()
    return here is not None and getattr(here, "kernel", None) is None and sys.stderr.isatty()


class ProgressLine:
    """The progress line of some tasks. It appears when `start` is called.

    Parameters
    ----------
    endpoint:
        The endpoint's name for the user.
    pause:
        Waits for the tasks, if something else is shown meanwhile, too.
    """

    def __init__(self, endpoint: str, pause: Pause | None) -> None:
        self._endpoint = endpoint
        self._pause = pause or _wait
        self._begun = time.monotonic()
        self._on = False

    def start(self) -> None:
        """Show the line from now on, because the tasks take long."""
        self._on = True

    def pause(self, futures: Sequence[TaskFuture], seconds: float | None) -> bool:
        """Wait, and show the progress meanwhile; see `gc_jupyter.session.waiting.Pause`.

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
