"""Random numbers: generators among the values of a cell, and the shared ones of the modules."""

from __future__ import annotations

import contextlib
import logging
import random
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from gc_jupyter.capture.worker_side.randomness import random_states, set_random_states

#: The most objects that are searched.
_MOST = 10_000
_SEED = re.compile(r"\b(?:seed|setstate|set_state)\(")
_OF_NUMPY = ("Generator", "RandomState", "BitGenerator")


def has_generator(value: Any) -> bool:
    """Whether a value is or holds a random generator that has a state of its own.

    Parameters
    ----------
    value:
        Any value. Containers and the attributes of instances are searched too.
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
        elif not isinstance(one, (type, logging.Logger)) and not callable(
            one
        ):  # it is sent by its name
            with contextlib.suppress(Exception):  # users' objects may raise anything
                todo += vars(one).values()
    return False


def _kinds() -> tuple[type, ...]:
    numpy = sys.modules.get("numpy.random")
    theirs = [getattr(numpy, name, None) for name in _OF_NUMPY]
    return (random.Random, *(kind for kind in theirs if isinstance(kind, type)))


def shared_states(cells: Iterable[str]) -> dict[str, Any]:
    """The states of the generators of `random` and `numpy.random`, if a cell has called a `seed`;
    empty otherwise."""
    return random_states() if any(_SEED.search(text) for text in cells) else {}


def go_on(states: Mapping[str, Any], sent: Mapping[str, Any]) -> None:
    """Continue here with the states that a cell left, unless numbers were drawn here meanwhile."""
    if not states:
        return
    here = random_states()
    set_random_states({name: states[name] for name in sent if here.get(name) == sent[name]})
