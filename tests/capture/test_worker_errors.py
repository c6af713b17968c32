"""An error on a worker as the notebook sees it: its type, its lines, its cause, its next step."""

from __future__ import annotations

import copyreg
import pickle
from typing import Any

import pytest
import tblib.pickling_support

from gc_jupyter.errors import RemoteException
from tests.capture.conftest import Notebook


def raised(notebook: Notebook, text: str) -> RemoteException:
    with pytest.raises(RemoteException) as caught:
        notebook.remote(text, first_line=2, filename="Cell In[9]")
    return caught.value


def test_own_line_numbers(notebook: Notebook) -> None:
    notebook.local("\n\ndef f(x):\n    # a comment\n    return 1 / x")
    error = raised(notebook, "a = 1\n\ndef g():\n    return f(0)\ng()")
    shown = error._render_traceback_()
    assert shown[0].startswith("ZeroDivisionError on there (")
    assert "Cell In[9], line 6" in shown
    assert "----> 6 g()" in shown
    assert "Cell In[9], line 5, in g" in shown
    assert any(line.startswith("<notebook ") and ">, line 5, in f" in line for line in shown)
    assert "----> 5     return 1 / x" in shown
    assert shown[-1] == "ZeroDivisionError: division by zero"
    assert not [line for line in shown if "gc_jupyter" in line or "<cell" in line]


@pytest.mark.parametrize(
    ("text", "kind", "attributes"),
    [
        ("int('x')", ValueError, {}),
        ("{}['k']", KeyError, {"args": ("k",)}),
        ("open('/nonexistent/file')", FileNotFoundError, {"errno": 2}),
        ("b'\\xff'.decode()", UnicodeDecodeError, {"start": 0, "reason": "invalid start byte"}),
        ("raise MemoryError", MemoryError, {}),
        ("raise Exception('a', 2)", Exception, {"args": ("a", 2)}),
        ("import json; json.loads('{')", ValueError, {"pos": 1}),
        ("next(iter([]))", StopIteration, {}),
        ("import nothing_here", ModuleNotFoundError, {"name": "nothing_here"}),
    ],
)
def test_caught_by_its_own_type(
    notebook: Notebook, text: str, kind: type[Exception], attributes: dict[str, Any]
) -> None:
    error = raised(notebook, text)
    assert isinstance(error, kind)
    assert type(error.__cause__).__name__ == type(error).__name__
    assert str(error) == str(error.__cause__)
    for name, value in attributes.items():
        assert getattr(error, name) == value


@pytest.mark.parametrize("text", ["b'\\xff'.decode()", "open('/nonexistent/file')", "int('x')"])
def test_a_library_has_registered_how_exceptions_are_pickled(notebook: Notebook, text: str) -> None:
    """As dask and Parsl do for the whole process, when they are imported."""
    before = dict(copyreg.dispatch_table)
    original: Any = raised(notebook, text).__cause__
    tblib.pickling_support.install()
    try:
        cause: Any = raised(notebook, text).__cause__
        value = notebook.remote(f"try:\n    {text}\nexcept Exception as e:\n    kept = e\nkept")
    finally:
        copyreg.dispatch_table.clear()
        copyreg.dispatch_table.update(before)
    for one in (cause, value):
        assert one.__reduce__()[:2] == original.__reduce__()[:2]
        assert str(one) == str(original)
    assert value.__traceback__ is None


def test_an_exception_class_of_the_notebook(notebook: Notebook) -> None:
    notebook.local("class Mine(Exception):\n    def __init__(self, a, b): self.a = a; self.b = b")
    error = raised(notebook, "raise Mine(1, 2)")
    assert isinstance(error, (notebook["Mine"], RemoteException))
    assert "Mine" in error.remote_data


def test_a_part_of_an_exception_that_cannot_travel(notebook: Notebook) -> None:
    error = raised(
        notebook, "e = ValueError((i for i in 'a'), 2)\ne.more = (i for i in ())\nraise e"
    )
    assert isinstance(error, ValueError)
    assert error.args[0].startswith("<generator")
    assert error.args[1] == 2


def test_an_exception_that_cannot_travel(notebook: Notebook) -> None:
    error = raised(notebook, "class E(Exception):\n    more = (i for i in 'a')\nraise E(1)")
    assert error.__cause__ is None
    assert "E: 1" in str(error)


def test_causes_are_shown(notebook: Notebook) -> None:
    text = "try:\n    int('x')\nexcept ValueError as e:\n    raise KeyError('y') from e"
    shown = "\n".join(raised(notebook, text)._render_traceback_())
    assert "direct cause" in shown
    assert shown.index("ValueError: invalid literal") < shown.index("KeyError: 'y'")


@pytest.mark.parametrize("text", ["exit()", "quit()", "import sys; sys.exit(3)"])
def test_exit(notebook: Notebook, text: str) -> None:
    error = raised(notebook, text)
    assert not isinstance(error, SystemExit)
    assert "ended itself by exit()" in error.next_step


def test_input_has_no_keyboard(notebook: Notebook) -> None:
    assert "put the answer into a variable" in str(raised(notebook, "input('name?')"))


def test_a_debugger_has_no_keyboard(notebook: Notebook) -> None:
    error = raised(notebook, "import bdb; raise bdb.BdbQuit")
    assert type(error) is RemoteException  # IPython drops a BdbQuit without a word
    assert "no keyboard" in error.next_step


def test_an_error_can_be_sent_on(notebook: Notebook) -> None:
    notebook.local("class Mine(ValueError): pass\ndef fails(): raise Mine(1)")
    notebook.namespace["kept"] = error = raised(notebook, "fails()")
    assert repr(error) == "Mine(1)"
    assert notebook.remote("kept.args, type(kept) is Mine") == ((1,), True)
    assert type(pickle.loads(pickle.dumps(raised(notebook, "1 / 0")))) is ZeroDivisionError


def test_a_missing_module_says_where(notebook: Notebook) -> None:
    error = raised(notebook, "import nothing_here.inner")
    assert error.next_step.startswith("there has no module 'nothing_here'")


def test_endless_recursion_is_shortened(notebook: Notebook) -> None:
    error = raised(notebook, "def f(): return f()\nf()")
    assert isinstance(error, RecursionError)
    shown = error._render_traceback_()
    assert any("frames left out" in line for line in shown)
    assert len(shown) < 400
