"""Catch what a task writes, apart from what other tasks of the same process write.

Several tasks may run as threads of one process (ThreadPoolEngine). So output is caught by thread:
`sys.stdout` becomes a `Router`, which looks up the writing thread's task. Output of C code and
child processes can be attributed only if the task has the process to itself, that is, if it runs on
the main thread. Then the file descriptors are caught as well.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

# the most characters of captured output, and of encoded displays, that go with the reply
TEXT_LIMIT = 2000000
DISPLAY_LIMIT = 4000000
DISPLAYS = 1000  # the most displays of one task
LEFT_OUT = (
    "\n[%s left out: the reply has no room for more. Write it to a file on the endpoint, or have"
    " it as the cell's value: a value may have any size.]\n"
)


class Output:
    """The output and displays of one task, in order."""

    def __init__(self, mimes: list[str]) -> None:
        self.mimes = mimes
        self.events: list[Any] = []
        self.length = 0
        self.displayed = 0
        self.displays = 0
        self.markup = False  # whether markup was displayed that was not asked for
        self.named: dict[str, list[dict[str, Any]]] = {}  # display id -> its bundles in the events
        self.lost = 0  # displays
        self.keep: Any = None  # stores a bundle that has no room in the reply
        self.lock = threading.RLock()
        self.descriptors: Descriptors | None = None
        self.live: Any = None  # sends the output while the task runs (live.py)
        self.undisturbed: Any = contextlib.nullcontext  # holds interrupts back
        self.older_threads = {thread.ident for thread in threading.enumerate()}

    def write(self, kind: str, text: str) -> None:
        with self.undisturbed(), self.lock:
            self.drain()
            self.append(kind, text)

    def append(self, kind: str, text: str) -> None:
        room = TEXT_LIMIT - self.length
        self.length += len(text)
        if room > 0 and text:
            self.events.append((kind, text[:room]))
            if self.live is not None:
                self.live.tell(kind, text[:room])
        if self.live is not None and 0 <= room < len(text):
            self.live.tell("cut", "")

    def display(self, bundle: dict[str, Any], name: str = "", update: bool = False) -> None:
        """Show a MIME bundle. With `update` it replaces the bundles with the same display id."""
        with self.undisturbed(), self.lock:
            self.drain()
            for place in list(self.named.get(name, ())) if update else [{}]:
                shown, size = bundle, bundle_size(bundle) - bundle_size(place)
                full = not update and self.displays >= DISPLAYS
                if not full and self.keep is not None and self.displayed + size > DISPLAY_LIMIT:
                    shown = self.keep(bundle)
                    size = bundle_size(shown) - bundle_size(place)
                if full or self.displayed + size > DISPLAY_LIMIT:
                    self.lost += 1
                    if self.live is not None and self.lost == 1:
                        self.live.tell("cut", "")
                    continue
                self.displayed += size
                place.clear()
                place.update(shown)
                if not update:
                    self.displays += 1
                    self.events.append(("display", place))
                    self.named.setdefault(name, []).append(place)
                if self.live is not None:
                    self.live.tell("update" if update else "display", name, shown)

    def size(self) -> int:
        """Return the bytes that the output takes in a result."""
        with self.lock:
            self.drain()
            texts = [text for kind, text in self.events if kind in ("stdout", "stderr")]
            return self.displayed + sum(len(text.encode("utf-8", "replace")) for text in texts)

    def hide(self) -> None:
        """Note that the last display has markup that was not asked for."""
        with self.lock:
            if not self.markup:  # once is enough
                self.events.append(("hidden", ""))
                if self.live is not None:
                    self.live.tell("hidden", "")
            self.markup = True

    def clear(self) -> None:
        """Drop everything that was shown so far."""
        with self.undisturbed(), self.lock:
            self.drain()
            self.events.clear()
            self.named.clear()
            self.length = self.displayed = self.displays = self.lost = 0
            self.markup = False
            if self.live is not None:
                self.live.tell("clear", "")

    def drain(self) -> None:
        if self.descriptors is not None:
            for kind, text in self.descriptors.read():
                self.append(kind, text)

    def finish(self) -> list[Any]:
        """Return all events, with neighbouring texts of one stream joined."""
        with self.lock:
            self.drain()
            joined: list[Any] = []
            for kind, content in self.events:
                if kind in ("stdout", "stderr") and joined and joined[-1][0] == kind:
                    joined[-1][1].append(content)
                else:
                    joined.append((kind, [content]))
            lost = []
            if self.length > TEXT_LIMIT:
                lost.append("%s more characters" % format(self.length - TEXT_LIMIT, ","))
            if self.lost:
                lost.append("%s more displays" % format(self.lost, ","))
            if lost:
                joined.append(("stderr", [LEFT_OUT % " and ".join(lost)]))
            return [
                (kind, parts[0] if kind == "display" else "".join(parts)) for kind, parts in joined
            ]


def bundle_size(bundle: dict[str, Any]) -> int:
    return sum(len(part) for part in bundle.values() if isinstance(part, (str, bytes)))


class Descriptors:
    """Catches file descriptors 1 and 2 in temporary files, so that nothing blocks and no thread is
    needed."""

    def __init__(self) -> None:
        self.saved: list[Any] = []
        for kind, number in (("stdout", 1), ("stderr", 2)):
            target = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            self.saved.append([kind, number, os.dup(number), target, decoder, 0])
            os.dup2(target.fileno(), number)

    def read(self) -> Iterator[Any]:
        for entry in self.saved:
            kind, _, _, target, decoder, offset = entry
            data = os.pread(target.fileno(), 1 << 20, offset)
            while data:
                offset += len(data)
                yield kind, decoder.decode(data)
                data = os.pread(target.fileno(), 1 << 20, offset)
            entry[5] = offset

    def close(self) -> None:
        for _, number, old, target, _, _ in self.saved:
            os.dup2(old, number)
            os.close(old)
            target.close()


ACTIVE: dict[int, Output] = {}  # thread -> the output of the task that it runs
SWITCH = threading.Lock()


def current_output() -> Output | None:
    """Return the output of the task that this thread works for.

    If only one task runs in this process, a thread that a cell started belongs to that cell.
    """
    ident = threading.get_ident()
    output = ACTIVE.get(ident)
    if output is None and len(ACTIVE) == 1:
        (output,) = ACTIVE.values()
        if ident in output.older_threads:
            return None
    return output


class Router(io.TextIOBase):
    """Replaces sys.stdout or sys.stderr. A task's writes go to its own output."""

    def __init__(self, original: Any, kind: str) -> None:
        self.original = original
        self.kind = kind

    def write(self, text: str) -> int:
        output = current_output()
        if output is None:
            return int(self.original.write(text) or 0)
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not " + type(text).__name__)
        output.write(self.kind, text)
        return len(text)

    def flush(self) -> None:
        if self.original is not None:
            self.original.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return int(self.original.fileno())

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def buffer(self) -> Any:
        return RouterBuffer(self)


