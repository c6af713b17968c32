"""Decisions about time: the rate limit, retries and reconnects. Clocks are arguments.

The service takes 20 requests in any 10 s (docs/protocol.md, "Limits"). A bucket of 10 that refills
by 0.9 a second gives 19 at most: one that is late on the wire breaks no limit. A fan-out spaces
its batches the wider the emptier the bucket is, so that a loop of submits fills few large batches,
and what is left serves single calls at once.
"""

from __future__ import annotations

from gc_jupyter.errors import (
    ComputeError,
    RateLimited,
    ServiceRefused,
    ServiceUnreachable,
)

_SERVER_ERRORS = frozenset({500, 502, 503, 504})
_MAX_ATTEMPTS = 5
#: The longest pause that the service may ask for and get. Its own limit is over after 10 s, so
#: what is longer had better be told than kept.
LONGEST_PAUSE_S = 60.0


class RateLimit:
    """A token bucket: `burst` requests at once, then `per_second` of them. Times in seconds."""

    def __init__(self, burst: int = 10, per_second: float = 0.9) -> None:
        self.burst = burst
        self.per_second = per_second
        self._tokens = float(burst)
        self._at = 0.0

    def reserve(self, now: float) -> float:
        """Take one request from the budget; returns how long to wait before sending it."""
        self._tokens = self._level(now) - 1
        self._at = now
        return max(0.0, -self._tokens / self.per_second)

    def spacing(self, now: float) -> float:
        """How long a fan-out should gather tasks before it takes the next request."""
        used = self.burst - self._level(now)
        return 0.0 if used < 1.5 else min(0.02 * 2 ** (used - 2), 1 / self.per_second)

    def spare(self, now: float) -> float:
        """How long a request that can wait should: half of the budget is for the others."""
        return max(0.0, (self.burst / 2 - self._level(now)) / self.per_second)

    def _level(self, now: float) -> float:
        elapsed = max(0.0, now - self._at)  # a clock stepped back gives nothing and takes nothing
        return min(float(self.burst), self._tokens + elapsed * self.per_second)


def backoff(attempt: int, jitter: float, *, base: float = 0.2, cap: float = 15.0) -> float:
    """Seconds before try number `attempt + 1`; `jitter` is a random number in [0, 1)."""
    ceiling = min(cap, base * 2.0 ** min(attempt, 16))
    return ceiling * (0.5 + jitter / 2)


def retry_delay(
    error: ComputeError, attempt: int, jitter: float, *, repeatable: bool
) -> float | None:
    """Seconds to wait before the same request is sent again, or None to give up.

    Parameters
    ----------
    error:
        Why the last try failed.
    attempt:
        How many tries there were before that one.
    jitter:
        A random number in [0, 1).
    repeatable:
        Whether doing the request twice is harmless. A submission is not: it is sent again only
        when the service certainly did not accept it (docs/protocol.md, "Limits").
    """
    if attempt + 1 >= _MAX_ATTEMPTS:
        return None
    if isinstance(error, RateLimited):
        if (error.retry_after or 0.0) > LONGEST_PAUSE_S:
            return None
        return max(error.retry_after or 0.0, backoff(attempt, jitter, base=1.0))
    if isinstance(error, ServiceUnreachable) and (repeatable or not error.sent):
        return backoff(attempt, jitter) if attempt < 3 else None
    if repeatable and isinstance(error, ServiceRefused) and error.status in _SERVER_ERRORS:
        return backoff(attempt, jitter, base=0.5)
    return None
