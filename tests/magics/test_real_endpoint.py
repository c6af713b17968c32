"""The same cells on real endpoints, whose environment has no gc_jupyter, through RabbitMQ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

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


def test_ipythons_open_stays_here(far: Kernel, where: str) -> None:
    """A notebook's `open` is IPython's; a function of an Executor finds its own."""
    far.ok("import os\nfrom gc_jupyter import Executor")
    far.ok("def first_line(path):\n    with open(path) as lines:\n        return lines.readline()")
    assert far.ok(f"Executor({where!r}).submit(first_line, os.devnull).result(60)").text == "''"


def test_no_gc_jupyter_there(far: Kernel, where: str) -> None:
    if where == "local":
        return
    names = "[one.metadata['Name'] for one in importlib.metadata.distributions()]"
    cell = f"import importlib.metadata\nassert 'dill' in {names}\n'gc-jupyter' in {names}"
    assert far.ok(f"%%gcrun {where}\n{cell}").text == "False"


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


def test_modules_go_with_their_task(far: Kernel, where: str, tmp_path: Path) -> None:
    (tmp_path / "gc_beside.py").write_text("def f(x): return x + 1\n")
    far.ok(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import gc_beside")
    try:
        cell = "gc_beside.f(i)"
        assert far.ok(f"%%gcrun {where} --map i=range(4)\n{cell}").text == "[1, 2, 3, 4]"
        cell = "import importlib.util, sys\nname = 'gc_' + 'beside'\n"
        cell += "importlib.util.find_spec(name) is None and name not in sys.modules"
        shown = far.ok(f"%%gcrun {where} --no-capture --map i=range(4)\n{cell}")
        # the kernel's own path is that of `local`, too
        assert where == "local" or shown.text == "[True, True, True, True]"
    finally:
        far.ok("sys.path.pop(0); del sys.modules['gc_beside'], gc_beside")


def test_a_thousand_values_are_one_batch(far: Kernel, loopback_session: Loopback) -> None:
    endpoint = loopback_session.endpoint("inline")
    loopback_session.clear()
    far.ok(f"%%gcrun {endpoint} -q --map x=range(1000)\nx * x")
    assert far.ok("_ == [x * x for x in range(1000)]").text == "True"
    (request,) = loopback_session.requests("POST", "/submit")
    assert sum(map(len, request["body"]["tasks"].values())) == 1000


def test_a_dry_run_sends_nothing(far: Kernel, loopback_session: Loopback) -> None:
    endpoint = loopback_session.endpoint("inline")
    loopback_session.clear()
    said = far.ok(f"%%gcrun {endpoint} --dry-run\nhelper(point.x)").stream("stdout")
    assert loopback_session.requests() == []
    assert "its state was never asked for" in said
    assert "by the access token in GLOBUS_COMPUTE_ACCESS_TOKEN" in said
    far.ok(f"%gc status {endpoint}")
    loopback_session.clear()
    said = far.ok(f"%%gcrun {endpoint} --dry-run\nhelper(point.x)").stream("stdout")
    assert loopback_session.requests() == []
    assert re.search(r"online at \d\d:\d\d:\d\d", said)
    assert re.search(r"Defined +Point \d+ B, helper \d+ B\n", said)


def test_endpoints_by_name(far: Kernel, loopback_session: Loopback) -> None:
    one = loopback_session.new_endpoint("inline", {"display_name": "polaris"})
    assert far.ok("%%gcrun polaris\n1").text == "1"
    assert "polaris" in far.complete("%%gcrun pol")
    assert one in far.ok("%gc endpoints").stream("stdout")
    message = far.run("%%gcrun polariss\n1").stream("stderr")
    assert "Did you mean 'polaris' (online)" in message
    loopback_session.new_endpoint("offline", {"display_name": "twice"})
    loopback_session.new_endpoint("offline", {"display_name": "twice"})
    other = Kernel(far.home, loopback_session.environment)
    try:
        other.ok("%load_ext gc_jupyter")
        assert "polaris" in other.complete("%%gcrun pol")  # remembered; nobody was asked
        message = other.run("%%gcrun twice\n1").stream("stderr")
        assert "2 endpoints are called 'twice'" in message
        assert message.count("(offline)") == 2
    finally:
        other.close()
    card = far.ok("%gc status polaris").outputs[0]["data"]["text/plain"]
    assert "online" in card


def test_what_is_asked_of_the_endpoint(far: Kernel, loopback_session: Loopback) -> None:
    endpoint = loopback_session.endpoint("inline")
    loopback_session.clear()
    line = '--resources {"num_nodes": 2} --config \'{"account": "a b"}\' --amqp-port 1'
    assert far.ok(f"%%gcrun {endpoint} {line}\n1").text == "1"  # by polling: nobody is at port 1
    (request,) = loopback_session.requests("POST", "/submit")
    assert request["body"]["resource_specification"] == {"num_nodes": 2}
    assert request["body"]["user_endpoint_config"] == {"account": "a b"}
    assert loopback_session.requests("POST", "/v2/batch_status")


def test_shell_there(far: Kernel, where: str) -> None:
    shown = far.run(f"%%gcshell {where}\necho out; echo err >&2; python3 -c 'print(6 * 7)'; exit 4")
    assert shown.stream("stdout") == "out\n42\n"
    assert shown.stream("stderr") == "err\n"
    assert "ended with exit status 4" in shown.traceback
