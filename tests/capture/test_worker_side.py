"""What the text does on a worker: output and displays; also on a worker's own Python."""

from __future__ import annotations

import ast
import importlib.resources
import symtable
import sys
from typing import Any

import pytest

from gc_jupyter.capture import Captured, capture_cell
from gc_jupyter.capture.worker_side import PARTS, worker_text
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
