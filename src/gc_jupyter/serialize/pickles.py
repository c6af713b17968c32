"""Values <-> base64 pickles. dill, which writes results on workers, is loaded only to read them."""

from __future__ import annotations

import base64
import binascii
import importlib
import io
import pickle
import sys
from collections.abc import Iterable
from typing import Any

from gc_jupyter.serialize.foreign import guard
from gc_jupyter.serialize.official import official_name, same_class_here, stand_in
from gc_jupyter.travel.instances import Call
from gc_jupyter.travel.pickler import PROTOCOL
from gc_jupyter.travel.sending import SendingPickler, dumps

_LINE = 57  # bytes in a line of 76 characters
_LONG = 1 << 20  # bytes from which on one line is several times faster

_PLAIN = frozenset({bool, bytes, float, int, str, type(None)})
#: A module's name in another dill or Python -> its name here.
_RENAMED = {"dill.dill": "dill._dill", "pathlib._local": "pathlib"}


class _Pickler(SendingPickler):
    """Names our classes by their path in the official SDK, where it has them, too."""

    def reference(self, obj: Any, name: str = "__qualname__") -> Any:
        official = official_name(obj) if isinstance(obj, type) else None
        if official is not None:
            return getattr, (Call(importlib.import_module, official[0]), official[1])
        return super().reference(obj, name)


class _Unpickler(pickle.Unpickler):
    """Reads what dill writes, without dill's own work on each value."""

    def __init__(self, data: Any, buffers: Iterable[Any]) -> None:
        stream = io.BytesIO(data) if isinstance(data, bytes) else data
        super().__init__(stream, buffers=buffers)
        self._guard = guard(same_class_here, loads)

    def load(self) -> Any:
        try:
            return super().load()
        finally:
            if self._guard is not None:
                self._guard.check()

    def find_class(self, module: str, name: str) -> Any:
        module = _RENAMED.get(module, module)
        found = self._find(module, name)
        return found if self._guard is None else self._guard.allow(module, name, found)

    def _find(self, module: str, name: str) -> Any:
        if (module, name) == ("dill._dill", "_create_type"):
            return _create_type
        if module.startswith("globus_compute_sdk."):
            found = stand_in(module, name)
            if found is not None:
                return found
        if (module, name) == ("importlib", "import_module"):
            return _import
        # dill's names for two objects that can't be imported
        if module == "__builtin__" and name == "__main__":
            return vars(sys.modules["__main__"])
        if module == "__builtin__" and name == "NoneType":
            return type(None)
        return super().find_class(module, name)


def _create_type(metaclass: Any, name: str, bases: Any, namespace: dict[str, Any]) -> Any:
    return same_class_here(name, namespace) or metaclass(name, bases, namespace)


class _StandIns:
    """A module of the official SDK, with our classes for its own."""

    def __init__(self, module: str) -> None:
        self.module = module

    def __getattr__(self, name: str) -> Any:
        found = stand_in(self.module, name)
        return found or getattr(importlib.import_module(self.module), name)


def _import(name: str) -> Any:
    if name.startswith("globus_compute_sdk."):
        return _StandIns(name)
    return importlib.import_module(name)


def dumps_by_value(value: Any) -> bytes:
    """The pickle of any value; functions and classes that workers can't import go by value."""
    if _is_plain(value):  # what most calls are given: nothing of it goes by value
        return pickle.dumps(value, PROTOCOL)
    return dumps(value, _Pickler)


def _is_plain(value: Any) -> bool:
    """Whether a value is a short tuple or dict of numbers and the like."""
    kind = type(value)
    if kind is tuple:
        return len(value) < 10 and _PLAIN.issuperset(map(type, value))
    if kind is dict:
        return (
            len(value) < 10
            and _PLAIN.issuperset(map(type, value.values()))
            and all(type(key) is str for key in value)
        )
    return False


def dump_by_value(value: Any, stream: Any, **options: Any) -> None:
    """Write such a pickle."""
    _Pickler(stream, **options).dump(value)


def loads(data: Any, buffers: Iterable[Any] = ()) -> Any:
    """The value of a pickle that pickle or dill wrote, or of a file with one, with its buffers.
    Reading it runs whatever code it names, except what another Python has compiled
    (`foreign.written_by`).

    Raises
    ------
    ForeignCode
        The pickle holds such code.
    """
    return _Unpickler(data, buffers).load()


def to_base64(data: bytes) -> str:
    """Base64 as `codecs` writes it: with a newline after every 76 characters and at the end. Of
    many bytes it is a single line, which `codecs` reads as well."""
    if len(data) <= _LINE or len(data) >= _LONG:
        return binascii.b2a_base64(data).decode()
    return base64.encodebytes(data).decode()


def from_base64(text: str) -> bytes:
    """The bytes of base64 text; newlines don't matter."""
    return binascii.a2b_base64(text)
