"""Turns a magic's cell into Python source with the notebook's own line numbers."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass, replace
from typing import Any

from gc_jupyter.capture import check_magics, keep_time, parse
from gc_jupyter.errors import CaptureError

_BLANK = {
    *(tokenize.ENDMARKER, tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT),
    *(tokenize.INDENT, tokenize.DEDENT),
}
#: The first line of the cell is the magic's, so the code begins at the second.
FIRST_LINE = 2


@dataclass(frozen=True)
class CellSource:
    """A cell's Python text. `filename` is its name in IPython's tracebacks."""

    text: str
    tree: ast.Module
    filename: str
    first_line: int = FIRST_LINE

    @property
    def silent(self) -> bool:
        """Whether the cell ends with a semicolon, so that its last value isn't shown.

        IPython's `output_can_be_silenced` reads the text before `!` lines are translated, and
        fails on some of them.
        """
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        last = [token.string for token in tokens if token.type not in _BLANK][-1:]
        return last == [";"]


class CellSyntaxError(CaptureError):
    """The cell isn't valid Python. It is shown as IPython shows it. Nothing was sent."""

    def __init__(self, error: SyntaxError, shell: Any) -> None:
        super().__init__(f"{error.msg} (line {error.lineno})")
        self._shown: list[str] = shell.SyntaxTB.structured_traceback(type(error), error, [])

    def _render_traceback_(self) -> list[str]:
        return self._shown


# Front ends and nbclient name an error by its class, and a local cell's is SyntaxError. (A subclass
# of SyntaxError would not do: IPython doesn't call its `_render_traceback_`.)
CellSyntaxError.__name__ = "SyntaxError"


def read_cell(shell: Any, cell: str) -> CellSource:
    """Translate IPython's syntax, register the text for tracebacks, and check it.

    Raises
    ------
    CellSyntaxError
        The cell isn't valid Python.
    CaptureError
        The cell has a magic that does not work on an endpoint.
    """
    # IPython drops leading empty lines, but line numbers count them.
    rest = re.sub(r"\A([^\S\n]*\n)+", "", cell)
    text = "\n" * (cell.count("\n") - rest.count("\n")) + shell.transform_cell(keep_time(rest))
    padded = "\n" * (FIRST_LINE - 1) + text
    filename = shell.compile.cache(padded, shell.displayhook.prompt_count)
    try:
        tree = parse(text, filename, FIRST_LINE)
    except SyntaxError as error:
        raise CellSyntaxError(error, shell) from None
    check_magics(tree)
    source = CellSource(text, tree, filename)
    if shell.ast_node_interactivity == "last_expr_or_assign" and not source.silent:
        source = replace(source, text=text + _assigned(tree))
    return source


def _assigned(tree: ast.Module) -> str:
    """An expression for the value that a last assignment set; IPython can show that too."""
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
        return ""
    target = last.targets[0] if isinstance(last, ast.Assign) else last.target
    return f"\n{target.id}" if isinstance(target, ast.Name) else ""
