"""Code -> the source that gives the same code again; the names that code uses.

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
_NESTED = 0x10  # says that a function stands in another, and changes nothing
#: Further texts that were compiled under a file's name: a %%gcrun cell's, which linecache has as
#: the call of the magic.
_texts: dict[str, list[str]] = {}
_seen: dict[str, tuple[int, int]] = {}  # file -> time and size of the text that was remembered
#: What is installed, by its path alone.
_PACKAGES = os.sep + "site-packages" + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep


class NoSource(Exception):
    """No text is known that gives this code."""


def remember_text(filename: str, text: str) -> None:
    """A text, its lines counted as the file's, that code of this file name was compiled from."""
    known = _texts.setdefault(filename, [])
    if text not in known:
        known.append(text)


def remember_modules() -> None:
    """The texts of modules that are loaded from somebody's own files: one that is edited later
    still has its source then."""
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
    """A Python file's text."""
    with tokenize.open(file) as stream:  # in the encoding that the file names
        return stream.read()


@functools.lru_cache(maxsize=2048)
def recipe(code: types.CodeType, filename: str) -> Any:
    """What `rebuild.code` makes equal code from.

    Parameters
    ----------
    code:
        A function's.
    filename:
        Its `co_filename`, which code is not compared by.

    Raises
    ------
    NoSource
        There is no text, or none that gives this code: `exec` made it, or its file has changed.
    """
    for text in texts_of(filename):
        for found in _recipes(code, filename, text):
            return found
    raise NoSource(code.co_name)


def texts_of(filename: str) -> list[str]:
    """The texts that code of this file name may have been compiled from, as far as known."""
    return ["".join(linecache.getlines(filename)), *_texts.get(filename, ())]


def text_of(filename: str) -> str:
    """The text that is shown of a file."""
    text, *remembered = texts_of(filename)
    return remembered[0] if remembered else text


def recipe_in(code: types.CodeType, texts: Iterable[str]) -> Any:
    """What `rebuild.code_in` makes equal code from, which has the whole text of a module; None
    where none of these gives this code."""
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
    """The line that a definition begins with, its decorators included."""
    decorators = [one.lineno for one in getattr(node, "decorator_list", ())]
    return int(min([node.lineno, *decorators]))


@functools.lru_cache(maxsize=64)
def _functions(text: str) -> dict[tuple[str, int], list[tuple[Any, str, str]]]:
    """The functions of a text by name and first line: node, class around it, what its qualified
    name begins with."""
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
    """The names that imports bind at a text's top level, which the compiler looks at."""
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
    """The names that code, and the functions and classes within, read as globals or builtins."""
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
    """The modules that code, and the functions and classes within, import; and what they take from
    these, which may be modules, too."""
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
    """The texts in an annotation that stand for what isn't evaluated: ``list["Item"]``."""
    text = getattr(annotation, "__forward_arg__", annotation)
    if isinstance(text, str):
        yield text
    elif depth:
        inner = annotation if isinstance(annotation, (list, tuple)) else ()
        for one in inner or getattr(annotation, "__args__", None) or ():
            yield from texts_in(one, depth - 1)


@functools.lru_cache(maxsize=1024)
def names_in(expression: str) -> tuple[str, ...]:
    """The names in an expression; none where it is no Python."""
    try:
        tree = rebuild.parse(expression, mode="eval")
    except (SyntaxError, ValueError):
        return ()
    return tuple(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))


@functools.lru_cache(maxsize=4096)
def all_names(code: types.CodeType) -> frozenset[str]:
    """Names that code reads in any way but as locals; attributes are among them.

    ``numpy.linalg.norm`` has ``linalg`` and ``norm`` in it.
    """
    return frozenset(name for part in parts(code) for name in part.co_names)


def parts(code: types.CodeType) -> Iterator[types.CodeType]:
    """Code, and all code within."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from parts(constant)
