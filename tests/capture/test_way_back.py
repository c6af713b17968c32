"""What comes back of a cell: values, names that share objects, code as source, and no open file."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.capture import Captured, CellFuture, Undecoded
from gc_jupyter.errors import BadReply, RemoteException
from tests.capture.conftest import Notebook, run_here
from tests.pythons import others, run_captured


@pytest.fixture(params=["the endpoint's", *others()])
def elsewhere(request: pytest.FixtureRequest, endpoint_python: str) -> Notebook:
    """A notebook whose cells run under the endpoint's Python, and under every other one."""
    python = others().get(request.param, endpoint_python)

    def run(captured: Captured, call: int | None = None) -> dict[str, Any]:
        return run_captured(python, endpoint_python, captured, call)

    return Notebook(run)


def brought(notebook: Notebook, cell: str, *names: str) -> CellFuture:
    """A cell's future, decoded."""
    future = notebook.future(cell, out=names)
    future.value = future.decode(future.reply)
    return future


# --- names that share objects ---------------------------------------------------------------------


def test_functions_that_call_each_other(elsewhere: Notebook) -> None:
    cell = "def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)"
    out = brought(elsewhere, cell, "even", "odd").out
    assert [out["even"](n) for n in range(4)] == [True, False, True, False]
    assert out["even"].__globals__ is out["odd"].__globals__
    assert out["even"].__globals__["odd"] is out["odd"]


def test_functions_that_share_a_variable(elsewhere: Notebook) -> None:
    cell = "count = 5\ndef up():\n    global count\n    count += 1\ndef now(): return count"
    out = brought(elsewhere, cell, "up", "now").out
    out["up"]()
    assert out["now"]() == 6


def test_a_class_and_its_instances(elsewhere: Notebook) -> None:
    cell = (
        "import dataclasses, enum\n"
        "@dataclasses.dataclass\nclass P:\n    x: int = 1\n    def up(self): return P(self.x + 1)\n"
        "class Kind(enum.Enum):\n    A = 1\n"
        "class Base:\n    def who(self): return 'base'\n"
        "class Child(Base):\n    def who(self): return 'child of ' + super().who()\n"
        "p, kinds, child = P(2), [Kind.A], Child()\np"
    )
    future = brought(elsewhere, cell, "P", "p", "Kind", "kinds", "Base", "Child", "child")
    out = future.out
    assert future.undecoded == {}
    assert type(out["p"]) is out["P"]
    assert out["p"].up() == out["P"](3)
    assert future.value is out["p"]
    assert dataclasses.is_dataclass(out["P"])
    assert out["kinds"][0] is out["Kind"].A
    assert type(out["child"]) is out["Child"]
    assert isinstance(out["child"], out["Base"])
    assert out["child"].who() == "child of base"


def test_what_two_names_share(elsewhere: Notebook) -> None:
    cell = "a = [1]\nb = {'a': a}\nc = a\nd = [1]\nb"
    future = brought(elsewhere, cell, "a", "b", "c", "d")
    out = future.out
    assert out["b"]["a"] is out["a"] is out["c"]
    assert out["d"] is not out["a"]
    assert future.value is out["b"]
    ((names, _),) = future.reply["shared"]
    assert set(names) == {"", "a", "b", "c"}


def test_code_that_comes_back_as_source(elsewhere: Notebook) -> None:
    elsewhere.local("def mine(x): return x + 1\nk = 3")
    cell = (
        "import functools\n"
        "rules = {'big': lambda a, b: 'yes' if a > b else 'no', 'small': lambda a: a}\n"
        "def adder(by): return lambda x: mine(x) + by + k\n"
        "add, half = adder(10), functools.partial(pow, 2)\n"
        "@functools.lru_cache(maxsize=None)\n"
        "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n"
        "class E(ValueError):\n    def __str__(self): return 'mine: %s' % self.args\n"
        "error = E(1)\ndef defaults(a, *, b=[1]): return a, b"
    )
    future = brought(elsewhere, cell, "rules", "add", "half", "fib", "error", "mine", "defaults")
    out = future.out
    assert future.undecoded == {}
    assert (out["rules"]["big"](2, 1), out["rules"]["small"](7)) == ("yes", 7)
    assert (out["add"](1), out["half"](3), out["fib"](20)) == (15, 8, 6765)
    assert str(out["error"]) == "mine: 1"
    assert out["mine"] is elsewhere["mine"]
    assert out["defaults"](0) == (0, [1])


def test_an_exception_with_a_text_of_its_own(elsewhere: Notebook) -> None:
    cell = (
        "class Mine(KeyError):\n    def __init__(self, a, b): self.a, self.b = a, b\n"
        "    def __str__(self): return '%s and %s' % (self.a, self.b)\n"
        "raise Mine(1, 2)"
    )
    with pytest.raises(KeyError) as caught:
        elsewhere.remote(cell)
    assert isinstance(caught.value, RemoteException)
    assert str(caught.value) == "1 and 2"
    assert type(caught.value.__cause__).__name__ == "Mine"


