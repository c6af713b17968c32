"""A point in time, as a user reads it anywhere: by the clock, or how long ago."""

from __future__ import annotations

import time


def clock(at: float | None = None) -> str:
    """``14:03:05`` today, and ``2026-11-24 14:03`` on another day; this machine's time.

    Parameters
    ----------
    at:
        Unix seconds; by default now.
    """
    then, today = time.localtime(at), time.localtime()
    same_day = then[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M", then)


def clock_utc(at: float) -> str:
    """A moment for whoever reads a notebook anywhere: ``2026-11-24 14:03:05 UTC``.

    Parameters
    ----------
    at:
        Unix seconds.
    """
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def ago(at: float) -> str:
    """How long ago, in the largest unit that fits: ``5 s``, ``3 min``, ``2 h``, ``4 days``.

    Parameters
    ----------
    at:
        Unix seconds.
    """
    seconds = int(max(0.0, time.time() - at))
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            count = seconds // length
            return "1 day" if unit == "days" and count == 1 else f"{count} {unit}"
    return f"{seconds} s"
