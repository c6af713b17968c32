"""A router between client and service, which may forget the connections that it forwards."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST


class Forwarder:
    """Forwards connections to `port` of this machine; `port` of its own is where it listens."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._known: set[socket.socket] = set()
        self._swallowed: set[socket.socket] = set()
        self.resets = 0
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        """What comes on the connections that are open now is answered by a reset."""
        self._known.clear()

    def swallow(self) -> None:
        """What comes on the connections that are open now goes nowhere, without a word."""
        self._swallowed |= self._known

    def close(self) -> None:
        """Accept nothing more."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.accepted += 1
                far = socket.create_connection(("127.0.0.1", self._to))
                self._known.add(near)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source in self._swallowed or target in self._swallowed:
                    continue
                if source not in self._known and target not in self._known:
                    self.resets += 1
                    near = source  # only clients send on idle connections
                    near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    break
                target.sendall(data)
        source.close()
        target.close()
