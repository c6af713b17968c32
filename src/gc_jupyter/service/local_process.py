"""The kernel's end of the local host process: started, written to and read by the loop alone."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import gc_jupyter
from gc_jupyter.errors import ServiceUnreachable
from gc_jupyter.serialize.near import near_files
from gc_jupyter.service.local_wire import LARGE, Frames, Order, Report, frame

_PACKAGES = str(Path(gc_jupyter.__file__).parents[1])  # where this package is imported from
_PATIENCE = 5.0  # seconds for the host to kill its workers and end
_START = (
    "import sys; sys.path[:] = {path!r}; "
    "from gc_jupyter.service.local_host import main; main({workers}, {folder!r})"
)


class HostProcess(asyncio.Protocol):
    """A host (`local_host`) with its workers. Every method is called on the loop's thread.

    Messages wait here until it has started, and while it doesn't read: nothing blocks.

    Parameters
    ----------
    loop:
        Watches the socket.
    workers:
        How many worker processes at most.
    on_reports:
        Called with this host and its reports, in order.
    on_end:
        Called with this host and the reason, once, when it has ended or couldn't be started: then
        its `pid` is None.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        workers: int,
        on_reports: Callable[[HostProcess, Sequence[Report]], None],
        on_end: Callable[[HostProcess, str], None],
    ) -> None:
        self._loop = loop
        self._workers = workers
        self._on_reports = on_reports
        self._on_end = on_end
        self._frames = Frames()
        self._unsent: deque[Order] = deque()
        self._rest = memoryview(b"")  # of the frame that is being written
        self._paused = False  # it reads more slowly than this side writes
        self._pumping = False
        self._transport: asyncio.WriteTransport | None = None
        self._closed = False
        self._lost: asyncio.Future[None] = loop.create_future()
        self._running = loop.create_task(self._run())
        self.pid: int | None = None

    def send(self, message: Order) -> None:
        """Write a message. After the host's end it is lost: `on_end` reports the end."""
        self._unsent.append(message)
        if not self._pumping:
            self._pump()

    def _pump(self) -> None:
        """Write waiting messages, a part at a time, so that the loop can serve others between."""
        self._pumping = False
        while (self._rest or self._unsent) and self._transport is not None and not self._paused:
            if not self._rest:
                self._rest = memoryview(frame(self._unsent.popleft()))
            large = len(self._rest) > LARGE
            self._transport.write(self._rest[:LARGE])
            self._rest = self._rest[LARGE:]
            if large:
                self._pumping = True
                self._loop.call_soon(self._pump)
                return

    def close(self) -> None:
        """End it and its workers. Nothing is reported any more."""
        self._closed = True
        if self._transport is not None:
            self._transport.abort()

    # --- asyncio.Protocol ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See Protocol."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        if self._closed:
            transport.abort()
        else:
            self._pump()

    def pause_writing(self) -> None:
        """See Protocol: what comes now waits as it is, and isn't copied."""
        self._paused = True

    def resume_writing(self) -> None:
        """See Protocol."""
        self._paused = False
        if not self._pumping:
            self._pump()

    def data_received(self, data: bytes) -> None:
        """See Protocol."""
        reports = [report for part in self._frames.feed(data) for report in part]
        if reports and not self._closed:
            self._on_reports(self, reports)

    def connection_lost(self, _error: Exception | None) -> None:
        """See Protocol."""
        if not self._lost.done():  # cancelled, because the loop ends
            self._lost.set_result(None)

    # --- its life --------------------------------------------------------------------------

    async def _run(self) -> None:
        """Start it, wait for its end, and say why it has ended."""
        run = self._loop.run_in_executor
        try:
            errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the next line
        except OSError:
            self._end(
                "no folder for temporary files can be written to. Set TMPDIR to one that can be."
            )
            return
        with errors:
            try:
                process, ours = await run(None, self._start, errors)
            except (OSError, ValueError, ServiceUnreachable) as error:
                what = sys.executable or "the Python interpreter"
                self._end(f"{error}. Check that {what} can be run.")
                return
            self.pid = process.pid
            await self._loop.create_connection(lambda: self, sock=ours)
            await self._lost
            reason = await run(None, _ended, process, errors)
        self._end(reason or "no reason given")

    def _start(self, errors: IO[bytes]) -> tuple[subprocess.Popen[bytes], socket.socket]:
        # Its own imports must not find a user's module named like one of the standard library:
        # it starts without the notebook's directory, which tasks get with their place.
        here = {"", os.path.realpath(os.curdir)}
        path = [*(p for p in sys.path if p not in here), _PACKAGES]
        folder = near_files().folder
        start = _START.format(path=path, workers=self._workers, folder=folder)
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = subprocess.Popen(
                    [sys.executable, "-c", start],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=errors,
                    cwd=sys.prefix,
                    # the notebook's directory may be the only one that can be written to
                    env={**os.environ, "TMPDIR": tempfile.gettempdir()},
                    # an interrupt of the kernel goes to the kernel's process group only
                    start_new_session=True,
                )
            except BaseException:
                ours.close()
                raise
        return process, ours

    def _end(self, reason: str) -> None:
        if not self._closed:
            self._closed = True
            self._on_end(self, reason)


def _ended(process: subprocess.Popen[bytes], errors: IO[bytes]) -> str:
    """Wait until it has ended, and read the last line that it wrote to its standard error."""
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    errors.seek(0)
    lines = errors.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
