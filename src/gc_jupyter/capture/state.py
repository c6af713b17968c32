"""What a notebook's class or function has that running its text again would not give.

A definition travels as source and is executed anew. Since its text first ran, a class may have got
attributes or changed them (a counter, a registry), a function's default may have kept a value that
its expression no longer has, and a function may carry attributes. These travel as data beside it.
What a class body or a decorator does beyond that, such as printing or counting, it does again
there.
"""

from __future__ import annotations

import abc
import ast
import functools
import inspect
from collections.abc import Mapping
from types import FunctionType, MappingProxyType
from typing import Any

_PLAIN = (bool, int, float, complex, str, bytes, type(None), list, dict, set, frozenset, tuple)


def class_state(kind: type, source: str) -> dict[str, Any]:
    """Attributes of a class that its text may not give again: name -> value.

    Methods and other descriptors are the text's own. Of what the text sets, plain values are
    looked at; of what came later, functions and classes of the notebook too.
    """
    if type(kind) not in (type, abc.ABCMeta) or issubclass(kind, tuple):
        return {}
    text = _class_text(source)
    found: dict[str, Any] = {}
    for name, value in vars(kind).items():
        if (name.startswith("_") and name.endswith("_")) or name.startswith("_abc_"):
            continue
        if name in text:
            literal = text[name]
            same = literal is not None and _is_literal(literal, value)
            if isinstance(value, _PLAIN) and not same:
                found[name] = value
        elif isinstance(value, (*_PLAIN, FunctionType)) or (
            isinstance(value, type) and value.__module__ == kind.__module__
        ):
            found[name] = value
    return found


def function_state(
    function: Any, source: str, namespace: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """A function's text without the defaults that it wouldn't give again, and its attributes.

    Parameters
    ----------
    function:
        The function, or what a decorator made of it; defaults are those of the function inside.
    source:
        Its text.
    namespace:
        The notebook's variables.

    Returns
    -------
    tuple
        The text, its lines where they were, and attribute name -> value.
    """
    plain = isinstance(function, (FunctionType, functools._lru_cache_wrapper))
    state = {
        name: value
        for name, value in getattr(function, "__dict__", {}).items()
        if not name.startswith("__")
        and (plain or (type(function).__module__ == "__main__" and isinstance(value, _PLAIN)))
    }
    registry = getattr(function, "registry", None)
    if isinstance(registry, MappingProxyType):  # functools.singledispatch
        added = {kind: one for kind, one in registry.items() if kind is not object}
        state = {"registry": added}
    node = _function(source)
    if node is None:
        return source, state
    arguments = node.args
    function = inspect.unwrap(function)
    positional = zip(arguments.defaults, function.__defaults__ or (), strict=False)
    keywords = function.__kwdefaults__ or {}
    by_name = [
        (default, keywords[argument.arg])
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is not None and argument.arg in keywords
    ]
    lost = []
    for attribute, pairs in (("__defaults__", [*positional]), ("__kwdefaults__", by_name)):
        changed = [node for node, value in pairs if not _gives(node, value, namespace)]
        if changed:
            state[attribute] = getattr(function, attribute)
            lost += changed
    return _without(source, lost), state


def _gives(node: ast.expr, value: Any, namespace: Mapping[str, Any]) -> bool:
    """Whether this expression, evaluated anew, gives what it gave."""
    if isinstance(node, ast.Name):
        return node.id in namespace and namespace[node.id] is value
    if isinstance(node, (ast.Attribute, ast.Lambda)):
        return True  # a module's constant; code
    return _is_literal(node, value)


def _is_literal(node: ast.expr, value: Any) -> bool:
    try:
        literal = ast.literal_eval(node)
        return type(literal) is type(value) and repr(literal) == repr(value)
    except Exception:
        return False


def _without(source: str, nodes: list[ast.expr]) -> str:
    """The text with `None` in the place of these expressions, and as many lines."""
    lines = [line.encode() for line in source.split("\n")]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        head = lines[first][: node.col_offset]
        tail = lines[last][node.end_col_offset :]
        lines[first : last + 1] = [head + b"(None" + b"\n" * (last - first) + b")" + tail]
    return b"\n".join(lines).decode()


def _function(source: str) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None:
    """The function that a text defines."""
    (statement,) = ast.parse(source).body
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return statement
    value = getattr(statement, "value", None)
    return value if isinstance(value, ast.Lambda) else None


def _class_text(source: str) -> dict[str, ast.expr | None]:
    """What a class's text binds: name -> the expression, where it is one `name = …` alone."""
    (statement,) = ast.parse(source).body
    bound: dict[str, ast.expr | None] = {}
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound[node.id] = None
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            bound[node.name] = None
        elif isinstance(node, ast.alias):
            bound[(node.asname or node.name).partition(".")[0]] = None
    body = statement.body if isinstance(statement, ast.ClassDef) else []
    simple = [node for node in body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    for node in simple:
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if isinstance(target, ast.Name):
            bound[target.id] = node.value
    return bound
