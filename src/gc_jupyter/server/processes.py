"""Tells when kernels' processes end: by a file descriptor that the kernel of Linux makes readable.

Elsewhere (and before Linux 5.3), the next change of the journal shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable


class Processes:
    """Calls `ended` whenever one of the watched processes has ended; lives on one loop."""

    def __init__(self, ended: Callable[[], object]) -> None:
        self._ended = ended
        self._watched: dict[int, int] = {}  # process -> file descriptor
        self._loop = asyncio.get_running_loop()

    def watch(self, pids: Iterable[int]) -> None:
        """Watch these too; one that has ended already counts as well."""
        if not hasattr(os, "pidfd_open"):
            return
        for pid in set(pids) - self._watched.keys():
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                self._loop.call_soon(self._ended)
                continue
            except OSError:
                continue  # an older kernel, or no descriptors left
            self._watched[pid] = descriptor
            self._loop.add_reader(descriptor, self._on_end, pid)

    def _on_end(self, pid: int) -> None:
        self._forget(pid)
        self._ended()

    def _forget(self, pid: int) -> None:
        descriptor = self._watched.pop(pid)
        self._loop.remove_reader(descriptor)
        with contextlib.suppress(OSError):
            os.close(descriptor)

    def close(self) -> None:
        """Watch nothing any more."""
        for pid in list(self._watched):
            self._forget(pid)
