"""What a notebook's cells have set in installed modules, by their text: ``pd.DataFrame.f = g``."""

from __future__ import annotations

import ast
import functools
import re
import sys
import types
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gc_jupyter.travel import rebuild
from gc_jupyter.travel.installed import NOTEBOOK_ONLY, worker_has

#: Whose attributes are this machine's and this process's.
_OWN = {"sys", "__main__", "IPython", *NOTEBOOK_ONLY}
#: Whose functions that set something are known to `states`, or set nothing that lasts.
_KNOWN = {
    *("decimal", "locale", "logging", "matplotlib", "numpy", "pandas", "random", "seaborn", "sys"),
    *("socket", "csv", "warnings", "os", "asyncio", "multiprocessing", "signal", "threading"),
}
_SETS = re.compile(
    r"(set|enable|disable|use|init)(_\w+)?|register_\w+|\w+_seed|extension|update(?=\Z)"
)
_MAY_SET = re.compile(
    r"\.\w+(\[[^\]\n]*\])?[ \t]*([-+*/|&]?=(?!=)|,.*=|:)|setattr|run_cell_magic"
    r"|\.(set|enable|disable|use|init|register|extension|update|\w+_seed)\w*\("
)
#: Functions of pandas that set an attribute of a class.
_ACCESSORS = {
    "register_dataframe_accessor": "DataFrame",
    "register_series_accessor": "Series",
    "register_index_accessor": "Index",
}
#: IPython's magics that run Python here.
_RUN_HERE = {"time", "timeit", "capture", "prun"}


@dataclass
class Marks:
    """What one cell's text shows.

    Parameters
    ----------
    places:
        Each ``(name, path of attributes, "attribute" or "item", what is set)``.
    calls:
        Functions of modules that are called for what they set: their dotted name -> the call.
    words:
        Which of the names of `_WORDS` it has, each as often as it has it.
    """

    places: list[tuple[str, tuple[str, ...], str, Any]] = field(default_factory=list)
    calls: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()


_WORDS = re.compile(
    r"\b(warnings|filterwarnings|simplefilter|resetwarnings|logging|setlocale|options|set_option|reset_option)\b"
)


@functools.lru_cache(maxsize=5000)
def marks(text: str) -> Marks:
    found = Marks(words=tuple(_WORDS.findall(text)))
    if _MAY_SET.search(text) is None:
        return found
    try:
        todo: list[ast.AST] = [rebuild.parse(text)]
    except (SyntaxError, ValueError, RecursionError):
        return found
    for node in (one for tree in todo for one in ast.walk(tree)):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
                found.places += filter(None, map(_place, parts))
        elif isinstance(node, ast.Call):
            chain = _chain(node.func)
            if chain[-1:] == ["run_cell_magic"] or _is_magic(node):
                if _texts(node)[:1] and _texts(node)[0] in _RUN_HERE:
                    with_body = _texts(node)[-1]
                    try:
                        todo.append(rebuild.parse(with_body))
                    except (SyntaxError, ValueError, RecursionError):
                        continue
            elif chain == ["setattr"] and len(node.args) == 3:
                owner, name = _chain(node.args[0]), node.args[1]
                if owner and isinstance(name, ast.Constant):
                    found.places.append((owner[0], tuple(owner[1:]), "attribute", name.value))
            elif chain[-1:] and chain[-1] in _ACCESSORS and _texts(node):
                kind = (_ACCESSORS[chain[-1]],)
                found.places.append((chain[0], kind, "attribute", _texts(node)[0]))
            elif len(chain) > 1 and _SETS.fullmatch(chain[-1]):
                found.calls.setdefault(".".join(chain), ast.unparse(node))
    return found


def _is_magic(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr == "run_cell_magic"


def _texts(node: ast.Call) -> list[str]:
    found = (one.value for one in node.args if isinstance(one, ast.Constant))
    return [one for one in found if isinstance(one, str)]


def _place(target: ast.expr) -> tuple[str, tuple[str, ...], str, Any] | None:
    if isinstance(target, ast.Attribute):
        owner = _chain(target.value)
        return (owner[0], tuple(owner[1:]), "attribute", target.attr) if owner else None
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        owner = _chain(target.value)
        if len(owner) > 1:
            return owner[0], tuple(owner[1:]), "item", target.slice.value
    return None


def _chain(node: ast.expr) -> list[str]:
    """``["a", "b"]`` of ``a.b``; empty for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


@dataclass(frozen=True)
class Place:
    """Something in an installed module that the notebook has set.

    Parameters
    ----------
    module:
        The module's name.
    key:
        As `worker_side.states.read_state` has it.
    owner:
        The object whose attribute or item it is.
    value:
        What is there now.
    """

    module: str
    key: tuple[Any, ...]
    owner: Any
    value: Any


def cells_of(namespace: Mapping[str, Any]) -> list[str]:
    """The cells that have run, and the one that runs."""
    cells = namespace.get("In")
    return [one for one in cells if isinstance(one, str)] if isinstance(cells, list) else []


def words(cells: Iterable[str]) -> Counter[str]:
    """How often settings of modules are spoken of."""
    found: Counter[str] = Counter()
    for text in cells:
        if said := marks(text).words:
            found.update(said)
    return found


def places(cells: Iterable[str], namespace: Mapping[str, Any]) -> Iterator[Place]:
    """What the cells have set in installed modules, as it is now."""
    seen: set[Any] = set()
    for text in cells:
        for root, path, kind, name in marks(text).places:
            if (root, path, kind, name) in seen or root not in namespace:
                continue
            seen.add((root, path, kind, name))
            try:
                found = _find(namespace[root], path, kind, name)
            except Exception:  # it is gone, or an object's own attributes are made as they are read
                continue
            if found is not None:
                yield found


def _find(owner: Any, path: tuple[str, ...], kind: str, name: Any) -> Place | None:
    home, inner = _home(owner)
    for part in path:
        owner = getattr(owner, part)
        if isinstance(owner, (types.ModuleType, type)):
            home, inner = _home(owner)
        else:
            inner = (*inner, part)
    if not home or home.partition(".")[0] in _OWN or not worker_has(home):
        return None
    if inner[:1] in (("rcParams",), ("options",)) or (home, inner) == ("os", ("environ",)):
        return None
    if kind == "item":
        value = owner[name]
    elif isinstance(owner, (types.ModuleType, type)):
        value = vars(owner)[name]
    else:
        value = getattr(owner, name)
    return Place(home, ("set", inner, kind, name), owner, value)


def _home(owner: Any) -> tuple[str, tuple[str, ...]]:
    """The module that a module or class is found by, and the path there; empty for others."""
    if isinstance(owner, types.ModuleType):
        return owner.__name__, ()
    if isinstance(owner, type):
        path = tuple(owner.__qualname__.split("."))
        found: Any = sys.modules.get(owner.__module__)
        for part in path:
            found = getattr(found, part, None)
        if found is owner:
            return owner.__module__, path
    return "", ()


def calls(
    cells: Iterable[str], namespace: Mapping[str, Any], modules: Iterable[str]
) -> dict[str, str]:
    """Calls that have set something which isn't known to travel, in a package that a cell uses:
    their function -> the call."""
    used = {name.partition(".")[0] for name in modules} - _KNOWN
    found: dict[str, str] = {}
    for text in cells if used else ():
        for name, call in marks(text).calls.items():
            module = namespace.get(name.partition(".")[0])
            if isinstance(module, types.ModuleType):
                package = module.__name__.partition(".")[0]
                if package in used and package not in _OWN and worker_has(package):
                    found[name] = call
    return found
