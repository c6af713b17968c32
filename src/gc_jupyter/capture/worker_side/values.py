"""Values <-> bytes, the same on both ends."""

from __future__ import annotations

import copyreg
import enum
import functools
import io
import pickle
import sys
import threading
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any


class NeedsDill(Exception):
    """Plain pickle would name an object of `__main__` that the other side doesn't have."""


def dump(
    values: list[Any],
    name_of: Callable[[Any], str | None],
    starting: Callable[[int], None] = lambda _index: None,
    *,
    shared: bool = False,
) -> list[bytes]:
    """Pickle values that may share objects: one piece each, to be loaded in this order.

    `name_of` gives the name of a class or function that the other side has by source, or None;
    `starting` is told each value's index before it is pickled. With `shared`, functions that have
    no text will find their globals in the other side's namespace; otherwise they bring their own.
    """
    try:
        return _dump(_fast_pickler(), values, name_of, starting)
    except Exception:
        return _dump(_dill_pickler(shared), values, name_of, starting)


def _dump(pickler_class: Any, values: list[Any], name_of: Any, starting: Any) -> list[bytes]:
    stream = io.BytesIO()
    pickler = pickler_class(stream, name_of)
    pieces = []
    for index, value in enumerate(values):
        starting(index)
        pickler.dump(value)
        pieces.append(stream.getvalue())
        stream.seek(0)
        stream.truncate()
    return pieces


def _fast_pickler() -> Any:
    class Fast(pickle.Pickler):
        def __init__(self, stream: Any, name_of: Any) -> None:
            super().__init__(stream, protocol=4)
            self.name_of = name_of
            self.dispatch_table = {**copyreg.dispatch_table, **TYPING_REDUCERS}

        def persistent_id(self, obj: Any) -> Any:
            if isinstance(obj, (type, types.FunctionType)) or hasattr(type(obj), "gc_definition"):
                name = self.name_of(obj)
                if name is None and getattr(obj, "__module__", None) == "__main__":
                    raise NeedsDill(obj)
                return name
            return None

    return Fast


class Namespace:
    """Stands for the other side's namespace."""


def _dill_pickler(shared: bool) -> Any:
    import dill

    class Slow(dill.Pickler):  # type: ignore[misc]
        def __init__(self, stream: Any, name_of: Any) -> None:
            super().__init__(stream, protocol=4, byref=False, recurse=True)
            self.name_of = name_of

        def persistent_id(self, obj: Any) -> Any:
            if isinstance(obj, (type, types.FunctionType)) or hasattr(type(obj), "gc_definition"):
                return "" if obj is Namespace else self.name_of(obj)
            if isinstance(obj, (io.TextIOWrapper, io.FileIO)):
                raise TypeError("cannot pickle an open file")  # dill would open another's there
            return None

        def reducer_override(self, obj: Any) -> Any:
            if type(obj) in TYPING_REDUCERS:
                return TYPING_REDUCERS[type(obj)](obj)
            if isinstance(obj, enum.EnumMeta) and obj.__module__ == "__main__":
                return reduce_enum(obj)
            if type(obj) is EnumBody:
                return obj.reduce()
            if shared and isinstance(obj, type) and names_itself(obj):
                return reduce_class(obj)
            if type(obj) is RLOCK:  # dill's copy would be held for ever, by no thread
                return threading.RLock, ()
            if shared and is_of_notebook(obj):
                return reduce_function(obj)
            if shared and type(obj) is types.CellType:
                return reduce_cell(obj)
            return NotImplemented

    return Slow


def is_of_notebook(obj: Any) -> bool:
    """Whether this is a function whose globals are a notebook's variables."""
    return type(obj) is types.FunctionType and obj.__globals__.get("__name__") == "__main__"


def reduce_function(function: types.FunctionType) -> Any:
    made_of = (
        *(function.__code__, Namespace, function.__name__),
        *(function.__defaults__, function.__closure__),
    )
    names = ("__kwdefaults__", "__qualname__", "__module__", "__doc__")
    members = {name: getattr(function, name) for name in names}
    return types.FunctionType, made_of, (vars(function) or None, members)


