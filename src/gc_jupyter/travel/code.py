"""Find the source that gives the same code again, and the names that code uses.

Its text also runs on workers: standard library only, Python 3.8 syntax.
"""

from __future__ import annotations
import __future__

import ast
import contextlib
import functools
import linecache
import os
import sys
import tokenize
import types
from collections.abc import Iterable, Iterator
from typing import Any

from gc_jupyter.travel import rebuild

_DEFERRED = __future__.annotations.compiler_flag
_NESTED = 0x10  # it only says that the function is nested
#: Further texts that were compiled under a file's name, such as a %%gcrun cell's: linecache has the
#: magic's call instead.
_texts: dict[str, list[str]] = {}
_seen: dict[str, tuple[int, int]] = {}  # file -> time and size of the remembered text
#: Paths of installed files.
_PACKAGES = os.sep + "site-packages" + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep


class NoSource(Exception):
    """No known text gives this code."""


def remember_text(filename: str, text: str) -> None:
    """Remember a text from which code of this file name was compiled. Its lines count as the
    file's."""
    known = _texts.setdefault(filename, [])
    if text not in known:
        known.append(text)


def remember_modules() -> None:
    """Remember the texts of modules that are loaded from the user's own files, so that a module
    that is edited later still has its source."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if not isinstance(file, str) or not file.endswith(".py"):
            continue
        if _PACKAGES in file or file.startswith(_LIBRARY) or name.startswith("gc_jupyter"):
            continue
        with contextlib.suppress(OSError, SyntaxError, UnicodeDecodeError):
            found = os.stat(file)
            mark = (found.st_mtime_ns, found.st_size)
            if _seen.get(file) != mark:
                remember_text(file, read_text(file))
                _seen[file] = mark


def read_text(file: str) -> str:
    """Read a Python file's text."""
    with tokenize.open(file) as stream:  # in the encoding that the file declares
        return stream.read()


@functools.lru_cache(maxsize=2048)
def recipe(code: types.CodeType, filename: str) -> Any:
    """Return the arguments from which `rebuild.code` makes equal code.

    Parameters
    ----------
    code:
        A function's.
    filename:
        Its `co_filename`, which a comparison of code ignores.

    Raises
    ------
    NoSource
        No text gives this code: `exec` made it, or its file has changed.
    """
    for text in texts_of(filename):
        for found in _recipes(code, filename, text):
            return found
    raise NoSource(code.co_name)


def texts_of(filename: str) -> list[str]:
    """Return the known texts from which code of this file name may have been compiled."""
    return ["".join(linecache.getlines(filename)), *_texts.get(filename, ())]


def text_of(filename: str) -> str:
    """Return the text that is shown for a file."""
    text, *remembered = texts_of(filename)
    return remembered[0] if remembered else text


def recipe_in(code: types.CodeType, texts: Iterable[str]) -> Any:
    """Return the arguments from which `rebuild.code_in` makes equal code, with a module's whole
    text; None if none of these texts gives this code."""
    for text in texts:
        with contextlib.suppress(SyntaxError, ValueError, RecursionError):
            place = code.co_name, code.co_firstlineno
            found = rebuild.codes_of(code.co_filename, text).get(place, ())
            for at, one in enumerate(found):
                if same_code(one, code):
                    return (code.co_filename, text, *place, at)
    return None


def _recipes(code: types.CodeType, filename: str, text: str) -> Iterator[Any]:
    deferred = bool(code.co_flags & _DEFERRED)
    units = ((), _imported(text))  # IPython compiles each statement of a cell on its own
    for node, inside, prefix in _functions(text).get((code.co_name, code.co_firstlineno), ()):
        if hasattr(code, "co_qualname"):
            prefix = code.co_qualname[: len(code.co_qualname) - len(code.co_name)]
        found = (
            *(filename, code.co_firstlineno, _cut(node, text), code.co_name),
            *(code.co_freevars, inside, prefix, deferred),
        )
        for imported in units:
            with contextlib.suppress(SyntaxError, LookupError, ValueError):
                if same_code(rebuild.compiled(*found, imported), code):
                    yield found
                    break


def same_code(one: types.CodeType, other: types.CodeType) -> bool:
    """Whether two code objects do the same, on the same lines."""
    if (one.co_flags ^ other.co_flags) & ~_NESTED:
        return False
    for name in (
        *("co_code", "co_names", "co_varnames", "co_freevars", "co_cellvars", "co_argcount"),
        *("co_posonlyargcount", "co_kwonlyargcount", "co_name", "co_firstlineno"),
    ):
        if getattr(one, name) != getattr(other, name):
            return False
    pairs = zip(one.co_consts, other.co_consts)
    return len(one.co_consts) == len(other.co_consts) and all(_same(*pair) for pair in pairs)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, types.CodeType) and isinstance(other, types.CodeType):
        return same_code(one, other)
    if isinstance(one, frozenset) and isinstance(other, frozenset):
        return sorted(map(repr, one)) == sorted(map(repr, other))
    return type(one) is type(other) and repr(one) == repr(other)  # 1 and True, 0.0 and -0.0


