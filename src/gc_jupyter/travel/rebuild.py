"""What pickles call where they are read: code from its source, functions.

Its text and that of `rebuild_classes` are in each pickle that needs them, and are run there once,
as one module of its own. So they have the standard library only, and Python 3.8 syntax.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import contextvars
import functools
import linecache
import os
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

#: The name of the module that this text becomes, and the text, packed: set before it is run.
NAME: str
PACKED: bytes

WRAPPER = "_gc_around"
#: Stands for lines of a text that didn't come: no function goes on after it.
_GAP = "...\n"
_DEFERRED = __future__.annotations.compiler_flag
_now = threading.local()


class Reading:
    """While a cell's pickle is read, or a reply: where it is read.

    Parameters
    ----------
    namespace:
        The variables that functions of the notebook use.
    known:
        What the reader has itself, by the token that stands for it, or by name.
    writer:
        What the Python that wrote it is called, where it isn't this one's minor version.
    bring:
        Makes a module that imports find: of its name, whether it is a package, and its text.
    """

    def __init__(
        self,
        namespace: dict[str, Any] | None = None,
        known: Mapping[Any, Any] | None = None,
        writer: str = "",
        bring: Callable[[str, bool, str | None], types.ModuleType] | None = None,
    ) -> None:
        self.namespace = namespace
        self.bring = bring
        self.writer = writer
        self.known = known or {}
        self.kept: Any = None  # loads the values of a record
        #: id -> object and token, of what was made here and is known to the sender.
        self.made: dict[int, tuple[Any, int]] = {}

    def __enter__(self) -> None:
        self.before = getattr(_now, "reading", None)
        _now.reading = self

    def __exit__(self, *_error: object) -> None:
        _now.reading = self.before


def known(token: int, path: str) -> Any:
    """What the reader has itself: by its token, or where that is another kernel's, by its name."""
    everything = _now.reading.known
    if token in everything:
        return everything[token]
    name, *inner = path.split(".")
    found = everything.get(name)
    for attribute in inner:
        found = getattr(found, attribute, None)
    if found is None:
        raise LookupError("the notebook that sent it had %s; define that here first" % path)
    return found


def notebook() -> dict[str, Any]:
    """The variables of the cell that this is read for."""
    found: dict[str, Any] = _now.reading.namespace
    return found


def namespace(name: str) -> dict[str, Any]:
    """Globals for functions whose own stay where they are."""
    return {"__name__": name, "__builtins__": builtins}


def same(value: Any) -> Any:
    """What travels in another object's place."""
    return value


def made(token: int | None, value: Any) -> Any:
    reading = getattr(_now, "reading", None)
    if token is not None and reading is not None:
        reading.made[id(value)] = (value, token)
    return value


# --- code -----------------------------------------------------------------------------------------


def show_lines(filename: str, first: int, text: str) -> None:
    """Let tracebacks show a text's lines, beside those of the file that are known already."""
    known = linecache.cache.get(filename)
    if known is None and os.path.exists(filename):
        return  # linecache reads it
    lines = list(known[2]) if known is not None and len(known) == 4 else []
    new = text.split("\n")
    lines += [_GAP] * (first - 1 + len(new) - len(lines))
    for at, line in enumerate(new, first - 1):
        if lines[at] == _GAP or line.strip() not in lines[at]:  # a lambda's are within others
            lines[at] = line + "\n"
    linecache.cache[filename] = (len(lines), None, lines, filename)


def parse(
    text: str,
    filename: str = "<unknown>",
    mode: str = "exec",
    flags: int = 0,
    python: "tuple[int, int] | None" = None,
) -> Any:
    """The syntax tree of a text, as the module ast gives it, whatever other threads parse.

    Python 3.11 has one counter of depth for all threads. Where another thread's tree is made
    while this one's is, it finds its counter changed and raises SystemError. `python` is the
    version whose syntax is asked for, as far as this one knows it.
    """
    for last in [False] * 100 + [True]:
        try:
            if python is not None:
                return ast.parse(text, filename, mode, feature_version=python)
            return compile(text, filename, mode, flags | ast.PyCF_ONLY_AST, True)
        except SystemError:
            if last:
                raise
    return None