def reduce_cell(cell: Any) -> Any:
    # filled afterwards: its function may be what it holds
    try:
        return types.CellType, (), (None, {"cell_contents": cell.cell_contents})
    except ValueError:  # not bound yet
        return types.CellType, ()


def is_importable(obj: Any) -> bool:
    home = sys.modules.get(obj.__module__)
    return obj.__module__ != "__main__" and getattr(home, obj.__name__, None) is obj


def reduce_variable(variable: Any) -> Any:
    """A `TypeVar` of the notebook; pickle knows only its name."""
    if is_importable(variable):
        return variable.__reduce__()
    options = {
        name: getattr(variable, "__%s__" % name)
        for name in ("bound", "covariant", "contravariant")
        if getattr(variable, "__%s__" % name, None)
    }
    made_by: Any = type(variable)
    make = functools.partial(made_by, **options)
    return make, (variable.__name__, *getattr(variable, "__constraints__", ()))


def reduce_new_type(kind: Any) -> Any:
    if is_importable(kind):
        return kind.__reduce__()
    return type(kind), (kind.__name__, kind.__supertype__)


def reduce_enum(kind: Any) -> Any:
    """An enum of the notebook that has no text on the other side; dill can't tell its members."""
    return type(kind), (kind.__name__, kind.__bases__, EnumBody(kind))


def names_itself(kind: type) -> bool:
    """Whether a method of a notebook's class uses `super()`: it holds the class."""
    functions = (getattr(value, "__func__", value) for value in vars(kind).values())
    return kind.__module__ == "__main__" and any(
        "__class__" in function.__code__.co_freevars
        for function in (getattr(value, "fget", value) for value in functions)
        if type(function) is types.FunctionType
    )


def reduce_class(kind: type) -> Any:
    """A class that is made before its methods, which hold it."""
    known = ("__module__", "__qualname__", "__doc__", "__slots__")
    first = {name: value for name, value in vars(kind).items() if name in known}
    made_by_python = (types.GetSetDescriptorType, types.MemberDescriptorType)
    members = {
        name: value
        for name, value in vars(kind).items()
        if name not in first and not isinstance(value, made_by_python)
    }
    return type(kind), (kind.__name__, kind.__bases__, first), (None, members)


class EnumBody:
    """What an enum's class statement binds: a dict of enum's own kind takes it one by one."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind

    def reduce(self) -> Any:
        kind = self.kind
        bound = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
        bound.update((name, member.value) for name, member in kind.__members__.items())
        for name, value in vars(kind).items():
            own = getattr(value, "__module__", None) == kind.__module__
            if name not in bound and (own or not name.startswith("_")):
                bound[name] = value
        return (
            type(kind).__prepare__,
            (kind.__name__, kind.__bases__),
            None,
            None,
            iter(bound.items()),
        )


RLOCK = type(threading.RLock())
TYPING_REDUCERS: dict[Any, Callable[[Any], Any]] = {
    getattr(typing, name): reduce_variable
    for name in ("TypeVar", "ParamSpec", "TypeVarTuple")
    if hasattr(typing, name)
}
if isinstance(typing.NewType, type):  # Python 3.10
    TYPING_REDUCERS[typing.NewType] = reduce_new_type


def find_named(path: str, namespace: Mapping[str, Any]) -> Any:
    """What a qualified name such as `Outer.Inner` leads to; None for nothing."""
    name, *inner = path.split(".")
    found = namespace.get(name)
    for attribute in inner:
        found = getattr(found, attribute, None)
    return found


class Loader(pickle.Unpickler):
    """Loads what `dump` made, piece by piece; `named` has what travelled by source, and `modules`
    those that came with a task which shares its process with others."""

    def __init__(self, data: bytes, named: Mapping[str, Any], modules: Any = None) -> None:
        super().__init__(io.BytesIO(data))
        self.named = named
        self.modules = modules

    def find_class(self, module: str, name: str) -> Any:
        if self.modules is not None and self.modules.covers(module):
            return self.modules.find(module, name)
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        if not pid:
            return self.named
        found = find_named(pid, self.named)
        if found is None:
            raise KeyError(pid)
        return found
