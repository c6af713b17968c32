"""The code that runs on the worker. The text of these files travels with every cell.

A worker has no gc_jupyter. So these files use the standard library only, and Python 3.8 syntax.
They are joined in the order of `PARTS` to one text, without their imports of each other, and that
text runs once per worker process, as a module of its own; so do the texts of `gc_jupyter.travel`
that it uses.
"""

from __future__ import annotations

import functools
import importlib.resources
import re

from gc_jupyter.travel import rebuild, texts

PARTS = (
    *("output", "spool", "live", "displays", "failures", "storing", "loading", "packing"),
    *("keeping", "changes", "importing", "hosting", "commands", "namespace", "randomness"),
    *("states", "run"),
)
_OF_OTHERS = re.compile(rf"^from {re.escape(__name__)}\.\w+ import (?:[^(\n]*|\([^)]*\))\n", re.M)
_OF_STORE = tuple(f"from gc_jupyter.travel.{one} import" for one in texts.STORING)


@functools.cache
def worker_text() -> str:
    """The parts as one text that needs nothing of this package."""
    texts.name_texts()
    lines = ["from __future__ import annotations\n"]
    folder = importlib.resources.files(__name__)
    for part in PARTS:
        text = folder.joinpath(f"{part}.py").read_text(encoding="utf-8")
        for line in _OF_OTHERS.sub("", text).splitlines(True):
            if line.startswith("from gc_jupyter.travel.rebuild"):
                line = f"from {rebuild.NAME} import" + line.partition(" import")[2]
            elif line.startswith(_OF_STORE):
                line = f"from {texts.store_name()} import" + line.partition(" import")[2]
            elif line.startswith("from gc_jupyter.travel"):
                line = f"from {texts.writing_name()} import" + line.partition(" import")[2]
            if not line.startswith("from __future__"):
                lines.append(line)
    return "".join(lines)