class RouterBuffer(io.RawIOBase):
    """`sys.stdout.buffer` of a Router."""

    def __init__(self, router: Router) -> None:
        self.router = router

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.router.write(bytes(data).decode("utf-8", "replace"))
        return len(data)


def start_output(output: Output) -> None:
    with SWITCH:
        if not isinstance(sys.stdout, Router):
            sys.stdout = Router(sys.stdout, "stdout")
        if not isinstance(sys.stderr, Router):
            sys.stderr = Router(sys.stderr, "stderr")
        if threading.current_thread() is threading.main_thread() and hasattr(os, "pread"):
            flush_all()
            try:
                output.descriptors = Descriptors()
            except OSError:  # the stream has no descriptor
                output.descriptors = None
        ACTIVE[threading.get_ident()] = output


def end_output(output: Output) -> list[Any]:
    with SWITCH:
        flush_all()
        events = output.finish()
        del ACTIVE[threading.get_ident()]
        if output.descriptors is not None:
            output.descriptors.close()
            output.descriptors = None
        if not ACTIVE:
            if isinstance(sys.stdout, Router):
                sys.stdout = sys.stdout.original
            if isinstance(sys.stderr, Router):
                sys.stderr = sys.stderr.original
            release_handlers()
        return events


def release_handlers() -> None:
    """Redirect the `logging` handlers that a cell has set up to the worker's own streams."""
    logging = sys.modules.get("logging")
    if logging is None:
        return
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    for handler in [one for logger in loggers for one in getattr(logger, "handlers", ())]:
        stream = getattr(handler, "stream", None)
        if isinstance(stream, Router):
            handler.setStream(stream.original)


def flush_all() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the worker may have no usable stream
            stream.flush()
    ctypes = sys.modules.get("ctypes")
    if ctypes is not None and os.name == "posix":
        ctypes.CDLL(None).fflush(None)  # flush what C code has printed
