"""Store values in a folder of the account that runs tasks. Each part of a value is a file named by
the hash of its bytes.

A part appears whole, by a rename, and its hash is checked when it is read. So several workers and
kernels may write the same part, and a damaged part counts as missing.

Its text also runs on workers: standard library only, Python 3.8 syntax.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import hashlib
import io
import os
import platform
import stat
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any

from gc_jupyter.travel.kept import NO_LINK, Records

#: Bytes of a part. Pickled and encoded, it makes a request of 9 MB.
PART = 6500000
#: The environment variable of an endpoint's workers that names the store's folder.
VARIABLE = "GC_JUPYTER_STORE"
FOLDER = "~/.gc_jupyter/store"
#: Parts that were unused for this time are removed.
UNUSED_S = 14 * 86400.0
#: The most bytes of the whole store.
BOUND = 20000000000
#: The least time between two sweeps by tasks that use the store.
_SWEPT_S = 3600.0
_PUT_S = 60.0


class StoreError(Exception):
    """The store can't be used. The message is one line that says why."""


class MissingParts(StoreError):
    """Parts are missing: purged, damaged, or never put.

    Parameters
    ----------
    names:
        The parts' names.
    where:
        The folder.
    """

    def __init__(self, names: list[str], where: str) -> None:
        super().__init__(
            "%d of a value's parts are not in %s on %s" % (len(names), where, platform.node())
        )
        self.names = names


def name_of(data: Any) -> str:
    """Return the name of a part, the hash of its bytes."""
    return hashlib.sha256(data).hexdigest()


def is_name(text: Any) -> bool:
    """Whether a text is the name of a part, and not a path out of the folder."""
    return isinstance(text, str) and len(text) == 64 and not set(text) - set("0123456789abcdef")


def slices(data: Any) -> list[Any]:
    """Return bytes in parts, without copying them."""
    view = memoryview(data).cast("B")
    return [view[at : at + PART] for at in range(0, len(view), PART)]


