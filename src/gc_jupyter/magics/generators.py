"""Random numbers: the generators among what a cell takes along, and those that all code shares."""

from __future__ import annotations

import contextlib
import random
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from gc_jupyter.capture.worker_side.randomness import random_states, set_random_states

#: Objects that are looked at.
_MOST = 10_000
_SEED = re.compile(r"\b(?:seed|setstate|set_state)\(")
_OF_NUMPY = ("Generator", "RandomState", "BitGenerator")


def has_generator(value: Any) -> bool:
    """Whether a value is or holds a random generator that has a state of its own.

    Parameters
    ----------
    value:
        Containers and the attributes of instances are looked into.
    """
    kinds = _kinds()
    seen: set[int] = set()
    todo = [value]
    while todo and len(seen) < _MOST:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, kinds) and not isinstance(one, random.SystemRandom):
            return True
        if isinstance(one, dict):
            todo += one.values()
        elif isinstance(one, (list, tuple, set, frozenset)):
            todo += one
        elif not isinstance(one, type) and not callable(one):
            with contextlib.suppress(Exception):  # what users' objects say of themselves
                todo += vars(one).values()
    return False


def _kinds() -> tuple[type, ...]:
    numpy = sys.modules.get("numpy.random")
    theirs = [getattr(numpy, name, None) for name in _OF_NUMPY]
    return (random.Random, *(kind for kind in theirs if isinstance(kind, type)))


def shared_states(cells: Iterable[str]) -> dict[str, Any]:
    """Where the generators of `random` and `numpy.random` have got to, if a cell has ever said
    where they begin; nothing where their numbers are anybody's."""
    return random_states() if any(_SEED.search(text) for text in cells) else {}


def go_on(states: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
    """Go on here from where a cell has got to, unless numbers were drawn here meanwhile."""
    if not states:
        return
    here = random_states()
    set_random_states({name: states[name] for name in sent if here.get(name) == sent[name]})
