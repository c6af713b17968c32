"""Values <-> base64 pickles, as fast as plain values allow. dill is loaded only when it is needed.

dill's pickler is pure Python. Most arguments and results are plain containers and scalars, which C
writes in a tenth of the time, to bytes that `dill.loads` reads all the same.
"""

from __future__ import annotations

import base64
import binascii
import io
import pickle
import sys
from typing import Any

from gc_jupyter.serialize.foreign import guard
from gc_jupyter.serialize.official import same_class_here, stand_in

#: Protocol 4 is what every worker's Python (3.8 and newer) reads.
PROTOCOL = 4
_LINE = 57  # bytes in a line of 76 characters


#: How writers with another dill or Python call a module: its name here.
_RENAMED = {"dill.dill": "dill._dill", "pathlib._local": "pathlib"}


class _NotPlain(Exception):
    """The value holds something that C's pickler would write by reference or can't write."""


class _PlainPickler(pickle.Pickler):
    def reducer_override(self, _obj: Any) -> Any:  # called for all but plain builtin values
        raise _NotPlain


class _Unpickler(pickle.Unpickler):
    """Reads what dill writes, without what dill does to every value that it has read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
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
        # dill's own spellings of two things that have no importable name
        if module == "__builtin__" and name == "__main__":
            return vars(sys.modules["__main__"])
        if module == "__builtin__" and name == "NoneType":
            return type(None)
        return super().find_class(module, name)


def _create_type(metaclass: Any, name: str, bases: Any, namespace: dict[str, Any]) -> Any:
    return same_class_here(name, namespace) or metaclass(name, bases, namespace)


def dumps_data(value: Any) -> bytes:
    """The pickle of any value; functions and classes that workers can't import go by value."""
    buffer = io.BytesIO()
    try:
        _PlainPickler(buffer, PROTOCOL).dump(value)
    except _NotPlain:
        return dumps_by_value(value)
    return buffer.getvalue()


def dumps_by_value(value: Any) -> bytes:
    """The pickle of a value, written by dill with this package's ideas of what travels."""
    from gc_jupyter.serialize.dill_pickler import ByValuePickler

    buffer = io.BytesIO()
    ByValuePickler(buffer, PROTOCOL).dump(value)
    return buffer.getvalue()


def loads(data: bytes) -> Any:
    """The value of a pickle by pickle or dill. Runs whatever code the pickle asks for; what another
    Python has compiled isn't built (`foreign.written_by`).

    Raises
    ------
    ForeignCode
        The pickle holds such code.
    """
    return _Unpickler(data).load()


def has_code(payload: str) -> bool:
    """Whether a payload of `DillDataBase64` holds a function or class written by value: bytecode,
    which another Python version can't read."""
    return payload.startswith("00\n") and b"_create_code" in from_base64(payload[3:])


def to_base64(data: bytes) -> str:
    """Base64 with a newline after every 76 characters and at the end, as `codecs` writes it."""
    if len(data) <= _LINE:
        return binascii.b2a_base64(data).decode()
    return base64.encodebytes(data).decode()


def from_base64(text: str) -> bytes:
    """The bytes of base64 text; newlines don't matter."""
    return binascii.a2b_base64(text)
