"""`%%gcrun --map`: a task for each value, their results, failures and names."""

from __future__ import annotations

import re

import pytest

from tests.magics.conftest import Kernel


def test_map(kernel: Kernel) -> None:
    shown = kernel.ok("%%gcrun local --map x=range(3)\nprint('got', x)\nx * 10")
    assert shown.text == "[0, 10, 20]"
    assert shown.stream("stdout") == "got 0\ngot 1\ngot 2\n"
    assert kernel.ok("'x' in globals()").text == "False"


def test_map_over_a_thousand_values(kernel: Kernel) -> None:
    kernel.ok("offset = 1")
    shown = kernel.ok("%%gcrun local -q --map x=range(1000) --future all_of_them\nx + offset")
    assert kernel.ok("_ == list(range(1, 1001)), len(all_of_them)").text == "(True, 1000)"
    assert shown.order == ["execute_result"]


@pytest.mark.parametrize(
    ("line", "cell", "value"),
    [
        ("--map x=[(1, 2), (3, 4)]", "a, b = x; a + b", "[3, 7]"),
        ('--map word=["a b", "c d"]', "word.split()", "[['a', 'b'], ['c', 'd']]"),
        ("--map x=(k for k in 'ab')", "x", "['a', 'b']"),
        ("--map x=[]", "x", "[]"),
    ],
)
def test_map_values(kernel: Kernel, line: str, cell: str, value: str) -> None:
    assert kernel.ok(f"%%gcrun local {line}\n{cell}").text == value


def test_map_sends_notebook_classes(kernel: Kernel) -> None:
    kernel.ok("class Pair:\n    def __init__(self, a): self.a = a\npairs = [Pair(1), Pair(2)]")
    assert kernel.ok("%%gcrun local --map p=pairs\nPair(p.a + 1)").text.count("Pair") == 2
    assert kernel.ok("[p.a for p in _], type(_[0]) is Pair").text == "([2, 3], True)"


def test_map_brings_variables_back(kernel: Kernel) -> None:
    kernel.ok("%%gcrun local --map x=range(3) -o square\nsquare = x * x;")
    assert kernel.ok("square").text == "[0, 1, 4]"


def test_map_does_not_use_the_notebooks_variable(kernel: Kernel) -> None:
    kernel.ok("import threading; x = threading.Lock()")  # can't be sent
    assert kernel.ok("%%gcrun local --map x=range(2)\nx").text == "[0, 1]"
    kernel.ok("del x")


def test_failures_of_a_map(kernel: Kernel) -> None:
    cell = "if x % 2 == 0: raise ValueError(x)\n1 / (x % 2)"
    shown = kernel.run(f"%%gcrun local --map x=range(20) --future kept\n{cell}")
    assert shown.status == "error"
    lines = shown.traceback.splitlines()
    assert lines[0] == "10 of 20 tasks failed."
    assert lines[1] == "kept.values() has the 10 other results, each in its place."
    assert [line for line in lines if re.fullmatch(r"x=\d+:", line)] == [
        *("x=0:", "x=2:", "x=4:", "x=6:")
    ]
    assert "----> 2 if x % 2 == 0: raise ValueError(x)" in lines
    assert "ValueError: 6" in lines
    assert "\x1b[31mValueError\x1b[0m: 6" in shown.error["traceback"]  # as a local one's
    assert re.fullmatch(
        r"6 more failed: kept\.failed lists them; %gc result [0-9a-f-]{36}\.", lines[-1]
    )
    assert kernel.ok("len(kept.failed), kept[1].result()").text == "(10, 1.0)"
    command = re.search(r"%gc result [0-9a-f-]{36}", lines[-1])
    assert command is not None
    assert "x % 2" in kernel.run(command[0]).traceback
    failed = kernel.ok("%gc tasks --failed").stream("stdout")
    said = dict(re.findall(r" x=(\d+)\s+(\S.*)", failed))
    assert {said[str(x)].strip() for x in (0, 18)} == {"ValueError: 0", "ValueError: 18"}
    assert len(said) >= 10


def test_one_good_result_of_a_map_is_one(kernel: Kernel) -> None:
    shown = kernel.run("%%gcrun local --map x=range(3)\n1 / (x == 1)")
    said = "sys.last_value.tasks.values() has the other result, in its place."
    assert shown.traceback.splitlines()[1] == said


def test_equal_failures_of_a_map_are_one(kernel: Kernel) -> None:
    shown = kernel.run("%%gcrun local --map x=range(20) --future kept\n1 / (x % 2)")
    lines = shown.traceback.splitlines()
    assert lines[4] == "x=0, x=2, x=4, x=6 and 6 more (10 tasks):"
    assert lines.count("ZeroDivisionError: division by zero") == 1
    assert lines[-1] == "10 failed: kept.failed lists them."
    assert not re.search("task [0-9a-f]{8}|after [0-9.]+ m?s", shown.traceback)


def test_a_map_with_failures_binds_the_others(kernel: Kernel) -> None:
    cell = "r = x\nif x == 2: 1 / 0\nif x == 3: del r\nx * x"
    shown = kernel.run(f"%%gcrun local --map x=range(5) --out r\n{cell}")
    assert shown.traceback.splitlines()[1] == (
        "Bound: r, with a NoValue in the place of each task that failed."
        " sys.last_value.tasks.values() has the 4 other results."
    )
    marked = "[0, 1, <no value: x=2: ZeroDivisionError: division by zero>, %s, 4]"
    unset = "<no value: x=3: the cell has not set r>"
    assert kernel.ok("str(r)").text == repr(marked % unset)
    assert kernel.ok("import sys; str(sys.last_value.tasks.values())").text == repr(
        (marked % 9).replace("4]", "16]")
    )
    assert kernel.ok("type(r[2].error).__name__, r[2].future.out['r'], r[3].error").text == (
        "('ZeroDivisionError', 2, None)"
    )
    shown = kernel.ok(f"%%gcrun local --map x=[1,3] --out r\n{cell}")
    assert shown.stream("stderr") == "--out r: 1 of 2 tasks have not set it.\n"
    assert kernel.ok("str(r)").text == repr(f"[1, {unset}]")
    assert "stands for a task that failed" in kernel.run("%%gcrun local\nr").traceback
    kernel.ok("one = r[1]")
    assert "stands for a task that failed" in kernel.run("%%gcrun local\none").traceback
