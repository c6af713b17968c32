"""Find the import statement for an object that the worker can import itself."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from gc_jupyter.travel.installed import NOTEBOOK_ONLY, worker_has


def import_module(name: str, module: ModuleType, chains: Iterable[str]) -> str:
    """Return the statement that binds `name` to a module, with the submodules that `chains` use.

    `import scipy.stats` binds `scipy`. A cell that reads `scipy.stats.norm` needs the submodule
    imported, too.
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
    """Return the statement that binds `name` to a module's class or function; see `find_home`."""
    return f"from {home} import {attribute}" + ("" if attribute == name else f" as {name}")


def find_home(value: Any) -> tuple[str, str] | None:
    """Return the most public module that has `value`, and its name there.

    None if it isn't a class or function of a module."""
    try:
        module = getattr(value, "__module__", None)
        qualified = getattr(value, "__qualname__", None)
    except Exception:  # the value has its own `__getattr__`
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
    """Whether an imported module has this object under the object's own name."""
    return getattr(sys.modules.get(home), name, None) is value


def is_local(name: str) -> bool:
    """Whether a module's source is here and workers don't have the module."""
    return name.partition(".")[0] not in NOTEBOOK_ONLY and (
        not worker_has(name) and file_of(name).endswith(".py")
    )


def file_of(name: str) -> str:
    """Return the path of a module's source, or empty text if it has none. Imports nothing."""
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


def packages(modules: Iterable[str], sent: Iterable[str]) -> tuple[str, ...]:
    """Return the packages that an endpoint must have.

    Parameters
    ----------
    modules:
        The modules that the cell and its definitions import.
    sent:
        The modules that travel as source.
    """
    there = {
        *sys.stdlib_module_names,
        *(name.partition(".")[0] for name in sent),
        "IPython",
        *NOTEBOOK_ONLY,
        "",
    }
    return tuple(sorted({name.partition(".")[0] for name in modules} - there))
