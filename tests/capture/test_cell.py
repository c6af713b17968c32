"""A cell and what it uses, through the text that travels: the same values as here."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest
from IPython.core.autocall import ExitAutocall
from IPython.core.interactiveshell import _modified_open
from IPython.display import display

from gc_jupyter.capture import capture_cell
from gc_jupyter.errors import CaptureError, PayloadTooLarge
from tests.capture.conftest import Notebook, run_here

SETUP = '''
import collections, dataclasses, enum, functools, math, os.path as osp
import xml.etree
import xml.etree.ElementTree
from collections import Counter as Tally, namedtuple
from math import pi, sqrt

n = 10
data = [1, 2, 3]
shared = [data, data]

def double(x):
    return x * 2

def by_n(x, factor=n):
    """Uses another function, a default and a module."""
    return math.floor(double(x) * factor)

def fact(k):
    return k * fact(k - 1) if k else 1

def even(k): return True if k == 0 else odd(k - 1)
def odd(k): return False if k == 0 else even(k - 1)

def logged(function):
    @functools.wraps(function)
    def inner(*args):
        return ("logged", function(*args))
    return inner

@logged
def decorated(x):
    return x + n

@functools.lru_cache(maxsize=None)
def fib(k):
    return k if k < 2 else fib(k - 1) + fib(k - 2)

square = lambda v: v * v
pair = (lambda v: v + 1, lambda v: v - 1)

def adder(by):
    def add(x):
        return x + by
    return add
add_five = adder(5)

class Base:
    limit = n
    def who(self): return type(self).__name__ + str(double(self.limit))

class Child(Base):
    def __init__(self, x): self.x = x
    def __eq__(self, other): return type(self) is type(other) and self.x == other.x

class Node:
    def leaf(self): return Leaf()
class Leaf(Node):
    pass

@dataclasses.dataclass
class Point:
    x: int
    y: int = n

class Colour(enum.Enum):
    RED = 1
    BLUE = 2

Pair = namedtuple("Pair", "a b")
child = Child(3)
children = {"a": child, "b": [child, Point(1)]}
point, red, couple = Point(7), Colour.RED, Pair(1, 2)
Alias = Child
'''

CELLS = [
    "n + 1",
    "[x * n for x in data]",
    "f'{n:>5} {data!r}'",
    "by_n(1.5), fact(5), even(7)",
    "decorated(1), decorated.__name__",
    "fib(30)",
    "square(4), pair[0](1), pair[1](1)",
    "add_five(1)",
    "Child(2).who(), Child.__mro__[1] is Base",
    "isinstance(child, Child), children['b'][0] is child, isinstance(child, Alias)",
    "Node().leaf().__class__.__mro__[1] is Node",
    "point.x + point.y, Point(1) == Point(1, 10)",
    "red is Colour.RED, Colour(2).name",
    "couple.a, Pair(3, 4)._replace(b=5) == (3, 5)",
    "shared[0] is shared[1], shared[0] is data",
    "Tally('aab'), pi, sqrt(4), osp.join('a', 'b')",
    "xml.etree.ElementTree.fromstring('<a/>').tag",
    "collections.OrderedDict(a=1)",
    "if n > 5:\n    out = 'big'\nelse:\n    out = 'small'\nout",
    "total = 0\nfor x in data:\n    total += x\ntotal",
    "def local(k): return double(k) + n\nlist(map(local, data))",
    "class Here(Base):\n    limit = 1\nHere().who()",
    "match point:\n    case Point(x=7, y=why): found = why\n    case _: found = None\nfound",
    "(m := max(data)) * m",
    "import asyncio\nasync def later(): return n\nawait later()",
    "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    text = str(e)\ntext",
    "__name__",
    "data.append(4)\ndata",
]


@pytest.fixture(scope="module")
def used() -> Notebook:
    notebook = Notebook()
    notebook.local(SETUP)
    return notebook


@pytest.mark.parametrize("cell", CELLS)
def test_same_value_as_here(used: Notebook, cell: str) -> None:
    fresh = Notebook()
    fresh.local(SETUP)
    body, _, last = cell.rpartition("\n")
    if "await" in last:
        body, last = "", "n"
    fresh.local(body)
    assert used.remote(cell) == eval(last, fresh.namespace)


def test_nothing_else_is_sent(used: Notebook) -> None:
    captured = capture_cell("by_n(n)", used.namespace)
    assert set(captured.sizes) == {"n", "by_n", "double"}
    assert list(captured.objects.values()) == [used["double"], used["by_n"]]
    assert b"Point" not in captured.inputs
    assert "Point" not in str(captured.task)


def test_every_single_cell_runs_the_same_function() -> None:
    """Its text is an argument, of a few hundred bytes."""
    first = capture_cell("n + 1", {"n": 1})
    other = capture_cell("print(m)", {"m": 2})
    assert first.function is other.function
    assert first.function.lasting
    assert "n + 1" not in first.function.source
    assert first.arguments()[1]["task"]["cell"] == "n + 1"
    assert len(pickle.dumps(first.arguments())) < 700


def test_a_fan_out_has_a_function_of_its_own() -> None:
    """Its tasks carry their values, and no text."""
    first, again = (
        capture_cell("x + n", {"n": n}, variable="x", values=[1, 2]) for n in (1, [2, 3])
    )
    assert first.function is again.function
    assert not first.function.lasting
    assert first.inputs != again.inputs
    assert "task" not in first.arguments(0)[1]


@pytest.mark.parametrize("name", ["by_n", "fib", "square", "add_five", "decorated"])
def test_calls(used: Notebook, name: str) -> None:
    assert used.call(name, 3) == used[name](3)


def test_arguments_of_notebook_classes(used: Notebook) -> None:
    used.local("def same(a, *, b): return a == b and type(a) is Child and a")
    assert used.call("same", used["child"], b=used["Child"](3)) == used["child"]


def test_values_come_back_as_notebook_classes(used: Notebook) -> None:
    value = used.remote("[Point(1), child, Colour.BLUE, double]")
    assert [type(v) for v in value[:2]] == [used["Point"], used["Child"]]
    assert value[2] is used["Colour"].BLUE
    assert value[3] is used["double"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Made = type('Made', (), {'x': 1})", "Made"),
        ("Made = enum.Enum('Made', 'ONE TWO')\nmade = Made.ONE", "Made"),
        ("exec('class Made: pass')", "Made"),
        ("Made = dataclasses.make_dataclass('Made', ['x'], namespace={'x': 1})", "Made"),
        ("class Made:\n    class Inner: pass\nmade = Made.Inner()", "Made.Inner"),
        (
            "class Base:\n    def f(self): return 1\nclass Made(Base):\n"
            "    def f(self): return super().f() + 1\n    @property\n"
            "    def g(self): return super().f()\ndel Base\nmade = Made()\n"
            "assert made.f() + made.g == 3",
            "Made",
        ),
        (
            "class Made:\n    def f(self): return 1\nclass Made(Made):\n"
            "    def f(self): return super().f() + 1",
            "Made",
        ),
    ],
)
def test_classes_without_a_text_of_their_own_come_back(
    notebook: Notebook, text: str, kind: str
) -> None:
    notebook.local(f"import dataclasses, enum\n{text}")
    if "made" not in notebook.namespace:
        notebook.local("made = Made()")
    check = "assert not hasattr(made, 'f') or made.f() == 2"
    value = notebook.remote(f"assert type(made) is {kind}\n{check}\nmade, {kind}")
    assert type(value[0]) is value[1] is eval(kind, notebook.namespace)


def test_an_enum_of_the_cell_comes_back(notebook: Notebook) -> None:
    value = notebook.remote(
        "import enum\nclass Planet(enum.Enum):\n    EARTH = (6, 2)\n"
        "    def __init__(self, mass, radius): self.mass = mass\n"
        "    def heavy(self): return self.mass > 5\nPlanet.EARTH"
    )
    assert (value.name, value.value, value.mass, value.heavy()) == ("EARTH", (6, 2), 6, True)


def test_a_class_of_the_cell_comes_back(notebook: Notebook) -> None:
    value = notebook.remote("class A:\n    def __init__(self): self.x = 1\nA()")
    assert value.x == 1
    assert type(value).__name__ == "A"


def test_outputs(notebook: Notebook) -> None:
    notebook.local("n = 3")
    future = notebook.future("a = n + 1\nb = lambda: a\nc = 5", out=["a", "b", "missing"])
    assert future.decode(future.reply) is None
    assert future.out["a"] == 4
    assert future.out["b"]() == 4
    assert set(future.out) == {"a", "b"}


def test_one_value_that_cannot_come_back(notebook: Notebook) -> None:
    future = notebook.future("a = (i for i in 'ab')\nb = 2\na", out=["a", "b"])
    value = future.decode(future.reply)
    assert repr(value).startswith("<generator object")
    assert "can't be pickled" in value.reason
    assert future.out["b"] == 2
    assert set(future.undecoded) == {"", "a"}


def test_a_value_that_is_too_large(notebook: Notebook) -> None:
    future = notebook.future("a = bytes(20_000_000)\nlen(a)", out=["a"])
    assert future.decode(future.reply) == 20_000_000
    assert "10 MB" in future.undecoded["a"].reason


def test_a_module_that_is_not_installed(
    notebook: Notebook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "mine_pkg"
    package.mkdir()
    (package / "__init__.py").write_text("from mine_pkg.inner import Thing\n")
    (package / "inner.py").write_text("from . import other\nclass Thing:\n    v = other.V\n")
    (package / "other.py").write_bytes(b"# coding: latin-1\nV = 11, '\xe9', __file__[-8:]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    notebook.local("import mine_pkg\nfrom mine_pkg.inner import Thing as T\nt = T()")
    text = "import mine_pkg.other as o\nassert mine_pkg.Thing.v == T.v == t.v\no.V"
    captured = capture_cell(text, notebook.namespace)
    monkeypatch.undo()
    for name in [name for name in sys.modules if name.startswith("mine_pkg")]:
        del sys.modules[name]
    reply = run_here(captured)
    assert reply["error"] is None, reply["error"]["lines"]
    assert reply["value"]["repr"] == "(11, 'é', 'other.py')"


def test_open_files_and_the_like(notebook: Notebook) -> None:
    notebook.local("numbers = (i for i in range(3))\ngood = 1")
    with pytest.raises(CaptureError, match="'numbers', which can't be sent") as caught:
        capture_cell("good + sum(numbers)", notebook.namespace)
    assert "inside the cell" in caught.value.next_step


def test_gc_jupyter_is_not_on_the_worker(notebook: Notebook) -> None:
    notebook.local("from gc_jupyter.errors import ComputeError")
    with pytest.raises(CaptureError, match="gc_jupyter"):
        capture_cell("ComputeError()", notebook.namespace)


def test_too_large(notebook: Notebook) -> None:
    notebook.local("big = bytes(9_000_000)\nsmall = 1")
    with pytest.raises(PayloadTooLarge, match=r"big 9\.0 MB"):
        capture_cell("len(big) + small", notebook.namespace)


def test_syntax_error_names_the_notebook_line(notebook: Notebook) -> None:
    with pytest.raises(SyntaxError) as caught:
        capture_cell("x = 1\ny = (", notebook.namespace, first_line=2)
    assert caught.value.lineno == 3


def test_an_expression_without_end(notebook: Notebook) -> None:
    with pytest.raises(CaptureError, match="nested too deeply"):
        capture_cell("x" + ".strip()" * 900, notebook.namespace)


def test_what_ipython_injects_stays(notebook: Notebook) -> None:
    notebook.namespace.update(exit=ExitAutocall(), open=_modified_open, display=display)
    captured = capture_cell("exit; open; display", notebook.namespace)
    assert captured.sizes == {}
    assert captured.objects == {}
    assert captured.task.steps == ()


def test_the_history_is_not_sent_as_a_whole(notebook: Notebook) -> None:
    history = {1: "secret", 2: [5]}
    notebook.namespace.update(Out=history, _oh=history, _2=history[2])
    assert capture_cell("Out[2]", notebook.namespace).sizes == {}
    assert capture_cell("Out = 1; _2", notebook.namespace).sizes.keys() == {"_2"}
    notebook.namespace["Out"] = "the notebook's own by now"
    assert capture_cell("Out", notebook.namespace).sizes.keys() == {"Out"}


def test_a_function_with_no_source_goes_by_value(notebook: Notebook) -> None:
    exec("def made(x): return x + offset", notebook.namespace)
    notebook.namespace["offset"] = 2
    assert notebook.remote("made(1)") == 3
