"""Says that a service doesn't answer, before somebody thinks that nothing happens."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gc_jupyter.errors import ServiceUnreachable
from gc_jupyter.protocol.pacing import READ_TRIES
from gc_jupyter.runtime.loop import KernelLoop
from gc_jupyter.service.base import Service

log = logging.getLogger(__name__)

SLOW_S = 4.0  # a request under way for so long is said


class Answers:
    """The requests of one service that are under way; `expected` on the thread of each."""

    def __init__(self, loop: KernelLoop, service: Service | None) -> None:
        self._loop = loop
        self._service = service
        self._under_way: dict[object, tuple[float, bool]] = {}  # since when, and submissions
        self._watched = False  # whether the loop looks in a while
        self._said = False  # since the last answer

    @contextmanager
    def expected(self, submission: bool) -> Iterator[None]:
        """A request is under way, and its answer comes at the end."""
        key = object()
        self._under_way[key] = time.monotonic(), submission
        if not self._watched:
            self._watched = True
            self._loop.tell(self._look)
        silent = False
        try:
            yield
        except ServiceUnreachable:
            silent = True
            raise
        finally:
            self._said = self._said and silent
            del self._under_way[key]

    def _look(self) -> None:
        """Say what is late; come back for what isn't yet (loop's thread)."""
        self._watched = False  # first: a request that begins from here on has the loop look again
        now, later = time.monotonic(), []
        for since, submission in list(self._under_way.values()):
            if now < since + SLOW_S:
                later.append(since + SLOW_S)
            elif not self._said:
                self._said = True
                log.warning("%s", self._words(submission))
        if later and not self._watched:
            self._watched = True
            self._loop.aio.call_later(min(later) - now, self._look)

    def _words(self, submission: bool) -> str:
        service = self._service
        name = "The service" if service is None else service.address
        limit = None if service is None else service.answer_s
        if limit is None:
            return f"{name} has not answered for {SLOW_S:.0f} s. Waiting for it without a limit."
        then = (
            "then its tasks fail, since nobody can tell whether they run, and are not sent again"
            if submission
            else f"then the request is sent again, up to {READ_TRIES - 1} times"
        )
        return f"{name} has not answered for {SLOW_S:.0f} s. Waiting {limit:g} s; {then}."
