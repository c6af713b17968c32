"""--keep: the variables that a cell keeps at its endpoint, and the messages about them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from IPython.display import display

from gc_jupyter.remote_text import one_line
from gc_jupyter.session.kept import KeptValue
from gc_jupyter.travel.store import megabytes

if TYPE_CHECKING:
    from gc_jupyter.options import Options
    from gc_jupyter.session.futures import NotebookFuture


def binds(options: Options) -> tuple[str, ...]:
    """The variables that a cell binds: to values (--out), or to stand-ins (--keep)."""
    return *options.out, *options.keep


def say_kept(options: Options, futures: Sequence[NotebookFuture]) -> None:
    """Say which variables were kept and which were not, once the cell's tasks have ended."""
    kept, lost = [], []
    for name in options.keep:
        values = [one.out[name] for one in futures if name in one.out]
        if values:
            kept.append(told(name, values))
        why = next((one.not_kept[name] for one in futures if name in one.not_kept), "")
        unset = sum(name not in one.out and name not in one.not_kept for one in futures)
        of = "" if len(futures) == 1 else f" ({len(futures) - len(values):,} of {len(futures):,})"
        if why:
            lost.append(f"--keep {name}{of}: {why}.")
        elif unset and not any(one.exception() for one in futures):
            lost.append(f"--keep {name}{of}: the cell has not set this variable.")
    if kept and not options.quiet:
        endpoint = futures[0].endpoint
        display({"text/plain": f"Kept on {one_line(endpoint, 200)}: {', '.join(kept)}."}, raw=True)
    for line in lost:
        print(line, file=sys.stderr)


def told(name: str, values: Sequence[KeptValue]) -> str:
    """A name with the type and size of its kept value in brackets."""
    if len(values) > 1:
        size = megabytes(sum(one.size for one in values))
        return f"{name} ({len(values):,} values, {size})"
    return f"{name} ({', '.join(text for _, text in values[0].described()[1:3])})"
