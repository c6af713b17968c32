"""dill's pickler with another idea of what travels: what a worker can't import goes by value.

dill itself loses the globals of notebook functions, or with `recurse=True` fails on functions that
call each other, gives each function a copy of its globals, and captures stdout while it looks for
them; it names functions of a user's own modules by reference, and breaks enums of a notebook. So
functions, modules and enums are written here. All that is written is read by plain `dill.loads`
of dill 0.3.9 and newer, without this package.

How a function goes: code and closure first, with a namespace that is empty; then, when the function
exists, the globals that it uses. Functions of one module share one namespace, as they did here, so
that `global` statements work between them.
"""

from __future__ import annotations

import collections
import enum
import functools
import pickle
import sys
import threading
import types
import typing
from collections.abc import Callable
from typing import Any

import dill
from dill import _dill

from gc_jupyter.errors import SerializationError
from gc_jupyter.serialize.names import all_names, global_names, is_installed, loaded_submodules
from gc_jupyter.serialize.official import is_ours, official_name

#: The pure Python pickler under dill's.
_PurePickler: Any = pickle._Pickler
#: What IPython puts into a notebook's globals, bound to the running shell.
_SHELL_NAMES = {"exit", "quit", "get_ipython"}


class _Savers(dict[type, Callable[[Any, Any], None]]):
    """Savers by type: ours first, then dill's, which learns further types while it runs."""

    def get(self, kind: type, default: Any = None) -> Any:
        found = dict.get(self, kind)
        if found is not None:
            return found
        if issubclass(kind, type):
            return _save_class
        return dill.Pickler.dispatch.get(kind, default)


class ByValuePickler(dill.Pickler):  # type: ignore[misc]
    """Writes one value; see the module for what is different from dill.

    Parameters
    ----------
    file:
        Where the bytes go.
    protocol:
        Pickle protocol, 4 for official workers.
    """

    dispatch = _Savers()

    def __init__(self, file: Any, protocol: int) -> None:
        super().__init__(file, protocol, recurse=True, byref=False)
        #: Namespaces that functions written by value live in, and the names already sent of each.
        self.sent: dict[int, set[str]] = {}

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Write a reference, which for something that no worker can import would fail there."""
        if not is_installed(getattr(obj, "__module__", None)):
            raise SerializationError(
                f"{obj!r} can't be sent by value, and workers can't import it",
                next_step="Define it at the top level of the notebook or module, or leave it out.",
            )
        super().save_global(obj, name=name)

    def require(
        self, namespace: dict[str, Any], names: frozenset[str], uses: frozenset[str]
    ) -> None:
        """Have these names of a namespace exist where the pickle is read.

        Parameters
        ----------
        namespace:
            A module's or notebook's globals; already written.
        names:
            The names wanted; those that the namespace lacks are builtins, or unknown.
        uses:
            All names that the function uses, attributes included: of modules that travel by
            value, only these go along.
        """
        sent = self.sent[id(namespace)]
        for name in sorted(names - sent):
            if name not in namespace:
                continue
            value = namespace[name]
            if name in _SHELL_NAMES and type(value).__module__.startswith("IPython."):
                continue
            sent.add(name)
            if isinstance(value, types.ModuleType):
                self.require_module(value, uses)
            self._fill(namespace, name, value)

    def require_module(self, module: types.ModuleType, uses: frozenset[str]) -> None:
        """Have these names of a module exist where the pickle is read, as far as they are its."""
        if is_installed(module.__name__):
            for submodule in loaded_submodules(module, uses):
                self.save_reduce(_dill._import_module, (submodule,))
                self.write(pickle.POP)
        elif not is_ours(module.__name__):
            self.save_namespace(vars(module))
            self.require(vars(module), uses, uses)

    def save_namespace(self, namespace: dict[str, Any]) -> None:
        """Write a namespace without its names, and leave nothing on the reader's stack."""
        self.sent.setdefault(id(namespace), set())
        self.save(namespace)
        self.write(pickle.POP)

    def _fill(self, namespace: dict[str, Any], name: str, value: Any) -> None:
        # A class is known to the reader only when all of its body is written. What its methods use
        # may refer to it, so that has to wait until then: dill keeps a list of such work for
        # whatever is under construction.
        innermost = next(reversed(self._postproc.values()), None)
        waiting = self._postproc.get(id(value), innermost)
        work = (_dill._setitems, (namespace, {name: value}))
        if waiting is not None:
            waiting.append(work)
        else:
            self.save_reduce(*work)
            self.write(pickle.POP)


def _importable(obj: Any, pickler: Any = None) -> bool:
    return is_installed(getattr(obj, "__module__", None)) and _dill._locate_function(obj, pickler)


def _refuse_ours(obj: Any) -> None:
    module = getattr(obj, "__module__", None)
    if is_ours(module):
        raise SerializationError(
            f"{module}.{obj.__qualname__} belongs to gc_jupyter, which workers don't have",
            next_step="Leave it out of the function and its arguments.",
        )


def _save_function(pickler: ByValuePickler, func: types.FunctionType) -> None:
    if _importable(func, pickler):
        _PurePickler.save_global(pickler, func, name=func.__qualname__)
        return
    _refuse_ours(func)
    namespace = func.__globals__
    shared = is_installed(namespace.get("__name__")) and _is_module_namespace(namespace)
    if not shared:
        pickler.sent.setdefault(id(namespace), set())
    state = {
        name: value
        for name in ("__doc__", "__kwdefaults__", "__annotations__", "__qualname__", "__module__")
        if (value := _attribute(func, name)) is not None
    }
    postproc: list[Any] = []
    _dill._save_with_postproc(
        pickler,
        (
            _dill._create_function,
            (func.__code__, namespace, func.__name__, func.__defaults__, func.__closure__),
            (func.__dict__, state),
        ),
        obj=func,
        postproc_list=postproc,
    )
    uses = all_names(func.__code__)
    for cell in func.__closure__ or ():
        if isinstance(content := _content(cell), types.ModuleType):
            pickler.require_module(content, uses)
    if not shared:
        pickler.require(namespace, global_names(func.__code__), uses)


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty
        return None


