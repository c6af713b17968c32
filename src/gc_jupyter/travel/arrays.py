"""Write what is NumPy's by names that all its versions have, and views of an array as views.

Its text also runs on workers: standard library only, Python 3.8 syntax.
"""

from __future__ import annotations

import functools
import pickle
import sys
from collections.abc import Iterable
from typing import Any

from gc_jupyter.travel import rebuild_classes
from gc_jupyter.travel.instances import Call


def reducer_of_numpy(kind: type) -> Any:
    """Return the function that reduces objects of one of NumPy's types; None for any other type."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or str(kind.__module__).partition(".")[0] != "numpy":
        return None
    if kind is getattr(numpy, "ndarray", None):
        return _array
    if kind is getattr(numpy, "ufunc", None):
        return _ufunc
    made = getattr(sys.modules.get("numpy.random"), kind.__name__, None)
    if made is not kind:
        return None
    if kind.__name__ == "Generator":
        return _random_generator
    if kind.__name__ == "RandomState":
        return _random_state
    if kind.__name__ == "SeedSequence":
        return _seed_sequence
    return _bit_generator if hasattr(kind, "random_raw") else None


def viewed(values: Iterable[Any]) -> set[int]:
    """Return the ids of those arrays whose memory several of these values have a part of."""
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    found: dict[int, list[Any]] = {}
    for one in {id(one): one for one in values if type(one) is array}.values():
        owner = one if one.base is None else one.base
        if type(owner) is array and (owner.flags.c_contiguous or owner.flags.f_contiguous):
            found.setdefault(id(owner), [owner]).append(one)
    return {
        owner
        for owner, (whole, *parts) in found.items()
        if len(parts) > 1 and whole.nbytes <= max(10**6, 2 * sum(one.nbytes for one in parts))
    }


def _array(pickler: Any, one: Any) -> Any:
    owner = one.base
    if id(owner) in pickler.viewed and not one.dtype.hasobject:
        at = one.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
        made_of = owner, one.dtype, one.shape, one.strides, at, one.flags.writeable
        return rebuild_classes.view, made_of
    reduced = one.__reduce_ex__(pickler.protocol)
    if isinstance(reduced[1][0], pickle.PickleBuffer):
        return rebuild_classes.from_buffer, reduced[1]
    return reduced


def _ufunc(_pickler: Any, one: Any) -> Any:
    numpy = sys.modules["numpy"]
    known = getattr(numpy, one.__name__, None) is one
    return (getattr, (numpy, one.__name__)) if known else NotImplemented


def _random_generator(_pickler: Any, one: Any) -> Any:
    return type(one), (one.bit_generator,)


def _random_state(_pickler: Any, one: Any) -> Any:
    state = one.get_state(legacy=False)
    made_of = Call(getattr(sys.modules["numpy.random"], state["bit_generator"]))
    return type(one), (made_of,), state


def _seed_sequence(_pickler: Any, one: Any) -> Any:
    names = ("entropy", "spawn_key", "pool_size", "n_children_spawned")
    options = {name: getattr(one, name) for name in names}
    kind: Any = type(one)
    return functools.partial(kind, **options), ()


def _bit_generator(_pickler: Any, one: Any) -> Any:
    seed = getattr(one, "seed_seq", None)
    return type(one), () if seed is None else (seed,), one.state