def code(filename: str, first: int, text: str, *rest: Any) -> types.CodeType:
    """The code of one function, compiled from its text by the Python that reads it.

    Parameters
    ----------
    filename, first:
        Where the text stands, for tracebacks.
    text:
        A function's lines as they stand, or a lambda's own characters.
    rest:
        As for `compiled`.
    """
    show_lines(filename, first, text)
    return compiled(filename, first, text, *rest)


def code_in(filename: str, text: str, name: str, first: int, at: int) -> types.CodeType:
    """The code of one function of a module, whose whole text is compiled once: of those of its name
    and first line, that at this place."""
    if linecache.cache.get(filename, ())[:2] != (len(text), None):
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    return codes_of(filename, text)[name, first][at]


@functools.lru_cache(maxsize=512)
def codes_of(filename: str, text: str) -> dict[tuple[str, int], list[types.CodeType]]:
    """All code within a text by name and first line, the outermost first."""
    found: dict[tuple[str, int], list[types.CodeType]] = {}
    todo = [compile(text, filename, "exec", 0, True)]
    while todo:
        one = todo.pop(0)
        found.setdefault((one.co_name, one.co_firstlineno), []).append(one)
        todo += [inner for inner in one.co_consts if isinstance(inner, types.CodeType)]
    return found


@functools.lru_cache(maxsize=4096)
def compiled(
    filename: str,
    first: int,
    text: str,
    name: str,
    outer: tuple[str, ...],
    inside: str,
    prefix: str,
    deferred: bool,
    imported: tuple[str, ...] = (),
) -> types.CodeType:
    """As `code`; `name` is the function's, `outer` are the names that it closes over, `inside` is
    the class around it, `prefix` is what its qualified name begins with. Names that are `imported`
    beside it change the code, and not what it does (Python 3.11)."""
    head, tail = ("(\n", "\n)") if name == "<lambda>" else ("if 1:\n", "")
    if name != "<lambda>" and not text[:1].isspace():
        head = "\n"
    body = parse(head + text + tail, filename).body
    ast.increment_lineno(ast.Module(body, []), first - 2)
    if head == "if 1:\n":
        body = body[0].body
    for node in ast.walk(body[0]):
        if isinstance(node, (ast.Lambda, ast.FunctionDef, ast.AsyncFunctionDef)):
            _bare(node)
            break
    # Within a class, so that the function's own name stays a global for it. Underscores before a
    # class's name change nothing for the private names of its methods.
    around = "____" + inside.lstrip("_")
    free = [one for one in outer if not (inside and one == "__class__")]
    tree = parse("def %s(%s):\n class %s:\n  pass" % (WRAPPER, ", ".join(free), around))
    tree.body[0].body[0].body = body
    tree.body += [parse("import a as " + one).body[0] for one in imported]
    found = compile(tree, filename, "exec", _DEFERRED * deferred, True)
    for scope in (WRAPPER, around, name):
        found = _inner(found, scope)
    return _renamed(found, "%s.<locals>.%s." % (WRAPPER, around), prefix)


def _bare(node: Any) -> None:
    """Without what belongs to the statement and not to the function's code."""

    def nothing(expression: Any) -> Any:
        return None if expression is None else ast.copy_location(ast.Constant(None), expression)

    arguments = node.args
    arguments.defaults = [nothing(one) for one in arguments.defaults]
    arguments.kw_defaults = [nothing(one) for one in arguments.kw_defaults]
    if isinstance(node, ast.Lambda):
        return
    node.decorator_list = [nothing(one) for one in node.decorator_list]
    node.returns = None
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    for argument in [*every, arguments.vararg, arguments.kwarg]:
        if argument is not None:
            argument.annotation = None


def _inner(code: types.CodeType, name: str) -> types.CodeType:
    """The code of this name within another, the outermost."""
    todo = [one for one in code.co_consts if isinstance(one, types.CodeType)]
    while todo:
        found = todo.pop(0)
        if found.co_name == name:
            return found
        todo += [one for one in found.co_consts if isinstance(one, types.CodeType)]
    raise LookupError(name)


def _renamed(code: types.CodeType, before: str, after: str) -> types.CodeType:
    """Code whose qualified names begin as they did."""

    def change(one: Any) -> Any:
        if isinstance(one, types.CodeType):
            return _renamed(one, before, after)
        if type(one) is str and one.startswith(before):
            return after + one[len(before) :]
        return one

    new: dict[str, Any] = {"co_consts": tuple(change(one) for one in code.co_consts)}
    if hasattr(code, "co_qualname"):
        new["co_qualname"] = change(code.co_qualname)
    return code.replace(**new)


