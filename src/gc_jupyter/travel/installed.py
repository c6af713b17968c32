"""Decide which modules a worker has, and so what travels by reference."""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import os
import sys
import sysconfig
from types import ModuleType

#: Packages that exist on this side only. A worker never has them.
NOTEBOOK_ONLY = {"gc_jupyter", "ipykernel"}
_INSTALL_FOLDERS = {"site-packages", "dist-packages"}
_COMPILED = tuple(importlib.machinery.EXTENSION_SUFFIXES)
#: The most entries of a package's tree that are searched for compiled modules.
_MOST_ENTRIES = 5_000


def worker_has(module: ModuleType | str | None) -> bool:
    """Whether workers can be expected to import a module.

    Workers have the standard library, the files of any installed distribution wherever they lie,
    compiled modules, and packages with a compiled module, since these can't travel. They don't have
    files beside the notebook or in a source tree that was installed as editable.

    Parameters
    ----------
    module:
        A module, or a module's name. The module need not be imported.
    """
    name = module.__name__ if isinstance(module, ModuleType) else module
    if not name or name in ("__main__", "__mp_main__"):
        return False
    top = name.partition(".")[0]
    if top in NOTEBOOK_ONLY:
        return False
    known = module if isinstance(module, ModuleType) else sys.modules.get(name)
    if known is None:
        known = sys.modules.get(top)
    if known is not None:
        return _has(top, _file_of(known))
    if top in sys.stdlib_module_names:
        return True
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return True  # the import there will tell
    if spec is None:
        return True
    return _has(top, spec.origin or next(iter(spec.submodule_search_locations or ()), ""))


def _file_of(module: ModuleType) -> str:
    # a namespace package has directories and no file
    found = getattr(module, "__file__", None)
    if not found:
        try:
            found = next(iter(getattr(module, "__path__", ())), "")
        except Exception:  # a module that has every attribute
            found = ""
    return found if isinstance(found, str) else ""


@functools.lru_cache(maxsize=8192)
def _has(top: str, file: str) -> bool:
    if not file or not os.path.exists(file.partition(".zip")[0] + ".zip" * (".zip" in file)):
        if top in sys.stdlib_module_names or top in sys.builtin_module_names:
            return True
        parent = sys.modules.get(top)  # an installed package made it, as with six.moves
        origin = _file_of(parent) if parent is not None else ""
        return bool(origin) and origin != file and _has(top, origin)
    if file.endswith((*_COMPILED, ".pyc")):
        return True
    parts = file.split(os.sep)
    if not _INSTALL_FOLDERS.isdisjoint(parts) or any(part.endswith(".egg") for part in parts):
        return True
    path = os.path.realpath(file)
    if path.startswith(_stdlib()) or not _INSTALL_FOLDERS.isdisjoint(path.split(os.sep)):
        return True
    return _in_distribution(top, file) or _has_compiled(top, file)


@functools.cache
def _stdlib() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths["stdlib"], paths["platstdlib"], os.path.dirname(os.__file__)}
    return tuple(os.path.realpath(folder) + os.sep for folder in folders)


def _root(top: str, file: str) -> str:
    """Return the folder of the top-level package or module, as in sys.path."""
    parts = file.split(os.sep)
    folders = parts[:-1]
    if top in folders:  # the outermost folder of that name may be another's
        at = len(folders) - 1 - folders[::-1].index(top)
        while at and folders[at - 1] == top:
            at -= 1
        return os.sep.join(folders[:at])
    return os.sep.join(folders)


@functools.lru_cache(maxsize=1024)
def _in_distribution(top: str, file: str) -> bool:
    """Whether the folder has the records of a distribution with this module, as after
    ``pip install --target``. The records of an editable one list no file of it."""
    root = _root(top, file)
    try:
        records = [name for name in os.listdir(root) if name.endswith(".dist-info")]
    except OSError:
        return False
    for name in records:
        try:
            with open(os.path.join(root, name, "RECORD"), encoding="utf-8") as stream:
                if any(line.startswith((f"{top}/", f"{top}.py,")) for line in stream):
                    return True
        except OSError:
            continue
    return False


@functools.lru_cache(maxsize=1024)
def _has_compiled(top: str, file: str) -> bool:
    """Whether a package has a compiled submodule, loaded here or anywhere in its tree."""
    prefix = top + "."
    for name, module in list(sys.modules.items()):
        loaded = getattr(module, "__file__", None) if name.startswith(prefix) else None
        if isinstance(loaded, str) and loaded.endswith(_COMPILED):
            return True
    folder = os.path.join(_root(top, file), top)
    seen = 0
    for _, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if one.isidentifier()]
        if any(one.endswith(_COMPILED) for one in files):
            return True
        seen += len(files) + len(folders)
        if seen > _MOST_ENTRIES:
            return False
    return False


def is_ours(module_name: object) -> bool:
    """Whether a module belongs to this package, which workers can't import."""
    return str(module_name or "").partition(".")[0] == "gc_jupyter"