def _cut(node: Any, text: str) -> str:
    lines = text.split("\n")
    if not isinstance(node, ast.Lambda):
        return "\n".join(lines[first_line(node) - 1 : node.end_lineno])
    found = [line.encode() for line in lines[node.lineno - 1 : node.end_lineno]]
    found[-1] = found[-1][: node.end_col_offset]
    found[0] = b" " * node.col_offset + found[0][node.col_offset :]
    return b"\n".join(found).decode()


def first_line(node: Any) -> int:
    """Return the first line of a definition, its decorators included."""
    decorators = [one.lineno for one in getattr(node, "decorator_list", ())]
    return int(min([node.lineno, *decorators]))


@functools.lru_cache(maxsize=64)
def _functions(text: str) -> dict[tuple[str, int], list[tuple[Any, str, str]]]:
    """Return the functions of a text by name and first line: the node, the enclosing class, and the
    prefix of the qualified name."""
    found: dict[tuple[str, int], list[tuple[Any, str, str]]] = {}
    try:
        tree = rebuild.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return found
    todo: list[tuple[Any, str, str]] = [(tree, "", "")]
    while todo:
        node, inside, prefix = todo.pop()
        own = prefix
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            name = getattr(node, "name", "<lambda>")
            found.setdefault((name, first_line(node)), []).append((node, inside, prefix))
            own = prefix + name + ".<locals>."
        elif isinstance(node, ast.ClassDef):
            inside, own = node.name, prefix + node.name + "."
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            kind = "<genexpr>" if isinstance(node, ast.GeneratorExp) else "<%s>"
            own = prefix + (kind % type(node).__name__.lower() if "%" in kind else kind)
            own += ".<locals>."
        todo += [(child, inside, own) for child in ast.iter_child_nodes(node)]
    return found


@functools.lru_cache(maxsize=64)
def _imported(text: str) -> tuple[str, ...]:
    """Return the names that imports bind at a text's top level. The compiler considers them."""
    found: dict[str, None] = {}
    try:
        todo: list[Any] = [rebuild.parse(text)]
    except (SyntaxError, ValueError, RecursionError):
        return ()
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                found[alias.asname or alias.name.split(".")[0]] = None
        elif not isinstance(
            node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        ):
            todo += ast.iter_child_nodes(node)
    found.pop("*", None)
    return tuple(found)


# --- names ----------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=4096)
def global_names(code: types.CodeType) -> tuple[str, ...]:
    """Return the globals and builtins that code, with its inner functions and classes, reads."""
    import dis

    found: dict[str, None] = {}
    for part in parts(code):
        for instruction in dis.get_instructions(part):
            name = instruction.opname
            if name == "LOAD_NAME" or "GLOBAL" in name or name.startswith("LOAD_FROM_DICT_OR_G"):
                found[instruction.argval] = None
    return tuple(found)


@functools.lru_cache(maxsize=4096)
def imported_names(code: types.CodeType) -> frozenset[str]:
    """Return the modules that code, with its inner functions and classes, imports, and the names
    that it imports from these, which may be modules, too."""
    import dis

    found = set()
    for part in parts(code):
        module = ""
        for instruction in dis.get_instructions(part):
            if instruction.opname == "IMPORT_NAME":
                module = instruction.argval
                found.add(module)
            elif instruction.opname == "IMPORT_FROM":
                found.add((module + "." + instruction.argval).lstrip("."))
    return frozenset(found)


def texts_in(annotation: Any, depth: int = 8) -> Iterator[str]:
    """Return the texts in an annotation that stand for unevaluated names: ``list["Item"]``."""
    text = getattr(annotation, "__forward_arg__", annotation)
    if isinstance(text, str):
        yield text
    elif depth:
        inner = annotation if isinstance(annotation, (list, tuple)) else ()
        for one in inner or getattr(annotation, "__args__", None) or ():
            yield from texts_in(one, depth - 1)


@functools.lru_cache(maxsize=1024)
def names_in(expression: str) -> tuple[str, ...]:
    """Return the names in an expression; none if it isn't valid Python."""
    try:
        tree = rebuild.parse(expression, mode="eval")
    except (SyntaxError, ValueError):
        return ()
    return tuple(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


@functools.lru_cache(maxsize=4096)
def all_names(code: types.CodeType) -> frozenset[str]:
    """Return all names that code reads except locals, attributes among them.

    For ``numpy.linalg.norm`` these include ``linalg`` and ``norm``.
    """
    return frozenset(name for part in parts(code) for name in part.co_names)


def parts(code: types.CodeType) -> Iterator[types.CodeType]:
    """Yield code and all code within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from parts(constant)
