"""Choose the modules that a cell takes along: as objects, or as source text that runs there."""

from __future__ import annotations

import ast
import contextlib
import functools
import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping

from gc_jupyter.capture.imports import file_of, is_local
from gc_jupyter.travel import code, rebuild
from gc_jupyter.travel.installed import NOTEBOOK_ONLY, worker_has
from gc_jupyter.travel.modules import is_imported, module_contents
from gc_jupyter.travel.names import find_names
from gc_jupyter.travel.scopes import StoredNames

#: The most modules that are read of a package that isn't loaded.
_MOST_FILES = 300
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
#: Calls of these modules' functions act on files and processes of this machine, not on what is
#: installed.
_OF_THIS_MACHINE = {
    *("asyncio", "atexit", "io", "multiprocessing", "os", "pathlib", "shutil", "signal"),
    *("subprocess", "sys", "tempfile", "threading", "time", "urllib"),
}
_SETTINGS = ("os.environ", "sys.set")


def reached(names: Iterable[str]) -> dict[str, types.ModuleType]:
    """Return the loaded modules that have to travel, among `names` and what these import."""
    found: dict[str, types.ModuleType] = {}
    todo = [*names]
    while todo:
        name = todo.pop()
        module = sys.modules.get(name)
        if name in found or module is None or not _goes(name, module):
            continue
        found[name] = module
        todo += _modules_of(name.partition(".")[0])  # relative imports stay inside the package
        for text in code.texts_of(_file(module))[:2]:
            todo += _imports(text)
        todo += [one.__name__ for one in vars(module).values() if type(one) is types.ModuleType]
    return found


def _goes(name: str, module: object) -> bool:
    return (
        isinstance(module, types.ModuleType)
        and name not in ("__main__", "__mp_main__")
        and name.partition(".")[0] not in NOTEBOOK_ONLY
        and not name.startswith("_gc_jupyter")
        and module.__name__ == name
        and not worker_has(module)
    )


def _file(module: types.ModuleType) -> str:
    found = getattr(module, "__file__", None)
    return found if isinstance(found, str) and found.endswith(".py") else ""


@functools.lru_cache(maxsize=1024)
def _tree(text: str) -> ast.Module | None:
    try:
        tree: ast.Module = rebuild.parse(text)
        return tree
    except (SyntaxError, ValueError, RecursionError):
        return None


@functools.lru_cache(maxsize=1024)
def _imports(text: str) -> frozenset[str]:
    tree = _tree(text)
    return frozenset() if tree is None else frozenset(find_names(tree).modules)


def sources(
    names: Iterable[str], text_of: Callable[[str], str | None]
) -> dict[str, tuple[str, bool]]:
    """Return the sources of the modules that travel as text, among `names` and what these import.

    Parameters
    ----------
    names:
        Names of modules of any kind.
    text_of:
        Returns the text of a loaded module, or None if the module travels as an object.

    Returns
    -------
    dict
        Module name -> (source text, whether the module is a package).
    """
    found: dict[str, tuple[str, bool]] = {}
    todo = [*names]
    while todo:
        name = todo.pop()
        if name in found or not is_local(name):
            continue
        filename = file_of(name)
        source = text_of(name) if name in sys.modules else code.read_text(filename)
        if source is None:
            todo += _by_name(name)
            continue
        found[name] = (source, os.path.basename(filename) == "__init__.py")
        todo += _modules_of(name.partition(".")[0])
        todo += _imports(source)
    return found


def _modules_of(root: str) -> list[str]:
    """Return a package's loaded modules, or all its modules if the package isn't loaded."""
    if root in sys.modules:
        return [other for other in list(sys.modules) if other.partition(".")[0] == root]
    return _files_of(root)


def _by_name(name: str) -> list[str]:
    """Return the modules of a loaded module's package that aren't loaded, if the module computes
    the names of modules that it imports."""
    text = shown_text(sys.modules[name])
    if not any(one in text for one in ("import_module", "__import__")):
        return []
    return [one for one in _files_of(name.partition(".")[0]) if one not in sys.modules]


