"""A transfer of parts, several requests at a time, with a line that shows its progress."""

from __future__ import annotations

import concurrent.futures
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from gc_jupyter.errors import ComputeError, ServiceUnreachable, SubmitUncertain, WorkerLost
from gc_jupyter.session.waiting import Interrupted, Line
from gc_jupyter.travel.store import PART, megabytes

#: How often a part is tried.
_TRIES = 4
_AGAIN = (SubmitUncertain, ServiceUnreachable, WorkerLost)
#: Seconds between two changes of the line.
_SHOW_S = 0.25


class Transfer:
    """A transfer of parts, several requests at a time. It goes on by itself, on the threads that
    get the requests' results; nobody has to wait for it.

    Parameters
    ----------
    what:
        Its name for the user, such as ``"Sending df"``.
    sizes:
        The sizes of the parts in bytes, by name.
    start:
        Starts the request that moves some parts.
    arrived:
        Takes the result of such a request.

    Attributes
    ----------
    over:
        A future that is done with the transfer. Its exception is what `start` or `arrived` has
        raised, or `Stopped`.
    """

    #: How many requests are under way at once.
    under_way = 5

    def __init__(
        self,
        what: str,
        sizes: Mapping[str, int],
        start: Callable[[Sequence[str]], concurrent.futures.Future[Any]],
        arrived: Callable[[Sequence[str], Any], object],
    ) -> None:
        self.over: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.done = 0  # bytes
        self.count = 0  # parts
        self.sizes = sizes
        self._what = what
        self._start, self._arrived = start, arrived
        self._total = sum(sizes.values())
        self._waiting: deque[tuple[Sequence[str], int]] = deque()
        self._before: int | None = None  # the bytes that need not be moved; None before it begins
        self._open: set[concurrent.futures.Future[Any]] = set()
        self._lock = threading.Lock()
        self._going = self._again = self._ended = False
        self._started = time.monotonic()
        #: Called at each change, on any thread.
        self.listeners: list[Callable[[], object]] = []

    @property
    def large(self) -> bool:
        """Whether it will take long."""
        return self._total >= self.under_way * PART

    def begin(self) -> None:
        """Send the next requests. Returns at once, unless the store is a folder of this machine."""
        if self._before is None:
            here = set(self.prepare())
            self._before = self.done = sum(self.sizes[name] for name in here)
            self.count = len(here)
            rest = [name for name in self.sizes if name not in here]
            self._waiting.extend((names, 1) for names in batches_of(rest, self.sizes))
        with self._lock:
            self._again = True
            if self._going:  # the thread that is at it will do this, too
                return
            self._going = True
        while True:
            with self._lock:
                if not self._again:
                    self._going = False
                    return
                self._again = False
            self._start_some()

    def prepare(self) -> Iterable[str]:
        """Called at the beginning: returns the parts that need not be moved."""
        return ()

    def finish(self) -> None:
        """Called when all parts are there."""

    def stop(self) -> None:
        """Stop; parts that have arrived stay."""
        self._end(Stopped(f"{self.count} of {len(self.sizes)} parts are done"))

    def _start_some(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or len(self._open) >= self.under_way:
                    break
                names, tries = self._waiting.popleft()
            try:
                future = self._start(names)
            except Exception as error:
                self._end(error)
                return
            with self._lock:
                self._open.add(future)
            future.add_done_callback(partial(self._one_over, names, tries))
        if self.count == len(self.sizes):
            self._end(None)

    def _one_over(
        self, names: Sequence[str], tries: int, future: concurrent.futures.Future[Any]
    ) -> None:
        try:
            if future.cancelled():
                self.stop()
                return
            self._arrived(names, future.result())
        except _AGAIN as error:  # putting a part twice does no harm
            if tries == _TRIES:
                self._end(error)
            else:
                with self._lock:
                    self._waiting.append((names, tries + 1))
        except BaseException as error:
            self._end(error)
        else:
            with self._lock:
                self.count += len(names)
                self.done += sum(self.sizes[name] for name in names)
        with self._lock:
            self._open.discard(future)
        self._tell()
        self.begin()

    def _end(self, error: BaseException | None) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._waiting.clear()
            open_ones = list(self._open)
        for future in open_ones:
            future.cancel()
        if error is None:
            self.finish()
            self.over.set_result(None)
        else:
            self.over.set_exception(error)
        self._tell()

    def _tell(self) -> None:
        for listener in self.listeners:
            listener()

    def text(self) -> str:
        """Its progress, speed and remaining time."""
        text = f"{self._what}: {megabytes(self.done)} of {megabytes(self._total)}"
        text += f", {self.count} of {len(self.sizes)} parts"
        seconds = time.monotonic() - self._started
        if speed := (self.done - (self._before or 0)) / (seconds or 1.0):
            text += f", {megabytes(speed)}/s, {(self._total - self.done) / speed:.0f} s left"
        return text


class Stopped(ComputeError):
    """The transfer was stopped."""


def wait_for(transfer: Transfer, quiet: bool) -> None:
    """Wait for a transfer, and show its progress.

    Parameters
    ----------
    transfer:
        The transfer, which this begins.
    quiet:
        Whether to show nothing.

    Raises
    ------
    Interrupted
        The user has stopped it.
    """
    news = threading.Event()
    transfer.listeners.append(news.set)
    told, line, shown = False, Line(), -math.inf if transfer.large else time.monotonic()
    try:
        transfer.begin()
        while not transfer.over.done():
            now, told = time.monotonic(), told or quiet
            if not quiet and now - shown >= _SHOW_S:
                line.show(transfer.text())
                shown, told = now, True
            news.wait(None if told else _SHOW_S)
            news.clear()
    except KeyboardInterrupt:
        transfer.stop()
        raise Interrupted(
            f"Interrupted: {transfer.over.exception()}. Run it again to go on with the others."
        ) from None
    finally:
        line.clear()
    transfer.over.result()


def batches_of(names: Iterable[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Group the parts by task, each group as large as a task may be."""
    batch: list[str] = []
    size = 0
    for name in names:
        if batch and size + sizes[name] > PART:
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += sizes[name]
    if batch:
        yield batch
