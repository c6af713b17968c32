"""Processes: learns from a pidfd that a kernel's process has ended, so nothing is polled.

Other systems, and Linux before 5.3, have no pidfd. There the next change of the journal shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable


class Processes:
    """Calls `ended` whenever one of the watched processes has ended. It lives on one loop."""

    def __init__(self, ended: Callable[[], object]) -> None:
        self._ended = ended
        self._watched: dict[int, int] = {}  # process -> file descriptor
        self._loop = asyncio.get_running_loop()

    def watch(self, pids: Iterable[int]) -> None:
        """Watch these processes too. For one that has already ended, `ended` is called soon."""
        if not hasattr(os, "pidfd_open"):
            return
        for pid in set(pids) - self._watched.keys():
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                self._loop.call_soon(self._ended)
                continue
            except OSError:
                continue  # an older Linux, or no file descriptors left
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
        """Stop watching."""
        for pid in list(self._watched):
            self._forget(pid)