class Store:
    """The store of one account.

    Parameters
    ----------
    folder:
        The folder. By default the environment names it, or it is ``~/.gc_jupyter/store``.
    bound:
        Bytes of the whole.
    unused_s:
        Seconds after which an unused part is removed.
    """

    def __init__(self, folder: str = "", bound: int = BOUND, unused_s: float = UNUSED_S) -> None:
        folder = folder or os.environ.get(VARIABLE) or FOLDER
        self.folder = os.path.abspath(os.path.expanduser(os.path.expandvars(folder)))
        self.bound = bound
        self.unused_s = unused_s
        self.records = Records(self.folder)
        self._checked = False

    def missing(self, names: Iterable[str]) -> list[str]:
        """Return those of these parts that are missing, and mark the others as used now."""
        self._check()
        return [name for name in dict.fromkeys(names) if not self._touch(name)]

    def put(self, data: Any) -> str:
        """Write a part. Returns its name."""
        self._check()
        name, size = name_of(data), len(data)
        with contextlib.suppress(OSError):
            if os.lstat(self._path(name)).st_size == size and self._touch(name):
                return name
        made = ""
        try:
            handle, made = tempfile.mkstemp(dir=self.folder, prefix=".part")  # 0600
            with open(handle, "wb", buffering=0) as file:
                view = memoryview(data).cast("B")
                while view:
                    view = view[file.write(view) :]
            os.replace(made, self._path(name))
        except BaseException as error:
            self._remove(made)
            if isinstance(error, OSError):
                raise self.failed(error, "written") from None
            raise
        return name

    def read(self, name: str) -> bytes:
        """Return a part's bytes.

        Raises
        ------
        MissingParts
            The part is missing. A damaged part is removed.
        StoreError
            The part can't be read.
        """
        return bytes(self._read(name))

    def _read(self, name: str, into: Any = None) -> Any:
        """Read a part's bytes, into `into` if it has the same size."""
        self._check()
        path = self._path(name)
        try:
            handle = os.open(path, os.O_RDONLY | NO_LINK)
            with open(handle, "rb", buffering=0) as file:
                found = os.fstat(handle)
                if not stat.S_ISREG(found.st_mode):
                    into = b""
                elif into is None:
                    into = file.read()
                elif found.st_size == len(into):
                    at = 0
                    while at < len(into) and (count := file.readinto(into[at:])):
                        at += count
                else:
                    into = b""
        except FileNotFoundError:
            raise MissingParts([name], self.folder) from None
        except OSError as error:
            if not os.path.islink(path):
                raise self.failed(error, "read") from None
            into = b""
        if name_of(into) != name:
            self.forget([name])
            raise MissingParts([name], self.folder)
        self._touch(name)
        return into

    def read_all(self, stored: dict[str, Any]) -> bytearray:
        """Return the joined bytes of some parts, without further copies."""
        data = bytearray(stored["size"])
        parts = slices(data)
        if len(parts) != len(stored["parts"]):
            raise StoreError("a value in %s isn't described as it should be" % self.folder)
        with concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for _ in pool.map(self._read, stored["parts"], parts):  # hashes take the time
                pass
        return data

    def open(self, stored: dict[str, Any]) -> io.BufferedReader:
        """Return parts as a file that holds one part at a time in memory."""
        return io.BufferedReader(_Parts(self, stored["parts"]))

    def write(self, data: Any) -> dict[str, Any]:
        """Write bytes in parts. Returns the parts as `read_all` and `open` take them."""
        parts = slices(data)
        return {"size": sum(map(len, parts)), "parts": [self.put(part) for part in parts]}

    def add_record(self, record: dict[str, Any]) -> None:
        """Write a record, which keeps its parts until it is forgotten."""
        self._check()
        try:
            self.records.write(record)
        except OSError as error:
            raise self.failed(error, "written") from None

    def forget(self, names: Iterable[str]) -> int:
        """Remove parts. Returns how many there were."""
        return sum(self._remove(self._path(name)) for name in names)

    def sweep(self, room: int = 0) -> None:
        """Remove parts that were unused for long, and then the oldest ones, until the rest and
        `room` bytes fit into the bound. Parts that were used in the last hour stay.

        Raises
        ------
        StoreError
            There isn't enough room.
        """
        self._check()
        now, found, kept = time.time(), [], 0
        try:
            pinned = self.records.pinned(self.unused_s)
        except OSError:  # the kept parts aren't known, so nothing is removed
            return
        with os.scandir(self.folder) as entries:
            for one in entries:
                with contextlib.suppress(OSError):
                    about = one.stat(follow_symlinks=False)
                    age = now - about.st_mtime
                    stale = one.name.startswith(".part") and age > 86400
                    if one.name in pinned:
                        kept += about.st_size
                    elif stale or (is_name(one.name) and age > self.unused_s):
                        os.unlink(one.path)
                    elif is_name(one.name):
                        found.append((about.st_mtime, about.st_size, one.path))
        total = kept + sum(size for _, size, _ in found)
        for used, size, path in sorted(found):
            if total + room <= self.bound or used > now - 3600:
                break
            with contextlib.suppress(OSError):
                if os.lstat(path).st_mtime == used:
                    os.unlink(path)
            total -= size
        if total + room > self.bound:
            raise StoreError(
                "The store %s on %s may have %s, and %s of it are in use: %%gc config store_gb"
                " GIGABYTES gives it more; %%gc kept lists what is kept there (%s)"
                % (self.folder, platform.node(), *map(megabytes, (self.bound, total, kept)))
            )

    def sweep_sometimes(self, room: int = 0) -> None:
        """`sweep`, unless somebody did in the last hour. Before `room` bytes are put: in the last
        minute, and only then a full store is said."""
        path = os.path.join(self.folder, ".swept")
        with contextlib.suppress(OSError):
            about = os.lstat(path)
            if not stat.S_ISREG(about.st_mode):
                os.unlink(path)
            elif 0 <= time.time() - about.st_mtime < (_PUT_S if room else _SWEPT_S):
                return
        with contextlib.suppress(OSError):  # somebody else may remove the mark meanwhile
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | NO_LINK, 0o600))
            os.utime(path)
        try:
            with contextlib.suppress(OSError):
                self.sweep(room)
        except StoreError:
            if room:
                self._remove(path)  # the next one looks, too
                raise

    # --- the folder ----------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        if not is_name(name):
            raise StoreError("this is not the name of a part: %.80r" % (name,))
        return os.path.join(self.folder, name)

    def _remove(self, path: str) -> bool:
        """Remove a file; whether it was there."""
        with contextlib.suppress(OSError):
            os.unlink(path)
            return True
        return False

    def _touch(self, name: str) -> bool:
        """It is in use; whether it is there. A link isn't a part."""
        try:
            if not stat.S_ISREG(os.lstat(self._path(name)).st_mode):
                return False
            os.utime(self._path(name))
            return True
        except PermissionError:  # the file belongs to root
            return True
        except OSError:
            return False

    def _check(self) -> None:
        """Check that the folder belongs to this account alone."""
        if self._checked:
            return
        try:
            os.makedirs(self.folder, 0o700, exist_ok=True)
            found = os.stat(self.folder)
            if os.name == "posix":
                mine = os.geteuid()
                if found.st_uid != mine or os.lstat(self.folder).st_uid not in (mine, 0):
                    raise StoreError(
                        "The store %s on %s belongs to another account: name a folder of your own"
                        " by %s in the workers' environment, or by %%gc config store_folder PATH"
                        % (self.folder, platform.node(), VARIABLE)
                    )
                if found.st_mode & 0o077:
                    os.chmod(self.folder, 0o700)
        except OSError as error:
            raise self.failed(error, "used") from None
        self._checked = True

    def failed(self, error: OSError, what: str) -> StoreError:
        """Return the error to raise, with what the account can do about it."""
        where = "%s on %s" % (self.folder, platform.node())
        if error.errno == errno.ENOSPC:
            return StoreError(
                "The disk of the store %s is full: make room there, or name"
                " another folder by %s in the workers' environment" % (where, VARIABLE)
            )
        if error.errno == getattr(errno, "EDQUOT", -1):
            return StoreError(
                "The quota of the account is used up in the store %s: make room there, or"
                " name a folder elsewhere by %s in the workers' environment" % (where, VARIABLE)
            )
        return StoreError(
            "The store %s can't be %s (%s): name another folder by %s in the workers' environment,"
            " or by %%gc config store_folder PATH"
            % (where, what, error.strerror or type(error).__name__, VARIABLE)
        )


