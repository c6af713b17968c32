"""The serialization strategies: one class for each identifier (protocol: "Payloads").

Each class writes what the official SDK's strategy of the same name reads, and reads what that
writes.
"""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from gc_jupyter.errors import DeserializationError, SerializationError
from gc_jupyter.serialize.base import ComboSerializationStrategy, SerializationStrategy
from gc_jupyter.serialize.pickles import (
    dumps_by_value,
    from_base64,
    loads,
    to_base64,
)
from gc_jupyter.serialize.source_text import function_source
from gc_jupyter.travel.sending import refuse_newer_syntax

_SAME_PYTHON = (
    "Bytecode travels only between equal Python versions (3.x): if they differ, use "
    "ComputeSerializer(strategy_code=AllCodeStrategies())."
)
_PLAIN_DATA = (
    "Pass what the function can work from instead: a path, plain values, or bytes; "
    "open files, connections, locks and generators stay here."
)


class DillDataBase64(SerializationStrategy):
    """Any value as a pickle in base64 (`00`). The default for data."""

    identifier = "00\n"
    for_code = False
    encode_advice = _PLAIN_DATA
    decode_advice = (
        "The value was made by another environment: compare the versions of Python and of the "
        "packages it comes from, or use JSONData for plain values."
    )

    def encode(self, value: Any) -> str:
        return to_base64(dumps_by_value(value))

    def decode(self, body: str) -> Any:
        return loads(from_base64(body))


class JSONData(SerializationStrategy):
    """Plain values as JSON (`11`). Tuples come back as lists, and keys as strings."""

    identifier = "11\n"
    for_code = False
    runs_code = False
    encode_advice = (
        "JSON knows dicts with text keys, lists, text, numbers, booleans and None: pass only "
        "these, or use DillDataBase64."
    )
    decode_advice = "The payload was damaged on its way: fetch or serialize it again."

    def encode(self, value: Any) -> str:
        return json.dumps(value)

    def decode(self, body: str) -> Any:
        return json.loads(body)


class DillCode(SerializationStrategy):
    """A callable with the helpers, imports and globals that it uses, as a pickle (`01`).

    The default for code. Functions and classes are sent as source (docs/travel.md). Code without
    source can only be read by the same minor version of Python.
    """

    identifier = "01\n"
    for_code = True
    encode_advice = f"The function, or a global that it uses, can't be sent. {_PLAIN_DATA}"
    decode_advice = _SAME_PYTHON

    def encode(self, value: Any) -> str:
        return to_base64(dumps_by_value(_with_name(value)))

    def decode(self, body: str) -> Any:
        return loads(from_base64(body))


def _with_name(value: Any) -> Any:
    # Official workers read the callable's __name__, which partials and some callables lack.
    if hasattr(value, "__name__"):
        return value
    if isinstance(value, functools.partial):
        named = functools.partial(value.func, *value.args, **value.keywords)
        vars(named).update(vars(value))
        vars(named)["__name__"] = getattr(value.func, "__name__", "partial")
        return named
    return value.__call__


class PickleCode(SerializationStrategy):
    """A callable as a pickle (`02`), as very old clients registered it. Read only."""

    identifier = "02\n"
    for_code = True
    decode_advice = "Register the function again."

    def encode(self, _value: Any) -> str:
        raise SerializationError(
            "Pickle serialization of functions is no longer supported",
            next_step="Use DillCode or AllCodeStrategies.",
        )

    def decode(self, body: str) -> Any:
        return loads(from_base64(body))


