"""Notebooks by name, from the files beside this one: what was found, and what Pythons differ in.

``=== name`` begins one, ``---`` a further cell of it. ``--- gcrun``, perhaps with options, stands
before the cell that travels, ``--- after`` before the one that looks at what came back.
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.travel.kernel import History


def read_cases(name: str) -> list[History]:
    """The notebooks of one file, in its order."""
    text = (Path(__file__).parent / f"{name}.cells").read_text(encoding="utf-8")
    first, *parts = re.split(r"^=== (.*)\n", text, flags=re.MULTILINE)
    assert not first.strip(), first
    return [_read(title, body) for title, body in zip(parts[::2], parts[1::2], strict=True)]


def _read(title: str, body: str) -> History:
    first, *rest = re.split(r"^---(.*)\n", body, flags=re.MULTILINE)
    cells = [first.strip("\n")] if first.strip() else []
    travels: list[tuple[str, tuple[str, ...]]] = []
    after = ""
    for header, text in zip(rest[::2], rest[1::2], strict=True):
        kind, _, options = header.strip().partition(" ")
        assert kind in ("", "gcrun", "after"), header
        if kind == "gcrun":
            names = options.removeprefix("--out ")
            travels.append((text.strip("\n"), tuple(names.split(",")) if names else ()))
        elif kind == "after":
            after = text.strip("\n")
        else:
            cells.append(text.strip("\n"))
    ((cell, out),) = travels
    return History((title,), tuple(cells), cell, out, after)
