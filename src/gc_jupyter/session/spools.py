"""Follow spools that this kernel can read itself, in a folder that the workers share with it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from functools import partial
from pathlib import Path

from gc_jupyter.capture.worker_side.spool import own_folder, read_spool, spool_folders
from gc_jupyter.runtime.loop import KernelLoop, kernel_loop

#: Seconds between two looks. A shared file system doesn't report what another machine writes.
LOOK_S = 1.0
#: The bytes of one read.
MOST = 1_000_000
_SETTLE_MS = 50


class SpoolWatch:
    """Wakes the followers of spools when this machine's folder of spools changes; on the loop."""

    def __init__(self, loop: KernelLoop) -> None:
        self._loop = loop
        self._waiting: dict[str, asyncio.Event] = {}
        self._stop: threading.Event | None = None

    def follow(self, name: str) -> asyncio.Event:
        """An event that is set whenever this spool has changed, until `leave`."""
        self._waiting[name] = event = asyncio.Event()
        if self._stop is None:
            self._stop = threading.Event()
            work = partial(self._watch, self._stop)
            # a daemon: the end of a kernel doesn't wait for it
            threading.Thread(target=work, name="gc-spools", daemon=True).start()
        return event

    def leave(self, name: str) -> None:
        """End of `follow`."""
        self._waiting.pop(name, None)
        if not self._waiting and self._stop is not None:
            self._stop.set()
            self._stop = None

    def _watch(self, stop: threading.Event) -> None:
        from watchfiles import watch

        # without it (the limit of watches is reached, ...) the looks remain
        with contextlib.suppress(Exception):
            own_folder(spool_folders()[0])
            for changes in watch(
                spool_folders()[0],
                watch_filter=None,
                debounce=_SETTLE_MS,
                step=_SETTLE_MS,
                stop_event=stop,
                raise_interrupt=False,
                recursive=False,
            ):
                self._loop.tell(self._changed, {Path(path).name for _, path in changes})

    def _changed(self, names: set[str]) -> None:
        for name in names & self._waiting.keys():
            self._waiting[name].set()


class HereSpool:
    """A spool in a folder of this machine; on the loop.

    Parameters
    ----------
    name:
        Its file's.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = kernel_loop()
        self._changed = _watch_of(self._loop).follow(name)
        self.offset = 0

    async def read(self) -> bytes | None:
        """The new content; None where there is no such file here."""
        self._changed.clear()
        read = partial(read_spool, self._name, self.offset, MOST)
        data: bytes | None = await self._loop.aio.run_in_executor(self._loop.http, read)
        self.offset += len(data or b"")
        return data

    async def change(self, seconds: float) -> None:
        """Wait until there may be more, at most for so many seconds."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    def forget(self) -> None:
        """Let `change` wait for changes from now on."""
        self._changed.clear()

    def wake(self) -> None:
        """End a running `change`."""
        self._changed.set()

    def close(self) -> None:
        """Stop following it."""
        _watch_of(self._loop).leave(self._name)


def _watch_of(loop: KernelLoop) -> SpoolWatch:
    if loop not in _watches:
        _watches.clear()
        _watches[loop] = SpoolWatch(loop)
    return _watches[loop]


_watches: dict[KernelLoop, SpoolWatch] = {}
