"""Objects that the worker can import itself -> the statement that does so."""

from __future__ import annotations

import ast
import functools
import os
import site
import sys
import sysconfig
import tokenize
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from gc_jupyter.travel.names import find_names

#: Packages of this side alone: a worker never has them.
NOTEBOOK_ONLY = {"gc_jupyter", "ipykernel"}


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


def import_object(name: str, value: Any) -> str | None:
    """The statement that binds `name` to a class or function of a module; None for others."""
    found = find_home(value)
    if found is None:
        return None
    home, attribute = found
    return f"from {home} import {attribute}" + ("" if attribute == name else f" as {name}")


def find_home(value: Any) -> tuple[str, str] | None:
    """The module to import `value` from, and its name there; the most public module that has it."""
    module = getattr(value, "__module__", None)
    qualified = getattr(value, "__qualname__", None)
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
    """Sources of the modules among `names`, and of what they import, that aren't installed.

    Only modules that are imported here are looked at.

    Returns
    -------
    dict
        Module name -> (source text, whether it is a package).
    """
    found: dict[str, tuple[str, bool]] = {}
    todo = [*names]
    while todo:
        name = todo.pop()
        module = sys.modules.get(name)
        if name in found or module is None or not is_local(module):
            continue
        filename = str(module.__file__)
        with tokenize.open(filename) as stream:  # in the encoding that the file names
            source = stream.read()
        found[name] = (source, os.path.basename(filename) == "__init__.py")
        root = name.partition(".")[0]  # relative imports stay inside the package
        todo += [other for other in list(sys.modules) if other.partition(".")[0] == root]
        todo += find_names(ast.parse(source)).modules
    return found


def is_local(module: ModuleType) -> bool:
    """Whether a module is source that only this machine has: neither installed nor built in."""
    filename = getattr(module, "__file__", None)
    name = module.__name__
    if not filename or not filename.endswith(".py") or name == "__main__":
        return False
    if name.partition(".")[0] in NOTEBOOK_ONLY:
        return False
    path = os.path.realpath(filename)
    return not any(path.startswith(folder) for folder in _installed_folders())


@functools.cache
def _installed_folders() -> tuple[str, ...]:
    folders = {*sysconfig.get_paths().values(), *site.getsitepackages(), site.getusersitepackages()}
    folders |= {os.path.dirname(os.__file__)}
    ours = {sysconfig.get_path("scripts"), sysconfig.get_path("data")}
    return tuple(os.path.realpath(folder) + os.sep for folder in folders - ours)


def packages(modules: Iterable[str], sent: Iterable[str]) -> tuple[str, ...]:
    """The packages that an endpoint must have.

    Parameters
    ----------
    modules:
        What the cell and its definitions import.
    sent:
        Modules that travel as source.
    """
    there = {*sys.stdlib_module_names, *(name.partition(".")[0] for name in sent), "IPython", ""}
    return tuple(sorted({name.partition(".")[0] for name in modules} - there))
