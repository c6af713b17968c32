"""Invented notebooks: steps that define and change things, woven into cells, and a cell after them.

A kind of step is one function with `@step`: a generator whose pieces are texts for cells, in order,
and which says by `Writer.use` what the last cell evaluates. Steps draw names from small pools, so
one step redefines, wraps and deletes what another one has made.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.travel.kernel import History

Step = Callable[["Writer"], Iterator[str]]

#: Kinds of step by name.
STEPS: dict[str, Step] = {}

DATA = ("a", "b", "c")
FUNCTIONS = ("f", "g", "h")
CLASSES = ("A", "B", "C")
MODULES = ("lg", "lh")
#: What every notebook begins with.
FIRST = """\
import abc, asyncio, collections, contextlib, copy, dataclasses, enum, functools, importlib
import itertools, math, operator, re, types, typing
from dataclasses import dataclass, field
from functools import partial
a, b, c = 2, 5, 11
log = []"""


def step(function: Step) -> Step:
    """A kind of step, under its function's name."""
    assert function.__name__ not in STEPS, function.__name__
    STEPS[function.__name__] = function
    return function


@dataclass
class Writer:
    """What steps write with; `draw` makes the choices."""

    draw: Any
    uses: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    probes: list[str] = field(default_factory=list)
    serial: int = 0

    def pick(self, *choices: Any) -> Any:
        return self.draw(st.sampled_from(choices))

    def int(self) -> int:
        return int(self.draw(st.integers(0, 9)))

    def maybe(self) -> bool:
        return bool(self.draw(st.booleans()))

    def data(self) -> str:
        """A variable that holds a number, if nothing else has taken the name."""
        return str(self.pick(*DATA))

    def function(self) -> str:
        return str(self.pick(*FUNCTIONS))

    def cls(self) -> str:
        return str(self.pick(*CLASSES))

    def module(self) -> str:
        return str(self.pick(*MODULES))

    def own(self, prefix: str) -> str:
        """A name that nothing else has."""
        self.serial += 1
        return f"{prefix}{self.serial}"

    def use(self, *expressions: str) -> None:
        """The cell evaluates these, each on its own: one that raises costs itself."""
        self.uses += expressions

    def do(self, *statements: str) -> None:
        """The cell runs these before it evaluates anything."""
        self.body += [textwrap.dedent(one).strip("\n") for one in statements]

    def back(self, name: str, *probes: str) -> None:
        """The cell brings this name back, and the notebook evaluates `probes` then."""
        if name not in self.out:
            self.out.append(name)
        self.probes += probes


@st.composite
def histories(draw: st.DrawFn, kinds: Sequence[str], most: int = 4) -> History:
    """Up to `most` steps of these kinds, woven together."""
    writer = Writer(draw)
    chosen = draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=most))
    return weave(writer, chosen, draw)


def weave(writer: Writer, chosen: Sequence[str], draw: Any) -> History:
    """The pieces of these steps in cells: each step's in their order, mixed with others'."""
    running = [STEPS[kind](writer) for kind in chosen]
    cells = [FIRST]
    joined = False
    while running:
        one = running[draw(st.integers(0, len(running) - 1)) if len(running) > 1 else 0]
        text = next(one, None)
        if text is None:
            running.remove(one)
            continue
        text = textwrap.dedent(text).strip("\n")
        alone = text.startswith("%%")
        if joined and not alone and draw(st.booleans()):
            cells[-1] += f"\n{text}"
        else:
            cells.append(text)
        joined = not alone
    body = [*writer.body, *attempts(writer.uses)]
    after = "\n".join(attempts(writer.probes)) if writer.probes else ""
    return History(tuple(chosen), tuple(cells), "\n".join(body), tuple(writer.out), after)


def attempts(expressions: Sequence[str]) -> list[str]:
    """Statements that evaluate each of these, and end in the list of what came of them."""
    lines = ["seen_ = []"]
    for expression in expressions:
        lines += [
            f"try: seen_.append(({expression}))",
            "except Exception as error_: seen_.append(f'{type(error_).__name__}: {error_}')",
        ]
    return [*lines, "seen_"]
