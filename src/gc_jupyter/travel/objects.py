"""Objects that plain pickle doesn't know: how each kind is written.

Its text also runs on workers: standard library only, Python 3.8 syntax.
"""

from __future__ import annotations

import copyreg
import functools
import sys
import threading
import types
import typing
import weakref
from typing import Any

from gc_jupyter.travel import rebuild
from gc_jupyter.travel.refused import refuse, refuses


class Call:
    """Is written as a call, which is made when it is read, and gives what it returns."""

    __slots__ = ("arguments", "function")

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function = function
        self.arguments = arguments


class Helpers:
    """Is written as the module that `rebuild` becomes there."""


HELPERS = Helpers()


class Name:
    """Sets one global name, when it is read, unless that was done."""

    __slots__ = ("name", "owner", "value")

    def __init__(self, owner: dict[str, Any], name: str, value: Any) -> None:
        self.owner = owner
        self.name = name
        self.value = value


def _property(_pickler: Any, one: Any) -> Any:
    kind = type(one)
    own = vars(one) if kind is not property else None
    return kind, (one.fget, one.fset, one.fdel, one.__doc__), own


def _wrapping(_pickler: Any, one: Any) -> Any:
    members = {
        name: value
        for name, value in getattr(one, "__dict__", {}).items()
        if not (name.startswith("__") and name.endswith("__"))
    }
    return type(one), (one.__func__,), members or None


def _cached(pickler: Any, one: Any) -> Any:
    found = pickler.reference(one)
    if found is not None:
        return found
    options = one.cache_parameters() if hasattr(one, "cache_parameters") else None
    maxsize = options["maxsize"] if options else one.cache_info().maxsize
    made_of = (pickler.token(one), one.__wrapped__, maxsize, bool(options and options["typed"]))
    state = {name: value for name, value in vars(one).items() if name != "cache_parameters"}
    return rebuild.cached, made_of, ((), {"__dict__": state}), None, None, rebuild.attributes


def _method(_pickler: Any, one: Any) -> Any:
    return types.MethodType, (one.__func__, one.__self__)


def _type_variable(pickler: Any, one: Any) -> Any:
    found = pickler.reference(one, "__name__")
    if found is not None:
        return found
    options = {
        name: getattr(one, "__%s__" % name)
        for name in ("bound", "covariant", "contravariant", "infer_variance")
        if getattr(one, "__%s__" % name, None)
    }
    if getattr(one, "has_default", bool)():
        options["default"] = one.__default__
    constraints = getattr(one, "__constraints__", ())
    return rebuild.type_variable, (type(one), one.__name__, constraints, options)


def _new_type(pickler: Any, one: Any) -> Any:
    found = pickler.reference(one, "__name__")
    return (typing.NewType, (one.__name__, one.__supertype__)) if found is None else found


def _alias(pickler: Any, one: Any) -> Any:
    found = pickler.reference(one, "__name__")
    if found is not None:
        return found
    options = {"type_params": one.__type_params__}
    return rebuild.with_keywords, (type(one), (one.__name__, one.__value__), options)


def _forward(_pickler: Any, one: Any) -> Any:
    return typing.ForwardRef, (one.__forward_arg__,)


def _view(method: str) -> Any:
    def reduce(_pickler: Any, one: Any) -> Any:
        import operator

        if method == "values":
            content: Any = dict(enumerate(one))
        else:
            content = dict(one) if method == "items" else dict.fromkeys(one)
        return operator.methodcaller(method), (content,)

    return reduce


def _weak(_pickler: Any, one: Any) -> Any:
    found = one()
    return weakref.ref, (set() if found is None else found,)  # a set that nobody else holds


def _weak_dict(_pickler: Any, one: Any) -> Any:
    return type(one), (), None, None, iter(list(one.items()))


def _weak_set(_pickler: Any, one: Any) -> Any:
    return type(one), (list(one),)


def _lock(_pickler: Any, one: Any) -> Any:
    return (threading.RLock if isinstance(one, type(threading.RLock())) else threading.Lock), ()


