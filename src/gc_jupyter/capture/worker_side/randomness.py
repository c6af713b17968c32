"""Where the generators that all code of a process shares have got to: `random`, `numpy.random`."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Any


def random_states() -> dict[str, Any]:
    """Of the modules that are loaded here, as plain values."""
    states: dict[str, Any] = {}
    if "random" in sys.modules:
        states["random"] = sys.modules["random"].getstate()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        state = numpy.get_state()
        if isinstance(state, tuple):  # somebody may have set another kind of generator
            name, numbers, *rest = state
            states["numpy.random"] = (name, numbers.tolist(), *rest)
    return states


def set_random_states(states: Any) -> None:
    """Go on from there, as far as the modules are here."""
    for name in ("random", "numpy.random"):
        if name in states:
            with contextlib.suppress(Exception):  # it isn't here, or of another version
                module: Any = importlib.import_module(name)
                kind, numbers, *rest = states[name]
                if name == "random":
                    module.setstate((kind, tuple(numbers), *rest))
                else:
                    module.set_state((kind, numbers, *rest))
