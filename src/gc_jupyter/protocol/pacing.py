"""Decisions about time: the service's limit, retries and reconnects. Clocks are arguments.

The service takes 20 submissions in any 10 s (docs/protocol.md, "Limits"): so there are 20 slots,
and a slot is free again 10 s after the reply to its request. A request arrives before its reply
leaves, so two arrivals of one slot are 10 s apart, however long the way is. A fan-out spaces its
batches the wider the fewer slots are free: a loop of submits fills few large requests, and single
calls find a slot at once. A request that has no room for more gains nothing by that: large values
take all slots but two.

Reads and registrations pass freely. A reply 429 says that the service counts requests that are not
known here. Then all requests slow down, and speed up again later.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from gc_jupyter.errors import (
    ComputeError,
    RateLimited,
    ServiceRefused,
    ServiceUnreachable,
)

#: What the service takes (docs/protocol.md, "Limits").
SUBMISSIONS, WINDOW_S = 20, 10.0

_SERVER_ERRORS = frozenset({500, 502, 503, 504})
_MAX_ATTEMPTS = 5
#: How often a read is sent whose connection fails.
READ_TRIES = 4
#: How long a request is repeated that the service answers with 429. Such a reply means that nothing
#: was done, so time counts, not the number of tries.
PATIENCE_S = 300.0

_FAN_OUT_S = 1.0  # the most between a fan-out's requests: it takes half of the slots
_FOR_OTHERS = 2  # slots that requests without room leave free
_LEAST_GAP_S = WINDOW_S / SUBMISSIONS
_MOST_GAP_S = 4.0
_NO_GAP_S = 0.1  # a smaller gap counts as none
_EASES_S = 10.0  # after so long without a refusal the gap is halved
_ASK_S, _ASK_SHARE, _ASK_MOST_S = 2.0, 60.0, 60.0
_ONE_REFUSAL_S = 1.0  # requests that are under way at the same time are refused together


class Window:
    """The slots of the service's limit, 20 unless said otherwise. Times in seconds.

    `free_at` has for each slot the time at which it became, or will become, free.
    """

    def __init__(self, slots: int = SUBMISSIONS) -> None:
        self.free_at = [-math.inf] * slots

    def learn(self, free_at: Sequence[float], now: float) -> None:
        """Take over when each slot is free, as other kernels that share the slots have written it.
        A time that this machine's clock can't have given (it was restarted) counts as free."""
        for slot, at in enumerate(free_at[: len(self.free_at)]):
            if now < at <= now + WINDOW_S:
                self.free_at[slot] = max(self.free_at[slot], at)

    def free(self, now: float) -> list[int]:
        """The slots that a request may take now."""
        return [slot for slot, at in enumerate(self.free_at) if at <= now]

    def take(self, slot: int) -> None:
        """A request leaves in this slot."""
        self.free_at[slot] = math.inf

    def give_back(self, slot: int, now: float, *, arrived: bool = True) -> None:
        """The request has ended; `arrived`: the service may have counted it."""
        self.free_at[slot] = now + WINDOW_S if arrived else now

    def wait(self, now: float) -> float:
        """How long until a slot is free. A slot whose request is under way takes at least 10 s."""
        return min(max(0.0, min(self.free_at) - now), WINDOW_S)

    def spacing(self, now: float, *, full: bool = False) -> float:
        """How long a fan-out should gather tasks before it takes the next slot; `full`: how long a
        request should wait that has no room for more."""
        if full:
            return min(max(0.0, sorted(self.free_at)[_FOR_OTHERS] - now), WINDOW_S)
        used = len(self.free_at) - len(self.free(now))
        return 0.0 if used < 2 else min(0.02 * 2.0 ** (used - 2), _FAN_OUT_S)


class Brake:
    """Slows requests down after a 429, and releases them again. Times in seconds."""

    def __init__(self) -> None:
        self._gap = 0.0
        self._refused = -math.inf
        self._next = -math.inf

    def refused(self, now: float, pause: float) -> None:
        """The service refused a request: the next leaves after `pause`, later ones with gaps."""
        if now - self._refused >= _ONE_REFUSAL_S:
            self._gap = min(max(2 * self.gap(now), _LEAST_GAP_S), _MOST_GAP_S)
        self._refused = now
        self._next = max(self._next, now + pause)

    def gap(self, now: float) -> float:
        """Seconds between two requests now; 0 where they pass freely."""
        eased = self._gap * 0.5 ** max(0.0, (now - self._refused) // _EASES_S)
        return eased if eased >= _NO_GAP_S else 0.0

    def reserve(self, now: float) -> float:
        """Take the next turn; returns how long to wait for it. Turns are given in order."""
        at = max(now, self._next)
        self._next = at + self.gap(at)
        return at - now

    def over(self, now: float) -> float:
        """How long until requests pass freely; a request that can wait should wait for that."""
        if not (gap := self.gap(now)):
            return max(0.0, self._next - now)
        steps = 1 + math.floor(math.log2(gap / _NO_GAP_S))
        since = (now - self._refused) // _EASES_S
        return max(self._refused + (since + steps) * _EASES_S, self._next) - now


def backoff(attempt: int, jitter: float, *, base: float = 0.2, cap: float = 15.0) -> float:
    """Seconds before try number `attempt + 1`; `jitter` is a random number in [0, 1)."""
    ceiling = min(cap, base * 2.0 ** min(attempt, 16))
    return ceiling * (0.5 + jitter / 2)


def question_gap(age: float) -> float:
    """Seconds between two questions for tasks whose results don't come by the stream; `age` is how
    long ago the newest of them was sent. The gap is 2 s while that task is younger than two
    minutes, then a sixtieth of its age, and at most a minute. A task takes about 260 questions in
    its first hour, and one a minute from then on."""
    return min(max(_ASK_S, age / _ASK_SHARE), _ASK_MOST_S)


def retry_delay(
    error: ComputeError, attempt: int, jitter: float, *, repeatable: bool, elapsed: float = 0.0
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
    elapsed:
        Seconds since the first try.
    """
    if isinstance(error, RateLimited):
        delay = max(error.retry_after or 0.0, backoff(attempt, jitter, base=1.0))
        return delay if elapsed + delay <= PATIENCE_S else None
    if attempt + 1 >= _MAX_ATTEMPTS:
        return None
    if isinstance(error, ServiceUnreachable) and (repeatable or not error.sent):
        return backoff(attempt, jitter) if attempt + 1 < READ_TRIES else None
    if repeatable and isinstance(error, ServiceRefused) and error.status in _SERVER_ERRORS:
        return backoff(attempt, jitter, base=0.5)
    return None
