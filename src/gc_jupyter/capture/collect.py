"""Decide what to send for each name that a text needs: an import, or a piece of one pickle."""

from __future__ import annotations

import builtins
import contextlib
import inspect
import itertools
import textwrap
import types
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import gc_jupyter
from gc_jupyter.capture.credentials import CredentialGuard
from gc_jupyter.capture.imports import find_home, import_module, import_object, is_local
from gc_jupyter.capture.pieces import Pieces
from gc_jupyter.capture.states import states_of
from gc_jupyter.capture.storing import Storing
from gc_jupyter.errors import CaptureError
from gc_jupyter.travel import code
from gc_jupyter.travel.installed import NOTEBOOK_ONLY, worker_has
from gc_jupyter.travel.modules import is_imported
from gc_jupyter.travel.names import Names
from gc_jupyter.travel.sending import going_to, minor, names_of

#: The names that every module's namespace has.
MODULE_NAMES = {
    *("__builtins__", "__builtin__", "__name__", "__doc__", "__spec__"),
    *("__package__", "__loader__", "__file__"),
}
#: Names that IPython gives a notebook. The worker provides its own; a notebook may rebind them.
SHELL_NAMES = {"exit", "quit", "get_ipython", "display", "open", "input"}
#: The names under which IPython keeps the notebook's history. The history isn't sent.
HISTORY = {"In": "_ih", "Out": "_oh", "_ih": "_ih", "_oh": "_oh", "_dh": "_dh"}
#: The kinds of values that have a name of their own.
_NAMED = (types.FunctionType, type)
#: How to get the items of each kind of container.
_LOOKED_AT = 8


