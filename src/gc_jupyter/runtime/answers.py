"""Tell the user that a service or its broker doesn't answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gc_jupyter.errors import SEE_DOCTOR, ServiceUnreachable
from gc_jupyter.protocol.pacing import READ_TRIES
from gc_jupyter.runtime.loop import KernelLoop
from gc_jupyter.service.base import Service

log = logging.getLogger(__name__)

SLOW_S = 4.0  # a request that takes so many seconds is reported
TELL_S = 4.5  # a result stream that isn't up after so many seconds is reported
_NOTHING = "The broker says nothing so far, and results are asked for by HTTPS."
_ASKED = (
    "A result that is asked for comes within 2.5 s of its end; later where its task is older than"
    " two minutes."
)


class Answers:
    """The requests of one service that are under way; `expected` on the thread of each."""

    def __init__(self, loop: KernelLoop, service: Service | None) -> None:
        self._loop = loop
        self._service = service
        self._under_way: dict[object, tuple[float, bool]] = {}  # when, and submissions
        self._watched = False  # whether the loop will look
        self._said = False  # since the last answer

    @contextmanager
    def expected(self, submission: bool) -> Iterator[None]:
        """Count a request as under way while this block runs."""
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

    def gave_up(self) -> None:
        """A request isn't tried again. The next cell is told again, unless other requests are
        under way: they belong to what was reported."""
        if not self._under_way:
            self._said = False

    def _look(self) -> None:
        """Report late requests; look again when the next one would be late (loop's thread)."""
        self._watched = False  # first: a request that begins from here on makes the loop look again
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
        if service is not None and service.connecting:
            return (
                f"{name} takes no connection: nothing came for {SLOW_S:.0f} s. Nothing was sent,"
                f" and it is tried again, up to {READ_TRIES - 1} times. {SEE_DOCTOR}"
            )
        limit = None if service is None else service.answer_s
        if limit is None:
            return f"{name} has not answered for {SLOW_S:.0f} s. Waiting for it without a limit."
        then = (
            "then its tasks fail, since nobody can tell whether they run, and are not sent again"
            if submission
            else f"then the request is sent again, up to {READ_TRIES - 1} times"
        )
        return f"{name} has not answered for {SLOW_S:.0f} s. Waiting {limit:g} s; {then}."


class Blocked:
    """Tells the waiting cell once that the result stream is missing, and how results come without
    it. Lives on the loop.

    Parameters
    ----------
    aio:
        The loop.
    waits:
        Whether a cell waits for a result.
    """

    def __init__(self, aio: asyncio.AbstractEventLoop, waits: Callable[[], bool]) -> None:
        self._aio = aio
        self._waits = waits
        self._opened_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._said = False
        self._error: Exception | None = None

    def opened(self) -> None:
        """A stream is being opened."""
        self._opened_at = self._aio.time()

    def expected(self) -> None:
        """There are open tasks, and the stream isn't up."""
        if self._timer is None and not self._said:
            in_s = max(0.0, self._opened_at + TELL_S - self._aio.time())
            self._timer = self._aio.call_later(in_s, self._say)

    def up(self) -> None:
        """The stream has worked: a later outage is not reported."""
        self._said = True
        self.close()

    def down(self, error: Exception) -> None:
        """Note why the stream isn't up."""
        self._error = error

    def close(self) -> None:
        """Report nothing from now on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _say(self) -> None:
        self._timer = None
        if self._said or not self._waits():
            return
        self._said = True
        why = getattr(self._error, "reason", "") or _NOTHING
        step = getattr(self._error, "next_step", "") or SEE_DOCTOR
        log.warning("%s %s %s", why, step, _ASKED)
