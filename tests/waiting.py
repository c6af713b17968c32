"""What tests of other programs need: ports that nobody else takes, and waits for what nothing
announces."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

LIMIT_S = 60.0
_PAUSE_S = 0.02


def held_port() -> socket.socket:
    """A socket that keeps a port of this machine, and doesn't listen.

    Who connects there is refused, and nobody else is given the port. A server that sets
    SO_REUSEADDR, as all those do that the tests start, can listen on it all the same.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held


def number_of(held: socket.socket) -> int:
    """The port that a socket has."""
    return int(held.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody takes connections at this port of this machine."""
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


def poll(
    condition: Callable[[], Any],
    process: subprocess.Popen[Any] | None = None,
    limit_s: float = LIMIT_S,
) -> Any:
    """What `condition` says once that is true: asked 50 times a second, since nothing tells.

    The end of `process` ends the wait, too.
    """
    deadline = time.monotonic() + limit_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it didn't come"
        if process is None:
            time.sleep(_PAUSE_S)
            continue
        try:
            process.wait(_PAUSE_S)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError(f"the process ended: exit code {process.returncode}")
    return found
