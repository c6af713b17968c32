"""A transfer: parts on their way, some requests at a time, with a line that tells how far it is."""

from __future__ import annotations

import concurrent.futures
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from gc_jupyter.errors import ServiceUnreachable, SubmitUncertain, WorkerLost
from gc_jupyter.session.waiting import Interrupted, Line
from gc_jupyter.travel.store import PART, megabytes

#: Requests of a transfer that are under way at once.
_UNDER_WAY = 5
#: How often a part is tried that didn't arrive.
_TRIES = 4
_AGAIN = (SubmitUncertain, ServiceUnreachable, WorkerLost)
#: Between two changes of the line.
_SHOW_S = 0.25


def transfer(
    batches: Sequence[Sequence[str]],
    start: Callable[[Sequence[str]], concurrent.futures.Future[Any]],
    arrived: Callable[[Sequence[str], Any], int],
    progress: Progress,
    quiet: bool,
) -> None:
    """Move parts, some requests at a time.

    Parameters
    ----------
    batches:
        The names of parts that share a request.
    start:
        Moves a batch.
    arrived:
        Takes what came of it, and returns its bytes.
    progress:
        Told how far it is.
    quiet:
        Whether nothing is shown.

    Raises
    ------
    Interrupted
        The user has stopped it.
    StoreError
        The store can't be used.
    """
    waiting = deque((names, 1) for names in batches)
    open_: dict[concurrent.futures.Future[Any], tuple[Sequence[str], int]] = {}
    count = 0
    try:
        while waiting or open_:
            while waiting and len(open_) < _UNDER_WAY:
                names, tries = waiting.popleft()
                open_[start(names)] = names, tries
            if not quiet:
                progress.show(count, sum(map(len, batches)))
            first = concurrent.futures.FIRST_COMPLETED
            for future in concurrent.futures.wait(open_, return_when=first).done:
                names, tries = open_.pop(future)
                try:
                    progress.done += arrived(names, future.result())
                    count += len(names)
                except _AGAIN:  # a part may be put twice
                    if tries == _TRIES:
                        raise
                    waiting.append((names, tries + 1))
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted: {count} of {sum(map(len, batches))} parts are done. Run it again to"
            " go on with the others."
        ) from None
    finally:
        for future in open_:
            future.cancel()
        progress.clear()


def batches_of(names: Iterable[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
    """Parts that share a task: as large together as one may be."""
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


class Progress:
    """A line that tells how far a transfer is, how fast, and how long it will take."""

    def __init__(self, what: str, total: int) -> None:
        self.done = 0
        self._what = what
        self._total = total
        self._line: Line | None = None
        self._started = time.monotonic()
        self._shown = self._started if total < _UNDER_WAY * PART else 0.0  # a long one: at once

    def show(self, count: int, of: int) -> None:
        """So many parts are done."""
        now = time.monotonic()
        if now - self._shown < _SHOW_S:
            return
        self._shown = now
        if self._line is None:
            self._line = Line()
        text = f"{self._what}: {megabytes(self.done)} of {megabytes(self._total)}"
        text += f", {count} of {of} parts"
        if self.done:
            speed = self.done / (now - self._started)
            text += f", {megabytes(speed)}/s, {(self._total - self.done) / speed:.0f} s left"
        self._line.show(text)

    def clear(self) -> None:
        """It has ended."""
        if self._line is not None:
            self._line.clear()