def test_code_without_a_source(elsewhere: Notebook) -> None:
    cell = "f = eval('lambda x: x + 1')\nclass C:\n    g = f\nc = C(); c.x = 1\ngood = [1]\nC()"
    future = brought(elsewhere, cell, "f", "c", "good")
    assert future.out["good"] == [1]
    if future.undecoded:
        assert future.undecoded.keys() == {"", "f", "c"}
        assert future.out["c"].x == 1
        assert "runs Python 3." in future.out["f"].reason
    else:  # the same Python on both sides
        assert future.out["f"](1) == 2


def test_one_name_that_cannot_travel(elsewhere: Notebook) -> None:
    cell = "a = [1]\nbad = (i for i in a)\nb = [a, 2]\nworse = {'x': bad}\nb"
    future = brought(elsewhere, cell, "a", "bad", "b", "worse")
    assert future.undecoded.keys() == {"bad", "worse"}
    assert future.out["b"][0] is future.out["a"]
    assert future.value is future.out["b"]


def test_one_name_that_cannot_be_read_here(elsewhere: Notebook) -> None:
    """A package that the endpoint has and this side hasn't: what shares objects comes apart."""
    cell = (
        "import sys, types\nmodule = types.ModuleType('only_there')\n"
        "sys.modules['only_there'] = module\n"
        "exec('class Odd: pass', vars(module))\n"
        "a = [1]\nbad = module.Odd(); bad.a = a\nb = [a, 2]\nalone = {3}\nb"
    )
    future = brought(elsewhere, cell, "a", "bad", "b", "alone")
    assert future.undecoded.keys() == {"bad"}
    assert "No module named 'only_there'" in future.out["bad"].reason
    assert (future.out["a"], future.out["b"], future.out["alone"]) == ([1], [[1], 2], {3})
    assert future.value == [[1], 2]


def test_large_values_that_are_shared_count_once(notebook: Notebook) -> None:
    cell = "a = bytes(3) * 1_400_000\nb = [a]\nc = {'b': b}\nother = bytes(4_000_000)"
    future = brought(notebook, cell, "b", "c", "other")
    assert future.undecoded.keys() == {"other"}
    assert future.out["c"]["b"] is future.out["b"]
    assert "write it to a file on the endpoint" in future.out["other"].reason


@pytest.mark.parametrize(
    "shared",
    [
        None,
        5,
        [1],
        [("a",)],
        [(["a"], b"no pickle")],
        [(["a", "b"], b"\x80\x04]\x94.")],
        [({}, b"N.")],
    ],
)
def test_a_reply_of_somebody_elses_program(notebook: Notebook, shared: Any) -> None:
    future = notebook.future("a = [1]", out=["a"])
    future.reply["shared"] = shared
    with contextlib.suppress(BadReply):
        future.decode(future.reply)
        assert future.out == {"a": [1]}


# --- files ----------------------------------------------------------------------------------------

OPEN = {
    "binary": "f = open(name, 'r+b')",
    "written": "f = open(name, 'wb'); f.write(b'x' * 1000)",
    "text": "f = open(name)",
    "unbuffered": "f = open(name, 'rb', buffering=0)",
    "gzip": "import gzip\nf = gzip.open(name + '.gz', 'wb')",
    "zip": "import zipfile\nf = zipfile.ZipFile(name + '.zip', 'w')",
    "tar": "import tarfile\nf = tarfile.open(name + '.tar', 'w')",
    "temporary": "import tempfile\nf = tempfile.NamedTemporaryFile()",
    "handler": "import logging\nf = logging.FileHandler(name + '.log')",
    "shelf": "import os, shelve\nf = shelve.open(os.path.abspath(name) + '.shelf')",
    "hidden": "class R: pass\nf = R(); f.inner = {'fh': [open(name, 'ab')]}",
}


@pytest.mark.parametrize("kind", OPEN)
def test_an_open_file_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """As the value, by --out, and in an error; the kernel has a file of that name."""
    there, here = tmp_path / "there", tmp_path / "here"
    for folder in (there, here):
        folder.mkdir()
        (folder / "results.bin").write_bytes(b"precious")
    monkeypatch.chdir(there)

    def run(captured: Captured, call: int | None = None) -> dict[str, Any]:
        monkeypatch.chdir(there)
        reply = run_here(captured, call)
        monkeypatch.chdir(here)
        return reply

    remote = Notebook(run)
    cell = f"name = 'results.bin'\n{OPEN[kind]}\ngood = 1"
    future = brought(remote, f"{cell}\nf", "f", "good")
    assert isinstance(future.value, Undecoded)
    assert isinstance(future.out["f"], Undecoded)
    assert future.out["good"] == 1
    reason = future.out["f"].reason
    assert "open" in reason or "logging handler" in reason
    with pytest.raises(RemoteException):
        remote.remote(f"{cell}\nraise ValueError(f)")
    assert sorted(path.name for path in here.iterdir()) == ["results.bin"]
    assert (here / "results.bin").read_bytes() == b"precious"


def test_a_file_by_what_the_stand_in_says(notebook: Notebook, tmp_path: Path) -> None:
    future = brought(notebook, f"f = open({str(tmp_path / 'x')!r}, 'wb')\nf", "f")
    assert "it is, or holds, an open file (_io.BufferedWriter" in future.out["f"].reason
    assert "send its path or its content" in future.out["f"].reason
