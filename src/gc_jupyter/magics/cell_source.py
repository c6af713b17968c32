"""A magic's cell -> Python source with the notebook's own line numbers."""

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
#: The cell's first line holds the magic.
FIRST_LINE = 2


@dataclass(frozen=True)
class CellSource:
    """A cell's Python text; `filename` is how IPython's tracebacks know it."""

    text: str
    tree: ast.Module
    filename: str
    first_line: int = FIRST_LINE

    @property
    def silent(self) -> bool:
        """Whether the cell ends with a semicolon: its last value isn't wanted.

        IPython's `output_can_be_silenced` reads the text before `!` lines are translated, and
        fails on some of them.
        """
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        last = [token.string for token in tokens if token.type not in _BLANK][-1:]
        return last == [";"]


class CellSyntaxError(CaptureError):
    """The cell isn't Python; shown as IPython shows it, and nothing was sent."""

    def __init__(self, error: SyntaxError, shell: Any) -> None:
        super().__init__(f"{error.msg} (line {error.lineno})")
        self._shown: list[str] = shell.SyntaxTB.structured_traceback(type(error), error, [])

    def _render_traceback_(self) -> list[str]:
        return self._shown


# What front ends and nbclient call the error is this name, and a local cell's is SyntaxError. (A
# subclass of it is none of what IPython shows by `_render_traceback_`.)
CellSyntaxError.__name__ = "SyntaxError"


def read_cell(shell: Any, cell: str) -> CellSource:
    """Translate IPython's syntax, register the text for tracebacks, and check it.

    Raises
    ------
    CellSyntaxError
        It isn't Python.
    CaptureError
        It has a magic that means nothing on an endpoint.
    """
    # IPython drops leading empty lines; they count in line numbers.
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
    """What shows the value of a last statement that sets a variable, as IPython does if asked."""
    last = tree.body[-1] if tree.body else None
    if not isinstance(last, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
        return ""
    target = last.targets[0] if isinstance(last, ast.Assign) else last.target
    return f"\n{target.id}" if isinstance(target, ast.Name) else ""
