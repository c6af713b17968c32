"""Private names of other libraries: those of docs/private-names.md are there, and no others are
used."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import pkgutil
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gc_jupyter

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/private-names.md").read_text("utf-8")
LISTED = re.findall(r"^\| `([\w.]+):([\w.]+)` \| `([\w./]+)` \|", TEXT, re.MULTILINE)
#: Private by their look only: IPython's history and displays, named tuples' and anywidget's own
#: ways, modules and names of ours.
DOCUMENTED = {
    *("_ih", "_oh", "_dh", "_exit", "_exit_code", "_fields", "_field_defaults", "_esm"),
}
#: What metaclasses put into each class.
MADE = {
    *("_abc_impl", "_all_trait_default_generators", "_descriptors", "_instance_inits", "_traits"),
    *("_static_immutable_initial_values", "_trait_default_generators"),
}


def private(name: str) -> bool:
    """Whether it looks like one. What begins with _gc_ is ours; `_name_` is how enum, ctypes and
    IPython write documented ones."""
    if name.startswith(("__", "_gc_")) or name.endswith("_"):
        return False
    return name.startswith("_") and name.isidentifier()


@functools.lru_cache(None)
def names_in(kind: type) -> set[str]:
    """The private names that a class's own functions use, and those that it has."""
    found = {name for name in vars(kind) if private(name)}
    for value in vars(kind).values():
        function = getattr(value, "__func__", value)
        todo: list[Any] = [getattr(getattr(function, "fget", function), "__code__", None)]
        while todo:
            code = todo.pop()
            if isinstance(code, types.CodeType):
                found |= {name for name in code.co_names if private(name)}
                todo += code.co_consts
    return found - MADE


@pytest.mark.parametrize(("module", "path", "file"), LISTED, ids=[one[1] for one in LISTED])
def test_it_is_there_and_used(module: str, path: str, file: str) -> None:
    *owners, name = path.split(".")
    if name == "_boundary_" and sys.version_info < (3, 11):
        pytest.skip("Python 3.11")
    found: Any = importlib.import_module(module)
    for owner in owners:
        found = getattr(found, owner)
    inside = getattr(found, "__mro__", ())
    functions = (one for one in vars(importlib.import_module(module)).values())
    assert (
        hasattr(found, name)
        or any(name in names_in(one) | set(getattr(one, "__slots__", ())) for one in inside)
        or any(name in getattr(getattr(one, "__code__", None), "co_names", ()) for one in functions)
    )
    last = module if module.split(".")[-1].startswith("_") and not private(name) else name
    assert last in (ROOT / "src/gc_jupyter" / file).read_text("utf-8")


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for path in Path(gc_jupyter.__file__).parent.rglob("*.py"):
        yield path, ast.parse(path.read_text("utf-8"))


def ours() -> set[str]:
    """The private names that our own code makes."""
    found: set[str] = set()
    for _path, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
    return found


def test_no_other_is_named() -> None:
    known = ours() | DOCUMENTED | set(re.findall(r"\b_\w+", TEXT))
    for path, tree in sources():
        for node in ast.walk(tree):
            name = ""
            if isinstance(node, ast.Attribute):
                name = node.attr
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                name = node.value
            elif isinstance(node, ast.ImportFrom) and not (node.module or "").startswith("gc_"):
                name = next((one.name for one in node.names if private(one.name)), "")
            assert not private(name) or name in known, f"{path}:{node.lineno}: {name}"


def test_no_other_is_inherited() -> None:
    """Our classes use no private name of a foreign base by having one that looks like their own."""
    listed = {path.split(".")[-1] for _module, path, _file in LISTED} | DOCUMENTED
    for info in pkgutil.walk_packages(gc_jupyter.__path__, "gc_jupyter."):
        if ".worker_side" in info.name:
            continue
        try:
            module = importlib.import_module(info.name)
        except ImportError:  # of a library that callers have: joblib, Jupyter Server
            continue
        for kind in vars(module).values():
            if not inspect.isclass(kind) or kind.__module__ != info.name:
                continue
            for base in kind.__mro__[1:]:
                if base.__module__.split(".")[0] in ("gc_jupyter", "builtins", "typing", "enum"):
                    continue
                shared = names_in(kind) & names_in(base)
                assert shared <= listed, f"{info.name}.{kind.__qualname__}: {shared} of {base}"
