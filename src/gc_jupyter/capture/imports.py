"""Objects that the worker can import itself -> the statement that does so."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import os
import sys
import tokenize
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from gc_jupyter.travel import rebuild
from gc_jupyter.travel.installed import NOTEBOOK_ONLY, worker_has
from gc_jupyter.travel.names import find_names

#: Of a package that isn't loaded, so many modules are looked at.
_MOST_FILES = 300


def import_module(name: str, module: ModuleType, chains: Iterable[str]) -> str:
    """The statement that binds `name` to a module, with the submodules that `chains` reach.

    `import scipy.stats` binds `scipy`; what the cell reads as `scipy.stats.norm` needs the
    submodule imported too.
    """
    path = module.__name__
    if sys.modules.get("os.path") is module:
        return f"from os import path as {name}"
    lines = [f"import {path}" if path == name else f"import {path} as {name}"]
    for chain in sorted(chains):
        parts = chain.split(".")
        if parts[0] != name:
            continue
        inner = path
        for part in parts[1:]:
            inner = f"{inner}.{part}"
            if inner not in sys.modules:
                break
            statement = f"import {inner}" if path == name else f"import {inner} as _"
            if statement not in lines:
                lines.append(statement)
    return "\n".join(lines)


def import_object(name: str, home: str, attribute: str) -> str:
    """The statement that binds `name` to a class or function of a module; see `find_home`."""
    return f"from {home} import {attribute}" + ("" if attribute == name else f" as {name}")


def find_home(value: Any) -> tuple[str, str] | None:
    """The module to import `value` from, and its name there; the most public module that has it.

    None for what isn't a class or function of a module."""
    try:
        module = getattr(value, "__module__", None)
        qualified = getattr(value, "__qualname__", None)
    except Exception:  # a `__getattr__` of its own
        return None
    if not isinstance(module, str) or not isinstance(qualified, str) or module == "__main__":
        return None
    if "." in qualified or not offers(value, qualified, module):
        return None
    if module.startswith("IPython.") and offers(value, qualified, "IPython.display"):
        return "IPython.display", qualified
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        home = ".".join(parts[:length])
        private = any(part.startswith("_") for part in parts[:length])
        if not private and offers(value, qualified, home):
            return home, qualified
    return module, qualified


def offers(value: Any, name: str, home: str) -> bool:
    """Whether an imported module offers this object under its own name."""
    return getattr(sys.modules.get(home), name, None) is value


def local_modules(names: Iterable[str]) -> dict[str, tuple[str, bool]]:
    """Sources of the modules among `names`, and of what they import, that workers don't have.

    Returns
    -------
    dict
        Module name -> (source text, whether it is a package).
    """
    found: dict[str, tuple[str, bool]] = {}
    todo = [*names]
    while todo:
        name = todo.pop()
        if name in found or not is_local(name):
            continue
        filename = file_of(name)
        with tokenize.open(filename) as stream:  # in the encoding that the file names
            source = stream.read()
        found[name] = (source, os.path.basename(filename) == "__init__.py")
        todo += _modules_of(name.partition(".")[0])  # relative imports stay inside the package
        todo += find_names(rebuild.parse(source)).modules
    return found


def changed_since(name: str, text: str) -> dict[str, Any]:
    """What a module's plain variables are here and not by its text: set since, or the text has
    changed."""
    module = sys.modules.get(name)
    if module is None:
        return {}
    bound: dict[str, list[ast.expr | None]] = {}
    for node in rebuild.parse(text).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name):
                bound.setdefault(target.id, []).append(getattr(node, "value", None))
    found = {}
    for variable, (value, *others) in bound.items():
        if variable in vars(module) and not others and not variable.startswith("__"):
            with contextlib.suppress(ValueError, TypeError, SyntaxError):  # no literal
                literal = ast.literal_eval(value) if value is not None else None
                if repr(literal) != repr(vars(module)[variable]):
                    found[variable] = vars(module)[variable]
    return found


def is_local(name: str) -> bool:
    """Whether a module's source is here, and workers don't have it."""
    return name.partition(".")[0] not in NOTEBOOK_ONLY and (
        not worker_has(name) and file_of(name).endswith(".py")
    )


def file_of(name: str) -> str:
    """Where a module's source lies; empty text where it has none. Imports nothing."""
    module = sys.modules.get(name)
    if module is not None:
        return "" if name == "__main__" else str(getattr(module, "__file__", None) or "")
    root, *inner = name.split(".")
    try:
        spec = importlib.util.find_spec(root)
    except (ImportError, ValueError):
        return ""
    if spec is None:
        return ""
    if not inner:
        return str((spec.has_location and spec.origin) or "")
    for folder in spec.submodule_search_locations or ():
        path = os.path.join(folder, *inner)
        for found in (f"{path}.py", os.path.join(path, "__init__.py")):
            if os.path.isfile(found):
                return found
    return ""


def _modules_of(root: str) -> list[str]:
    """A package's modules: those that are loaded, or where it isn't, those that it has."""
    if root in sys.modules:
        return [other for other in list(sys.modules) if other.partition(".")[0] == root]
    start = os.path.dirname(file_of(root))
    found = []
    if os.path.basename(file_of(root)) == "__init__.py":
        for folder, inner, files in os.walk(start):
            inner[:] = [one for one in inner if one.isidentifier()]
            parts = [root, *os.path.relpath(folder, start).split(os.sep)]
            path = ".".join(part for part in parts if part != ".")
            found += [f"{path}.{one[:-3]}" for one in files if one.endswith(".py")][:_MOST_FILES]
    return [one.removesuffix(".__init__") for one in found[:_MOST_FILES]]


def packages(modules: Iterable[str], sent: Iterable[str]) -> tuple[str, ...]:
    """The packages that an endpoint must have.

    Parameters
    ----------
    modules:
        What the cell and its definitions import.
    sent:
        Modules that travel as source.
    """
    there = {
        *sys.stdlib_module_names,
        *(name.partition(".")[0] for name in sent),
        "IPython",
        *NOTEBOOK_ONLY,
        "",
    }
    return tuple(sorted({name.partition(".")[0] for name in modules} - there))
