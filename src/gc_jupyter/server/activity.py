"""Open tasks as activity: a kernel that waits for one isn't idle, up to a bound of the site's.

Cullers look at when something was last done: jupyter_server's at each kernel, JupyterHub's at the
server. While a task is open that isn't too old, both are told that it is now.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping

#: Between two words to the cullers: less than any sensible time-out of theirs.
SPACING_S = 15.0


class Activity:
    """Calls `mark` from time to time, as long as something is open; lives on one loop.

    Parameters
    ----------
    mark:
        Gets the ids of the kernels that have open tasks; an empty id is the server itself.
    """

    def __init__(self, mark: Callable[[Collection[str]], object]) -> None:
        self._mark = mark
        self._loop = asyncio.get_running_loop()
        self._until: Mapping[str, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def learn(self, until: Mapping[str, float]) -> None:
        """Take the kernels that have open tasks, and until when (in unix seconds) these count."""
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
        """Tell nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
