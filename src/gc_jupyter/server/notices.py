"""Notices: tells the panels, by Jupyter's event bus, that the journal's file has changed.

There are at most four notices a second, and none while nothing changes.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from gc_jupyter.remote_text import one_line
from gc_jupyter.server.messages import TASKS_CHANGED, TasksChanged

log = logging.getLogger(__name__)

SPACING_S = 0.25
SLOW_S = 5.0  # between two reads of a file that can't be watched
SLOW = "The journal can't be watched here, and is looked at every 5 s"
SLOW_STEP = (
    "If it is for inotify's limits, whoever runs this machine can raise"
    " fs.inotify.max_user_instances and fs.inotify.max_user_watches."
)

SCHEMA = {
    "$id": TASKS_CHANGED,
    "version": "1",
    "title": "gc_jupyter's tasks changed",
    "description": "The journal of Globus Compute tasks changed; whoever shows it reads it again.",
    "personal-data": False,
    "type": "object",
    "required": ["changed"],
    "properties": {
        "changed": {"type": "integer", "description": "Counts the notices of this server."}
    },
}


class Notices:
    """Calls `emit` after a change, at once or `SPACING_S` after the last call; on one loop."""

    def __init__(self, emit: Callable[[TasksChanged], object]) -> None:
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._last = -SPACING_S
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def changed(self) -> None:
        """Announce a change. Call it on the loop."""
        if self._timer is None:
            when = max(self._loop.time(), self._last + SPACING_S)
            self._timer = self._loop.call_at(when, self._send)

    def _send(self) -> None:
        self._timer = None
        self._last = self._loop.time()
        self._count += 1
        self._emit({"changed": self._count})

    def close(self) -> None:
        """Send no more notices."""
        if self._timer is not None:
            self._timer.cancel()


class _Stop(threading.Event):
    """Ends a watch, and calls `begun` once when the watch has begun.

    watchfiles first calls `is_set` when its watch is in place, so that call is the sign.
    """

    def __init__(self, begun: Callable[[], object]) -> None:
        super().__init__()
        self._begun: Callable[[], object] | None = begun

    def is_set(self) -> bool:
        """See threading.Event."""
        if self._begun is not None:
            begun, self._begun = self._begun, None
            begun()
        return super().is_set()


class JournalWatch:
    """Calls `changed` on the loop when the journal's file was written to.

    Parameters
    ----------
    path:
        The journal's file. Its directory is made if there is none.
    changed:
        Called soon after a write, and once when the watch has begun, for earlier writes.

    Attributes
    ----------
    problem:
        Why the file is read from time to time instead of watched; empty while it is watched.
    """

    def __init__(self, path: Path, changed: Callable[[], object]) -> None:
        self._path = path
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._stop = _Stop(self._tell)
        self.problem = ""
        # A daemon: an interrupted server (a hub interrupts servers) closes no extension.
        self._thread = threading.Thread(target=self._watch, name="gc-watch", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._follow(slowly=False)
        except Exception as error:  # no directory, no inotify instance left, or the loop has ended
            self.problem = f"{SLOW} ({one_line(str(error), 200) or type(error).__name__})."
            log.warning("%s %s", self.problem, SLOW_STEP)
            try:
                self._follow(slowly=True)
            except Exception as hopeless:
                log.warning("The panels of gc_jupyter don't follow the kernels: %s", hopeless)

    def _follow(self, *, slowly: bool) -> None:
        from watchfiles import watch

        for _changes in watch(
            self._path.parent,
            watch_filter=lambda _change, path: Path(path).name == self._path.name,
            debounce=int(SPACING_S * 1000),
            stop_event=self._stop,
            raise_interrupt=False,
            recursive=False,
            force_polling=True if slowly else None,
            poll_delay_ms=int(SLOW_S * 1000),
        ):
            self._tell()

    def _tell(self) -> None:
        self._loop.call_soon_threadsafe(self._changed)

    async def close(self) -> None:
        """End watching."""
        self._stop.set()
        await asyncio.to_thread(self._thread.join)
