"""Write classes by value, with their present attributes, however they changed after their
statement.

Where Python itself makes a part of a class (enums, dataclasses, named tuples, ...), the same public
function makes that part there, since each version of Python makes it in its own way.

Its text also runs on workers: standard library only, Python 3.8 syntax.
"""

from __future__ import annotations

import abc
import enum
import operator
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

from gc_jupyter.travel import rebuild, rebuild_classes
from gc_jupyter.travel.instances import FROM_PYTHON, Call
from gc_jupyter.travel.refused import CannotTravel

#: The attributes that every class gets when it is made.
MADE = {
    *("__dict__", "__weakref__", "_abc_impl", "__module__", "__qualname__", "__slots__"),
    "__slotnames__",  # copyreg sets it at the first pickle
    *("__abstractmethods__", "__annotations_cache__"),
}
DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType)
#: Attributes that compiled metaclasses derive from others, by the names of their types.
_MADE_TYPES = {"CField"}
#: The attributes that define a class of ctypes.
_OF_CTYPES = ("_flags_", "_argtypes_", "_restype_", "_type_", "_length_")
_OF_DATACLASS = {"__dataclass_fields__", "__dataclass_params__", "__match_args__"}


def reduce(pickler: Any, kind: Any) -> Any:
    """Return the reduction of a class that the other side doesn't have."""
    members = vars(kind)
    if not kind.__flags__ & FROM_PYTHON:
        raise CannotTravel("it is, or holds, %r, which is compiled and can't be imported" % kind)
    if "__class__" in members:  # nothing can set it later
        raise CannotTravel(
            "%r says itself what its `__class__` is" % kind, "Define it in the cell."
        )
    if isinstance(kind, enum.EnumMeta):
        return _enum(pickler, kind)
    if type(kind).__module__ in ("typing", "typing_extensions"):
        if issubclass(kind, dict) or type(kind).__name__ == "_TypedDictMeta":
            return _typed_dict(pickler, kind)
        if members.get("_is_protocol"):
            return _protocol(pickler, kind)
    if kind.__bases__[0] is tuple and isinstance(members.get("_fields"), tuple):
        return _named_tuple(pickler, kind)
    slots = members.get("__slots__")
    of_ctypes = _OF_CTYPES if type(kind).__module__ == "_ctypes" else ()
    if of_ctypes and (once := _made_once(kind)):
        return once
    first = {
        name: members[name]
        for name in ("__module__", "__qualname__", "__slots__", *of_ctypes)
        if name in members
    }
    first["__qualname__"] = kind.__qualname__
    if slots is not None and not isinstance(slots, (str, tuple, list, dict)):
        first["__slots__"] = tuple(slots)
    inherited = any(type(base) is type(kind) for base in kind.__bases__)
    meta = None if inherited else type(kind)
    own = {
        name: value
        for name, value in members.items()
        if name not in MADE
        and not isinstance(value, DESCRIPTORS)
        and type(value).__name__ not in _MADE_TYPES
    }
    before: list[Any] = []
    names = [] if "__dataclass_params__" in own else [*_in_body(members, own)]
    if "__dataclass_params__" in own:
        own, before = _dataclass(kind, own)
    made_of = (pickler.token(kind), meta, kind.__name__, kind.__bases__, first, names)
    after = []
    if isinstance(kind, abc.ABCMeta):
        registered = [one for one in _registered(kind) if one is not None]
        names = sorted(getattr(kind, "__abstractmethods__", ()))
        after.append(Call(rebuild_classes.abstract, kind, names, registered))
    named = pickler.annotation_names(kind.__module__, members.get("__annotations__"))
    state = [*named, *before, *set_members(kind, own), *after]
    return rebuild_classes.skeleton, made_of, state, None, None, rebuild.nothing


def _in_body(members: Any, own: Any) -> Iterator[str]:
    """Return the names that a class has from its statement, without those that it gets when it is
    made. Names with a meaning for Python are written separately."""
    for name in members:
        if name in ("__dict__", "__weakref__", "__abstractmethods__", "_abc_impl"):
            return
        if name in own and not name.startswith("__"):
            yield name


def set_members(kind: Any, members: Any) -> list[Any]:
    """Return one call for each member."""
    return [Call(rebuild_classes.member, kind, name, members[name]) for name in members]


def _registered(kind: Any) -> list[Any]:
    """Return the classes that `kind.register` took. No public function tells them."""
    dump = getattr(abc, "_get_dump", None)
    return [] if dump is None else [one() for one in dump(kind)[0]]


