"""What pickles call where they are read: classes. See `rebuild`."""

from __future__ import annotations

import abc
import contextvars
import importlib
import threading
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gc_jupyter.travel.rebuild import _now, made

_quiet = threading.RLock()


def skeleton(
    token: int | None,
    meta: Any,
    name: str,
    bases: tuple[Any, ...],
    members: dict[str, Any],
    names: list[str],
) -> Any:
    """A class without its members, which may refer to it. Nobody's hooks run: they ran already.

    `meta` is None where it is that of its bases, `names` are those of members, in their order.
    """
    if meta is None:
        meta = type(bases[0])
        for base in bases:
            if issubclass(type(base), meta):
                meta = type(base)
    if issubclass(meta, abc.ABCMeta):
        make: Any = abc.ABCMeta.__new__
    else:  # the metaclass's own, where it is a compiled one
        by = (vars(kind).get("__new__") for kind in meta.__mro__)
        make = next((new for new in by if isinstance(new, types.BuiltinFunctionType)), type.__new__)
    by = (vars(kind).get("__init__") for kind in meta.__mro__)
    init: Any = next(one for one in by if isinstance(one, types.WrapperDescriptorType))
    of_ctypes = init is not vars(type)["__init__"]  # in later Pythons
    if make in (type.__new__, abc.ABCMeta.__new__) and not of_ctypes:
        members = {**members, **dict.fromkeys(names)}
    with _quiet:
        hooks = []
        for kind in _order(bases):
            hook = vars(kind).get("__init_subclass__")
            if hook is not None and kind.__flags__ & 1 << 9:
                hooks.append((kind, hook))
                type.__setattr__(kind, "__init_subclass__", _NO_HOOK)
        try:
            found = make(meta, name, bases, members)
        finally:
            for kind, hook in hooks:
                type.__setattr__(kind, "__init_subclass__", hook)
    if of_ctypes:
        init(found, name, bases, members)
    return made(token, found)


def _no_hook(_cls: Any, **_options: Any) -> None:
    pass


_NO_HOOK: Any = classmethod(_no_hook)  # type: ignore[arg-type]


def _order(bases: tuple[Any, ...]) -> list[Any]:
    return list(dict.fromkeys(kind for base in bases for kind in base.__mro__))


def member(kind: Any, name: str, value: Any) -> None:
    """Sets a class's attribute as its body would, whatever its metaclass does at that."""
    own = type(kind).__setattr__
    if isinstance(own, types.FunctionType):
        type.__setattr__(kind, name, value)
    else:
        setattr(kind, name, value)


def abstract(kind: Any, names: Any, registered: Iterable[Any]) -> None:
    """What ABCMeta knows of a class; its members have come since it was made."""
    kind.__abstractmethods__ = frozenset(names)
    for one in registered:
        kind.register(one)


def protocol(
    token: int | None,
    meta: Any,
    name: str,
    bases: tuple[Any, ...],
    members: dict[str, Any],
    at_runtime: bool,
) -> Any:
    """A protocol, made as its statement makes it: `typing` reads its members then."""
    import typing

    found: Any = types.new_class(name, bases, {"metaclass": meta}, lambda ns: ns.update(members))
    return made(token, typing.runtime_checkable(found) if at_runtime else found)


def functional(token: int | None, function: Any, arguments: Any, options: dict[str, Any]) -> Any:
    """What a function of `typing` makes."""
    return made(token, function(*arguments, **options))


def dataclass(
    kind: Any, fields: dict[str, tuple[str, dict[str, Any]]], options: dict[str, Any]
) -> None:
    """Has `dataclasses` write a class's methods anew; what was set by hand follows.

    `fields` has the class's own, in order: what kind it is, and the options of `field`.
    """
    import dataclasses
    import typing

    slots = {
        name: value
        for name, value in vars(kind).items()
        if isinstance(value, types.MemberDescriptorType)
    }
    annotations, home = kind.__annotations__, kind.__module__
    first = {}
    for name, (which, given) in fields.items():
        first[name] = annotations[name]
        if isinstance(first[name], str) and which != "field":
            first[name] = typing.ClassVar if which == "class" else dataclasses.InitVar(first[name])
        if given or which == "field":
            made_by: Any = dataclasses.field(**given) if which != "class" else given["default"]
            type.__setattr__(kind, name, made_by)
    kind.__annotations__, kind.__module__ = first, "builtins"  # texts name nothing in there
    dataclasses.dataclass(**options)(kind)
    kind.__annotations__, kind.__module__ = annotations, home
    for name in fields:
        kind.__dataclass_fields__[name].type = annotations[name]
    for name, value in slots.items():
        type.__setattr__(kind, name, value)


def set_parts(one: Any, parts: Mapping[tuple[str, Any], list[Any]]) -> None:
    """What the cell has set there on a class or a function that is here."""
    for (kind, name), value in parts.items():
        if kind == "cell":
            if isinstance(one, types.FunctionType):
                (one.__closure__ or ())[name].cell_contents = value[0]
        elif not isinstance(one, type):
            setattr(one, name, *value) if value else delattr(one, name)
        elif value:
            type.__setattr__(one, name, value[0])
        else:
            type.__delattr__(one, name)


