"""A cell after the notebook has changed, and cells that run again or side by side."""

from __future__ import annotations

import linecache
import sys
import threading

import pytest

from gc_jupyter.capture import capture_calls, capture_cell
from gc_jupyter.errors import CaptureError
from tests.capture.conftest import Notebook, run_here


def test_changed_function_is_captured_anew(notebook: Notebook) -> None:
    notebook.local("def f(): return 1")
    assert notebook.call("f") == 1
    notebook.local("def f(): return 2")
    assert notebook.call("f") == 2


def test_a_class_made_from_its_own_earlier_version(notebook: Notebook) -> None:
    notebook.local("offset = 1\nclass A:\n    def f(self): return offset")
    notebook.local("class A(A):\n    def g(self): return self.f() + offset")
    notebook.local("a = A()")
    assert notebook.remote("offset = 10\na.g() + A().f()") == 30


@pytest.mark.parametrize(
    "text",
    [
        "class A:\n    x = {}",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x{}: int = 0",
        "from enum import Enum\nclass A(Enum):\n    x = {}",
        "class A(Exception):\n    'number {}'",
    ],
)
def test_a_cell_that_is_run_again(text: str, notebook: Notebook) -> None:
    # ipykernel names cells by their text, so the first one comes back to its old place
    for number in (1, 2, 1):
        cell = text.format(number)
        filename = f"<again {cell}>"
        linecache.cache[filename] = (1, None, cell.splitlines(keepends=True), filename)
        exec(compile(cell, filename, "exec"), notebook.namespace)
    shown = "[getattr(A, 'x', 0), [*getattr(A, '__dataclass_fields__', ())], A.__doc__]"
    assert repr(notebook.remote(shown)) == repr(eval(shown, notebook.namespace))


def test_a_definition_whose_text_cannot_run_again(notebook: Notebook) -> None:
    notebook.local("n = 3\nclass A:\n    size = n\ndef f(k=n, *, j=[n]): return k + j[0]")
    notebook.local("del n")
    assert notebook.remote("A.size, A().size, f(), f(k=1)") == (3, 3, 6, 4)


def test_state_that_came_after_the_definition(notebook: Notebook) -> None:
    notebook.local("class A:\n    seen = []\n    n = 1\ndef f(seen=[]): return len(seen), f.calls")
    notebook.local("def g(self): return self.n\nA.g = g\nA.n = 2\nA.seen.append(A)\nf.calls = 5")
    notebook.local("f.__defaults__[0].append(1)")
    assert notebook.remote("A.seen[0] is A, A().g(), f()") == (True, 2, (1, 5))


def test_map_packs_every_call(notebook: Notebook) -> None:
    notebook.local("k = 2\ndef f(x): return x * k")
    captured = capture_calls("f", [((i,), {}) for i in range(3)], notebook.namespace)
    assert [run_here(captured, i)["value"]["repr"] for i in range(3)] == ["0", "2", "4"]


def test_two_tasks_in_one_process_keep_their_output_apart() -> None:
    sys.both_threads = threading.Barrier(2, timeout=30)  # type: ignore[attr-defined]
    text = """
import sys
sys.both_threads.wait()
print("out", mine)
sys.both_threads.wait()
print("err", mine, file=sys.stderr)
"""
    replies = {}

    def work(mine: int) -> None:
        replies[mine] = run_here(capture_cell(text, {"mine": mine}))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in (1, 2)]
    original = sys.stdout, sys.stderr
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    del sys.both_threads  # type: ignore[attr-defined]
    for mine in (1, 2):
        expected = [("stdout", f"out {mine}\n"), ("stderr", f"err {mine}\n")]
        assert replies[mine]["events"] == expected
    assert (sys.stdout, sys.stderr) == original


def test_what_stayed_at_the_endpoint_says_so(notebook: Notebook) -> None:
    notebook.namespace["G"] = notebook.remote("(i for i in 'ab')")
    for text, names in (("list(G)", {}), ("[list(g) for g in several]", {"several": [1]})):
        notebook.namespace.update(names)
        if names:
            notebook.namespace["several"] = [notebook["G"]]
        with pytest.raises(CaptureError) as caught:
            notebook.remote(text)
        assert "its value (builtins.generator) stayed on there" in str(caught.value)
        assert "gc_jupyter" not in str(caught.value)
        assert "run the cell here" not in str(caught.value)