def _files_of(root: str) -> list[str]:
    """Return the modules for which a package has files."""
    start = os.path.dirname(file_of(root))
    found = []
    if os.path.basename(file_of(root)) == "__init__.py":
        for folder, inner, files in os.walk(start):
            inner[:] = [one for one in inner if one.isidentifier()]
            parts = [root, *os.path.relpath(folder, start).split(os.sep)]
            path = ".".join(part for part in parts if part != ".")
            found += [f"{path}.{one[:-3]}" for one in files if one.endswith(".py")][:_MOST_FILES]
    return [one.removesuffix(".__init__") for one in found[:_MOST_FILES]]


# --- which of the two -----------------------------------------------------------------------------


def text_as_is(module: types.ModuleType) -> str | None:
    """Return the text whose definitions the module has now; None if they were changed since."""
    file = _file(module)
    for text in code.texts_of(file) if file and is_imported(module) else ():
        tree = _tree(text) if text else None
        if tree is None or not _has_all(vars(module), tree.body, text, module):
            continue
        known = _bound(text)
        if all(name in known or _is_submodule(module, name) for name in module_contents(module)):
            return text
    return None


def shown_text(module: types.ModuleType) -> str:
    """Return the text that a module was made from, as far as it is known."""
    file = _file(module)
    return code.text_of(file) if file else ""


def text_now(module: types.ModuleType) -> str:
    """Return the present content of a module's file, or empty text if it has none."""
    try:
        return code.read_text(_file(module))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ""


def _has_all(
    members: Mapping[str, object], body: list[ast.stmt], text: str, module: types.ModuleType
) -> bool:
    for node in body:
        if isinstance(node, _DEFINITIONS):
            one = members.get(node.name)
            if isinstance(node, ast.ClassDef):
                if isinstance(one, type) and one.__module__ == module.__name__:
                    if not _has_all(vars(one), node.body, text, module):
                        return False
                elif not node.decorator_list:
                    return False
                continue
            function = getattr(one, "__func__", getattr(one, "fget", one))
            if not isinstance(function, types.FunctionType):
                if not node.decorator_list:
                    return False
                continue
            own = function.__globals__ is vars(module)
            if not (own or node.decorator_list):
                return False
            if own and code.recipe_in(function.__code__, [text]) is None:
                return False
            if not node.decorator_list and function.__code__.co_firstlineno != node.lineno:
                return False
        elif members is not vars(module):
            for name, value in _literals([node]).items():
                if name in members and repr(members[name]) != repr(value):
                    return False
    stores = StoredNames()
    for node in body:
        stores.visit(node)
    for name, member in members.items():
        function = getattr(member, "__func__", getattr(member, "fget", member))
        if isinstance(function, types.FunctionType) and name not in stores.names:
            home = str(function.__globals__.get("__name__"))
            if not (worker_has(home) or members is vars(module)):
                return False
    return True


@functools.lru_cache(maxsize=256)
def _bound(text: str) -> frozenset[str]:
    stores = StoredNames()
    tree = _tree(text) or ast.Module([], [])
    for node in tree.body:
        stores.visit(node)
    for inner in ast.walk(tree):
        if isinstance(inner, ast.Global):
            stores.names.update(inner.names)
        elif isinstance(inner, ast.ImportFrom) and any(one.name == "*" for one in inner.names):
            stores.names |= set(vars(sys.modules.get(inner.module or "", object)))
    return frozenset({*stores.names, "__annotations__"})


def _is_submodule(module: types.ModuleType, name: str) -> bool:
    return sys.modules.get(f"{module.__name__}.{name}") is vars(module)[name]


def binds(text: str, name: str) -> bool:
    """Whether a module's text binds this name."""
    return name in _bound(text)


