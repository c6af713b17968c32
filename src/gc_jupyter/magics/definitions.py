"""Cells of definitions only: each function becomes a remote function, and nothing is sent."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from gc_jupyter.capture import annotations_flag
from gc_jupyter.magics.cell_source import CellSource
from gc_jupyter.remote_function import CallOptions, RemoteFunction, running_here
from gc_jupyter.session import Session, Target
from gc_jupyter.travel.code import remember_text
from gc_jupyter.travel.sending import Statement, names_of

_NAMED = 5  # functions, in the line that says what a cell has made
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_DEFINITIONS = (*_FUNCTIONS, ast.ClassDef)


class Missing:
    """A stand-in for a module or class of such a cell that exists on the endpoint only.

    Parameters
    ----------
    definition:
        The text of the import or of the class. It runs on the endpoint.
    reason:
        Why it could not be run here.
    """

    def __init__(self, definition: Statement, reason: str) -> None:
        self.__name__ = definition.name
        self._definition = definition
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise MissingHere(self._reason)

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        raise MissingHere(self._reason)

    def gc_travels(self, pickler: Any) -> Any:
        """What the pickler writes in place of this object."""
        return self._definition.written_by(pickler, self)

    def gc_text(self) -> str:
        """The source text of the definition."""
        return self._definition.source

    def gc_uses(self) -> tuple[str, ...]:
        """The names that the definition uses, which are sent with it."""
        return names_of(self._definition.source)

    def __repr__(self) -> str:
        return f"<{self.__name__}: on the endpoint only; here: {self._reason}>"


class MissingHere(ImportError):
    """The notebook used a module that this machine doesn't have."""


def is_definitions(tree: ast.Module) -> bool:
    """Whether a cell has only definitions: functions, classes, imports and constants.

    A class stays in the notebook. If the cell ran on the endpoint, its class would be lost there.
    """
    return any(isinstance(node, _DEFINITIONS) for node in tree.body) and not _others(tree)


def definitions_beside_one(tree: ast.Module) -> list[str]:
    """The functions and classes of a cell that has one other statement beside definitions."""
    if len(_others(tree)) != 1:
        return []
    return [node.name for node in tree.body if isinstance(node, _DEFINITIONS)]


def _others(tree: ast.Module) -> list[ast.stmt]:
    """The statements that are not a definition, import or constant."""
    defining = (*_DEFINITIONS, ast.Import, ast.ImportFrom)
    return [node for node in tree.body if not isinstance(node, defining) and not _is_constant(node)]


def define(
    shell: Any, source: CellSource, session: Session, target: Target, calls: CallOptions
) -> str:
    """Execute the definitions here, and bind each function's name to a remote function. Returns
    what to say of them; nothing where there is none.

    A definition that needs a module which this machine lacks is executed on the endpoint only.
    """
    namespace, names = shell.user_ns, dict[str, None]()
    lines = ("\n" * (source.first_line - 1) + source.text).split("\n")
    remember_text(source.filename, "\n".join(lines))
    for node in _single_imports(source.tree.body):
        why_not = _execute(shell, node, source, namespace)
        if isinstance(node, _FUNCTIONS):
            definition = _definition(node, lines, source.filename, namespace)
            original = None if why_not else namespace[node.name]
            names[node.name] = None
            namespace[node.name] = RemoteFunction(
                definition, namespace, session, target, original, why_not, calls
            )
        elif why_not and isinstance(node, (ast.Import, ast.ImportFrom)):
            name = node.names[0].asname or node.names[0].name.partition(".")[0]
            namespace[name] = Missing(Statement(name, ast.unparse(node) + "\n"), why_not)
        elif why_not and isinstance(node, ast.ClassDef):
            namespace[node.name] = Missing(
                _definition(node, lines, source.filename, namespace), why_not
            )
    if not names:
        return ""
    run, first = "runs" if len(names) == 1 else "run", next(iter(names))
    calls_are = f"{first}(…), {first}.submit(…), {first}.map(…); {first}.local is the original"
    shown = [*names] if len(names) <= _NAMED else [*names][: _NAMED - 1]
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return f"{', '.join(shown)}{more} {run} on {target.name} now: {calls_are}."


def _execute(shell: Any, node: ast.stmt, source: CellSource, namespace: dict[str, Any]) -> str:
    """Run one statement here; returns the reason if a module is missing, else an empty text."""
    flags = annotations_flag(namespace)
    code = compile(ast.Module([node], []), source.filename, "exec", flags, dont_inherit=True)
    try:
        with running_here():
            exec(code, shell.user_global_ns, namespace)
    except MissingHere as error:
        return str(error)
    except Exception as error:
        if isinstance(error, ImportError) and isinstance(node, (ast.Import, ast.ImportFrom)):
            return str(error)
        own = error.__traceback__ and error.__traceback__.tb_next  # the cell's frames
        shown = shell.InteractiveTB.structured_traceback(type(error), error, own, tb_offset=0)
        error._render_traceback_ = lambda: shown  # type: ignore[attr-defined]
        raise
    return ""


def _single_imports(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements, with `import a, b` split in two, since only one may be missing here."""
    for node in body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                single: ast.stmt = ast.Import([alias])
                if isinstance(node, ast.ImportFrom):
                    single = ast.ImportFrom(node.module, [alias], node.level)
                yield ast.copy_location(single, node)
        else:
            yield node


def _definition(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
    lines: list[str],
    filename: str,
    namespace: dict[str, Any],
) -> Statement:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    text = "\n".join(lines[first - 1 : node.end_lineno]).rstrip() + "\n"
    return Statement(node.name, text, filename, first, bool(annotations_flag(namespace)))


def _is_constant(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)  # a docstring
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or node.value is None:
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    try:
        ast.literal_eval(node.value)
    except ValueError:
        return False
    return all(isinstance(target, ast.Name) for target in targets)
