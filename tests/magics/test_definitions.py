"""Cells with definitions only: remote functions in a real kernel."""

from __future__ import annotations

import pytest

from tests.magics.conftest import Kernel

CELL = """%%gcrun local
'''Functions of a test.'''
import math, only_on_the_endpoint
SCALE = 10

class Pair:
    def __init__(self, a, b): self.a, self.b = a, b

def scaled(x, by=SCALE):
    '''Scale a number.'''
    print('scaling', x)
    return math.floor(x * by)

def fact(k):
    return k * fact(k - 1) if k else 1

def swap(pair):
    return Pair(pair.b, pair.a)

def where():
    import os
    return os.getpid()

def fails(x):
    return 1 / x

@only_on_the_endpoint.decorate
def elsewhere(x):
    return x

class Elsewhere(only_on_the_endpoint.Base):
    pass

async def later(x):
    return x + 1
"""


@pytest.fixture(scope="module")
def defined(kernel: Kernel) -> Kernel:
    (made,) = kernel.ok(CELL).outputs
    assert made["data"]["text/plain"] == (
        "scaled, fact, swap, where and 3 more run on local now: scaled(…), scaled.submit(…),"
        " scaled.map(…); scaled.local is the original."
    )
    kernel.ok("import os")
    return kernel


def test_call(defined: Kernel) -> None:
    shown = defined.ok("scaled(1.55), scaled(2, by=3)")
    assert shown.text == "(15, 6)"
    assert shown.stream("stdout") == "scaling 1.55\nscaling 2\n"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("where() != os.getpid()", "True"),
        ("where.local() == os.getpid()", "True"),
        ("scaled.submit(3).result()", "30"),
        ("fact.map(range(5))", "[1, 1, 2, 6, 24]"),
        ("scaled.map([1, 2], [3, 4])", "[3, 8]"),
        ("fact.map([])", "[]"),
        ("fact(5), fact.local(5)", "(120, 120)"),
        ("type(swap(Pair(1, 2))) is Pair, swap(Pair(1, 2)).a", "(True, 2)"),
        ("later(1)", "2"),
        ("SCALE, math.pi > 3", "(10, True)"),
        ("scaled.__doc__", "'Scale a number.'"),
        ("scaled", "<remote function scaled(x, by=10) on local>"),
        ("elsewhere", "<remote function elsewhere(…) on local>"),
        ("[f.result() for f in [fact.submit(k) for k in range(3)]]", "[1, 1, 2]"),
        ("(await fact.submit(4))", "24"),
    ],
)
def test_values(defined: Kernel, expression: str, value: str) -> None:
    assert defined.ok(expression).text == value


def test_in_later_cells(defined: Kernel) -> None:
    shown = defined.ok("%%gcrun local\n[fact(3), scaled(1), where() == __import__('os').getpid()]")
    assert shown.text == "[6, 10, True]"


def test_new_values_of_what_it_uses(defined: Kernel) -> None:
    defined.ok("offset = 1")
    defined.ok("%%gcrun local\ndef shifted(x):\n    return x + offset")
    assert defined.ok("shifted(1)").text == "2"
    defined.ok("offset = 100")
    assert defined.ok("shifted(1)").text == "101"


def test_an_error_is_caught_by_its_type(defined: Kernel) -> None:
    shown = defined.ok("try:\n    fails(0)\nexcept ZeroDivisionError as e:\n    print('caught', e)")
    assert shown.stream("stdout") == "caught division by zero\n"


def test_an_error_shows_both_sides(defined: Kernel) -> None:
    shown = defined.run("a = 1\nfails(0)")
    assert "----> 2 fails(0)" in shown.traceback
    assert "    return 1 / x" in shown.traceback
    assert "gc_jupyter" not in shown.traceback


def test_an_argument_that_cannot_be_sent(defined: Kernel) -> None:
    shown = defined.run("fact((i for i in 'a'))")
    assert shown.error["ename"] == "CaptureError"
    assert "----> 1 fact((i for i in 'a'))" in shown.traceback
    assert "gc_jupyter" not in shown.traceback


def test_a_module_that_only_the_endpoint_has(defined: Kernel) -> None:
    assert "has no module 'only_on_the_endpoint'" in defined.run("elsewhere(1)").traceback
    shown = defined.run("elsewhere.local(1)")
    assert "could not be defined here" in shown.error["evalue"]


def test_a_class_that_only_the_endpoint_can_have(defined: Kernel) -> None:
    assert defined.ok("Elsewhere").text.startswith("<Elsewhere: on the endpoint only")
    shown = defined.run("%%gcrun local\nElsewhere")
    assert "has no module 'only_on_the_endpoint'" in shown.traceback


def test_decorators_of_the_cell_run_here(kernel: Kernel) -> None:
    cell = """%%gcrun local
import functools, os
def twice(function):
    @functools.wraps(function)
    def inner(x): return 2 * function(x), os.getpid() != home
    return inner
@twice
def same(x): return x
@functools.singledispatch
def kind(x): return "object"
@kind.register
def kind_of_list(x: list): return "list of " + kind(x[0])
@kind.register(int)
def kind_of_int(x): return "int"
"""
    kernel.ok("import os; home = os.getpid()")
    assert kernel.ok(cell).order == ["display_data"]  # what it has made
    assert kernel.ok("same(3)").text == "(6, True)"
    assert kernel.ok("kind([1]), kind('a')").text == "('list of int', 'object')"