def _mapping_proxy(_pickler: Any, one: Any) -> Any:
    return types.MappingProxyType, (dict(one),)


def _cached_property(_pickler: Any, one: Any) -> Any:
    return rebuild.cached_property, (one.func, one.attrname, one.__doc__)


def _dispatched_method(_pickler: Any, one: Any) -> Any:
    # it keeps more in later Pythons
    state = ((), {"dispatcher": one.dispatcher})
    return type(one), (one.func,), state, None, None, rebuild.attributes


def _exception(_pickler: Any, one: Any) -> Any:
    return rebuild.exception, (type(one), one.args), vars(one) or None


def _own_reduction(_pickler: Any, one: Any) -> Any:
    return one.__reduce_ex__(4)


def _array(_pickler: Any, one: Any) -> Any:
    # NumPy leaves out what a subclass has beside the numbers
    function, arguments, state = one.__reduce__()
    return function, arguments, (state, vars(one)), None, None, rebuild.array


_REDUCERS: dict[type, Any] = {
    types.FunctionType: "function",
    types.ModuleType: "module",
    types.CodeType: "code",
    types.CellType: "cell",
    types.MethodType: _method,
    types.MappingProxyType: _mapping_proxy,
    Call: "call",
    Name: "name",
    Helpers: "helpers",
    classmethod: _wrapping,
    staticmethod: _wrapping,
    type(functools.lru_cache(len)): _cached,
    functools.cached_property: _cached_property,
    functools.singledispatchmethod: _dispatched_method,
    type({}.keys()): _view("keys"),
    type({}.values()): _view("values"),
    type({}.items()): _view("items"),
    weakref.ref: _weak,
    weakref.WeakKeyDictionary: _weak_dict,
    weakref.WeakValueDictionary: _weak_dict,
    weakref.WeakSet: _weak_set,
    type(threading.Lock()): _lock,
    type(threading.RLock()): _lock,
    typing.ForwardRef: _forward,
}
for _kind in ("TypeVar", "ParamSpec", "TypeVarTuple"):
    if hasattr(typing, _kind):
        _REDUCERS[getattr(typing, _kind)] = _type_variable
if isinstance(typing.NewType, type):  # Python 3.10
    _REDUCERS[typing.NewType] = _new_type
if hasattr(typing, "TypeAliasType"):  # Python 3.12
    _REDUCERS[typing.TypeAliasType] = _alias


def reducer_of(kind: type) -> Any:
    """What writes objects of a type; None where pickle does it."""
    found = _REDUCERS.get(kind)
    if found is not None:
        return found
    if issubclass(kind, type):
        return "kind"
    if hasattr(kind, "gc_travels"):
        return "defined"
    if refuses(kind):
        return refuse
    if issubclass(kind, types.ModuleType):
        return "module"
    if issubclass(kind, property):
        return _property
    if _loses_attributes(kind):
        return _array
    if issubclass(kind, (classmethod, staticmethod)):
        return _wrapping
    if issubclass(kind, BaseException) and kind.__reduce__ is BaseException.__reduce__:
        by = next(
            one for one in kind.__mro__ if "__init__" in vars(one) or "__reduce_ex__" in vars(one)
        )
        if isinstance(vars(by).get("__init__"), types.FunctionType):
            return _exception
    registered = str(getattr(copyreg.dispatch_table.get(kind), "__module__", ""))
    if issubclass(kind, BaseException) and registered.startswith("tblib"):
        # dask and Parsl have tblib register every exception: its way needs tblib there, takes the
        # frames along, and loses what a built-in exception keeps beside `args`
        return _own_reduction
    return None


def _loses_attributes(kind: type) -> bool:
    """Whether these are arrays of a subclass that has attributes, and says nothing of pickling."""
    numpy = sys.modules.get("numpy")
    array: Any = getattr(numpy, "ndarray", None)
    if not isinstance(array, type) or not issubclass(kind, array) or not kind.__dictoffset__:
        return False
    names = ("__reduce__", "__reduce_ex__", "__setstate__")
    return all(getattr(kind, name) is getattr(array, name) for name in names)
