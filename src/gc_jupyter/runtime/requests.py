"""Blocking requests off the loop: within the rate limit, and again where that is safe."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from gc_jupyter.errors import ComputeError, RateLimited
from gc_jupyter.protocol.pacing import RateLimit, retry_delay
from gc_jupyter.runtime.loop import KernelLoop

T = TypeVar("T")

log = logging.getLogger(__name__)

TOLD_PAUSE_S = 5.0  # a pause of this length is said, or it would look like a hang


class Requests:
    """Every request of one service passes here.

    Parameters
    ----------
    loop:
        Whose `gc-http` threads do the calls.
    rate:
        The budget of requests, or None where there is no limit. Owned by the loop.
    at_once:
        Whether the loop may do the calls itself (see `Service.at_once`).
    """

    def __init__(self, loop: KernelLoop, rate: RateLimit | None, *, at_once: bool = False) -> None:
        self._loop = loop
        self._rate = rate
        self._at_once = at_once
        self._told = False

    async def send(
        self, call: Callable[[], T], *, repeatable: bool = True, spare: bool = False
    ) -> T:
        """Run `call`, from the loop's thread, on a `gc-http` thread; a `spare` one when the budget
        isn't needed for others.

        Raises
        ------
        ComputeError
            What `call` raised at its last try.
        """
        attempt = 0
        while spare and self._rate is not None and (wait := self._rate.spare(time.monotonic())):
            await asyncio.sleep(wait)
        while True:
            if self._rate is not None and (wait := self._rate.reserve(time.monotonic())):
                await asyncio.sleep(wait)
            try:
                if self._at_once:
                    return call()
                return await self._on_http_thread(call)
            except ComputeError as error:
                delay = retry_delay(error, attempt, random.random(), repeatable=repeatable)
                if delay is None:
                    raise
                if isinstance(error, RateLimited) and delay >= TOLD_PAUSE_S and not self._told:
                    self._told = True
                    log.warning(
                        "The service asks for a pause: the next request leaves in %.0f s.", delay
                    )
            attempt += 1
            await asyncio.sleep(delay)

    async def _on_http_thread(self, call: Callable[[], T]) -> T:
        answer: asyncio.Future[T] = self._loop.aio.create_future()

        def work() -> None:
            try:
                value = call()
            except BaseException as error:
                self._loop.tell(_fail, answer, error)
            else:
                self._loop.tell(_settle, answer, value)

        self._loop.http.post(work)
        return await answer

    def spacing(self) -> float:
        """Seconds for which a fan-out should gather tasks now."""
        return 0.0 if self._rate is None else self._rate.spacing(time.monotonic())

    def wait(self, call: Callable[[], T], *, repeatable: bool = True) -> T:
        """`send`, from any other thread, waiting for the reply."""
        return self.run(self.send(call, repeatable=repeatable))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop, from any other thread, and wait for what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop.aio).result()


def _settle(answer: asyncio.Future[T], value: T) -> None:
    if not answer.done():  # else nobody waits any more
        answer.set_result(value)


def _fail(answer: asyncio.Future[T], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
