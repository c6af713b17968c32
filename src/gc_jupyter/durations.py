"""Write a number of seconds for people (`durations.ts` writes the same)."""

from __future__ import annotations


def duration(seconds: float | None) -> str:
    """Write ``12 ms``, ``3.4 s``, ``2 min 05 s`` or ``1 h 02 min``; empty text for None."""
    if seconds is None:
        return ""
    if seconds < 0.0005:
        return "< 1 ms"
    if seconds < 0.0995:
        return f"{int(1000 * seconds + 0.5)} ms"
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = int(seconds + 0.5)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
