"""What the text does on a worker: output, displays, failures; also on a worker's own Python."""

from __future__ import annotations

import ast
import copyreg
import importlib.resources
import pickle
import symtable
import sys
from typing import Any

import pytest
import tblib.pickling_support

from gc_jupyter.capture import Captured, capture_cell
from gc_jupyter.capture.worker_side import PARTS, worker_text
from gc_jupyter.errors import RemoteException
from gc_jupyter.travel import rebuild, texts
from gc_jupyter.travel.texts import (
    reading_text,
    store_name,
    store_text,
    writing_name,
    writing_text,
)
from tests.capture.conftest import Notebook, run_here
from tests.pythons import run_captured

PNG = "iVBORw0KGgo"


def text_of(reply: dict[str, Any], kind: str) -> str:
    return "".join(content for what, content in reply["events"] if what == kind)


def run_cell(text: str, **options: Any) -> dict[str, Any]:
    return run_here(capture_cell(text, {}, **options))


# --- the text itself ------------------------------------------------------------------------------


def test_syntax_of_python_3_8() -> None:
    text = worker_text()
    ast.parse(text, feature_version=(3, 8))
    assert "gc_jupyter.capture" not in text
    assert "'''" not in text  # it travels between such quotes, readable


def test_every_part_travels() -> None:
    for part in PARTS:
        __import__(f"gc_jupyter.capture.worker_side.{part}")
    tops = {node.name for node in ast.parse(worker_text()).body if hasattr(node, "name")}
    assert {
        "run",
        "Loader",
        "Router",
        "display",
        "describe",
        "Packer",
        "TaskModules",
        "Visit",
    } <= tops


