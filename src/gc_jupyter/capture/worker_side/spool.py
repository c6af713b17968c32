"""Keep a running task's output in a file, for readers that want it before the task ends.

The spool lies in a folder of the user's own (0700) in the home directory. If that can't be written,
it lies among the temporary files. Its name is the task's nonce, which only its notebook knows.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from typing import Any

SPOOLS = ".gc_jupyter_live"
LEFT_S = 7 * 86400.0  # seconds after which the spool of a killed worker is removed
LOOK_S = 0.1  # seconds between looks: shared file systems announce no writes


def spool_folders() -> list[str]:
    """Return the folders for spools on this machine, the best one first."""
    user = os.geteuid() if hasattr(os, "geteuid") else "user"
    return [
        os.path.join(os.path.expanduser("~"), SPOOLS),
        os.path.join(tempfile.gettempdir(), "%s-%s" % (SPOOLS, user)),
    ]


def own_folder(path: str) -> None:
    """Make a folder for this user alone. Raises OSError if it belongs to somebody else."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise OSError("%s is no folder" % path)
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise OSError("%s belongs to another user" % path)
    if found.st_mode & 0o077 and os.name == "posix":
        os.chmod(path, 0o700)


def open_own(path: str, flags: int) -> int:
    """Open a file that belongs to this user and isn't a link."""
    descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()):
        os.close(descriptor)
        raise OSError("%s is no file of this user's" % path)
    return descriptor


class Spool:
    """A task's spool, while the task runs.

    Parameters
    ----------
    name:
        The file's name: random letters, digits and hyphens.
    """

    def __init__(self, name: str) -> None:
        self.unsafe = False  # whether other machines can't see the latest bytes yet
        for folder in spool_folders():
            try:
                own_folder(folder)
                self.path = os.path.join(folder, os.path.basename(name))
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
                self.descriptor = open_own(self.path, flags)
            except OSError as problem:
                error = problem
            else:
                sweep(folder)
                return
        raise error

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.descriptor, view) :]
        self.unsafe = True

    def sync(self) -> None:
        """Make the bytes visible to other machines. A shared file system delays what is written."""
        if self.unsafe:
            self.unsafe = False
            with contextlib.suppress(OSError):
                os.fsync(self.descriptor)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.descriptor)
        with contextlib.suppress(OSError):
            os.unlink(self.path)


def sweep(folder: str) -> None:
    """Remove spools that were left behind."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                if os.lstat(path).st_mtime < time.time() - LEFT_S:
                    os.unlink(path)


def read_spool(name: str, offset: int, most: int) -> Any:
    """Return the bytes of a spool from an offset on; None if there is no such file here."""
    for folder in spool_folders():
        try:
            descriptor = open_own(os.path.join(folder, os.path.basename(name)), os.O_RDONLY)
        except OSError:
            continue
        with os.fdopen(descriptor, "rb") as file:
            try:
                file.seek(offset)
                return file.read(most)
            except OSError:  # the file system doesn't respond
                return b""
    return None


def remove_spool(name: str) -> None:
    """Remove the spool of a worker that was ended before it could do so."""
    for folder in spool_folders():
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, os.path.basename(name)))


def await_spool(
    name: str, offset: int, most: int, patience: float, gather: float, remove: bool
) -> Any:
    """Wait for bytes of a spool beyond an offset, and return them.

    Parameters
    ----------
    name, offset, most:
        As for `read_spool`.
    patience, gather:
        Seconds to wait for the first byte, and then for further ones.
    remove:
        Whether to remove the file, since its task has ended.

    Returns
    -------
    dict
        `there`: whether the file exists; `data`: bytes, perhaps none. The reply's tag marks it as
        not a cell's (`journal.sessions.UNRECORDED`).
    """
    end, there, data = time.monotonic() + patience, False, b""
    while True:
        found = read_spool(name, offset, most)
        if found is None and there:
            break  # the task has ended
        there = there or found is not None
        if found and not data:
            end = time.monotonic() + gather
        data = found or data
        if time.monotonic() >= end or len(data) >= most:
            break
        time.sleep(LOOK_S)
    if remove:
        remove_spool(name)
    return {"tag": {"kind": "live"}, "version": 1, "there": there, "data": data}
