"""Write modules by value: for a cell all that a module holds now, for a function what it uses.

Its text also runs on workers: standard library only, Python 3.8 syntax.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any

from gc_jupyter.travel import rebuild
from gc_jupyter.travel.instances import Call
from gc_jupyter.travel.objects import Name

#: The names that every module gets when it is made, there too.
_MACHINERY = {
    *("__builtins__", "__cached__", "__doc__", "__file__", "__loader__", "__name__"),
    *("__package__", "__path__", "__spec__", "__warningregistry__"),
    *("__annotate__", "__annotate_func__", "__conditional_annotations__"),
}


def reduce_module(pickler: Any, module: types.ModuleType) -> Any:
    """Return a module's reduction. A module that the other side has is written by its name."""
    name = module.__name__
    here = is_imported(module)
    if name == "__main__" and here:
        return importlib.import_module, (name,)
    if (here or type(module) is not types.ModuleType) and pickler.has(name):
        return importlib.import_module, (name,)
    token = pickler.known.get(id(module))
    if token is not None:
        return rebuild.known, (token, name)
    owner = vars(module)
    if pickler.notebook is None:
        wanted = [one for one in owner if not one.startswith("__")]
        state = module_names(pickler, module, () if id(owner) in pickler.written else wanted)
        return rebuild.bare_module, (name, module.__doc__), state, None, None, rebuild.nothing
    pickler.owners[id(owner)] = Call(vars, module)
    state = [Name(owner, one, owner[one]) for one in module_contents(module)]
    if type(module) is not types.ModuleType:
        state.append(Call(setattr, module, "__class__", type(module)))
    if here:
        pickler.brought.append(name)
    made_of = (
        *(pickler.token(module), name, module.__doc__, here, hasattr(module, "__path__")),
        pickler.module_text(module),
    )
    return rebuild.module, made_of, state, None, None, rebuild.nothing


def module_contents(module: types.ModuleType) -> list[str]:
    """Return the names that a module has of its own."""
    return [name for name in vars(module) if name not in _MACHINERY]


def is_imported(module: types.ModuleType) -> bool:
    """Whether an import of a module's name gives this module."""
    return sys.modules.get(module.__name__) is module


def module_of(pickler: Any, owner: Mapping[str, Any]) -> types.ModuleType | None:
    """Return the module that has these variables; None for a notebook's, or those of no module."""
    name = owner.get("__name__")
    found = sys.modules.get(name) if isinstance(name, str) else None
    if found is None or vars(found) is not owner:
        values = [] if pickler.notebook is None else list(pickler.notebook.values())
        made = (one for one in values if isinstance(one, types.ModuleType))
        found = next((one for one in made if vars(one) is owner), None)
    return None if found is None or found.__name__ == "__main__" else found


def module_names(pickler: Any, module: Any, uses: Iterable[str]) -> list[Any]:
    """Write these names of a module, as far as the module has them."""
    if not isinstance(module, types.ModuleType):
        return []
    if is_imported(module) and pickler.has(module.__name__):
        return [Call(importlib.import_module, one) for one in _loaded(module, uses)]
    if module.__name__ == "__main__" or pickler.notebook is not None:
        return []
    owner = vars(module)
    pickler.written.setdefault(id(owner), set())
    found: list[Any] = []
    for name in sorted(set(uses).intersection(owner)):
        if not name.startswith("__") and name not in pickler.written[id(owner)]:
            found += module_names(pickler, owner[name], uses) if owner[name] is not module else []
            found.append(Name(owner, name, owner[name]))
    return found


def _loaded(package: types.ModuleType, uses: Iterable[str]) -> list[str]:
    """Return the loaded submodules of a package for which each part of the dotted name is used.

    After ``import scipy.stats`` a function refers only to ``scipy``. The submodule must be imported
    there, too.
    """
    if not hasattr(package, "__path__"):
        return []
    prefix, wanted = package.__name__ + ".", set(uses)
    return [
        name
        for name in list(sys.modules)
        if name.startswith(prefix) and wanted.issuperset(name[len(prefix) :].split("."))
    ]
