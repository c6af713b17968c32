"""The names that a text needs -> what to send for each, in an order that works on the worker."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

from gc_jupyter.capture.compose import remote_filename
from gc_jupyter.capture.credentials import Guard
from gc_jupyter.capture.definitions import (
    Definition,
    annotations_flag,
    find_definition,
    global_names,
)
from gc_jupyter.capture.imports import (
    NOTEBOOK_ONLY,
    import_module,
    import_object,
    is_local,
    local_modules,
)
from gc_jupyter.capture.state import class_state, function_state
from gc_jupyter.capture.worker_side.values import dump, find_named, is_of_notebook
from gc_jupyter.errors import CaptureError
from gc_jupyter.travel.names import Names, find_names

#: What a notebook's namespace has as a module.
MODULE_NAMES = {
    *("__builtins__", "__builtin__", "__name__", "__doc__", "__spec__"),
    *("__package__", "__loader__", "__file__"),
}
#: What IPython gives a notebook, and the worker has in its own way; a notebook may rebind them.
SHELL_NAMES = {"exit", "quit", "get_ipython", "display", "open", "input"}
#: The notebook's history as a whole, and what IPython keeps it under: it isn't sent.
HISTORY = {"In": "_ih", "Out": "_oh", "_ih": "_ih", "_oh": "_oh", "_dh": "_dh"}


@dataclass
class Item:
    """What travels for one name. `now` must be there before it, `later` before it is used."""

    name: str
    source: str = ""  # empty: data
    defined: str = ""
    filename: str = ""
    deferred: bool = False  # annotations, as by the __future__ import
    now: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)  # attributes that the source lacks


@dataclass(frozen=True)
class Origin:
    """Where a text that travels stands in the notebook: frames on the worker are mapped back."""

    filename: str
    first_line: int
    source: str


class Collector:
    """Collects what the names of a text stand for in a notebook's namespace.

    Parameters
    ----------
    namespace:
        The notebook's variables.
    named:
        Those that are sent whatever they hold.
    """

    def __init__(self, namespace: Mapping[str, Any], named: Collection[str] = ()) -> None:
        self.namespace = namespace
        self.guard = Guard(named)
        self.deferred = bool(annotations_flag(namespace))
        self.items: dict[str, Item] = {}
        self.origins: dict[str, Origin] = {}
        self.modules: set[str] = set()  # to be sent as source, where they aren't installed
        self.attributes: dict[str, Any] = {}  # "class.attribute" -> value
        self.values: dict[str, Any] = {}  # data, in the order of the pieces
        self.pieces: list[bytes] = []
        self._current: Item | None = None  # the data item being pickled

    # --- names -> items --------------------------------------------------------------------

    def add(self, names: Names) -> None:
        """Everything that a text needs and that this namespace has."""
        self.modules |= names.modules
        todo = [*names.needed]
        chains = {*names.chains}
        while todo:
            name = todo.pop()
            if name in self.items or not self._sendable(name):
                continue
            item, inner = self._make(name, self.namespace[name], chains)
            self.items[name] = item
            self._add_state(item)
            if inner is not None:
                self.modules |= inner.modules
                chains |= inner.chains
                todo += inner.needed

    def _sendable(self, name: str) -> bool:
        if name not in self.namespace:
            return False
        value = self.namespace[name]
        if name in HISTORY and value is self.namespace.get(HISTORY[name]):
            return False  # whoever needs it is told so: failures.next_step
        if name in MODULE_NAMES or (name in SHELL_NAMES and _is_of_shell(value)):
            return False
        return value is not getattr(builtins, name, self)

    def _make(self, name: str, value: Any, chains: set[str]) -> tuple[Item, Names | None]:
        refusal = getattr(type(value), "gc_refusal", None)
        if refusal is not None:
            reason, next_step = refusal(value)
            raise CaptureError(f"The cell uses {name!r}: {reason}.", next_step=next_step)
        if isinstance(value, ModuleType):
            self._refuse_notebook_only(name, value.__name__)
            self.modules.add(value.__name__)
            statement = import_module(name, value, chains)
            self.modules |= {line.split()[1] for line in statement.splitlines()}
            return self._source(name, name, statement), None
        home = getattr(value, "__module__", None)
        if isinstance(home, str):
            self._refuse_notebook_only(name, home, allow=hasattr(type(value), "gc_definition"))
            imported = import_object(name, value)
            if imported is not None:
                self.modules.add(imported.split()[1])
                return self._source(name, name, imported), None
        if callable(value):
            known_as = getattr(value, "__name__", name)
            if known_as != name and self.namespace.get(known_as) is value:  # another name for it
                return self._defined(name, Definition(name, f"{name} = {known_as}\n"))
            definition = find_definition(value)
            if definition is not None:
                item, inner = self._defined(name, definition, value)
                if hasattr(type(value), "gc_definition") or self._can_run_again(item, inner):
                    return item, inner
        return Item(name), None

    def _defined(self, name: str, definition: Definition, value: Any = None) -> tuple[Item, Names]:
        source, defined = definition.source, definition.name
        if not defined.isidentifier():  # a lambda
            source, defined = f"{name} = {source}\n", name
        shown = source
        state: dict[str, Any] = {}
        if isinstance(inspect.unwrap(value), FunctionType):
            source, state = function_state(value, source, self.namespace)
        elif isinstance(value, type):
            state = class_state(value, source)
        item = self._source(name, defined, source)
        item.state = state
        item.deferred = self.deferred if definition.deferred is None else definition.deferred
        self.origins[item.filename] = Origin(definition.filename, definition.first_line, shown)
        inner = _names_of(source)
        item.now = [other for other in inner.now if other != name]
        item.later = [other for other in inner.later if other != name]
        return item, inner

    def _can_run_again(self, item: Item, inner: Names) -> bool:
        """Whether a text finds what it found: not an earlier object of its own name, as in
        ``class A(A)``, and no name that the notebook has dropped since."""
        if item.deferred:
            return True
        known = {*dir(builtins), *MODULE_NAMES, *SHELL_NAMES, *self.namespace} - {item.defined}
        return known.issuperset(inner.now)

    def _add_state(self, item: Item) -> None:
        """Attributes are data items of their own, under a dotted name."""
        for attribute, value in item.state.items():
            name = f"{item.name}.{attribute}"
            self.items[name] = Item(name, now=[item.name])
            self.attributes[name] = value
            item.later.append(name)

    def _value(self, name: str) -> Any:
        return self.attributes[name] if name in self.attributes else self.namespace[name]

    def _source(self, name: str, defined: str, source: str) -> Item:
        return Item(name, source, defined, remote_filename(f"def {name}", source))

    def _refuse_notebook_only(self, name: str, module: str, *, allow: bool = False) -> None:
        root = module.partition(".")[0]
        if root in NOTEBOOK_ONLY and not allow:
            raise CaptureError(
                f"The cell uses {name!r}, which belongs to {root}: it works in the notebook only,"
                " and an endpoint doesn't have it.",
                next_step=f"Leave {name!r} out of this cell, or run the cell here.",
            )

    # --- data -> pieces --------------------------------------------------------------------

    def pickle(self, *calls: Any) -> list[bytes]:
        """Fill `pieces` with the data items, and return each of `calls` (arguments) pickled.

        A value may hold objects whose class is a notebook's own. The class then travels by source,
        ahead of the value, and what it needs in turn may be data: so this repeats until nothing
        new is met.
        """
        while True:
            known = (len(self.items), self._edges())
            data = [name for name in self.order() if not self.items[name].source]
            self.values = {name: self._value(name) for name in data}
            self.guard.values(self.values)  # before a pickler runs what they bring
            self.guard.texts({name: one.source for name, one in self.items.items() if one.source})
            self.pieces = self._dump(data)
            packed = [self._dump_call(call) for call in calls]
            if (len(self.items), self._edges()) == known:
                return packed

    def _edges(self) -> int:
        return sum(len(item.now) for item in self.items.values())

    def _dump(self, names: list[str]) -> list[bytes]:
        def starting(index: int) -> None:
            self._current = self.items[names[index]]

        # One pickler for all: what two variables share is still shared on the worker.
        try:
            return dump([self._value(name) for name in names], self._name_of, starting, shared=True)
        except Exception as error:
            assert self._current is not None
            raise _cannot_send(self._current.name, error) from error

    def _dump_call(self, call: Any) -> bytes:
        self._current = None
        try:
            return dump([call], self._name_of, shared=True)[0]
        except Exception as error:
            raise CaptureError(
                f"An argument can't be sent: {type(error).__name__}: {error}",
                next_step="Pass plain values, or build the object where it is used.",
            ) from error

    def _name_of(self, obj: Any) -> str | None:
        """The name of a notebook's class or function that can travel by source."""
        home = getattr(obj, "__module__", None)
        if home != "__main__" and not hasattr(type(obj), "gc_definition"):
            if isinstance(home, str) and home not in self.modules:
                module = sys.modules.get(home)
                if module is not None and is_local(module):
                    self.modules.add(home)
            return None
        for attribute in ("__name__", "__qualname__"):  # the latter for a class inside a class
            path = str(getattr(obj, attribute, ""))
            name = path.partition(".")[0]
            if find_named(path, self.namespace) is obj and self._goes_by_name(name):
                if self._current is not None and name not in self._current.now:
                    self._current.now.append(name)
                return path
        self._by_value(obj)
        return None

    def _goes_by_name(self, name: str) -> bool:
        """Whether a class or function of the notebook is, or can be, an item of its own."""
        value = self.namespace[name]
        is_class = isinstance(value, type)  # one without a text is still the same for all values
        if name not in self.items and (is_class or find_definition(value) is not None):
            self.add(Names(now={name: 0}))
        item = self.items.get(name)
        return item is not None and (bool(item.source) or (is_class and self._current is not item))

    def _by_value(self, obj: Any) -> None:
        """A function without a text of its own: the variables that it reads must be there."""
        if is_of_notebook(obj):
            needed = dict.fromkeys(global_names(obj.__code__), 0)
            self.add(Names(later=needed))
            if self._current is not None:
                self._current.later += [name for name in needed if name in self.items]

    # --- order -----------------------------------------------------------------------------

    def order(self) -> list[str]:
        """All items, each after what it needs to be executed; attributes last."""
        ordered: dict[str, None] = {}
        started: set[str] = set()

        def place(name: str, usable: bool) -> None:
            if name in self.items and name not in started:
                started.add(name)
                for other in self.items[name].now:
                    place(other, True)
                ordered[name] = None
            if usable and name in self.items:
                for other in self.items[name].later:
                    if other not in started and other not in self.attributes:
                        place(other, True)

        for name in sorted(self.items, key=lambda name: (name in self.attributes, name)):
            place(name, False)
        return [*ordered]

    def steps(self) -> tuple[tuple[Any, ...], ...]:
        """What the worker does before the cell; see `compose.Task`."""
        return tuple(
            ("define", item.name, item.defined, item.source, item.filename, item.deferred)
            if item.source
            else ("load", item.name)
            for item in (self.items[name] for name in self.order())
        )

    def module_sources(self, own: Iterable[str] = ()) -> tuple[tuple[str, tuple[str, bool]], ...]:
        """The modules that aren't installed, as source; see `compose.Task`."""
        found = sorted(local_modules({*self.modules, *own}).items())
        self.guard.texts({name: text for name, (text, _) in found})
        return tuple(found)

    def sent_objects(self) -> dict[str, Any]:
        """What travelled under its own name: a result may refer to it."""
        return {
            name: self.namespace[name]
            for name, item in self.items.items()
            if item.source or isinstance(self._value(name), type)
        }


def _is_of_shell(value: Any) -> bool:
    """Whether this is IPython's own, and not what the notebook has bound the name to."""
    home = getattr(value, "__module__", None)  # IPython's `open` says that it is io's
    return str(home).startswith("IPython.") or getattr(value, "__wrapped__", None) is open


@functools.lru_cache(maxsize=512)
def _names_of(source: str) -> Names:
    return find_names(ast.parse(source))


def _cannot_send(name: str, error: Exception) -> CaptureError:
    return CaptureError(
        f"The cell uses {name!r}, which can't be sent: {type(error).__name__}: {error}",
        next_step=f"Make {name!r} inside the cell, or send plain data (numbers, text, lists,"
        " arrays) in its place.",
    )