class _SourceStrategy(SerializationStrategy):
    """A function's source as text. Any version of Python and dill can read it."""

    for_code = True
    encode_advice = "Use DillCode, which sends the function with what it uses."
    decode_advice = (
        "The function's source must run on its own, with imports inside the function; "
        "DillCode sends a function with what it uses."
    )

    def encode(self, value: Any) -> str:
        name, source = function_source(value)
        refuse_newer_syntax(name, source)
        return self.join(name, source)

    def decode(self, body: str) -> Any:
        name, source = self.split(body)
        namespace: dict[str, Any] = {}
        exec(source, namespace)
        if name not in namespace:
            raise DeserializationError(f"The source does not define {name!r}")
        return namespace[name]

    def join(self, name: str, source: str) -> str:
        """The body of a name and a source: ``name:source``."""
        return f"{name}:{source}"

    def split(self, body: str) -> tuple[str, str]:
        """Name and source of a body."""
        name, colon, source = body.partition(":")
        if not colon:
            raise DeserializationError(f"No 'name:' in front of the source: {body[:50]!r}")
        return name, source


class PureSourceTextInspect(_SourceStrategy):
    """A function's source as it is (`st`)."""

    identifier = "st\n"


class PureSourceDill(_SourceStrategy):
    """A function's source as it is (`sd`). Here the same as `PureSourceTextInspect`.

    The official SDK has two ways to find the source: one for files and notebooks, one for
    interpreters. Here, both strategies find it everywhere.
    """

    identifier = "sd\n"


class _PickledSourceStrategy(_SourceStrategy):
    def join(self, name: str, source: str) -> str:
        return to_base64(dumps_by_value((name, source)))

    def split(self, body: str) -> tuple[str, str]:
        name, source = loads(from_base64(body))
        return name, source


class DillCodeTextInspect(_PickledSourceStrategy):
    """A function's name and source as a pickle in base64 (`03`). Older form of `st`."""

    identifier = "03\n"


class DillCodeSource(_PickledSourceStrategy):
    """A function's name and source as a pickle in base64 (`04`). Older form of `sd`."""

    identifier = "04\n"


class CombinedCode(ComboSerializationStrategy):
    """A function in up to five ways, joined by colons (`10`). Older form of `AllCodeStrategies`."""

    identifier = "10\n"
    for_code = True
    strategies = [
        DillCodeSource,
        DillCode,
        DillCodeTextInspect,
        PureSourceDill,
        PureSourceTextInspect,
    ]

    def join(self, buffers: list[str]) -> str:
        return ":".join(f"{buffer[:3]}:{buffer[3:]}" for buffer in buffers)

    def split(self, body: str) -> list[str]:
        # Sources hold colons too, so a part begins only at a known identifier.
        marks = "|".join(re.escape(kind.identifier) for kind in self.strategies)
        parts = re.split(f"(?:^|:)({marks}):", body)
        if parts[0]:
            raise DeserializationError(f"Invalid serialization id {parts[0][:3]!r}")
        return [mark + part for mark, part in zip(parts[1::2], parts[2::2], strict=True)]


class AllCodeStrategies(ComboSerializationStrategy):
    """A function as source where its source is enough, and as bytecode (`12`).

    It works between most environments, and is larger and slower than a single strategy.
    """

    identifier = "12\n"
    for_code = True
    strategies = [PureSourceTextInspect, PureSourceDill, DillCode]


class AllDataStrategies(ComboSerializationStrategy):
    """A value as JSON where JSON can write it, and as a pickle (`13`)."""

    identifier = "13\n"
    for_code = False
    strategies = [JSONData, DillDataBase64]


#: The strategies that a user can choose, by name.
SELECTABLE_STRATEGIES: list[type[SerializationStrategy]] = [
    DillDataBase64,
    JSONData,
    DillCodeSource,
    DillCodeTextInspect,
    DillCode,
    PureSourceTextInspect,
    PureSourceDill,
    CombinedCode,
    AllCodeStrategies,
    AllDataStrategies,
]
SELECTABLE_CODE_STRATEGIES = [kind for kind in SELECTABLE_STRATEGIES if kind.for_code]
SELECTABLE_DATA_STRATEGIES = [kind for kind in SELECTABLE_STRATEGIES if not kind.for_code]

DEFAULT_STRATEGY_CODE = SerializationStrategy.get_cached_by_class(DillCode)
DEFAULT_STRATEGY_DATA = SerializationStrategy.get_cached_by_class(DillDataBase64)