class NameCollector:
    """Collects the values that a text's names have in a notebook's namespace.

    Parameters
    ----------
    namespace:
        The notebook's variables.
    named:
        The names that are sent whatever they hold.
    python:
        The endpoint's Python version, or empty text if it isn't known.
    storing:
        Takes out large data; None if all data travels with the cell.
    """

    def __init__(
        self,
        namespace: Mapping[str, Any],
        named: Collection[str] = (),
        python: str = "",
        storing: Storing | None = None,
    ) -> None:
        self.namespace = namespace
        self.guard = CredentialGuard(named)
        self.imports: dict[str, str] = {}  # name -> statement
        self.values: dict[str, Any] = {}  # in the order of the pieces
        self.states = states_of(namespace)
        self.pieces = Pieces(
            *(namespace, self.guard, minor(python), self._wanted_by_function),
            *(self.states, storing),
        )
        self.modules = self.pieces.modules

    def add(self, names: Names) -> None:
        """Collect every name that a text needs and that this namespace has."""
        self.modules |= names.modules
        self.pieces.reloads |= "importlib.reload" in names.chains or "reload" in names.needed
        for name in names.needed:
            self._place(name, names.chains)

    def _place(self, name: str, chains: set[str]) -> None:
        """Add a name, after the names that its value uses in turn."""
        todo = [(name, False)]
        while todo:
            name, ready = todo.pop()
            if name in self.imports or name in self.values or not self._sendable(name):
                continue
            value = self.namespace[name]
            statement = self._import(name, value, chains)
            if statement is not None:
                self.imports[name] = statement
                self.modules |= {line.split()[1] for line in statement.splitlines()}
            elif ready:
                self.values[name] = value
            else:
                used = [one for one in self._uses(value) if one != name]
                todo.append((name, True))
                todo += [(one, False) for one in reversed(used) if not self._waits(one, todo)]

    def _waits(self, name: str, todo: list[tuple[str, bool]]) -> bool:
        return (name, True) in todo

    def _uses(self, value: Any) -> Iterable[str]:
        """Return the names that a value's own functions and classes use or are known by. The others
        are found when the value is pickled."""
        found: dict[str, None] = {}
        todo: list[Any] = [value]
        seen: set[int] = set()
        while todo:
            one = todo.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            name = getattr(one, "__name__", "") if _is(one, _NAMED) else ""
            if name and self.namespace.get(name) is one:
                found[name] = None
            if _is(one, types.FunctionType):
                if one.__globals__.get("__name__") == "__main__":
                    found.update(dict.fromkeys(names_of(one.__code__)))
                for cell in one.__closure__ or ():
                    with contextlib.suppress(ValueError):  # not bound yet
                        todo.append(cell.cell_contents)
            elif _is(one, type):
                if one.__module__ == "__main__":
                    todo += [*vars(one).values(), *one.__bases__]
            elif _is(one, types.MethodType | staticmethod | classmethod):
                todo.append(one.__func__)
            elif _is(one, property):
                todo += [one.fget, one.fset, one.fdel]
            elif hasattr(type(one), "gc_travels"):
                found.update(dict.fromkeys(one.gc_uses()))
            elif type(one).__module__ == "__main__":
                todo.append(type(one))
            elif type(one).__module__ == "functools":  # lru_cache, partial
                todo += [getattr(one, name, None) for name in ("__wrapped__", "func")]
            elif type(one) in (list, tuple):
                todo += one[:_LOOKED_AT]
            elif type(one) is dict:
                todo += itertools.islice(one.values(), _LOOKED_AT)
        return found

    def _sendable(self, name: str) -> bool:
        return name in self.namespace and self._wanted(name, self.namespace[name])

    def _wanted(self, name: str, value: Any) -> bool:
        if name in HISTORY and value is self.namespace.get(HISTORY[name]):
            return False  # the error of the cell that needs it says so: failures.next_step
        if name in MODULE_NAMES or (name in SHELL_NAMES and _is_of_shell(value)):
            return False
        return value is not getattr(builtins, name, self)

    def _import(self, name: str, value: Any, chains: set[str]) -> str | None:
        """Return the statement that binds a name on the worker; None for a value to be pickled."""
        refusal = getattr(type(value), "gc_refusal", None)
        if refusal is not None:
            reason, next_step = refusal(value)
            raise CaptureError(f"The cell uses {name!r}: {reason}.", next_step=next_step)
        if value is gc_jupyter.progress:  # the runner provides it
            return import_object(name, "gc_jupyter", "progress")
        if value is gc_jupyter and _only_progress(name, chains):
            return import_module(name, gc_jupyter, ())
        if _is(value, types.ModuleType):
            self._refuse_notebook_only(name, value.__name__)
            by_name = is_imported(value) or type(value) is not types.ModuleType
            there = by_name and (worker_has(value) or is_local(value.__name__))
            return import_module(name, value, chains) if there else None
        if hasattr(type(value), "gc_travels") or id(value) in self.states.by_value:
            return None
        home = None if _is_proxy(value) else find_home(value)
        self._refuse_notebook_only(name, home[0] if home else type(value).__module__)
        if home is not None and (worker_has(home[0]) or is_local(home[0])):
            return import_object(name, *home)
        return None

    def _refuse_notebook_only(self, name: str, module: str) -> None:
        root = module.partition(".")[0]
        if root in NOTEBOOK_ONLY:
            raise CaptureError(
                f"The cell uses {name!r}, which belongs to {root}: it works in the notebook only,"
                " and an endpoint doesn't have it.",
                next_step=f"Leave {name!r} out of this cell, or run the cell here.",
            )

    # --- values -> pieces ------------------------------------------------------------------

    def pickle(self, *calls: Any) -> list[Any]:
        """Fill `pieces`. Return the pickles of `calls` (arguments, or a variable's value)."""
        self._guard()  # first, since a pickler runs code of the values' own
        storing = self.pieces.storing
        with going_to(endpoint="" if storing is None else storing.endpoint):
            return self.pieces.pickle(self.values, self.imports, calls)

    def _wanted_by_function(self, name: str, value: Any) -> bool:
        """Answer as `_wanted` does, for a name that is found while pickling."""
        wanted = self._wanted(name, value)
        if wanted and name not in self.values and name not in self.imports:
            self.guard.values({name: value})
        return wanted

    def _guard(self) -> None:
        """Refuse credentials among the values, in texts, and in what classes and functions hold."""
        sources = self.sources()
        self.guard.texts({name: text for name, text in sources.items() if text})
        remote = {n for n, one in self.values.items() if hasattr(type(one), "gc_travels")}
        self.guard.values({n: one for n, one in self.values.items() if n not in remote})

    # --- instructions for the worker -------------------------------------------------------

    def steps(self) -> tuple[tuple[str, ...], ...]:
        """Return the steps that the worker takes before the cell; see `compose.Task`."""
        pieces = self.pieces
        first = [("bring", name) for name in pieces.modules_first]
        last = [("bring", name) for name in pieces.modules_last]
        imported = [("import", name, text) for name, text in sorted(self.imports.items())]
        loads = [("load", name) for name in self.values]
        changed = [("module", name) for name in pieces.changed]
        return (*first, *imported, *loads, *last, *changed, *pieces.settings())

    def sources(self) -> dict[str, str]:
        """Return the source texts of values that are functions and classes, where known."""
        found = {}
        for name, value in self.values.items():
            function = inspect.unwrap(value) if _is(value, types.FunctionType) else value
            if _is(function, types.FunctionType):
                try:
                    text = str(code.recipe(function.__code__, _file(function))[2])
                    found[name] = textwrap.dedent(text)
                except code.NoSource:
                    found[name] = ""
            elif hasattr(type(value), "gc_travels"):
                found[name] = value.gc_text()
            elif _is(value, type):
                found[name] = "\n".join(_texts(value))
        return found


def _is(value: object, kinds: Any) -> bool:
    """Do as `isinstance`, without asking the value: a proxy would fetch what it stands for."""
    return issubclass(type(value), kinds)


def _is_proxy(value: object) -> bool:
    """Whether a value claims to be of another class, as ProxyStore's proxies do."""
    return any("__class__" in vars(kind) for kind in type(value).__mro__[:-1])


def _texts(kind: type) -> Iterable[str]:
    """Return the source texts of a class's methods."""
    for one in vars(kind).values():
        function = getattr(one, "__func__", getattr(one, "fget", one))
        if isinstance(function, types.FunctionType):
            with contextlib.suppress(code.NoSource):
                yield str(code.recipe(function.__code__, _file(function))[2])


def _file(function: types.FunctionType) -> str:
    return function.__code__.co_filename


def _only_progress(name: str, chains: Iterable[str]) -> bool:
    """Whether the text appears to use nothing of this package but `progress`."""
    used = {chain.split(".")[1] for chain in chains if chain.startswith(f"{name}.")}
    return used <= {"progress"}


def _is_of_shell(value: Any) -> bool:
    """Whether a value is IPython's own, and not one that the notebook has bound to the name."""
    home = getattr(value, "__module__", None)  # the `__module__` of IPython's `open` is io
    return str(home).startswith("IPython.") or getattr(value, "__wrapped__", None) is open
