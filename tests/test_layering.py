"""Reads the imports of every module: they point down only, and no file grows too long."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src/gc_jupyter"
FILES = sorted(PACKAGE.rglob("*.py"))

#: From the top down. A part may import what is below it; parts of one layer may import each other
#: in one direction.
LAYERS = (
    {"__init__"},  # the public names, imported lazily
    {"compat", "parallel", "magics", "widgets", "server", "remote_function", "sdk", "doctor"},
    {"session"},
    {"client", "executor", "capture", "journal"},
    {"runtime"},
    {"future", "service", "protocol", "serialize", "functions"},
    {"travel"},
    {"auth"},
    {"types", "errors", "uuids", "settings", "remote_text", "own_files", "credentials", "secret"}
    | {"moments", "durations", "options", "unencrypted"},
)
LAYER = {part: depth for depth, layer in enumerate(LAYERS) for part in layer}

#: Who may import it. What is not named here may be imported anywhere.
RESERVED = {
    "IPython": {"magics", "widgets", "session"},
    "ipywidgets": {"magics", "widgets", "session"},
    "anywidget": {"widgets"},
    "traitlets": {"magics", "widgets", "server"},
    "jupyter_server": {"server"},
    "tornado": {"server"},
    "watchfiles": {"server", "session"},
    "pika": {"service"},
    "requests": {"service", "auth"},
    "urllib3": {"service", "auth"},
    "pebble": {"service"},
}
#: What values in, values out can't need.
NOT_IN_PROTOCOL = {
    *("asyncio", "threading", "concurrent", "multiprocessing", "queue", "socket", "ssl", "select"),
    *("time", "random", "logging", "os", "subprocess", "globus_sdk", "dill", "pickle"),
}

MAX_LINES = 400
#: Longer files, each with its reason.
LONG_FILES: dict[str, str] = {}


def part_of(file: Path) -> str:
    """The package or module right under `gc_jupyter` that this file belongs to."""
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    """What a file imports anywhere in it, for type checkers only included."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: a relative import"
            module = node.module or ""
            if module == "gc_jupyter":
                yield from (f"gc_jupyter.{alias.name}" for alias in node.names)
            else:
                yield module


def own_parts(file: Path) -> set[str]:
    """The parts of this package that a file imports, its own not counted."""
    names = (name.split(".") for name in imports(file))
    found = {name[1] for name in names if name[0] == "gc_jupyter" and len(name) > 1}
    return found - {part_of(file), "__version__"}


def ids(file: Path) -> str:
    return str(file.relative_to(PACKAGE))


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_imports_point_down(file: Path) -> None:
    part = part_of(file)
    assert part in LAYER, f"{part} has no place in LAYERS yet"
    up = {other for other in own_parts(file) if LAYER.get(other, -1) < LAYER[part]}
    assert not up, f"{part} is below {sorted(up)}"


def test_one_direction_within_a_layer() -> None:
    graph: dict[str, set[str]] = {part: set() for part in LAYER}
    for file in FILES:
        graph[part_of(file)] |= own_parts(file)
    TopologicalSorter(graph).prepare()  # CycleError names the circle


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_reserved_packages(file: Path) -> None:
    part = part_of(file)
    tops = {name.split(".")[0] for name in imports(file)}
    wrong = {name for name in tops if part not in RESERVED.get(name, {part})}
    if part == "protocol":
        allowed = sys.stdlib_module_names - NOT_IN_PROTOCOL | {"gc_jupyter"}
        wrong |= tops - allowed
    assert not wrong, f"{part} may not import {sorted(wrong)}"


def test_no_file_is_long() -> None:
    lengths = {ids(file): len(file.read_text("utf-8").splitlines()) for file in FILES}
    long = {name for name, lines in lengths.items() if lines > MAX_LINES}
    assert long == LONG_FILES.keys()


def test_the_reader_sees_every_kind_of_import(tmp_path: Path) -> None:
    file = tmp_path / "some.py"
    file.write_text(
        "from gc_jupyter import errors\nimport a.b, c\nfrom d.e import f\n"
        "if TYPE_CHECKING:\n    import g\ndef h():\n    from gc_jupyter.i.j import k\n"
    )
    expected = {"gc_jupyter.errors", "a.b", "c", "d.e", "g", "gc_jupyter.i.j"}
    assert set(imports(file)) == expected
