"""Send the requests of one service within its limit, and repeat them where that is safe.

The loop's requests run on `gc-http` threads. A caller that waits anyway makes its request itself.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from gc_jupyter.errors import ComputeError, RateLimited, ServiceUnreachable
from gc_jupyter.protocol.pacing import SUBMISSIONS, WINDOW_S, retry_delay
from gc_jupyter.runtime.answers import Answers
from gc_jupyter.runtime.budget import Budget
from gc_jupyter.runtime.loop import KernelLoop
from gc_jupyter.service.base import Service
from gc_jupyter.types import Hold

T = TypeVar("T")

log = logging.getLogger(__name__)

TOLD_PAUSE_S = 5.0  # a pause of this length is announced, or it would look like a hang
_LIMIT = f"the service takes {SUBMISSIONS} submissions in {WINDOW_S:.0f} s"
_PAUSE = "the service asks for a pause"


class Requests:
    """Sends all requests of one service.

    Parameters
    ----------
    loop:
        Its `gc-http` threads make the calls.
    budget:
        The service's limit, or None where it has none.
    service:
        Says whether its calls belong to the loop, and whether a connection is being made.
    """

    def __init__(
        self, loop: KernelLoop, budget: Budget | None, service: Service | None = None
    ) -> None:
        self._loop = loop
        self._budget = budget
        self._here = service is not None and service.here
        self._answers = Answers(loop, service)
        self._told = False
        self._turn = asyncio.Lock()  # submissions leave in the order in which they came
        self._hold: Hold | None = None
        #: Called on the loop when submissions begin to wait.
        self.when_held: Callable[[], object] = _nobody_waits

    async def send(
        self, call: Callable[[], T], *, submission: bool = False, spare: bool = False
    ) -> T:
        """Run `call`, from the loop's thread, on a `gc-http` thread.

        Parameters
        ----------
        call:
            One request; done again where that helps.
        submission:
            Whether it takes a slot of the service's limit. It is repeated only if it certainly was
            not accepted.
        spare:
            Whether it can wait while the service refuses requests.

        Raises
        ------
        ComputeError
            What `call` raised at its last try.
        """
        if spare and self._budget is not None:
            while wait := self._budget.idle_in():
                await asyncio.sleep(wait)
        attempt, start = 0, time.monotonic()
        while True:
            try:
                return await self._once(call, submission)
            except ComputeError as error:
                delay = self._delay(error, attempt, start, submission)
            attempt += 1
            await asyncio.sleep(delay)

    def wait(self, call: Callable[[], T], *, submission: bool = False) -> T:
        """As `send`, on the caller's own thread, which is not the loop's."""
        if self._here:  # the service belongs to the loop
            return self.run(self.send(call, submission=submission))
        attempt, start = 0, time.monotonic()
        while True:
            try:
                return self._once_here(call, submission)
            except ComputeError as error:
                delay = self._delay(error, attempt, start, submission)
            attempt += 1
            time.sleep(delay)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop, from any other thread, and wait for what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop.aio).result()

    @property
    def hold(self) -> Hold | None:
        """See EventSource."""
        hold = self._hold
        return hold if hold is not None and hold.until > time.monotonic() else None

    def _keep_back(self, why: str, seconds: float) -> None:
        """Announce that submissions wait."""
        self._hold = Hold(why, time.monotonic() + seconds)
        self._loop.call(self.when_held)

    def spacing(self, *, full: bool = False) -> float:
        """Seconds for which a fan-out should gather tasks now, or wait with a `full` request."""
        return 0.0 if self._budget is None else self._budget.spacing(full=full)

    def _delay(self, error: ComputeError, attempt: int, start: float, submission: bool) -> float:
        """Seconds until the next try; raises `error` where there is none."""
        elapsed = time.monotonic() - start
        delay = retry_delay(
            error, attempt, random.random(), repeatable=not submission, elapsed=elapsed
        )
        if delay is None:
            self._answers.gave_up()
            raise error
        if isinstance(error, RateLimited):
            if self._budget is not None:
                self._budget.refused(delay)
            if submission:
                self._keep_back(_PAUSE, delay)
            if delay >= TOLD_PAUSE_S and not self._told:
                self._told = True
                log.warning(
                    "The service asks for a pause: the next request leaves in %.0f s.", delay
                )
        return delay

    # --- one try ---------------------------------------------------------------------------

    async def _once(self, call: Callable[[], T], submission: bool) -> T:
        if self._budget is None:
            return call() if self._here else await self._on_http_thread(call, submission)
        if not submission:
            if wait := self._budget.wait():
                await asyncio.sleep(wait)
            return await self._on_http_thread(call, submission)
        async with self._turn:
            if wait := self._budget.wait():
                self._keep_back(_PAUSE, wait)
                await asyncio.sleep(wait)
            while True:
                left: asyncio.Future[bool] = self._loop.aio.create_future()
                answer: asyncio.Future[T] = self._loop.aio.create_future()
                self._loop.http.post(self._submitting(self._budget, call, left, answer))
                if await left:
                    break
                wait = self._budget.slot_in()
                self._keep_back(_LIMIT, wait)
                await asyncio.sleep(wait)
            self._hold = None
        return await answer

    def _once_here(self, call: Callable[[], T], submission: bool) -> T:
        budget = self._budget
        if budget is not None and (wait := budget.wait()):
            time.sleep(wait)
        if budget is None or not submission:
            with self._answers.expected(submission):
                return call()
        while (slot := budget.take_slot()) is None:
            time.sleep(budget.slot_in())
        arrived = True
        try:
            with self._answers.expected(submission):
                return call()
        except ServiceUnreachable as error:
            arrived = error.sent
            raise
        finally:
            budget.give_back(slot, arrived=arrived)

    def _submitting(
        self,
        budget: Budget,
        call: Callable[[], T],
        left: asyncio.Future[bool],
        answer: asyncio.Future[T],
    ) -> Callable[[], None]:
        """Submit on a `gc-http` thread. `left` is called with whether there was a slot."""

        def work() -> None:
            try:
                slot = budget.take_slot()
            except BaseException as error:
                self._loop.tell(_fail, left, error)
                return
            self._loop.tell(_settle, left, slot is not None)
            if slot is None:
                return
            arrived = True
            try:
                with self._answers.expected(submission=True):
                    value = call()
            except BaseException as error:
                arrived = not isinstance(error, ServiceUnreachable) or error.sent
                self._loop.tell(_fail, answer, error)
            else:
                self._loop.tell(_settle, answer, value)
            budget.give_back(slot, arrived=arrived)

        return work

    async def _on_http_thread(self, call: Callable[[], T], submission: bool) -> T:
        answer: asyncio.Future[T] = self._loop.aio.create_future()

        def work() -> None:
            try:
                with self._answers.expected(submission):
                    value = call()
            except BaseException as error:
                self._loop.tell(_fail, answer, error)
            else:
                self._loop.tell(_settle, answer, value)

        self._loop.http.post(work)
        return await answer


def _nobody_waits() -> None:
    """There are no submissions."""


def _settle(answer: asyncio.Future[T], value: T) -> None:
    if not answer.done():  # else nobody waits any more
        answer.set_result(value)


def _fail(answer: asyncio.Future[T], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
