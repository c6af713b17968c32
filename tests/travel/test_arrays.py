"""What is NumPy's is written by names that NumPy 1 has, too, and is the same where it is read."""

from __future__ import annotations

import pickle
import pickletools
from typing import Any

import numpy as np
import pytest

from gc_jupyter.travel.arrays import viewed
from gc_jupyter.travel.installed import worker_has
from gc_jupyter.travel.pickler import dumps
from gc_jupyter.travel.texts import name_texts

VALUES = {
    "an array": np.arange(6.0).reshape(2, 3),
    "one in Fortran's order": np.asfortranarray(np.arange(6).reshape(2, 3)),
    "one whose axes are swapped": np.arange(24).reshape(2, 3, 4).swapaxes(0, 1),
    "a part": np.arange(9)[::-2],
    "text": np.array(["a", "bc"]),
    "objects": np.array([1, None], object),
    "nothing": np.empty((0, 3)),
    "a number": np.float32(2.5),
    "records": np.rec.array([(1, 2.5)], names="a,b"),
    "a masked array": np.ma.array([1, 2], mask=[0, 1]),
}
GENERATORS = {
    "default": np.random.default_rng(5),
    "MT19937": np.random.Generator(np.random.MT19937(3)),
    "RandomState": np.random.RandomState(5),
    "bits": np.random.Philox(4),
}


def carried(value: Any, protocol_5: bool) -> Any:
    """The value as it is read, after a look at the names that its pickle has."""
    name_texts()
    buffers: list[Any] = []
    options: dict[str, Any] = {"buffers": buffers.append} if protocol_5 else {}
    data = dumps(value, worker_has, **options)
    names = [arg for _, arg, _ in pickletools.genops(data) if isinstance(arg, str)]
    assert not [name for name in names if name.startswith(("numpy._core", "numpy.rec"))]
    return pickle.loads(data, buffers=buffers)


@pytest.mark.parametrize("protocol_5", [False, True])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_arrays(value: Any, protocol_5: bool) -> None:
    got = carried(value, protocol_5)
    assert type(got) is type(value)
    assert repr(got) == repr(value)
    assert got.dtype == value.dtype


@pytest.mark.parametrize("one", GENERATORS.values(), ids=GENERATORS)
def test_generators_go_on(one: Any) -> None:
    draw = "random_raw" if hasattr(one, "random_raw") else "bytes"
    getattr(one, draw)(3)
    got = carried(one, False)
    assert type(got) is type(one)
    assert list(getattr(got, draw)(4)) == list(getattr(one, draw)(4))


def test_seeds_and_functions() -> None:
    seed = np.random.SeedSequence(3, spawn_key=(1,))
    seed.spawn(2)
    got = carried(seed, False)
    assert got.state == seed.state
    assert carried([np.sin, np.mean, np.linalg.norm], False) == [np.sin, np.mean, np.linalg.norm]


def test_which_arrays_are_viewed() -> None:
    whole = np.arange(10)
    assert viewed([whole, whole[2:]]) == {id(whole)}
    assert viewed([whole, whole, [whole[1:]], "text"]) == set()
    assert viewed([whole[1:], np.arange(3)]) == set()
    large = np.zeros(10**6)
    assert viewed([large[:5], large[3:9]]) == set()