def test_imports_are_of_the_standard_library() -> None:
    names = set()
    for node in ast.walk(ast.parse(worker_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    assert names - sys.stdlib_module_names == {*(rebuild.NAME, writing_name(), store_name())}
    for node in ast.walk(ast.parse(reading_text() + writing_text() + store_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            top = getattr(node, "module", None) or node.names[0].name
            assert top.partition(".")[0] in sys.stdlib_module_names


def test_a_name_stands_once_in_each_text() -> None:
    for text in (worker_text(), reading_text(), writing_text(), store_text()):
        ast.parse(text, feature_version=(3, 8))
        assert "'''" not in text
        names: list[str] = []
        for node in ast.parse(text).body:
            if hasattr(node, "name"):
                names.append(node.name)
            elif not isinstance(node, ast.Import | ast.ImportFrom):
                stores = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
                names += {one.id for one in stores if isinstance(one.ctx, ast.Store)}
        twice = {name for name in names if names.count(name) > 1}
        assert not twice


@pytest.fixture(scope="module")
def on_endpoint(endpoint_python: str) -> Notebook:
    """A notebook whose cells run under the Python of an endpoint, which has no gc_jupyter."""

    def run(captured: Captured, call: int | None = None) -> dict[str, Any]:
        return run_captured(endpoint_python, endpoint_python, captured, call)

    return Notebook(run)


def test_on_an_endpoint(on_endpoint: Notebook) -> None:
    on_endpoint.local(
        "import math\n"
        "class P:\n    def __init__(self, x): self.x = x\n"
        "p = P(3)\n"
        "def f(v): return math.floor(v.x)\n"
        "def adder(by): return lambda x: x + by\nadd = adder(5)"
    )
    future = on_endpoint.future(
        "import os\nprint('one', flush=True); os.system('echo two'); print('three')\n"
        "P(f(p) + add(1))"
    )
    value = future.decode(future.reply)
    assert type(value) is on_endpoint["P"]
    assert value.x == 9
    assert future.stdout == "one\ntwo\nthree\n"


def test_ipython_display_where_there_is_no_ipython(on_endpoint: Notebook) -> None:
    future = on_endpoint.future(
        "from IPython.display import display, HTML, Markdown\n"
        "display(HTML('<b>x</b>'), {'a': 1})\nMarkdown('*m*')",
        html=True,
    )
    future.decode(future.reply)
    assert future.events[0][1]["text/html"] == "<b>x</b>"
    assert future.events[1] == ("display", {"text/plain": "{'a': 1}"})
    assert future.reply["value"]["bundle"]["text/markdown"] == "*m*"


def test_what_is_cleared_or_updated_is_not_shown(on_endpoint: Notebook) -> None:
    future = on_endpoint.future(
        "from IPython.display import DisplayHandle, clear_output, display, update_display\n"
        "print('gone'); display('gone'); clear_output(wait=True); print('kept')\n"
        "first = display(1, display_id=True); display(2, display_id='a'); display(3)\n"
        "first.update(4); update_display(5, display_id='a'); update_display(6, display_id='b')\n"
        "DisplayHandle('a').update(7)"
    )
    future.decode(future.reply)
    shown = [("display", {"text/plain": text}) for text in "473"]
    assert future.events == [("stdout", "kept\n"), *shown]


# --- output ---------------------------------------------------------------------------------------


def test_output_in_order() -> None:
    reply = run_cell(
        "import os, sys, subprocess\n"
        "print('a'); print('b', file=sys.stderr); print('c', end='')\n"
        "subprocess.run(['sh', '-c', 'echo d']); os.write(1, b'e\\n')\n"
        "display(1)\nsys.stdout.buffer.write(b'f')\nNone"
    )
    assert reply["error"] is None
    assert reply["events"] == [
        ("stdout", "a\n"),
        ("stderr", "b\n"),
        ("stdout", "cd\ne\n"),
        ("display", {"text/plain": "1"}),
        ("stdout", "f"),
    ]


def test_threads_of_the_cell_are_heard() -> None:
    reply = run_cell(
        "import threading\nt = threading.Thread(target=print, args=('in thread',))\n"
        "t.start(); t.join()"
    )
    assert reply["events"] == [("stdout", "in thread\n")]


def test_streams_are_put_back() -> None:
    streams = sys.stdout, sys.stderr
    run_cell("print(1)\n1 / 0")
    assert (sys.stdout, sys.stderr) == streams


def test_very_long_output_is_cut() -> None:
    reply = run_cell("for i in range(300): print('x' * 9999)")
    assert len(text_of(reply, "stdout")) == 2_000_000
    assert "1,000,000 more characters" in text_of(reply, "stderr")


def test_shell_commands() -> None:
    reply = run_here(
        capture_cell(
            "get_ipython().system('echo $name {n + 1} $$HOME; echo oops >&2; exit 3')\n"
            "lines = get_ipython().getoutput('printf \"a\\nb\"')\n(lines, _exit_code)",
            {"name": "me", "n": 1},
        )
    )
    assert text_of(reply, "stdout").splitlines()[0].startswith("me 2 /")
    assert text_of(reply, "stdout").splitlines()[1] == "oops"
    assert reply["value"]["repr"] == "(['a', 'b'], 0)"


# --- displays -------------------------------------------------------------------------------------

SHOWY = """
class Showy:
    def __repr__(self): return "plain"
    def _repr_html_(self): return "<script>alert(1)</script>"
    def _repr_png_(self): return b"\\x89PNG\\r\\n"
    def _repr_svg_(self): raise RuntimeError
Showy()
"""


def test_markup_only_when_asked_for() -> None:
    safe = run_cell(SHOWY)["value"]["bundle"]
    assert safe == {"text/plain": "plain", "image/png": "iVBORw0K"}
    assert "<script>" in run_cell(SHOWY, html=True)["value"]["bundle"]["text/html"]


def test_raw_bundles_are_limited_too() -> None:
    reply = run_cell("display({'text/html': '<i>', 'text/plain': 'i'}, raw=True)")
    assert reply["events"] == [("display", {"text/plain": "i"})]


def test_a_broken_repr_costs_nothing_else() -> None:
    reply = run_cell("class A:\n    def __repr__(self): raise KeyError\nprint(1)\nA()")
    assert reply["value"]["repr"] == "<A: its repr raised KeyError>"
    assert reply["error"] is None


def test_figures() -> None:
    reply = run_cell(
        "import matplotlib.pyplot as plt\n"
        "for i in range(2):\n    plt.plot([i, 1])\n    plt.show()\n    print(i)\n"
        "plt.figure()\n"  # nothing drawn: nothing shown
        "fig, ax = plt.subplots()\nax.plot([1])\nlen(plt.get_fignums())"
    )
    assert reply["error"] is None
    kinds = [kind for kind, _ in reply["events"]]
    assert kinds == ["display", "stdout", "display", "stdout", "display"]
    assert all(
        content["image/png"].startswith(PNG)
        for kind, content in reply["events"]
        if kind == "display"
    )
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


def test_a_figure_is_shown_before_its_error() -> None:
    reply = run_cell("import matplotlib.pyplot as plt\nplt.plot([1])\n1 / 0")
    assert reply["events"][0][1]["image/png"].startswith(PNG)
    assert reply["error"]["type"] == "ZeroDivisionError"


# --- failures -------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("package", "parts"),
    [
        ("gc_jupyter.capture.worker_side", PARTS),
        ("gc_jupyter.travel", texts.WRITING),
        ("gc_jupyter.travel", texts.READING),
        ("gc_jupyter.travel", texts.STORING),
    ],
)
def test_files_of_one_text_bind_no_name_twice(package: str, parts: tuple[str, ...]) -> None:
    bound: dict[str, str] = {}
    for part in parts:
        text = importlib.resources.files(package).joinpath(f"{part}.py").read_text()
        names = symtable.symtable(text, part, "exec").get_symbols()
        own = {one.get_name() for one in names if one.is_assigned() and not one.is_imported()}
        for name in own - {"__file__"}:
            assert bound.setdefault(name, part) == part, name
