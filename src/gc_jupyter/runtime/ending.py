"""The interpreter ends: how long everything that still has something to do may take together."""

from __future__ import annotations

import time

_begun: list[float] = []


def time_left(limit_s: float) -> float:
    """Seconds until `limit_s` after the first call of this, which is when the end began."""
    if not _begun:
        _begun.append(time.monotonic())
    return max(0.0, _begun[0] + limit_s - time.monotonic())
