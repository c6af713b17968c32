"""100 MB of output: the cell's value comes back, and a line says what is missing."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from gc_jupyter.capture import capture_cell
from gc_jupyter.capture.worker_side.failures import ERROR_LIMIT
from gc_jupyter.capture.worker_side.output import DISPLAY_LIMIT, DISPLAYS, TEXT_LIMIT
from gc_jupyter.session.output import TEXT_LIMIT as SHOWN_LIMIT
from tests.capture.conftest import run_here
from tests.magics.conftest import Kernel, kernel

__all__ = ["kernel"]  # the fixture

SIZE = 100_000_000
LEFT_OUT = re.compile(r"\[([\d,]+) more characters left out: .* Write it to a file on the endpoint")
MORE = re.compile(r"\[([\d,]+) more characters .* %gc result ([0-9a-f-]{36})")
LINES = "import sys\nfor _ in range(100_000):\n    sys.stdout.write('x' * 999 + '\\n')\n7"
PROGRAM = "import os\nos.system('yes 2>/dev/null | head -c 100000000')\n7"
ONE_LINE = "!head -c 100000000 /dev/zero | tr '\\0' x\n7"
PRINTED = "print('x' * 50_000_000)\nprint('y' * 49_999_998)\n7"


def memory(kernel: Kernel) -> int:
    """The kernel's resident bytes at their highest."""
    text = kernel.ok("import resource; resource.getrusage(resource.RUSAGE_SELF).ru_maxrss").text
    return int(text) * 1024


@pytest.mark.parametrize("cell", [LINES, PROGRAM, ONE_LINE, PRINTED])
def test_100_mb_of_text(kernel: Kernel, cell: str) -> None:
    before, start = memory(kernel), time.perf_counter()
    shown = kernel.ok(f"%%gcrun local -q\n{cell}")
    assert time.perf_counter() - start < 60
    assert len(shown.stream("stdout")) == TEXT_LIMIT
    found = LEFT_OUT.search(shown.stream("stderr"))
    assert found is not None
    assert found[1] == f"{SIZE - TEXT_LIMIT:,}"
    assert shown.text == "7"
    assert memory(kernel) - before < 60_000_000
    assert kernel.ok("%%gcrun local\n1 + 1").text == "2"


def test_100_mb_of_many_tasks(kernel: Kernel) -> None:
    cell = "%%gcrun local -q --map n=range(60) --future tasks\nprint(str(n % 10) * 1_666_667)\nn"
    shown = kernel.ok(cell)
    assert len(shown.stream("stdout")) == SHOWN_LIMIT
    found = MORE.search(shown.stream("stderr"))
    assert found is not None
    assert found[1] == f"{60 * 1_666_668 - SHOWN_LIMIT:,}"
    assert kernel.ok("len(tasks[-1].stdout), tasks[-1].stdout[0]").text == "(1666668, '9')"
    one = kernel.ok(f"%gc result {found[2]}")
    assert len(one.stream("stdout")) == 1_666_668
    assert "not shown" not in one.stream("stderr")


def test_many_displays() -> None:
    cell = "for _ in range(300):\n    display({'image/png': 'A' * 400_000}, raw=True)\n7"
    reply = run_here(capture_cell(cell, {}))
    shown = [content for kind, content in reply["events"] if kind == "display"]
    assert len(shown) == DISPLAY_LIMIT // 400_000
    assert "290 more displays left out" in str(reply["events"][-1])
    assert reply["value"]["pickle"] is not None


def test_a_worker_sends_a_thousand_displays() -> None:
    """Whatever their size; those that are changed in place are one."""
    cell = (
        "handle = display('first', display_id='x')\n"
        "for n in range(40_000):\n    display(n)\n    handle.update('last')\n7"
    )
    reply = run_here(capture_cell(cell, {}))
    shown = [content for kind, content in reply["events"] if kind == "display"]
    assert len(shown) == DISPLAYS
    assert "last" in str(shown[0])
    assert "39,001 more displays left out" in str(reply["events"][-1])
    hidden = run_here(capture_cell("for n in range(5_000):\n    display(HTML('x'))", {}))
    assert sum(kind == "hidden" for kind, _ in hidden["events"]) <= 1


#: What a hostile worker sends: it keeps to no limit of ours.
FORGED = """
class Forged:
    def __init__(self, events): self.events = self.so_far = events
    undecoded, stayed, replied = {}, [], True
    endpoint, task_id = "evil", "00000000-0000-4000-8000-000000000001"
import gc_jupyter.session as session
"""


@pytest.mark.parametrize("text", ["'x'", "''", "'x' * 10"])
def test_a_kernel_shows_a_thousand_displays_of_a_cell(kernel: Kernel, text: str) -> None:
    """Of all its tasks."""
    kernel.ok(FORGED)
    shown = kernel.ok(
        f"tasks = [Forged([('display', {{'text/plain': {text}}})] * 20_000) for _ in range(2)]\n"
        "session.show_output(*tasks)"
    )
    assert shown.order.count("display_data") == DISPLAYS
    assert "and 39,000 displays are not shown here. %gc result" in shown.stream("stderr")


def test_pieces_of_text_are_joined(kernel: Kernel) -> None:
    """Each change between the two streams is a message to the front end."""
    kernel.ok(FORGED)
    shown = kernel.ok(
        "task = Forged([('stdout', 'a'), ('stderr', 'b')] * 200_000)\nsession.show_output(task)"
    )
    assert shown.stream("stdout") == "a" * 200_000
    assert shown.stream("stderr") == "b" * 200_000


@pytest.mark.parametrize(
    "cell",
    [
        "print('é' * 3_000_000)\nbytes(3_000_000)",
        "print('x' * 3_000_000)\ndisplay({'image/png': 'A' * 3_900_000}, raw=True)\n"
        "bytes(2_000_000)",
    ],
)
def test_output_and_value_share_the_room(cell: str) -> None:
    reply = run_here(capture_cell(cell, {}))
    assert size(reply) < 7_600_000


def test_a_large_picture_as_the_last_value() -> None:
    cell = (
        "class Picture:\n    def _repr_png_(self): return b'x' * 20_000_000\n"
        "    def __reduce__(self): raise TypeError('no')\nPicture()"
    )
    value = run_here(capture_cell(cell, {}))["value"]
    assert value["bundle"].keys() == {"text/plain"}


def test_an_error_of_100_mb() -> None:
    reply = run_here(capture_cell("raise ValueError('a' * 50_000_000 + 'b' * 50_000_000)", {}))
    lines = reply["error"]["lines"]
    assert len(lines) < ERROR_LIMIT + 100
    assert "ValueError: aaa" in lines
    assert "bbb\n" in lines
    assert "characters left out" in lines
    assert size(reply) < 100_000


def size(value: Any) -> int:
    """What a value takes of a result, roughly."""
    if isinstance(value, dict):
        return sum(map(size, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(size, value))
    return (
        len(value.encode())
        if isinstance(value, str)
        else len(value or b"")
        if isinstance(value, bytes)
        else 0
    )