def _dataclass(kind: Any, own: dict[str, Any]) -> Any:
    import dataclasses

    params = own["__dataclass_params__"]
    fields: dict[str, Any] = {}
    annotations = own.get("__annotations__", {})
    if sys.version_info >= (3, 14):
        annotations = getattr(kind, "__annotations__", {})
    for name, field in own["__dataclass_fields__"].items():
        if name not in annotations or field.type is not annotations[name]:
            continue
        given: dict[str, Any] = {}
        for option in ("default", "default_factory"):
            value = getattr(field, option)
            if value is not dataclasses.MISSING:
                given[option] = value
        for option, usual in (("init", True), ("repr", True), ("compare", True), ("hash", None)):
            if getattr(field, option) is not usual:
                given[option] = getattr(field, option)
        if field.metadata:
            given["metadata"] = dict(field.metadata)
        if getattr(field, "kw_only", False) is True:
            given["kw_only"] = True
        which = repr(getattr(field, "_field_type", ""))
        which = "class" if "CLASSVAR" in which else "init" if "INITVAR" in which else "field"
        fields[name] = (which, given)
    options = {name: getattr(params, name) for name in ("init", "repr", "eq", "order")}
    options.update(unsafe_hash=params.unsafe_hash, frozen=params.frozen)
    if sys.version_info >= (3, 10) and "__match_args__" not in own:
        options["match_args"] = False
    off = ("order", "unsafe_hash", "frozen")  # the default
    options = {name: value for name, value in options.items() if value != (name not in off)}
    written = {name for name, value in own.items() if _is_written(value)}
    dropped = [name for name in fields if name not in vars(kind)]
    after_init = [own["__post_init__"]] if "__post_init__" in own else []  # looked up in that case
    before = [
        Call(rebuild_classes.member, kind, "__annotations__", annotations),
        *(Call(rebuild_classes.member, kind, "__post_init__", one) for one in after_init),
        Call(rebuild_classes.dataclass, kind, fields, options),
        Call(rebuild_classes.without, kind, dropped),
    ]
    left = {
        name: value
        for name, value in own.items()
        if name not in written and name not in (*_OF_DATACLASS, "__annotations__")
    }
    if "__getstate__" in written:  # a frozen one with slots: the decorator made another class
        left.update(__getstate__=rebuild_classes.get_state, __setstate__=rebuild_classes.set_state)
    if "__hash__" in left and left["__hash__"] is None:
        del left["__hash__"]  # written by hand, or inherited
    return left, before


def _is_written(value: Any) -> bool:
    """Whether `dataclasses` wrote a method."""
    if not isinstance(value, types.FunctionType):
        return False
    where = value.__globals__.get("__name__")
    return value.__code__.co_filename == "<string>" or where in ("dataclasses", "reprlib")


def _made_once(kind: Any) -> Any:
    """Return the reduction of a type that ctypes makes once for a process; None for any other."""
    ctypes: Any = sys.modules["ctypes"]
    try:
        if issubclass(kind, ctypes.Array):
            made: Any = (operator.mul, (kind._type_, kind._length_))
        elif hasattr(kind, "_argtypes_"):
            made = ctypes.CFUNCTYPE, (kind._restype_, *kind._argtypes_)
        else:
            made = ctypes.POINTER, (kind._type_,)
        return made if made[0](*made[1]) is kind else None
    except (AttributeError, TypeError):  # one that was made by hand
        return None


def _enum(pickler: Any, kind: Any) -> Any:
    members = dict(kind.__members__)
    makers = [vars(one).get("__new_member__") for one in kind.__mro__ if one.__module__ != "enum"]
    by_hand = any(getattr(one, "__module__", "enum") != "enum" for one in makers if one)
    data = getattr(kind, "_member_type_", object)
    by_hand = by_hand or bool(data.__flags__ & FROM_PYTHON)
    listed = [
        (name, one.value, _made_of(one, data) if by_hand else None) for name, one in members.items()
    ]
    body = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    options: dict[str, Any] = {}
    boundary = vars(kind).get("_boundary_")
    if boundary is not None and sys.version_info >= (3, 11):
        inherited = [getattr(base, "_boundary_", None) for base in kind.__bases__]
        if boundary not in inherited:
            options["boundary"] = boundary
    made_of = (
        *(pickler.token(kind), type(kind), kind.__name__, kind.__bases__, body, listed, options),
    )
    own = {
        name: value
        for name, value in vars(kind).items()
        if name not in members
        and name not in MADE
        and not isinstance(value, DESCRIPTORS)
        and not _of_enum(name, value)
    }
    state = set_members(kind, own)
    for one in members.values():
        given = {name: value for name, value in vars(one).items() if not name.startswith("_")}
        state += [Call(setattr, one, name, value) for name, value in given.items()]
    return rebuild_classes.enum, made_of, state, None, None, rebuild.nothing


