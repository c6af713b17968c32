"""Refuse objects that never travel: those that are open, running, or connected here.

Its text also runs on workers: standard library only, Python 3.8 syntax.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Iterable
from typing import Any


class CannotTravel(pickle.PicklingError):
    """An object can't be sent. The error says why, and what to do.

    Parameters
    ----------
    reason:
        The kind of object.
    next_step:
        What the user can write instead.
    is_open:
        Whether the object is open here. Nothing can open it again there.
    """

    def __init__(self, reason: str, next_step: str = "", is_open: bool = False) -> None:
        super().__init__(reason)
        self.next_step = next_step
        self.is_open = is_open


_STREAM: Any = io.FileIO.__mro__[-2]  # the base of all files of io
_DATA = (io.StringIO, io.BytesIO)
_FILE = "an open file"
OPEN = "Open it in the code that uses it there; send its path or its content."
#: The kinds of refused classes, by module and name. The modules need not be loaded.
_KINDS = {
    ("tarfile", "TarFile"): "an open archive",
    ("zipfile", "ZipFile"): "an open archive",
    ("zipfile._path", "Path"): "a path in an open archive",
    ("zipfile", "Path"): "a path in an open archive",
    ("tempfile", "_TemporaryFileWrapper"): _FILE,
    ("tempfile", "SpooledTemporaryFile"): _FILE,
    ("tempfile", "TemporaryDirectory"): "a temporary folder of this machine",
    ("codecs", "StreamReaderWriter"): _FILE,
    ("codecs", "StreamRecoder"): _FILE,
    ("codecs", "StreamReader"): _FILE,
    ("codecs", "StreamWriter"): _FILE,
    ("fileinput", "FileInput"): _FILE,
    ("logging", "Handler"): "a logging handler",
    ("shelve", "Shelf"): "an open shelf",
    ("dbm.dumb", "_Database"): "an open database",
    ("dbm.sqlite3", "_Database"): "an open database",
    ("_dbm", "dbm"): "an open database",
    ("_gdbm", "gdbm"): "an open database",
    ("sqlite3", "Connection"): "an open database",
    ("mmap", "mmap"): "a mapped file",
    ("socket", "socket"): "an open connection",
    ("_socket", "socket"): "an open connection",
    ("ssl", "SSLSocket"): "an open connection",
    ("multiprocessing.connection", "_ConnectionBase"): "an open connection",
    ("mailbox", "Mailbox"): "an open mailbox",
    ("subprocess", "Popen"): "a running process",
    ("multiprocessing.shared_memory", "SharedMemory"): "memory that this machine's processes share",
    ("multiprocessing.managers", "BaseProxy"): "a connection to another process",
    ("ctypes", "CDLL"): "a loaded library",
    ("threading", "Thread"): "a thread",
    ("multiprocessing.process", "BaseProcess"): "a process",
    ("concurrent.futures._base", "Executor"): "a pool of workers",
}
#: Classes whose objects any process can start or load for itself.
_ANEW = {
    "a loaded library": "Load it in the code that uses it there.",
    **dict.fromkeys(
        ("a running process", "a thread", "a process", "a pool of workers"),
        "Start it in the code that uses it there.",
    ),
}


def refuses(kind: type) -> bool:
    """Whether objects of a type never travel."""
    if issubclass(kind, _STREAM):
        return not issubclass(kind, _DATA)
    return any((one.__module__, one.__name__) in _KINDS for one in kind.__mro__)


def opens_files(made_by: Any, held: Iterable[Any]) -> Any:
    """Return the sign that reading an object opens a file: it is made by `open`, or holds an open
    file. Its reduction may not show it. None if there is no sign."""
    if getattr(made_by, "__wrapped__", made_by) is open:  # IPython wraps it
        return open
    of_files = (_FILE, "an open archive", "an open shelf", "an open database")
    return next((one for one in held if refuses(type(one)) and _what(type(one)) in of_files), None)


def refuse(_pickler: Any, obj: Any) -> Any:
    """Raise the error that names the object's kind."""
    kind = type(obj)
    what = _what(kind)
    anew = _ANEW.get(what)
    name = "" if anew else _named(obj)
    shown = "%s (%s.%s%s)" % (what, kind.__module__, kind.__qualname__, name)
    is_open = not anew and not _writes_to_the_screen(obj)
    raise CannotTravel("it is, or holds, " + shown, anew or OPEN, is_open)


def _what(kind: type) -> str:
    found = [_KINDS.get((one.__module__, one.__name__)) for one in kind.__mro__]
    return next((one for one in found if one), _FILE)


def _writes_to_the_screen(obj: Any) -> bool:
    """Whether a logging handler writes to the screen, which every process can do."""
    stream = getattr(obj, "stream", None)
    return hasattr(obj, "emit") and (stream is None or stream in (sys.stdout, sys.stderr))


def _named(obj: Any) -> str:
    for attribute in ("name", "filename", "baseFilename"):
        try:
            found = getattr(obj, attribute, None)
        except Exception:  # it is closed
            continue
        if isinstance(found, str):
            return ", %r" % found[:200]
    return ""
