"""Random cells give the same here and through the text that travels."""

from __future__ import annotations

import ast
import contextlib
import io
import traceback
from typing import Any

from hypothesis import HealthCheck, given, settings

from gc_jupyter.travel.names import find_names
from tests.capture.conftest import Notebook
from tests.capture.programs import notebooks

Outcome = dict[str, Any]


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(notebooks())
def test_same_as_here(cells: list[str]) -> None:
    notebook = Notebook()
    *earlier, cell = cells
    for text in earlier:  # where one fails, what it defined so far is there
        run_here(notebook, text)
    there = run_there(notebook, cell)
    here = run_here(notebook, cell)
    assert there == here


def run_here(notebook: Notebook, text: str) -> Outcome:
    """The cell as IPython runs it: its last expression is its value."""
    seen: Outcome = {}
    out = io.StringIO()
    last = ast.parse(text).body[-1]
    value = isinstance(last, ast.Expr)
    lines = text.split("\n")
    start = last.lineno - 1 if value else len(lines)
    try:
        with contextlib.redirect_stdout(out):
            notebook.local("\n".join(lines[:start]))
            if value:
                notebook.local("\n" * start + "_value = " + "\n".join(lines[start:]))
                seen["value"] = repr(notebook.namespace.pop("_value"))
    except Exception as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "<notebook" in f.filename]
        line = frames[0].lineno if frames else 0
        seen["error"] = said(type(error).__name__, str(error)), line
    seen["stdout"] = out.getvalue()
    if "error" not in seen:
        seen["names"] = plain(notebook.namespace, find_names(ast.parse(text)).bound)
    return seen


def run_there(notebook: Notebook, text: str) -> Outcome:
    bound = find_names(ast.parse(text)).bound
    future = notebook.future(text, out=sorted(bound & set("abcdxy")))
    reply = future.reply
    seen: Outcome = {}
    if reply["error"] is None:
        seen["value"] = repr(future.decode(reply))
        seen["names"] = plain(future.out, set(future.out))
    else:
        frames = [f for f in reply["error"]["frames"] if f[0].startswith("<cell")]
        error = reply["error"]
        seen["error"] = said(error["type"], error["text"]), frames[0][1] if frames else 0
    seen["stdout"] = "".join(text for kind, text in reply["events"] if kind == "stdout")
    return seen


def said(name: str, text: str) -> str:
    """An error in words; Python's, where it ends a recursion, tell what it did at that depth."""
    return name if name == "RecursionError" else f"{name}: {text}"


def plain(namespace: Any, names: Any) -> dict[str, str]:
    return {name: repr(namespace[name]) for name in names & set("abcdxy") if name in namespace}