def _made_of(one: Any, data: Any) -> Any:
    """Return the compiled class that a member is made from, and its value of that class."""
    base = next(kind for kind in data.__mro__ if not kind.__flags__ & FROM_PYTHON)
    if base is object:
        return object, ()
    return base, (str.__getitem__(one, slice(None)) if base is str else base(one),)


def _of_enum(name: str, value: Any) -> bool:
    """Whether `enum` has set an attribute itself."""
    function = getattr(value, "__func__", value)
    if isinstance(function, types.FunctionType):
        return name in ("__new__", "__new_member__") or function.__module__ == "enum"
    if name == "__doc__":
        return value is None
    if name == "__annotations__":
        return False
    if isinstance(value, types.DynamicClassAttribute):  # as `enum.property` is
        return getattr(value.fget, "__module__", "enum") == "enum"
    return (name.startswith("_") and name.endswith("_")) or type(value).__module__ == "enum"


def _named_tuple(pickler: Any, kind: Any) -> Any:
    fields, members = kind._fields, vars(kind)
    known = getattr(kind, "_field_defaults", {})
    defaults = [known[name] for name in fields if name in known]
    made_of = (
        *(pickler.token(kind), kind.__name__, list(fields), defaults, kind.__module__),
        kind.__bases__,
    )
    own = {}
    for name, value in members.items():
        function = getattr(value, "__func__", value)
        where = getattr(function, "__globals__", {}).get("__name__", "")
        if name in MADE or where == "collections" or str(where).startswith("namedtuple_"):
            continue
        if name in fields and type(value).__name__ == "_tuplegetter":
            continue
        if name not in ("_fields", "_field_defaults", "__match_args__"):
            own[name] = value
    own["__qualname__"] = kind.__qualname__
    state = set_members(kind, own)
    return rebuild_classes.named_tuple, made_of, state, None, None, rebuild.nothing


def _typed_dict(pickler: Any, kind: Any) -> Any:
    names = ("__required_keys__", "__optional_keys__", "__orig_bases__", "__doc__")
    own = {name: vars(kind)[name] for name in names if vars(kind).get(name) is not None}
    own.update(__module__=kind.__module__, __qualname__=kind.__qualname__)
    arguments = (kind.__name__, dict(kind.__annotations__))
    function: Any = typing.TypedDict
    made_of = (pickler.token(kind), function, arguments, {"total": kind.__total__})
    return rebuild_classes.functional, made_of, set_members(kind, own), None, None, rebuild.nothing


def _protocol(pickler: Any, kind: Any) -> Any:
    members = {}
    for name, value in vars(kind).items():
        function = getattr(value, "__func__", value)
        where = getattr(function, "__globals__", {}).get("__name__", "")
        mine = name not in MADE or name in ("__module__", "__qualname__", "__slots__")
        derived = name in ("_is_protocol", "_is_runtime_protocol", "__parameters__")
        derived = derived or name in ("__protocol_attrs__", "__non_callable_proto_members__")
        if mine and not derived and where != "typing" and not isinstance(value, DESCRIPTORS):
            members[name] = value
    made_of = (
        *(pickler.token(kind), type(kind), kind.__name__, kind.__bases__, members),
        bool(vars(kind).get("_is_runtime_protocol")),
    )
    return rebuild_classes.protocol, made_of


def function(pickler: Any, one: types.FunctionType) -> Any:
    """Return the reduction of a function that Python itself has made around others, or None."""
    if (
        hasattr(one, "registry")
        and hasattr(one, "dispatch")
        and one.__globals__.get("__name__") == "functools"
    ):
        registry: Any = one.registry
        own = dict(vars(one))
        for name in ("register", "registry", "dispatch", "_clear_cache"):
            own.pop(name, None)
        made_of = (pickler.token(one), registry[object])
        others = [(kind, each) for kind, each in registry.items() if kind is not object]
        state = ([Call(rebuild.register, one, others)], {"__dict__": own})
        return rebuild.dispatched, made_of, state, None, None, rebuild.attributes
    return None