def get_state(self: Any) -> list[Any]:
    import dataclasses

    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def set_state(self: Any, state: list[Any]) -> None:
    import dataclasses

    for one, value in zip(dataclasses.fields(self), state):
        object.__setattr__(self, one.name, value)


def by_base(base: Any, kind: Any, arguments: tuple[Any, ...]) -> Any:
    """An object as its base makes it: its own class's `__new__` and `__init__` don't run again."""
    one = base.__new__(kind, *arguments)
    if base.__init__ is not object.__init__:
        base.__init__(one, *arguments)
    return one


def held_by_its_class(kind: Any, name: str, make: Any, arguments: tuple[Any, ...]) -> Any:
    """The object that an attribute of its class is here, or a new one."""
    found = vars(kind).get(name)
    return found if type(found) is kind else make(*arguments)


def filled(one: Any, state: tuple[Any, ...]) -> None:
    """Sets an object's items as its base sets them, its own attributes, and the given state."""
    base, items, pairs, own, given = state[-5:]  # what stands before them did its work
    if items:
        base.extend(one, items)
    for key, value in pairs:
        base.__setitem__(one, key, value)
    for name, value in own.items():  # also its `__dict__`, which others may share
        object.__setattr__(one, name, value)
    if given is not None and hasattr(type(one), "__setstate__"):
        one.__setstate__(given)
    elif given:
        one.__dict__.update(given)


def ended_generator(name: str, path: str) -> Any:
    found: Any = (one for one in "")
    found.close()
    found.__name__, found.__qualname__ = name, path
    return found


def from_buffer(data: Any, dtype: Any, shape: Any, order: str, axes: Any = None) -> Any:
    """An array whose numbers are these bytes."""
    numpy = importlib.import_module("numpy")
    found = numpy.frombuffer(data, dtype=dtype)
    if order == "K" and axes is not None:
        return found.reshape(shape, order="C").transpose(axes)
    return found.reshape(shape, order=order)


def view(owner: Any, dtype: Any, shape: Any, strides: Any, at: int, writeable: bool) -> Any:
    """A view of an array's memory, which begins at this byte of it."""
    flat = owner if owner.flags.c_contiguous else owner.T
    found = type(owner)(shape, dtype, flat, at, strides)
    found.flags.writeable = writeable
    return found


def without(kind: Any, names: Iterable[str]) -> None:
    """A default that has been deleted since."""
    for name in names:
        if name in vars(kind):
            type.__delattr__(kind, name)


def named_tuple(
    token: int | None, name: str, fields: Any, defaults: Any, module: str, bases: Any
) -> Any:
    import collections

    make: Any = vars(collections)["namedtuple"]  # no type checker knows these names
    found = make(name, fields, rename=True, defaults=defaults, module=module)
    if len(bases) > 1:  # a generic one
        found.__bases__ = bases
    return made(token, found)


def enum(
    token: int | None,
    meta: Any,
    name: str,
    bases: tuple[Any, ...],
    body: dict[str, Any],
    members: list[tuple[str, Any, Any]],
    options: dict[str, Any],
) -> Any:
    """An enum from its members' values: each Python has its own way to keep them.

    Of a member that the class's `__new__` made, the third says what it is made of.
    """
    import enum

    raw = {at: made_of for at, (_, _, made_of) in enumerate(members) if made_of is not None}
    names = meta.__prepare__(name, bases, **options)
    for one, value in body.items():
        names[one] = value
    if raw:
        names["__new__"] = _maker([value for _, value, _ in members], raw)
    for at, (one, value, _) in enumerate(members):
        if raw:
            names[one] = _Nth((at,))
        elif hasattr(value, "__get__") and hasattr(enum, "member"):
            names[one] = enum.member(value)
        else:
            names[one] = value
    return made(token, meta.__new__(meta, name, bases, names, **options))


class _Nth(tuple):  # type: ignore[type-arg]
    """Stands for a member's value until the member is made."""


def _maker(values: list[Any], raw: dict[int, Any]) -> Any:
    def __new__(cls: Any, *args: Any) -> Any:
        if not (len(args) == 1 and isinstance(args[0], int) and args[0] in raw):
            raise ValueError(args)
        kind, content = raw[args[0]]
        found = object.__new__(cls) if kind is object else kind.__new__(cls, *content)
        found._value_ = values[args[0]]
        return found

    return __new__


def raised(error: Any, state: tuple[Any, Any, tuple[Any, ...]]) -> None:
    """What an exception has, and what led to it."""
    setter, own, led = state
    if setter is not None:
        setter(error, own)
    elif own is not None:
        error.__setstate__(own)
    error.__cause__, error.__context__, error.__suppress_context__ = led


def context(values: Mapping[Any, Any]) -> Any:
    """A context of these variables."""
    found = contextvars.Context()
    for variable, value in values.items():
        found.run(variable.set, value)
    return found


def type_variable(kind: Any, name: str, constraints: Any, options: dict[str, Any]) -> Any:
    return kind(name, *constraints, **options)


def with_keywords(function: Callable[..., Any], args: Any, options: dict[str, Any]) -> Any:
    return function(*args, **options)


def kept(folder: str, ident: str, needs: dict[Any, Any]) -> Any:
    """The values of a record that the endpoint has kept."""
    return _now.reading.kept(folder, ident, needs)
