"""Check IPython's magics in a remote cell: which of them have a meaning on an endpoint."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from gc_jupyter.errors import CaptureError

#: Magics that set up the notebook. They do nothing in a cell that runs elsewhere.
NOTEBOOK_SETUP = {"matplotlib", "config", "load_ext", "reload_ext", "autoreload"}
LINE_MAGICS = {"time", "timeit", *NOTEBOOK_SETUP, "pip", "ls", "pwd"}
CELL_MAGICS = {"timeit", "writefile", "bash", "sh"}

_INSTEAD = {
    "%run": "Import what the file defines: a module of yours travels with the cell.",
    "%cd": "It would move the worker for every later task; use full paths, or os.chdir.",
    "%env": "It would change the worker for every later task; set os.environ in the cell.",
    "%%capture": "Leave it out; a semicolon at the cell's end hides its value.",
}


def keep_time(cell: str) -> str:
    """Rewrite `%%time` at a cell's top as a statement of that cell. Line numbers don't change."""
    return re.sub(
        r"\A%%time\b[^\S\n]*(.*)",
        lambda match: f"get_ipython().time_cell(); {match.group(1)}",
        cell,
    )


def check_magics(tree: ast.Module) -> None:
    """Refuse magics that work in the notebook only.

    Parameters
    ----------
    tree:
        The cell's syntax tree, after IPython's own syntax was translated.

    Raises
    ------
    CaptureError
        The cell has such a magic. The error names the line and what to write instead.
    """
    for line, sign, name in _magics(tree):
        if name in (LINE_MAGICS if sign == "%" else CELL_MAGICS):
            continue
        magic = f"?{name[5:]}" if name in ("pinfo", "pinfo2") else sign + name
        raise CaptureError(
            f"Line {line}: {magic} works in the notebook only, not on an endpoint.",
            next_step=_INSTEAD.get(
                magic, "Take it out, or put it in a cell of its own; !command does run there."
            ),
        )


def _magics(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            kind, first = node.func.attr, node.args[0]
            if kind in ("run_line_magic", "run_cell_magic"):
                name = str(first.value) if isinstance(first, ast.Constant) else ""
                yield node.lineno, "%" if kind == "run_line_magic" else "%%", name