def test_an_error_of_a_definition_shows_the_cell_alone(kernel: Kernel) -> None:
    shown = kernel.run("%%gcrun local\nX = 1\ndef f(y=nothing): return y").traceback
    assert "line 3" in shown
    assert "gc_jupyter" not in shown


def test_annotations_of_the_future(kernel: Kernel) -> None:
    kernel.ok(
        "%%gcrun local\nfrom __future__ import annotations\ndef ahead(x: Later) -> Later: return x"
    )
    assert kernel.ok("ahead(1)").text == "1"
    kernel.ok("del annotations")


def test_a_class_alone_is_defined_here(kernel: Kernel) -> None:
    assert kernel.ok("%%gcrun local\nclass Alone:\n    n = 3").outputs == []
    assert kernel.ok("Alone.n").text == "3"
    assert kernel.ok("%%gcrun local\nAlone()").text.startswith("<__main__.Alone")
    assert kernel.ok("isinstance(_, Alone)").text == "True"


def test_a_cell_that_also_runs_something_is_no_definition(defined: Kernel) -> None:
    assert defined.ok("%%gcrun local\ndef f(): return 3\nf()").text == "3"
    assert defined.run("f").error["ename"] == "NameError"


def test_imports_alone_run(defined: Kernel) -> None:
    assert "has no module" in defined.run("%%gcrun local\nimport nothing_here").traceback


def test_html_of_a_remote_function(kernel: Kernel) -> None:
    define = "def shows():\n    from IPython.display import HTML, display\n    display(HTML('<b>'))"
    kernel.ok(f"%%gcrun local\n{define}")
    shown = kernel.ok("shows()")
    assert shown.order == ["display_data", "stderr"]
    assert "run the cell with --html" in shown.stream("stderr")
    kernel.ok(f"%%gcrun local --html\n{define}")
    (shown,) = kernel.ok("shows()").outputs
    assert shown["data"]["text/html"] == "<b>"


def test_options_of_the_cell_are_those_of_the_calls(kernel: Kernel) -> None:
    kernel.ok("import os, tempfile; gate = os.path.join(tempfile.mkdtemp(), 'gate')")
    kernel.ok(
        "%%gcrun local -b -v --timeout 0.3 --label mine --tb-limit 1 --in hidden_one\n"
        "import os, time\n"
        "def waits():\n    while not os.path.exists(gate): time.sleep(0.01)\n"
        "def first(): second()\ndef second(): 1 / 0\n"
        "def looks(): return globals()['hidden_one']"
    )
    kernel.ok("hidden_one = 5")
    shown = kernel.ok("looks()")
    assert shown.text == "5"
    assert "Task " in shown.stream("stdout")  # -v
    shown = kernel.run("waits()")
    assert "Stopped waiting after 0.3 s" in shown.traceback
    assert kernel.ok("open(gate, 'w').close(); waits.submit().label").text == "'mine waits'"
    shown = kernel.run("first()").traceback
    assert "in second" in shown
    assert "in first" not in shown


def test_no_capture_of_the_cell_is_that_of_the_calls(kernel: Kernel) -> None:
    kernel.ok("seen, more = 1, 2")
    kernel.ok("%%gcrun local --no-capture --in more\ndef f(): return more\ndef g(): return seen")
    assert kernel.ok("f()").text == "2"
    assert kernel.run("g()").error["ename"] == "NameError"


def test_a_table_of_calls_that_was_asked_for(kernel: Kernel) -> None:
    slow = "def slow():\n    import time; time.sleep(0.4)"
    kernel.ok(f"%%gcrun local --progress-after 0.1\n{slow}")
    assert "display_data" in kernel.ok("slow()").order
    kernel.ok(f"%%gcrun local\n{slow}")
    assert kernel.ok("slow()").outputs == []


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("def f(): return 1\nclass C: pass\nx = f()", "Not kept here: f, C."),
        ("import os\nN = 3\ndef f(): return 1\nf()", "--out f brings back"),
        ("def f(): return 1\nx = f()\nx + 1", ""),
        ("x = 1", ""),
    ],
)
def test_definitions_that_are_not_kept(kernel: Kernel, cell: str, said: str) -> None:
    shown = kernel.ok(f"%%gcrun local\n{cell}").stream("stderr")
    assert (said in shown) if said else shown == ""
    assert kernel.ok(f"%%gcrun local -q\n{cell}").stream("stderr") == ""
    if said:
        assert "Not kept here: f" not in kernel.ok(f"%%gcrun local --out f\n{cell}").stream(
            "stderr"
        )


def test_a_map_of_which_some_fail(defined: Kernel) -> None:
    """The first failure, as it would be raised here; it says where the other results are."""
    failed = defined.run("fails.map([1, 0, 4, 0])")
    assert failed.error["ename"] == "ZeroDivisionError"
    assert "2 of 4 calls failed; this is the first." in failed.traceback
    assert "sys.last_value.tasks.values() has the 2 other results" in failed.traceback
    values = defined.ok("import sys; values = sys.last_value.tasks.values(); values[::2]")
    assert values.text == "[1.0, 0.25]"
    assert defined.ok("values[1]").text.startswith("<no value: fails: ZeroDivisionError")
    defined.ok("again = sys.last_value.tasks.rerun(); again[1].exception(60)")
    caught = defined.ok("try: fails.map([0])\nexcept ZeroDivisionError as error: print(error)")
    assert caught.stream("stdout") == "division by zero\n"
