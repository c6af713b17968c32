"""The kernel's end of the local host process: start it, write to it, read from it, end it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

import gc_jupyter
from gc_jupyter.errors import ServiceUnreachable
from gc_jupyter.service.local_wire import Frames, Report, Run, Stop, frame

_CHUNK = 1 << 20
_PACKAGES = str(Path(gc_jupyter.__file__).parents[1])  # where this package is found
_PATIENCE = 5.0  # seconds for the host to kill its workers and end
_START = (
    "import sys; sys.path[:] = {path!r}; "
    "from gc_jupyter.service.local_host import main; main({workers}, {limit})"
)


class HostProcess:
    """A running host (`local_host`) with its workers.

    Parameters
    ----------
    workers:
        How many worker processes at most.
    result_limit:
        The largest result, in characters of encoded text.
    on_reports:
        Called with this host and its reports, in order; with none when the host has ended. On a
        reader thread.

    Raises
    ------
    ServiceUnreachable
        The process can't be started.
    """

    def __init__(
        self,
        workers: int,
        result_limit: int,
        on_reports: Callable[[HostProcess, list[Report]], None],
    ) -> None:
        # Its own imports must not find a user's module named like one of the standard library:
        # it starts without the notebook's directory, which tasks get with their place.
        here = {"", os.path.realpath(os.curdir)}
        path = [*(p for p in sys.path if p not in here), _PACKAGES]
        code = _START.format(path=path, workers=workers, limit=result_limit)
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd=sys.prefix,
                # no windows from a worker, and no kernel's display hook in it
                env={**os.environ, "MPLBACKEND": "Agg"},
                # an interrupt of the kernel goes to its process group: not to this one
                start_new_session=True,
                creationflags=_CREATION_FLAGS,
            )
        except (OSError, ValueError) as error:
            self._errors.close()
            raise ServiceUnreachable(
                f"The local workers can't be started: {error}",
                next_step=f"Check that {sys.executable or 'the Python interpreter'} can be run.",
            ) from error
        threading.Thread(
            target=self._read, args=(on_reports,), name="gc-local-read", daemon=True
        ).start()

    def send(self, message: Run | Stop) -> None:
        """Write a message. One that comes too late is lost: the end will be reported."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(frame(message))
            self._process.stdin.flush()

    def close(self) -> str:
        """End it and its workers; returns the last line that it wrote to its standard error."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with self._errors as errors:
            errors.seek(0)
            lines = errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _read(self, on_reports: Callable[[HostProcess, list[Report]], None]) -> None:
        assert self._process.stdout is not None
        frames = Frames()
        with self._process.stdout as pipe:
            while chunk := os.read(pipe.fileno(), _CHUNK):
                if reports := [report for part in frames.feed(chunk) for report in part]:
                    on_reports(self, reports)
        on_reports(self, [])


_CREATION_FLAGS: int = getattr(subprocess, "CREATE_NO_WINDOW", 0) | getattr(
    subprocess, "CREATE_NEW_PROCESS_GROUP", 0
)
