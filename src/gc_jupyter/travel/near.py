"""Files for values that go between a kernel and the workers of its own machine, once: named by
chance, so that nothing is hashed, and mapped where they are read, so that nothing is copied.

Its text also runs on workers: standard library only, Python 3.8 syntax.
"""

from __future__ import annotations

import mmap
import os
import secrets
from typing import Any

from gc_jupyter.travel.store import MissingParts, Store, StoreError


def new_name() -> str:
    """The name of a file that isn't there yet."""
    return secrets.token_hex(32)


def large_buffers(into: list[Any], least: int) -> Any:
    """Return a pickler's `buffer_callback` that takes large buffers out."""

    def take(buffer: Any) -> bool:
        try:
            raw = buffer.raw()
        except BufferError:  # the buffer isn't contiguous
            return True
        if len(raw) < least:
            return True
        into.append(raw)
        return False

    return take


def write_all(file: Any, data: Any) -> None:
    """Write all bytes to an unbuffered file, which may take a part of them at a time."""
    view = memoryview(data).cast("B")
    while view:
        view = view[file.write(view) :]


class NearFiles(Store):
    """A folder that lasts as long as the workers. It has no bound: who has made a file removes it,
    or has it removed.

    Parameters
    ----------
    folder:
        Its path.
    """

    def put(self, data: Any, name: str = "") -> str:
        """Write a file; its name."""
        name = name or new_name()
        try:
            with self.create(name) as file:
                write_all(file, data)
        except OSError as error:
            self.forget([name])
            raise self.failed(error, "written") from None
        return name

    def create(self, name: str) -> Any:
        """A new file, to be written to."""
        os.makedirs(self.folder, 0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        return open(os.open(self._path(name), flags, 0o600), "wb", buffering=0)

    def stream(self, name: str) -> Any:
        """A file, to be read from."""
        try:
            return open(self._path(name), "rb")
        except FileNotFoundError:
            raise MissingParts([name], self.folder) from None
        except OSError as error:
            raise self.failed(error, "read") from None

    def read(self, name: str) -> Any:
        """A file's bytes. They may be written to, which changes nothing in the file."""
        with self.stream(name) as file:
            try:
                if not os.fstat(file.fileno()).st_size:
                    return bytearray()
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            except OSError as error:
                raise self.failed(error, "read") from None

    def read_all(self, stored: dict[str, Any]) -> Any:
        """See Store: there is one file."""
        (name,) = stored["parts"]
        return self.read(name)

    def write(self, data: Any) -> dict[str, Any]:
        """See Store."""
        return {"size": memoryview(data).nbytes, "parts": [self.put(data)]}

    def failed(self, error: OSError, what: str) -> StoreError:
        """See Store."""
        why = error.strerror or type(error).__name__
        return StoreError(
            f"A value for local can't be {what} in {self.folder} ({why}): make room there, or write"
            " it to a file, and have the cell read that"
        )

    def sweep(self, room: int = 0) -> None:
        """See Store: nothing here is left to chance."""