def registers(module: types.ModuleType, text: str) -> bool:
    """Whether installed packages register what a module defines, by their decorators, metaclasses
    or `__init_subclass__`. Then the module's text has to run there."""
    tree = _tree(text)
    imported = _installed_names(text)
    for node in tree.body if tree is not None else ():
        if not isinstance(node, _DEFINITIONS):
            continue
        for one in node.decorator_list:
            chain = _chain(one.func if isinstance(one, ast.Call) else one)
            if chain and _is_foreign(imported.get(chain[0], "")):
                return True
        kind = vars(module).get(node.name)
        if isinstance(kind, type) and kind.__module__ == module.__name__:
            if _is_foreign(type(kind).__module__):
                return True
            hooks = (one for one in kind.__mro__ if "__init_subclass__" in vars(one))
            if any(_is_foreign(one.__module__) for one in hooks):
                return True
    return False


def _is_foreign(name: str) -> bool:
    top = name.partition(".")[0]
    return bool(top) and top not in sys.stdlib_module_names and worker_has(top)


@functools.lru_cache(maxsize=256)
def _installed_names(text: str) -> dict[str, str]:
    """Return the names that a text's top level imports from installed modules: name -> module."""
    found = {}
    for node in (_tree(text) or ast.Module([], [])).body:
        if isinstance(node, ast.Import):
            for one in node.names:
                found[one.asname or one.name.partition(".")[0]] = one.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.update({one.asname or one.name: node.module or "" for one in node.names})
    return {name: module for name, module in found.items() if worker_has(module)}


def _chain(node: ast.expr) -> list[str]:
    """Return ``["a", "b"]`` for ``a.b``, and an empty list for any other expression."""
    parts: list[str] = []
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        parts.append(node.attr if isinstance(node, ast.Attribute) else "[]")
        node = node.value
    return [*([node.id] if isinstance(node, ast.Name) else []), *reversed(parts)]


@functools.lru_cache(maxsize=256)
def settings(text: str) -> tuple[tuple[int, str], ...]:
    """Return a module's top-level statements that set something in installed modules, with their
    line numbers, such as ``os.environ["A"] = "b"`` or ``warnings.filterwarnings("ignore")``."""
    tree = _tree(text)
    names = _installed_names(text)
    body = [] if tree is None else tree.body
    return tuple((one.lineno, ast.unparse(one)) for one in body if _sets(one, names))


def _sets(node: ast.stmt, names: Mapping[str, str]) -> bool:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        chain = _chain(node.value.func)
        dotted = ".".join([names.get(one, one) if not at else one for at, one in enumerate(chain)])
        machine = dotted.partition(".")[0] in _OF_THIS_MACHINE
        return bool(chain) and chain[0] in names and (not machine or dotted.startswith(_SETTINGS))
    targets = node.targets if isinstance(node, (ast.Assign, ast.Delete)) else []
    if isinstance(node, (ast.AugAssign, ast.AnnAssign)):
        targets = [node.target]
    for target in targets:
        chain = _chain(target) if isinstance(target, (ast.Attribute, ast.Subscript)) else []
        if chain and names.get(chain[0], "sys").partition(".")[0] != "sys":
            return True
    return False


# --- what was set in a module that goes as its text -----------------------------------------------


def _literals(body: list[ast.stmt]) -> dict[str, object]:
    """Return the names that these statements bind exactly once, to a literal."""
    bound: dict[str, list[ast.expr | None]] = {}
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                bound.setdefault(target.id, []).append(getattr(node, "value", None))
    found: dict[str, object] = {}
    for name, (value, *others) in bound.items():
        if not others and not name.startswith("__"):
            with contextlib.suppress(ValueError, TypeError, SyntaxError):  # it isn't a literal
                found[name] = ast.literal_eval(value) if value is not None else None
    return found


def changed_since(module: types.ModuleType, text: str) -> dict[str, object]:
    """Return a module's plain variables whose values differ from those in its text."""
    tree = _tree(text)
    literals = {} if tree is None else _literals(tree.body)
    return {
        name: vars(module)[name]
        for name, value in literals.items()
        if name in vars(module) and repr(vars(module)[name]) != repr(value)
    }
