"""The source of a function as text that a worker can run on its own.

A source strategy sends only the definition, and the worker runs it in an empty namespace. So the
names that the definition needs from outside are found here, before anything is submitted.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
import types
from typing import Any, TypeAlias

from gc_jupyter.errors import SerializationError
from gc_jupyter.travel import rebuild
from gc_jupyter.travel.code import global_names

_USE_DILL = "use DillCode, which sends the function with what it uses"
_BUILTINS = frozenset(dir(builtins))
_Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


def function_source(func: Any) -> tuple[str, str]:
    """Name and source of a function, dedented.

    Parameters
    ----------
    func:
        A function made by `def`, at any depth, in a file, a notebook or an interpreter.

    Raises
    ------
    SerializationError
        There is no source, or the source alone would not work where it arrives: a lambda, a method,
        a closure, a decorator or a global name from outside of the function.
    """
    inner = inspect.unwrap(func)
    if not isinstance(inner, types.FunctionType):
        raise SerializationError(
            f"{_title(func)} is not a function made by `def`",
            next_step=f"Put the call into a function, or {_USE_DILL}.",
        )
    name = inner.__name__
    if name == "<lambda>":
        raise SerializationError(
            "A lambda has no name to find it by in its source",
            next_step=f"Write it as a function with `def`, or {_USE_DILL}.",
        )
    text, definition = _parse(_read_source(inner), name)
    _refuse_closure(inner, name)
    _refuse_names(
        name,
        "in a decorator or default value",
        _names_at_definition(definition),
        f"Remove the decorator or default, or {_USE_DILL}.",
    )
    used = set(global_names(inner.__code__)).intersection(inner.__globals__) - {name}
    _refuse_names(
        name,
        "from outside of itself",
        used,
        f"Import or define inside the function what it uses, or {_USE_DILL}.",
    )
    if _names_in_annotations(definition) - _BUILTINS:
        text = f"from __future__ import annotations\n{text}"  # leaves annotations unevaluated
    return name, text


def _title(func: Any) -> str:
    return str(getattr(func, "__qualname__", None) or repr(func)[:60])


def _read_source(func: types.FunctionType) -> str:
    try:
        return inspect.getsource(func)
    except (OSError, TypeError):
        import dill.source  # reads the interpreter's own history

        try:
            return str(dill.source.getsource(func))
        except Exception as exc:
            raise SerializationError(
                f"The source of {_title(func)} is not available",
                next_step=f"Define it in a file or a notebook cell, or {_USE_DILL}.",
            ) from exc


def _parse(source: str, name: str) -> tuple[str, _Definition]:
    """The source without its indentation, and its syntax tree."""
    # Dedenting would change the text of triple-quoted strings. Such a source keeps its
    # indentation, in a block of its own.
    block = f"if True:\n{source}" if source[:1].isspace() else source
    text = textwrap.dedent(source)
    try:
        tree = rebuild.parse(block).body
        if block is not source:
            tree = tree[0].body if isinstance(tree[0], ast.If) else []
            if not _same_code(text, tree):
                text = block
    except SyntaxError:
        tree = []
    first = tree[0] if tree else None
    if not isinstance(first, _Definition) or first.name != name:
        raise SerializationError(
            f"The source found for {name} does not define it",
            next_step=f"If its file was changed since, import it again, or {_USE_DILL}.",
        )
    return text, first


def _same_code(text: str, tree: list[ast.stmt]) -> bool:
    try:
        return ast.dump(rebuild.parse(text)) == ast.dump(ast.Module(body=tree, type_ignores=[]))
    except SyntaxError:
        return False


def _refuse_closure(func: types.FunctionType, name: str) -> None:
    _refuse_names(
        name,
        "of the function around it",
        set(func.__code__.co_freevars) - {name},
        f"Pass them as arguments, or {_USE_DILL}.",
    )


def _refuse_names(function: str, where: str, names: Any, next_step: str) -> None:
    missing = sorted(set(names) - _BUILTINS)
    if missing:
        raise SerializationError(
            f"{function} uses {', '.join(missing)} {where}, which its source alone doesn't carry",
            next_step=next_step,
        )


def _loaded_names(trees: list[ast.expr]) -> set[str]:
    return {
        node.id
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _names_at_definition(definition: _Definition) -> set[str]:
    defaults = [value for value in definition.args.kw_defaults if value is not None]
    return _loaded_names([*definition.decorator_list, *definition.args.defaults, *defaults])


def _names_in_annotations(definition: _Definition) -> set[str]:
    arguments = definition.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra is not None]
    trees = [argument.annotation for argument in every] + [definition.returns]
    return _loaded_names([tree for tree in trees if tree is not None])
