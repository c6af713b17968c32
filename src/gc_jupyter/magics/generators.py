"""Finds random generators among what a cell takes along: each task would get a copy of one."""

from __future__ import annotations

import contextlib
import random
import sys
from typing import Any

#: Objects that are looked at.
_MOST = 10_000
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
