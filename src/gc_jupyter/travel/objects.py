"""Write the kinds of objects that plain pickle can't.

Its text also runs on workers: standard library only, Python 3.8 syntax.
"""

from __future__ import annotations

import contextlib
import contextvars
import copyreg
import functools
import random
import struct
import sys
import threading
import types
import typing
import weakref
from typing import Any

from gc_jupyter.travel import rebuild, rebuild_classes
from gc_jupyter.travel.arrays import reducer_of_numpy
from gc_jupyter.travel.instances import FROM_PYTHON, Call, reducer_of_instances
from gc_jupyter.travel.refused import refuse, refuses


class Helpers:
    """Is written as the module that `rebuild` becomes on the other side."""


HELPERS = Helpers()


class Name:
    """Sets one global name when it is read, unless it is set already."""

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
    return rebuild_classes.type_variable, (type(one), one.__name__, constraints, options)


def _new_type(pickler: Any, one: Any) -> Any:
    found = pickler.reference(one, "__name__")
    return (typing.NewType, (one.__name__, one.__supertype__)) if found is None else found


def _alias(pickler: Any, one: Any) -> Any:
    found = pickler.reference(one, "__name__")
    if found is not None:
        return found
    options = {"type_params": one.__type_params__}
    return rebuild_classes.with_keywords, (type(one), (one.__name__, one.__value__), options)


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
    return (rebuild.dead_reference, ()) if found is None else (type(one), (found,))


def _weak_dict(_pickler: Any, one: Any) -> Any:
    return type(one), (), None, None, iter(list(one.items()))


def _weak_set(_pickler: Any, one: Any) -> Any:
    return type(one), (list(one),)


def _lock(_pickler: Any, one: Any) -> Any:
    return (threading.RLock if isinstance(one, type(threading.RLock())) else threading.Lock), ()


def _context_variable(_pickler: Any, one: Any) -> Any:
    context, default = contextvars.copy_context(), {}
    with contextlib.suppress(LookupError):
        default["default"] = contextvars.Context().run(one.get)
    return rebuild.context_variable, (one.name, default, [context[one]] if one in context else [])


def _context(_pickler: Any, one: Any) -> Any:
    return rebuild_classes.context, (dict(one.items()),)


def _mapping_proxy(_pickler: Any, one: Any) -> Any:
    return types.MappingProxyType, (dict(one),)


def _cached_property(_pickler: Any, one: Any) -> Any:
    return rebuild.cached_property, (one.func, one.attrname, one.__doc__)


def _dispatched_method(_pickler: Any, one: Any) -> Any:
    # later Pythons keep more in it
    state = ((), {"dispatcher": one.dispatcher})
    return type(one), (one.func,), state, None, None, rebuild.attributes


def _exception(_pickler: Any, one: Any) -> Any:
    return rebuild.exception, (type(one), one.args), vars(one) or None


def _own_reduction(_pickler: Any, one: Any) -> Any:
    return one.__reduce_ex__(4)


def _raised(reduce: Any) -> Any:
    """Write an exception with its cause and context, which its own reduction leaves out."""

    def reduce_all(pickler: Any, one: Any) -> Any:
        if one.__cause__ is None and one.__context__ is None:
            return NotImplemented if reduce is None else reduce(pickler, one)
        reduced = _own_reduction(pickler, one) if reduce is None else reduce(pickler, one)
        if not isinstance(reduced, tuple):
            return reduced
        made_by, arguments, state, _, _, setter = [*reduced, *[None] * 4][:6]
        led = one.__cause__, one.__context__, one.__suppress_context__
        state = (setter, state, led)
        return made_by, arguments, state, None, None, rebuild_classes.raised

    return reduce_all


def _with_attributes(_pickler: Any, one: Any) -> Any:
    # the base's reduction leaves out a subclass's own attributes
    function, arguments, state = one.__reduce__()
    return function, arguments, (state, vars(one)), None, None, rebuild.with_attributes


def _generator(_pickler: Any, one: Any) -> Any:
    if one.gi_frame is not None:  # it would have to go on where it is
        return NotImplemented
    return rebuild_classes.ended_generator, (one.__name__, one.__qualname__)


def _struct(_pickler: Any, one: Any) -> Any:
    return type(one), (one.format,)


_REDUCERS: dict[type, Any] = {
    struct.Struct: _struct,
    types.FunctionType: "function",
    types.ModuleType: "module",
    types.CodeType: "code",
    types.CellType: "cell",
    types.BuiltinFunctionType: "builtin",
    types.MethodType: _method,
    types.GeneratorType: _generator,
    types.MappingProxyType: _mapping_proxy,
    contextvars.ContextVar: _context_variable,
    contextvars.Context: _context,
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
    weakref.WeakMethod: _weak,
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
    """Return the function that reduces objects of a type; None if plain pickle does it."""
    own = _reducer_of(kind)
    return _raised(own) if issubclass(kind, BaseException) else own


def _reducer_of(kind: type) -> Any:
    found = _REDUCERS.get(kind)
    if found is None:
        found = reducer_of_numpy(kind)
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
        return _with_attributes
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
    if not kind.__flags__ & FROM_PYTHON or kind in copyreg.dispatch_table:
        return None
    return reducer_of_instances(kind)


def _loses_attributes(kind: type) -> bool:
    """Whether the type is a subclass of NumPy's arrays or random generators that has attributes and
    no pickling of its own."""
    array = getattr(sys.modules.get("numpy"), "ndarray", None)
    for base in (array, random.Random):
        if isinstance(base, type) and kind is not base and issubclass(kind, base):
            names = ("__reduce__", "__reduce_ex__", "__setstate__")
            says_nothing = all(getattr(kind, name) is getattr(base, name) for name in names)
            return says_nothing and bool(kind.__dictoffset__)
    return False
