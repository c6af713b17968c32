"""The same cells on real endpoints, whose environment has no gc_jupyter, through RabbitMQ."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

SETUP = """
import math

class Point:
    def __init__(self, x): self.x = x

point = Point(3)
numbers = list(range(10))

def helper(x):
    return math.floor(x) / len(numbers)
"""


@pytest.fixture(scope="module")
def far(loopback_session: Loopback, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that reaches the loopback service."""
    kernel = Kernel(tmp_path_factory.mktemp("home"), loopback_session.environment)
    try:
        kernel.ok("%load_ext gc_jupyter")
        kernel.ok(SETUP)
        yield kernel
    finally:
        kernel.close()


@pytest.fixture(scope="module", params=["local", "inline", "thread", "process", "parsl"])
def where(request: pytest.FixtureRequest, loopback_session: Loopback) -> str:
    """`local`, and the id of an endpoint of each engine."""
    kind: str = request.param
    return kind if kind == "local" else loopback_session.endpoint(kind)


def test_cell(far: Kernel, where: str) -> None:
    shown = far.ok(
        f"%%gcrun {where}\nimport sys\nprint('out', sum(numbers))\nprint('err', file=sys.stderr)\n"
        "!echo from a shell\nPoint(helper(point.x + 0.5))"
    )
    assert shown.stream("stdout") == "out 45\nfrom a shell\n"
    assert shown.stream("stderr") == "err\n"
    assert far.ok("type(_) is Point, _.x").text == "(True, 0.3)"


def test_no_gc_jupyter_there(far: Kernel, where: str) -> None:
    if where == "local":
        return
    cell = "import importlib.util\nimportlib.util.find_spec('gc_jupyter')"
    assert far.ok(f"%%gcrun {where}\n{cell} is None").text == "True"


def test_traceback(far: Kernel, where: str) -> None:
    shown = far.run(f"%%gcrun {where}\n\nhelper('x')")
    assert shown.error["ename"] == "TypeError"
    assert "----> 3 helper('x')" in shown.traceback
    assert "in helper" in shown.traceback
    assert f"TypeError on {where} (" in shown.traceback


def test_functions(far: Kernel, where: str) -> None:
    far.ok(f"%%gcrun {where}\ndef double(x):\n    print('doubling', x)\n    return 2 * x")
    shown = far.ok("double(1), double.map(numbers)")
    assert shown.text == "(2, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18])"
    assert shown.stream("stdout").startswith("doubling 1\ndoubling 0\ndoubling 1\n")
