"""Write objects of classes that travel: with what they hold, and without running their code.

Its text also runs on workers: standard library only, Python 3.8 syntax.
"""

from __future__ import annotations

import copyreg
import enum
import inspect
import sys
import types
from collections.abc import Iterable
from typing import Any

from gc_jupyter.travel import rebuild, rebuild_classes
from gc_jupyter.travel.refused import OPEN, CannotTravel, opens_files, refuse

#: A method of a class that isn't compiled.
FROM_PYTHON = 1 << 9
STANDARD = getattr(  # Python 3.10
    sys,
    "stdlib_module_names",
    {"collections", "datetime", "decimal", "fractions", "ipaddress", "pathlib", "zipfile"},
)
#: Methods that pickle calls as it makes an object or fills it.
_MAKING = {"__new__", "__init__"}
_FILLING = {"append", "extend", "__setitem__"}


class Call:
    """Is written as a call. The reader makes the call and uses its result."""

    __slots__ = ("arguments", "function")

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function = function
        self.arguments = arguments


def reducer_of_instances(kind: type) -> Any:
    """Return the function that reduces objects of a class that Python code has made; None if plain
    pickle does it."""
    if who_reduces(kind) is not object:
        return _reduced
    named = {name for one in kind.__mro__ if one.__flags__ & FROM_PYTHON for name in vars(one)}
    runs = _runs_its_code(kind, named)
    if "__getstate__" in named or (runs and "__setstate__" in named):
        return _with_state
    asks = "__setstate__" in named or named.isdisjoint({"__getattr__", "__getattribute__"})
    if runs or not asks:
        return _bare
    return _as_a_key if _hashes(kind) else None


def _runs_its_code(kind: type, named: set[str]) -> bool:
    """Whether plain pickle would call a method of the class, other than for the state."""
    maker = vars(next(one for one in kind.__mro__ if "__new__" in vars(one)))
    if _is_from_python(maker["__new__"]) and "__getnewargs__" not in maker:
        return True
    fills = issubclass(kind, (list, dict)) and not named.isdisjoint(_FILLING)
    slots = named.issuperset({"__slots__", "__setattr__"})
    return fills or slots or _sets_its_dict(kind)


def _is_from_python(new: Any) -> bool:
    return isinstance(new, (staticmethod, types.FunctionType))


def _sets_its_dict(kind: type) -> bool:
    """Whether a class's own code may have two objects share their attributes."""
    own = [
        one for base in kind.__mro__ if base.__flags__ & FROM_PYTHON for one in vars(base).values()
    ]
    codes = [one.__code__ for one in own if isinstance(one, types.FunctionType)]
    return any("__dict__" in code.co_names for code in codes)


def _hashes(kind: type) -> bool:
    """Whether a class's own code says what a key of a dictionary is."""
    return isinstance(getattr(kind, "__hash__", None), types.FunctionType)


def _reduced(pickler: Any, one: Any) -> Any:
    """Reduce an object as its class says, plus attributes that this leaves out. If the reduction
    doesn't fit the present class any more, the object goes with its attributes."""
    kind: Any = type(one)
    reduced = one.__reduce_ex__(pickler.protocol)
    if not isinstance(reduced, tuple) or pickler.has(kind.__module__):
        return reduced
    by = who_reduces(kind)
    made_by, arguments, state, *items = [*reduced, None][: max(3, len(reduced))]
    _refuse_files(one, made_by)
    if by.__module__.partition(".")[0] in STANDARD:
        if made_by is not kind or isinstance(kind, enum.EnumMeta):
            return reduced
        if state is None and kind.__dictoffset__ and not hasattr(kind, "__setstate__"):
            state = vars(one) or None
        return _by_its_base(pickler, one, by, arguments, state, items)
    heirs = kind.__mro__[:-1]
    key = id(made_by), len(arguments), id(kind)
    if key not in pickler.fitting:
        pickler.fitting[key] = _fits(made_by, arguments, kind), made_by, kind
    if pickler.fitting[key][0] or not all(c.__flags__ & FROM_PYTHON for c in heirs):
        return reduced
    filling: Any = (object, [], [], _own(one), None)
    return object.__new__, (kind,), filling, None, None, rebuild_classes.filled


def _by_its_base(
    pickler: Any, one: Any, by: type, arguments: Any, state: Any, items: list[Any]
) -> Any:
    """Have an object made and filled by a base that doesn't travel, if classes that do would run
    their own code. The base is the first that has `by` say how objects are pickled."""
    kind: Any = type(one)
    base = next(b for b in kind.__mro__ if by in b.__mro__ and pickler.has(b.__module__))
    heirs = kind.__mro__[: kind.__mro__.index(base)]
    own = {name for heir in heirs for name in vars(heir)}
    made: tuple[Any, ...] = (kind, arguments)
    if not own.isdisjoint(_MAKING):
        made = rebuild_classes.by_base, (base, kind, arguments)
    held = _held(one, heirs)
    if not held and (own.isdisjoint(_FILLING) or not any(items)):
        return (*made, state, *items)
    listed, paired = [[*(more or ())] for more in [*items, None, None][:2]]
    filling: Any = (base, listed, paired, held, state)
    return (*made, filling, None, None, rebuild_classes.filled)


