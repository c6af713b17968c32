"""What a function needs from outside: the global names it uses, and which modules workers have.

A worker has what is installed there. What lies in a user's own directories (a script, a .py file
beside the notebook) it can't import, so that must travel by value.
"""

from __future__ import annotations

import dis
import functools
import importlib.machinery
import pathlib
import sys
import sysconfig
from collections.abc import Iterator
from types import CodeType, ModuleType

_INSTALL_DIRECTORIES = {"site-packages", "dist-packages"}
_STDLIB = tuple(
    pathlib.Path(path).resolve()
    for key in ("stdlib", "platstdlib")
    if (path := sysconfig.get_paths().get(key))
)
_EXTENSION_SUFFIXES = tuple(importlib.machinery.EXTENSION_SUFFIXES)


@functools.lru_cache(maxsize=1024)
def global_names(code: CodeType) -> frozenset[str]:
    """Names that code, and the functions and classes within, read as globals or builtins."""
    return frozenset(
        instruction.argval
        for part in _codes(code)
        for instruction in dis.get_instructions(part)
        if instruction.opname == "LOAD_NAME"
        or (instruction.opname.startswith("LOAD_") and "GLOBAL" in instruction.opname)
    )


@functools.lru_cache(maxsize=1024)
def all_names(code: CodeType) -> frozenset[str]:
    """Names that code, and the functions and classes within, read in any way but as locals.

    These include attributes: ``numpy.linalg.norm`` has ``linalg`` and ``norm`` in it.
    """
    return frozenset(name for part in _codes(code) for name in part.co_names)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def is_installed(module_name: str | None) -> bool:
    """Whether workers can be expected to import this module.

    True for the standard library, for whatever lies in a `site-packages` (or Debian's
    `dist-packages`), and for compiled modules, which can't travel by value anyway.
    """
    if not module_name or module_name in ("__main__", "__mp_main__"):
        return False
    module = sys.modules.get(module_name)
    if module is None:
        return module_name.partition(".")[0] in sys.stdlib_module_names
    return _is_installed_file(module_name, _file_of(module))


def _file_of(module: ModuleType) -> str:
    # A namespace package has no file, but directories.
    found = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
    return str(found)


@functools.lru_cache(maxsize=4096)
def _is_installed_file(module_name: str, file: str) -> bool:
    if not file or file.endswith(_EXTENSION_SUFFIXES):
        return bool(file) or module_name.partition(".")[0] in sys.stdlib_module_names
    path = pathlib.Path(file)
    if _INSTALL_DIRECTORIES.intersection(path.parts):
        return True
    path = path.resolve()
    return any(path.is_relative_to(home) for home in _STDLIB)


def loaded_submodules(package: ModuleType, names: frozenset[str]) -> Iterator[str]:
    """Submodules of a package that are loaded here and whose every part is among `names`.

    After ``import scipy.stats``, a function knows only ``scipy``: the rest must be imported too.
    """
    if not hasattr(package, "__path__"):
        return
    prefix = package.__name__ + "."
    for name in list(sys.modules):
        if name.startswith(prefix) and names.issuperset(name[len(prefix) :].split(".")):
            yield name
