"""The budget of one service's requests: slots that a user's kernels share, and a brake.

Any thread may ask, and is answered at once. The slots are a file beside the journal. It has one
number for each slot: when the slot becomes free, on a clock that all processes of this machine
share. While a slot's request is under way its bytes are locked, so a killed kernel blocks no slot.
Where locks don't work (some NFS homes), each process has 20 slots of its own.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import platform
import struct
import threading
import time
from pathlib import Path

from gc_jupyter.own_files import data_directory, make_own
from gc_jupyter.protocol.pacing import SUBMISSIONS, WINDOW_S, Brake, Window

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger(__name__)

_SLOT = struct.Struct("<d")
_BUSY = (errno.EACCES, errno.EAGAIN)
_LOOK_AGAIN_S = 0.25  # where a slot's request is under way elsewhere for longer than its time
_OLD_S = 30 * 86400.0  # files of earlier starts of this machine


def clock() -> float:
    """Seconds, the same for all processes of this machine; it runs while a laptop sleeps."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


class Budget:
    """See the module.

    Parameters
    ----------
    address:
        The service's address: kernels that use the same one share its slots.
    path:
        The file of the slots; by default the one of all kernels of this user. It is made at the
        first submission.
    """

    def __init__(self, address: str, path: Path | None = None) -> None:
        self._address = address
        self._path = path
        self._disk = threading.Lock()  # held while the file is used: never by the loop
        self._lock = threading.Lock()  # for the brake and the window
        self._window = Window()
        self._brake = Brake()
        self._file: _SlotFile | None = None
        self._opened = False

    # --- the brake -------------------------------------------------------------------------

    def wait(self) -> float:
        """Take the next turn of any request: seconds to wait, 0 unless the service refuses."""
        with self._lock:
            return self._brake.reserve(clock())

    def idle_in(self) -> float:
        """Seconds until requests pass freely."""
        with self._lock:
            return self._brake.over(clock())

    def refused(self, pause: float) -> None:
        """The service said 429, and wants no request for `pause` seconds."""
        with self._lock:
            self._brake.refused(clock(), pause)

    # --- slots -----------------------------------------------------------------------------

    def take_slot(self) -> int | None:
        """A slot for a submission that leaves now; None where all are taken. It may touch a file:
        not on the loop."""
        with self._disk:
            try:
                return self._take()
            except (OSError, RuntimeError) as error:  # no locks there, no home known
                log.info("submissions are counted in this process only: %s", error)
                self._file = None
                return self._take()

    def _take(self) -> int | None:
        file = self._open_file()
        known = [] if file is None else file.read()
        with self._lock:
            now = clock()  # what is read is at least as new as this
            self._window.learn(known, now)
            free = self._window.free(now)
        for slot in free:
            if file is None or file.claim(slot):
                with self._lock:
                    self._window.take(slot)
                return slot
        return None

    def give_back(self, slot: int, *, arrived: bool = True) -> None:
        """The reply to that submission came; `arrived`: the service may have counted it."""
        with self._disk:
            with self._lock:
                self._window.give_back(slot, clock(), arrived=arrived)
                free_at = self._window.free_at[slot]
            if self._file is not None:
                with contextlib.suppress(OSError):  # the time of the start stays
                    self._file.release(slot, free_at)

    def slot_in(self) -> float:
        """Seconds until there may be a slot, where none was left."""
        with self._lock:
            return self._window.wait(clock()) or _LOOK_AGAIN_S

    def spacing(self, *, full: bool = False) -> float:
        """Seconds for which a fan-out should gather tasks now, or wait with a `full` request."""
        with self._lock:
            return self._window.spacing(clock(), full=full)

    def _open_file(self) -> _SlotFile | None:
        if not self._opened:
            self._opened = True
            if fcntl is not None:
                self._file = _SlotFile(self._path or _shared_path(self._address))
        return self._file


class _SlotFile:
    """The slots' file; every call returns at once, or raises OSError."""

    def __init__(self, path: Path) -> None:
        make_own(path)
        # one descriptor: closing any other one would drop this process's POSIX locks
        self._handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._handle)

    def read(self) -> list[float]:
        """When each slot becomes free."""
        data = os.pread(self._handle, SUBMISSIONS * _SLOT.size, 0)
        data += bytes(-len(data) % _SLOT.size)
        return [at for (at,) in _SLOT.iter_unpack(data)]

    def claim(self, slot: int) -> bool:
        """Lock a slot, unless another process has; returns whether it is this process's now."""
        start = slot * _SLOT.size
        try:
            fcntl.lockf(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB, _SLOT.size, start)
        except OSError as error:
            if error.errno in _BUSY:
                return False
            raise
        known, found = self.read(), Window()  # another process may have used it meanwhile
        now = clock()
        found.learn(known, now)
        if found.free_at[slot] > now:
            self._unlock(slot)
            return False
        os.pwrite(self._handle, _SLOT.pack(now + WINDOW_S), start)
        return True

    def release(self, slot: int, free_at: float) -> None:
        """The end of `claim`."""
        os.pwrite(self._handle, _SLOT.pack(free_at), slot * _SLOT.size)
        self._unlock(slot)

    def _unlock(self, slot: int) -> None:
        fcntl.lockf(self._handle, fcntl.LOCK_UN, _SLOT.size, slot * _SLOT.size)


def _shared_path(address: str) -> Path:
    """A file for each service and each start of the machine, with which its clock begins anew."""
    try:
        machine = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        machine = platform.node()
    name = hashlib.sha256(f"{machine} {address}".encode()).hexdigest()[:16]
    directory = data_directory() / "slots"
    with contextlib.suppress(OSError):
        for old in directory.iterdir():
            if time.time() - old.stat().st_mtime > _OLD_S:
                old.unlink()
    return directory / name