def _attribute(func: types.FunctionType, name: str) -> Any:
    try:
        return getattr(func, name)
    except NameError:  # Python 3.14 evaluates annotations only now
        return None


def _is_module_namespace(namespace: dict[str, Any]) -> bool:
    module = sys.modules.get(str(namespace.get("__name__")))
    return module is not None and vars(module) is namespace


def _save_dict(pickler: ByValuePickler, value: dict[Any, Any]) -> None:
    by_value = id(value) in pickler.sent
    name = str(value.get("__name__", ""))
    if name != "__main__" and (by_value or is_installed(name)) and _is_module_namespace(value):
        pickler.save_reduce(vars, (sys.modules[name],), obj=value)
    elif by_value:
        pickler.save_reduce(dict, ([("__name__", name or "__main__")],), obj=value)
    else:
        _PurePickler.save_dict(pickler, value)


def _save_module(pickler: ByValuePickler, module: types.ModuleType) -> None:
    if is_ours(module.__name__):
        raise SerializationError(
            "The function uses the module gc_jupyter, which workers don't have",
            next_step="Leave it out of the function.",
        )
    if is_installed(module.__name__) or module.__name__ == "__main__":
        pickler.save_reduce(_dill._import_module, (module.__name__,), obj=module)
    else:
        pickler.save_reduce(types.ModuleType, (module.__name__, module.__doc__), obj=module)
        if id(vars(module)) not in pickler.sent:  # not by a function's use of it: send all of it
            names = frozenset(name for name in vars(module) if not name.startswith("__"))
            pickler.require_module(module, names)


def _save_class(pickler: ByValuePickler, cls: type) -> None:
    official = official_name(cls)
    if official is not None:
        pickler.save(official[0])
        pickler.save(official[1])
        pickler.write(pickle.STACK_GLOBAL)
        pickler.memoize(cls)
        return
    if not _importable(cls):
        _refuse_ours(cls)
        if id(cls) in pickler._postproc:
            raise SerializationError(
                f"The class {cls.__qualname__} holds a value that refers to the class itself",
                next_step="Set that value after the class statement, or leave it out.",
            )
        if isinstance(cls, enum.EnumMeta):
            _save_enum(pickler, cls)
            return
    _dill_save_class(pickler, cls)
    if issubclass(cls, tuple) and hasattr(cls, "_fields") and not _importable(cls):
        plain = vars(collections.namedtuple("plain", cls._fields))
        methods = {n: v for n, v in vars(cls).items() if n not in plain and _is_method(v)}
        _set_attributes(pickler, [(cls, name, value) for name, value in methods.items()])


#: dill's saver of classes, asking `_importable` where it would ask its own `_locate_function`.
_dill_save_class = types.FunctionType(
    _dill.save_type.__code__,
    {**vars(_dill), "_locate_function": _importable},
    "save_type",
    _dill.save_type.__defaults__,
)


def _save_enum(pickler: ByValuePickler, cls: enum.EnumMeta) -> None:
    """Write an enum as a call of its base, which makes the members, and then its methods."""
    *mixin, base = cls.__bases__
    names = {"module": cls.__module__, "qualname": cls.__qualname__}
    options: dict[str, Any] = {**names, **({"type": mixin[0]} if mixin else {})}
    by_name: dict[str, enum.Enum] = dict(cls.__members__)
    members = [(name, member.value) for name, member in by_name.items()]
    pickler.save_reduce(functools.partial(base, **options), (cls.__name__, members), obj=cls)
    attributes: list[tuple[Any, str, Any]] = [
        (cls, name, value) for name, value in vars(cls).items() if _is_method(value)
    ]
    attributes += [
        (member, name, value)
        for member in by_name.values()
        for name, value in vars(member).items()
        if not name.startswith("_")
    ]
    _set_attributes(pickler, attributes)


def _set_attributes(pickler: ByValuePickler, attributes: list[tuple[Any, str, Any]]) -> None:
    for owner, name, value in attributes:
        pickler.save_reduce(setattr, (owner, name, value))
        pickler.write(pickle.POP)


def _save_type_variable(pickler: ByValuePickler, variable: typing.TypeVar) -> None:
    if is_installed(variable.__module__):
        pickler.save_global(variable, name=variable.__name__)
        return
    bound = {"bound": variable.__bound__} if variable.__bound__ is not None else {}
    make = functools.partial(
        typing.TypeVar,
        covariant=variable.__covariant__,
        contravariant=variable.__contravariant__,
        **bound,
    )
    pickler.save_reduce(make, (variable.__name__, *variable.__constraints__), obj=variable)


def _save_rlock(pickler: ByValuePickler, lock: Any) -> None:
    # dill's copy of a free lock is held for ever, by no thread. Python 3.11 has a lock of this kind
    # in each cached_property.
    pickler.save_reduce(threading.RLock, (), obj=lock)


def _is_method(value: Any) -> bool:
    if isinstance(value, types.FunctionType):
        return value.__module__ != "enum"
    return isinstance(value, property | classmethod | staticmethod)


ByValuePickler.dispatch.update(
    {
        types.FunctionType: _save_function,
        types.ModuleType: _save_module,
        dict: _save_dict,
        type: _save_class,
        typing.TypeVar: _save_type_variable,
        type(threading.RLock()): _save_rlock,
    }
)
