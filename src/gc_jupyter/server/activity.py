"""Activity: keeps cullers from ending a kernel that waits for an open task.

Cullers look at the time of the last activity: jupyter_server's culler at each kernel's, and
JupyterHub's at the server's. While a task is open and younger than the site's bound, that time is
set to now.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping

#: Seconds between two marks. It is less than any sensible time-out of a culler.
SPACING_S = 15.0


class Activity:
    """Calls `mark` every `SPACING_S` while a task is open. It lives on one loop.

    Parameters
    ----------
    mark:
        Called with the ids of the kernels that have open tasks. An empty id means the server.
    """

    def __init__(self, mark: Callable[[Collection[str]], object]) -> None:
        self._mark = mark
        self._loop = asyncio.get_running_loop()
        self._until: Mapping[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def learn(self, until: Mapping[str, float]) -> None:
        """Set which kernels have open tasks, and until when (unix seconds) these count."""
        self._until = until
        if self._timer is None:
            self._tell()

    def _tell(self) -> None:
        self._timer, now = None, time.time()
        active = [kernel for kernel, until in self._until.items() if now < until]
        if active:
            self._mark(active)
            self._timer = self._loop.call_later(SPACING_S, self._tell)

    def close(self) -> None:
        """Stop calling `mark`."""
        if self._timer is not None:
            self._timer.cancel()