def _bare(pickler: Any, one: Any) -> Any:
    """Reduce an object whose class would run code of its own as it is made or filled, or whose
    `__getattr__` may answer for the methods that pickle looks up."""
    kind: Any = type(one)
    if pickler.has(kind.__module__):
        return NotImplemented
    base, arguments = _of_its_base(kind, one)
    items = [*list.__iter__(one)] if issubclass(kind, list) else []
    pairs = [*dict.items(one)] if issubclass(kind, dict) else []
    own = _own(one)
    filling: Any = (base, items, pairs, own, None)
    if _hashes(kind):  # it may be a key of what it holds: what its hash is made of comes first
        first = {name: value for name, value in own.items() if not _contains(value)}
        held = own.get("__dict__", {}).items()
        first["__dict__"] = {name: value for name, value in held if not _contains(value)}
        if not first["__dict__"]:
            del first["__dict__"]
        filling = Call(rebuild.attributes, one, ((), first)), *filling
    making: tuple[Any, Any] = (base.__new__, (kind, *arguments))
    holding = [name for name, value in vars(kind).items() if value is one]
    if holding and id(kind) in (pickler.known or ()):  # the only one of its class, here as there
        making = rebuild_classes.held_by_its_class, (kind, holding[0], *making)
    return (*making, filling, None, None, rebuild_classes.filled)


def _as_a_key(pickler: Any, one: Any) -> Any:
    """Reduce an object that may be a key of what it holds."""
    values = [value for name, value in _own(one).items() if name != "__dict__"]
    if all(map(_is_plain, [*values, *getattr(one, "__dict__", {}).values()])):
        return NotImplemented
    return _bare(pickler, one)


def _of_its_base(kind: Any, one: Any) -> tuple[Any, Any]:
    """Return the base whose `__new__` is compiled, and what it makes such an object of."""
    having = (base for base in kind.__mro__ if "__new__" in vars(base))
    base: Any = next(base for base in having if not _is_from_python(vars(base)["__new__"]))
    return base, base.__getnewargs__(one) if hasattr(base, "__getnewargs__") else ()


def _with_state(pickler: Any, one: Any) -> Any:
    """Reduce an object as pickle does, with the state that its class gives."""
    kind: Any = type(one)
    if pickler.has(kind.__module__):
        return NotImplemented
    _refuse_files(one, None)
    reduced = one.__reduce_ex__(pickler.protocol)
    if reduced[0] is not copyreg.__newobj__ or not _runs_its_code(kind, set()):  # type: ignore[attr-defined]
        return NotImplemented
    base, arguments = _of_its_base(kind, one)
    return (base.__new__, (kind, *arguments), *reduced[2:])


def _refuse_files(one: Any, made_by: Any) -> None:
    """Refuse an object that opens a file when it is read, since that may empty the file."""
    found = opens_files(
        made_by, [*_held(one, type(one).__mro__).values(), *getattr(one, "__dict__", {}).values()]
    )
    if found is open:
        raise CannotTravel("it is read by opening a file", OPEN)
    if found is not None:
        refuse(None, found)


def _own(one: Any) -> dict[str, Any]:
    """Return an object's attributes in the form that `rebuild.attributes` sets."""
    own = _held(one, type(one).__mro__)
    if type(one).__dictoffset__:
        own["__dict__"] = object.__getattribute__(one, "__dict__")
    return own


def _held(one: Any, kinds: Iterable[type]) -> dict[str, Any]:
    """Return an object's attributes in the slots of these classes."""
    held = [kind for kind in kinds if "__slots__" in vars(kind)]
    slots = [name for kind in held for name in vars(kind) if _is_slot(vars(kind)[name])]
    return {name: getattr(one, name) for name in slots if hasattr(one, name)}


def _is_slot(one: Any) -> bool:
    return isinstance(one, types.MemberDescriptorType)


def _contains(one: Any) -> bool:
    """Whether it may have the object that holds it as a key."""
    return isinstance(one, (list, dict, set, frozenset)) or (
        type(one) is tuple and any(map(_contains, one))
    )


def _is_plain(one: Any) -> bool:
    """Whether it refers to nothing that may be under way."""
    if type(one) is tuple:
        return all(map(_is_plain, one))
    return type(one) in (str, bytes, int, float, complex, bool, type(None))


def _fits(made_by: Any, arguments: Any, kind: type) -> bool:
    """Whether an object's reduction still makes it. It doesn't if its class was defined again
    since, or takes other arguments."""
    names = ("__module__", "__qualname__")
    if made_by is not kind and all(getattr(made_by, n, "") == getattr(kind, n) for n in names):
        return False
    try:
        inspect.signature(made_by).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # the signature isn't known
        pass
    return True


def who_reduces(kind: type) -> type:
    """Return the class whose method pickles objects of this one."""
    names = ("__reduce_ex__", "__reduce__")
    return next(one for one in kind.__mro__ if any(name in vars(one) for name in names))
