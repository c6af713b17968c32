"""Values between this kernel and its own workers. Large ones go by files that are mapped."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import tempfile
import threading
from typing import Any

from gc_jupyter.errors import ServiceUnreachable
from gc_jupyter.serialize.base import SerializationStrategy
from gc_jupyter.serialize.concretes import DillDataBase64
from gc_jupyter.serialize.pickles import dump_by_value, loads, to_base64
from gc_jupyter.travel.near import NearFiles, large_buffers, new_name, write_all

#: The bytes from which on a buffer or a pickle goes into a file.
_LEAST = 1 << 18
#: A folder in memory, and the size that it must have so that values don't fill it.
_MEMORY, _ROOM = "/dev/shm", 1 << 30
_making = threading.Lock()
_files: list[NearFiles] = []


def near_files() -> NearFiles:
    """The files of this kernel and its workers. The folder is made at first use, and removed when
    the process ends; where that is killed, the host of its workers removes it.

    Raises
    ------
    ServiceUnreachable
        No folder can be made.
    """
    with _making:
        if not _files:
            try:
                folder = tempfile.mkdtemp(prefix="gc-local-", dir=_memory())
            except OSError as error:
                raise ServiceUnreachable(
                    f"local can't keep values for its workers: {error.strerror}.",
                    next_step="Set TMPDIR to a folder that can be written to, and has room.",
                ) from None
            atexit.register(_remove, folder, os.getpid())
            _files.append(NearFiles(folder))
        return _files[0]


def use_near_files(folder: str) -> None:
    """Use the files of the kernel whose worker this process is."""
    _files[:] = [NearFiles(folder)]


def _memory() -> str | None:
    """A folder that is in memory; None where there is none, or a small one, as in a container."""
    with contextlib.suppress(OSError):
        about = os.statvfs(_MEMORY)
        if about.f_bavail * about.f_frsize >= _ROOM and os.access(_MEMORY, os.W_OK | os.X_OK):
            return _MEMORY
    return None


def _remove(folder: str, process: int) -> None:
    if os.getpid() == process:  # not a fork of it
        shutil.rmtree(folder, ignore_errors=True)


class NearData(SerializationStrategy):
    """Any value as the names of the files with its pickle and its large buffers; a small value as
    `DillDataBase64`. Only for `local`, since nobody else has the files."""

    identifier = "nf\n"
    for_code = False
    decode_advice = "It was read before, or the workers of local have ended."

    def serialize(self, data: Any) -> str:
        """See SerializationStrategy."""
        buffers: list[Any] = []
        with _Pickle() as pickle:
            try:
                dump_by_value(data, pickle, buffers=large_buffers(buffers, _LEAST))
            except Exception:  # `DillDataBase64` says what is wrong
                return DillDataBase64().serialize(data)
            if not buffers and pickle.file is None:
                return DillDataBase64.identifier + to_base64(pickle.start)
            return super().serialize((pickle, buffers))

    def encode(self, value: Any) -> str:
        pickle, buffers = value
        files, names = near_files(), [pickle.leave()]
        try:
            for one in buffers:
                names.append(files.put(one))
        except BaseException:
            files.forget(names)
            raise
        return json.dumps(names)

    def decode(self, body: str) -> Any:
        name, *buffers = json.loads(body)
        files = near_files()
        with files.stream(name) as pickle:
            return loads(pickle, map(files.read, buffers))


class _Pickle:
    """The stream that a pickle is written to. A large pickle goes to a file as it comes, so memory
    holds no copy of it, and nobody waits for the interpreter's lock."""

    def __init__(self) -> None:
        self.start = b""
        self.file: Any = None
        self.name = new_name()

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        if self.file is None and len(self.start) + size < _LEAST:
            self.start += bytes(data)
            return size
        self._open()
        write_all(self.file, data)
        return size

    def leave(self) -> str:
        """Return the file's name; the file stays."""
        self._open()
        name, self.name = self.name, ""
        return name

    def _open(self) -> None:
        if self.file is None:
            self.file = near_files().create(self.name)
            self.file.write(self.start)

    def __enter__(self) -> _Pickle:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.file is not None:
            self.file.close()
            if self.name:
                near_files().forget([self.name])


NEAR_DATA = NearData()


def forget(text: str, _done: object = None) -> None:
    """Remove the files that a value's text names; what was read of them stays. It can be a future's
    callback."""
    if text.startswith(NearData.identifier):
        near_files().forget(json.loads(text[len(NearData.identifier) :]))