class _Parts(io.RawIOBase):
    """A file over joined parts."""

    def __init__(self, store: Store, names: Iterable[str]) -> None:
        self._store = store
        self._names = iter(names)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self._left:
            name = next(self._names, None)
            if name is None:
                return 0
            self._left = memoryview(self._store.read(name))
        count = min(len(into), len(self._left))
        into[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


class PartsWriter(io.RawIOBase):
    """A file that hands its bytes on in parts.

    Parameters
    ----------
    take:
        Takes a part, and returns its name.
    """

    def __init__(self, take: Callable[[Any], str]) -> None:
        self._take = take
        self._open = bytearray()
        self._stored: dict[str, Any] = {"size": 0, "parts": []}

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        size = len(view)
        while view:
            room = PART - len(self._open)
            self._open += view[:room]
            view = view[room:]
            if len(self._open) == PART:
                self._give()
        return size

    def stored(self) -> dict[str, Any]:
        """Return the parts, once everything was written."""
        if self._open:
            self._give()
        return self._stored

    def _give(self) -> None:
        part = bytes(self._open)
        self._open.clear()
        self._stored["size"] += len(part)
        self._stored["parts"].append(self._take(part))


def megabytes(size: float) -> str:
    """Write a size in words."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return "%.1f %s" % (size / factor, unit)
    return "%d B" % size
