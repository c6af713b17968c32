"""A sweep that is led by files, and the record that its tasks leave outside of any notebook."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

#: Of 40 tasks, 2 wait for the first gate, 18 for the second and 20 for the third. The first two and
#: two of the last fail.
TASKS = 40
#: Where a sweep may be: how many gates are open, and how the tasks behind them end.
STAGES: dict[str, tuple[int, dict[str, int]]] = {
    "none": (0, {}),
    "failed": (1, {"failed": 2}),
    "half": (2, {"failed": 2, "success": 18}),
    "whole": (3, {"failed": 4, "success": 36}),
}

LOAD = "%load_ext gc_jupyter"
CELL = """%%gcrun local -a --map n=range(40) --future sweep --out square
import pathlib, time
record = pathlib.Path(folder)
while not (record / f"gate{(n >= 2) + (n >= 20)}").exists():
    time.sleep(0.02)
if n % 20 < 2:
    (record / f"failed-{n}").touch()
    raise ValueError(f"no {n}")
square = n * n
(record / f"success-{n}").touch()
square
"""
COUNTS = re.compile(r"(\d+) (failed|success)")


class Record:
    """What has happened, as the tasks themselves have written it down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def cells(self) -> tuple[str, str, str]:
        """The notebook's cells."""
        return LOAD, f"folder = {str(self.folder)!r}", CELL

    def open(self, gate: int) -> None:
        """Let the tasks behind a gate go on."""
        (self.folder / f"gate{gate}").touch()

    def counts(self) -> dict[str, int]:
        """How many have ended how."""
        return dict(Counter(one.name.partition("-")[0] for one in self.folder.glob("*-*")))


def counts_in(text: str) -> dict[str, int]:
    """How many have ended how, by a text that somebody reads."""
    caption = next(line for line in text.splitlines() if "Tasks" in line or "ended" in line)
    return {word: int(count) for count, word in COUNTS.findall(caption)}
