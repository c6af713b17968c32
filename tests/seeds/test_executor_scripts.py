"""The executor guide's examples as scripts of their own, on real endpoints.

Functions live in `__main__`, tasks go through the endpoint's interchange, results by RabbitMQ.
"""

from __future__ import annotations

import ast
import re
import signal
from pathlib import Path

import pytest

from tests.scripts import run
from tests.seeds.extract import Block, blocks
from tests.seeds.test_documents import source
from tests.service.handle import Loopback

GUIDE = blocks("executor_user_guide.rst")


def example(word: str) -> Block:
    """The first block of the executor's guide with this word."""
    return next(block for block in GUIDE if word in block.text)


def functions(document: str) -> str:
    """The functions that a document defines, as they stand there."""
    found = {}
    for block in blocks(document):
        if block.language == "python":
            for node in ast.parse(block.text).body:
                if isinstance(node, ast.FunctionDef):
                    found[node.name] = ast.get_source_segment(block.text, node) or ""
    return "\n\n".join(found.values())


def collatz(number: int) -> list[int]:
    """What the guide's function must return."""
    sequence = [number]
    while sequence[-1] != 1:
        last = sequence[-1]
        sequence.append(3 * last + 1 if last % 2 else last // 2)
    return sequence


@pytest.mark.parametrize("kind", ["thread", "process", "parsl"])
def test_collatz(loopback: Loopback, tmp_path: Path, kind: str) -> None:
    script = source(example("Tasks all submitted"), loopback.endpoint(kind))
    out, err = run(loopback, tmp_path, script)
    first, second, *sequences = out.splitlines()
    assert first == "Tasks all submitted; waiting for results"
    assert second == "All sequences generated (from 1 to 100)"
    assert [ast.literal_eval(line) for line in sequences] == [collatz(n) for n in range(1, 101)]
    assert err == ""


def test_basic_example(loopback: Loopback, tmp_path: Path) -> None:
    out, err = run(loopback, tmp_path, source(example("double(x)"), loopback.endpoint("process")))
    assert (out, err) == ("14\n", "")


def test_exceptions(loopback: Loopback, tmp_path: Path) -> None:
    endpoint_id = loopback.endpoint("process")
    script = f"ep_id = {endpoint_id!r}\n" + source(example("Oh no!"), endpoint_id)
    out, err = run(loopback, tmp_path, script)
    assert out.startswith("Oh no!  The task raised an exception: \nTraceback")
    assert out.rstrip().endswith("ValueError: Sequence not terminated in 100 steps")
    assert err == ""


def test_as_completed(loopback: Loopback, tmp_path: Path) -> None:
    endpoint_id = loopback.endpoint("process")
    script = f"from gc_jupyter import Executor\nendpoint_id = {endpoint_id!r}\n" + source(
        example("as_completed(futs)\n".rstrip()), endpoint_id
    )
    out, err = run(loopback, tmp_path, script)
    first, *received = out.splitlines()
    assert first == f"Results: {[f'{n} -> {2 * n}' for n in range(10)]}"
    assert sorted(received) == [f"Received: {n} -> {2 * n}" for n in range(10, 20)]
    assert err == ""


def test_reload_after_a_kill(loopback: Loopback, tmp_path: Path) -> None:
    script = source(example("SIGKILL"), loopback.endpoint("process"))
    out, _err = run(loopback, tmp_path, script, code=-signal.SIGKILL)
    assert "Simulating unexpected process death!" in out
    (group,) = re.findall(r"script\.py ([-\w]{36})", out)
    out, err = run(loopback, tmp_path, script, group)
    assert out.splitlines()[1:] == [
        "Results:",
        *(f"  your Globus Compute logic result, from task: {n}" for n in range(1, 6)),
    ]
    assert err == ""


def test_the_tutorials_functions(loopback: Loopback, tmp_path: Path) -> None:
    """What the tutorial does with the client, by the executor: pi, the failing one and the rest."""
    driver = """

import sys
from datetime import date
from gc_jupyter import Executor
from gc_jupyter.errors import TaskExecutionFailed

with Executor(sys.argv[1]) as executor:
    greeting = executor.submit(hello_world)
    total = executor.submit(get_sum, [1, 2, 3, 4, 5])
    today = executor.submit(get_date)
    echoed = executor.submit(echo, "World")
    failed = executor.submit(failing)
    estimates = list(executor.map(pi, [10**5] * 3))
    squares = list(executor.map(squared, range(10)))

assert isinstance(today.result(), date)
print(greeting.result(), total.result(), repr(echoed.result()), squares)
print(all(3.1 < estimate < 3.2 for estimate in estimates))
try:
    failed.result()
except TaskExecutionFailed as error:
    print(error.remote_data)
"""
    script = functions("tutorial.rst") + driver
    out, err = run(loopback, tmp_path, script, loopback.endpoint("process"))
    first, second, traceback = out.split("\n", 2)
    assert first == f"Hello World! 15 'Hello World\\n' {[n**2 for n in range(10)]}"
    assert second == "True"
    assert 'raise Exception("deterministic failure")' in traceback
    assert traceback.rstrip().endswith("Exception: deterministic failure")
    assert err == ""
