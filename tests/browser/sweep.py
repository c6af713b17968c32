"""A sweep that is led by files, and the record that its tasks leave outside of any notebook."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

#: Of 40 tasks, 20 wait for the first gate and 20 for the second; every tenth fails.
TASKS = 40

LOAD = "%load_ext gc_jupyter"
CELL = """%%gcrun local -a --map n=range(40) --future sweep --out square
import pathlib, time
record = pathlib.Path(folder)
while not (record / f"gate{n // 20}").exists():
    time.sleep(0.02)
if n % 10 == 7:
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
        """Let 20 tasks go on."""
        (self.folder / f"gate{gate}").touch()

    def counts(self) -> dict[str, int]:
        """How many have ended how."""
        return dict(Counter(one.name.partition("-")[0] for one in self.folder.glob("*-*")))


def counts_in(text: str) -> dict[str, int]:
    """How many have ended how, by a text that somebody reads."""
    caption = next(line for line in text.splitlines() if "Tasks" in line or "ended" in line)
    return {word: int(count) for count, word in COUNTS.findall(caption)}