def compiled_elsewhere(version: tuple[int, int], name: str, data: bytes) -> types.CodeType:
    """Code that had no source. That of another Python is never looked at."""
    here = "%d.%d" % sys.version_info[:2]
    writer = getattr(getattr(_now, "reading", None), "writer", "")
    if not writer and tuple(version) != sys.version_info[:2]:
        writer = "Python %d.%d" % tuple(version)
    if writer:
        raise ImportError(
            "%.80s has no source, and the code that %s made of it can't run on Python %s"
            % (name, writer, here)
        )
    import marshal

    found: types.CodeType = marshal.loads(data)
    return found


# --- functions and modules ------------------------------------------------------------------------


def bare_module(name: str, doc: str | None = None) -> types.ModuleType:
    """A module of no file. C code that imports something looks for its builtins."""
    found = types.ModuleType(name, doc)
    vars(found)["__builtins__"] = builtins
    return found


def module(
    token: int | None, name: str, doc: str | None, imported: bool, package: bool, text: str | None
) -> types.ModuleType:
    """A module without its variables, which come next; `imported` is whether imports find it."""
    bring = _now.reading.bring
    if imported and bring is not None:
        found: types.ModuleType = bring(name, package, text)
    else:
        found = bare_module(name)
    found.__doc__ = doc
    made(token, found)
    return found


def cell() -> Any:
    return types.CellType()


def function(
    token: int | None, code: types.CodeType, owner: dict[str, Any], name: str, cells: Any
) -> Any:
    """A function without what may refer to it; `attributes` come next."""
    return made(token, types.FunctionType(code, owner, name, None, cells))


def attributes(value: Any, state: tuple[Any, dict[str, Any]]) -> None:
    """Sets attributes. What stands before them in `state` did its work when it was read."""
    for name, one in state[1].items():
        if name == "__dict__":
            object.__getattribute__(value, name).update(one)
        else:
            object.__setattr__(value, name, one)


def nothing(_value: Any, _state: Any) -> None:
    """What stands in the state did its work when it was read."""


def cached(token: int | None, function: Any, maxsize: Any, typed: bool) -> Any:
    return made(token, functools.lru_cache(maxsize, typed)(function))


def dispatched(token: int | None, function: Any) -> Any:
    return made(token, functools.singledispatch(function))


def register(generic: Any, implementations: Iterable[tuple[Any, Any]]) -> None:
    for kind, one in implementations:
        generic.register(kind, one)


def cached_property(function: Any, name: str | None, doc: str | None) -> Any:
    found: Any = functools.cached_property(function)
    found.attrname, found.__doc__ = name, doc
    return found


def defined(
    token: int | None,
    owner: dict[str, Any],
    name: str,
    source: tuple[str, int, str, bool],
    _needs: Any,
) -> Any:
    """What a statement binds to `name`, run there alone: its sender couldn't run it."""
    filename, first, text, deferred = source
    show_lines(filename, first, text)
    before = dict(owner)
    exec(compile("\n" * (first - 1) + text, filename, "exec", _DEFERRED * deferred, True), owner)
    found = owner.pop(name)
    if name in before:
        owner[name] = before[name]
    return made(token, found)


def exception(kind: Any, args: tuple[Any, ...]) -> Any:
    """An exception whose class takes something else than what `args` keeps."""
    error = kind.__new__(kind, *args)
    try:
        builtin = next(one for one in kind.__mro__ if not one.__flags__ & 1 << 9)  # no heap type
        builtin.__init__(error, *args)
    except Exception:  # it wants other arguments
        pass
    error.args = args
    return error


def dead_reference() -> Any:
    return weakref.ref(set())


def context_variable(name: str, default: dict[str, Any], now: list[Any]) -> Any:
    """One with its default, and the value that it has where it was sent."""
    found: Any = contextvars.ContextVar(name, **default)
    for value in now:
        found.set(value)
    return found


def with_attributes(value: Any, state: tuple[Any, dict[str, Any]]) -> None:
    """The numbers of an array, or a generator of them, and what its subclass has beside them."""
    value.__setstate__(state[0])
    vars(value).update(state[1])
