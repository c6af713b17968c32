"""The file in which a task keeps what it shows, for whoever wants to see it before the task ends.

It lies in a folder of the user's own (0700) in the home directory, or where that can't be written,
beside other temporary files. Its name is the task's nonce, which only its notebook knows.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from typing import Any

SPOOLS = ".gc_jupyter_live"
LEFT_S = 7 * 86400.0  # what a worker that was killed has left is removed after so long
LOOK_S = 0.1  # a shared file system tells nobody of what other machines write


def spool_folders() -> list[str]:
    """Where spools may lie on this machine, the best place first."""
    user = os.geteuid() if hasattr(os, "geteuid") else "user"
    return [
        os.path.join(os.path.expanduser("~"), SPOOLS),
        os.path.join(tempfile.gettempdir(), "%s-%s" % (SPOOLS, user)),
    ]


def own_folder(path: str) -> None:
    """Make a folder for this user alone; OSError where it is somebody else's."""
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
    """Open a file of this user's; a link is none."""
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
        Of the file: random, and nothing but letters, digits and hyphens.
    """

    def __init__(self, name: str) -> None:
        self.unsafe = False  # whether there is something that this machine alone has
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
        """Let other machines see it: a shared file system keeps what is written for a while."""
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
    """Remove what was left behind."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                if os.lstat(path).st_mtime < time.time() - LEFT_S:
                    os.unlink(path)


def read_spool(name: str, offset: int, most: int) -> Any:
    """The bytes of a spool from an offset on; None where there is no such file here."""
    for folder in spool_folders():
        try:
            descriptor = open_own(os.path.join(folder, os.path.basename(name)), os.O_RDONLY)
        except OSError:
            continue
        with os.fdopen(descriptor, "rb") as file:
            try:
                file.seek(offset)
                return file.read(most)
            except OSError:  # a file system that is away
                return b""
    return None


def remove_spool(name: str) -> None:
    """Remove what a worker has left that was ended before it could."""
    for folder in spool_folders():
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, os.path.basename(name)))


def await_spool(
    name: str, offset: int, most: int, patience: float, gather: float, remove: bool
) -> Any:
    """What a spool has beyond an offset, once there is something.

    Parameters
    ----------
    name, offset, most:
        As for `read_spool`.
    patience, gather:
        Seconds to wait for the first byte, and then for more.
    remove:
        Whether the file is to go: its task has ended.

    Returns
    -------
    dict
        `there`: whether the file was there at all; `data`: bytes, perhaps none. Its tag says that
        it is no cell's (`journal.sessions.UNRECORDED`).
    """
    end, there, data = time.monotonic() + patience, False, b""
    while True:
        found = read_spool(name, offset, most)
        if found is None and there:
            break  # its task has ended
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
