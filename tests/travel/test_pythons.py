"""A kernel of one Python, a worker of another: the same value, or a refusal that names both.

`make matrix-workers` makes the environments; what isn't there is skipped. GC_JUPYTER_HISTORIES runs
every pair of a kernel and a worker, else each kernel meets one worker, and each worker one kernel.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.service.handle import Loopback
from tests.travel.cases import read_cases
from tests.travel.environments import Environment, find_python, kernels, workers
from tests.travel.kernel import Answer, History, Kernel, KernelDied

_HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
_ALL = bool(os.environ.get("GC_JUPYTER_HISTORIES"))


@dataclass(frozen=True)
class Pair:
    """A kernel and a worker; None for the ones that every test has."""

    kernel: Environment | None
    worker: Environment

    def __str__(self) -> str:
        return f"{self.kernel.name if self.kernel else f'kernel-{_HERE}'} to {self.worker.name}"


def pairs() -> list[Pair]:
    """Each worker with this Python's kernel, and every other kernel with a worker of 3.11."""
    others: list[Environment | None] = [one for one in kernels() if one.version != _HERE]
    if _ALL:
        return [Pair(kernel, worker) for kernel in [None, *others] for worker in workers()]
    (same,) = [one for one in workers() if one.name == "worker-3.11"]
    return [Pair(None, one) for one in workers()] + [Pair(one, same) for one in others]


@pytest.fixture(scope="module", params=pairs(), ids=str)
def pair(request: pytest.FixtureRequest) -> Pair:
    """Two Pythons that are there."""
    made: Pair = request.param
    for one in (made.kernel, made.worker):
        if one is not None and find_python(one.version) is None:
            pytest.skip(f"there is no Python {one.version} on this machine")
        if one is not None and not one.made:
            pytest.skip(f"there is no {one.folder}: make matrix-workers makes it")
    return made


@pytest.fixture(scope="module")
def kernel(pair: Pair, loopback_session: Loopback) -> Iterator[Kernel]:
    """The pair's kernel, whose cells go to its worker."""
    record = {"metadata": {"python_version": f"{pair.worker.version}.0"}}
    worker = loopback_session.new_endpoint("inline", record, python=str(pair.worker.python))
    python = str(pair.kernel.python) if pair.kernel else sys.executable
    with Kernel(worker, loopback_session.environment, python) as started:
        yield started


CASES = read_cases("pythons")


@pytest.mark.parametrize("history", CASES, ids=lambda history: history.kinds[0])
def test_the_same(kernel: Kernel, pair: Pair, history: History) -> None:
    answer = see(kernel, history)
    assert not answer.refused, f"{pair}: {answer.refused}"
    differences = answer.differences()
    assert not differences, "\n\n".join([str(pair), str(history), *differences])


NO_SOURCE = [
    ("f = eval('lambda x: x + 1')", "f(1)"),
    ("exec('def f(x): return x * 2')\nfs = [f]", "fs[0](1)"),
    (
        "space = {}; exec('class K:\\n    def go(self): return 1', space); k = space['K']()",
        "k.go()",
    ),
]


@pytest.mark.parametrize(("cell", "use"), NO_SOURCE)
def test_without_a_source(kernel: Kernel, pair: Pair, cell: str, use: str) -> None:
    """It may go where the Pythons are the same; else it is refused by name, with both versions."""
    answer = see(kernel, History((), (cell,), use))
    here = pair.kernel.version if pair.kernel else _HERE
    if here == pair.worker.version and not answer.refused:
        assert answer.differences() == []
    else:
        assert re.search(r"'(f|fs|k)'", answer.refused), answer.there
        assert pair.worker.version in answer.refused
        assert here in answer.refused


def test_the_kernel_lives(kernel: Kernel) -> None:
    """Whatever was made there from text comes as itself or as a stand-in, never as a crash."""
    cells = [
        "eval('lambda x: x + 1')",
        "exec('class K:\\n    def __repr__(self): return \"a K\"')\nK()",
        "exec('class T(Exception):\\n    def __str__(self): return \"a T\"')\nraise T(1)",
        "import types\ntypes.FunctionType((lambda: 5).__code__, {})",
    ]
    for cell in cells:
        answer = see(kernel, History((), (), cell))
        assert not answer.refused
    assert see(kernel, History((), (), "1 + 1")).there[0].value == "2"


def see(kernel: Kernel, history: History) -> Answer:
    try:
        return kernel.see(history)
    except KernelDied as error:
        pytest.fail(f"{error}\n\n{history}")
