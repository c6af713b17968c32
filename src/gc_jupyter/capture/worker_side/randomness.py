"""Read and set the state of the random generators that all code of a process shares."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Any


def random_states() -> dict[str, Any]:
    """Return the states of `random` and `numpy.random` as plain values, if they are loaded."""
    states: dict[str, Any] = {}
    if "random" in sys.modules:
        states["random"] = sys.modules["random"].getstate()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        state = numpy.get_state()
        if isinstance(state, tuple):  # another kind of generator may have been set
            name, numbers, *rest = state
            states["numpy.random"] = (name, numbers.tolist(), *rest)
    return states


def set_random_states(states: Any) -> None:
    """Set the states, as far as the modules exist here."""
    for name in ("random", "numpy.random"):
        if name in states:
            with contextlib.suppress(Exception):  # another version's state
                module: Any = importlib.import_module(name)
                kind, numbers, *rest = states[name]
                if name == "random":
                    module.setstate((kind, tuple(numbers), *rest))
                else:
                    module.set_state((kind, numbers, *rest))
