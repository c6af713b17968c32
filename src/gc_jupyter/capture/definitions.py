"""A notebook's functions and classes -> the source text that defined them."""

from __future__ import annotations
import __future__

import ast
import contextlib
import dis
import enum
import functools
import inspect
import linecache
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType, MethodType
from typing import Any

_DEFERRED = __future__.annotations.compiler_flag
_Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@dataclass(frozen=True)
class Definition:
    """Source that binds one name.

    Parameters
    ----------
    name:
        What the source binds.
    source:
        The text, without indentation.
    filename, first_line:
        Where the text stands, for tracebacks: a line of `source` is that many lines further down.
    deferred:
        Whether ``from __future__ import annotations`` was in force; None where nothing tells.
    """

    name: str
    source: str
    filename: str = ""
    first_line: int = 1
    deferred: bool | None = None


def find_definition(value: Any) -> Definition | None:
    """The source of a function, class or decorated function; None where there is none to use.

    A function made by another one (a closure), a `functools.lru_cache(f)` made without `@`, and
    what `exec` or `type` made have no text that would make them again.
    """
    own = getattr(type(value), "gc_definition", None)
    if own is not None:
        made: Definition = own(value)
        return made
    if isinstance(value, type):
        return _class_definition(value)
    function = _unwrap(value)
    if not isinstance(function, FunctionType) or function.__code__.co_freevars:
        return None
    return _function_definition(function.__code__, decorated=function is not value)


def annotations_flag(namespace: Mapping[str, Any]) -> int:
    """For `compile`: IPython keeps a ``from __future__ import annotations`` for all later cells."""
    return _DEFERRED * (namespace.get("annotations") is __future__.annotations)


def global_names(code: CodeType) -> set[str]:
    """The global names that compiled code reads, nested functions included."""
    names = {
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= global_names(constant)
    return names


def _unwrap(value: Any) -> Any:
    if isinstance(value, MethodType):
        return None
    try:
        return inspect.unwrap(value)
    except ValueError:
        return None


def _function_definition(code: CodeType, *, decorated: bool) -> Definition | None:
    text = "".join(linecache.getlines(code.co_filename))
    for node in _definitions(text):
        if isinstance(node, ast.ClassDef) or _first_line(node) != code.co_firstlineno:
            continue
        if isinstance(node, ast.Lambda):
            if code.co_name == "<lambda>" and not decorated and _is_code_of(node, code):
                source = ast.get_source_segment(text, node)
                if source is not None:  # parentheses: a lambda may stand on several lines
                    return Definition("<lambda>", f"({source})", code.co_filename, node.lineno)
        elif node.name == code.co_name and (node.decorator_list or not decorated):
            return _definition(node, text, code.co_filename, code)
    return None


def _is_code_of(node: ast.Lambda, code: CodeType) -> bool:
    """Whether this lambda of a line with several is the one that was compiled to `code`."""
    compiled = compile(ast.Expression(node), code.co_filename, "eval")
    for constant in compiled.co_consts:
        if isinstance(constant, CodeType):
            same = (constant.co_code, constant.co_names, constant.co_varnames)
            if same != (code.co_code, code.co_names, code.co_varnames):
                return False
            ours = [c for c in constant.co_consts if not isinstance(c, CodeType)]
            return ours == [c for c in code.co_consts if not isinstance(c, CodeType)]
    return False


def _class_definition(value: type) -> Definition | None:
    code = _any_code(value)
    if code is not None:
        files = [code.co_filename]
    else:  # no method names a file: look through the cells, the newest first
        files = [name for name in reversed(linecache.cache) if _is_cell(name)]
    best: Definition | None = None
    most = 0
    for filename in files:
        text = "".join(linecache.getlines(filename))
        if f"class {value.__name__}" not in text:
            continue
        for node in reversed(_definitions(text)):
            if not isinstance(node, ast.ClassDef) or node.name != value.__name__:
                continue
            last = node.end_lineno or node.lineno
            if code is not None and _first_line(node) <= code.co_firstlineno <= last:
                return _definition(node, text, filename, code)
            # a cell that was run again keeps its old place among them
            if code is None and (best is None or _agreement(node, value) > most):
                best = _definition(node, text, filename, code)
                most = _agreement(node, value)
    return best


def _agreement(node: ast.ClassDef, value: type) -> int:
    """How well a class fits a text that may be its own.

    What the text binds must be there, values may have changed since.
    """
    members = dict(vars(value))
    with contextlib.suppress(NameError):  # Python 3.14 evaluates them here
        members = {**inspect.get_annotations(value), **members}
    score = 1 if ast.get_docstring(node, clean=False) == value.__doc__ else 0
    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    score += 2 if bases == {base.__name__ for base in value.__bases__} - {"object"} else -2
    for statement in node.body:
        names: list[Any] = [getattr(statement, "name", None)]  # a function, or a class
        if isinstance(statement, ast.AnnAssign):
            names = [getattr(statement.target, "id", None)]
        elif isinstance(statement, ast.Assign):
            names = [getattr(target, "id", None) for target in statement.targets]
        for name in names:
            if name is not None:
                score += 2 if name in members else -4
            if isinstance(statement, ast.Assign) and name in members:
                member = members[name]
                member = member.value if isinstance(member, enum.Enum) else member
                score += 1 if ast.unparse(statement.value) == repr(member) else 0
    return score


def _any_code(value: type) -> CodeType | None:
    """The code of a method that stands in the class's own text."""
    for member in vars(value).values():
        function = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
        function = _unwrap(function)
        if isinstance(function, FunctionType):
            inside = function.__qualname__.startswith(value.__qualname__ + ".")
            inside = inside and function.__module__ == value.__module__
            if inside and linecache.getlines(function.__code__.co_filename):
                return function.__code__
    return None


def _is_cell(filename: str) -> bool:
    entry = linecache.cache[filename]
    return len(entry) == 4 and entry[1] is None


@functools.lru_cache(maxsize=256)
def _definitions(text: str) -> tuple[_Node, ...]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return ()
    return tuple(node for node in _walk(tree) if isinstance(node, _Node))


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        yield from _walk(child)


def _first_line(node: _Node) -> int:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _definition(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
    text: str,
    filename: str,
    code: CodeType | None,
) -> Definition:
    first = _first_line(node)
    lines = text.split("\n")[first - 1 : node.end_lineno]
    lines[-1] = lines[-1].encode()[: node.end_col_offset].decode()
    source = textwrap.dedent("\n".join(lines)) + "\n"
    if node.col_offset and not _is_text_of(source, node):  # a long string has lines of its own
        source = ast.unparse(node) + "\n"
    deferred = None if code is None else bool(code.co_flags & _DEFERRED)
    return Definition(node.name, source, filename, first, deferred)


def _is_text_of(source: str, node: ast.stmt) -> bool:
    try:
        return ast.dump(ast.parse(source)) == ast.dump(ast.Module([node], []))
    except SyntaxError:
        return False
