"""Which code strategy survives the difference between this Python and the endpoint's."""

from __future__ import annotations

import platform
import warnings
from typing import Any

from gc_jupyter.errors import SerializationError
from gc_jupyter.serialize import ComputeSerializer, DillCode, PureSourceTextInspect


def differs(there: str, here: str = platform.python_version()) -> bool:
    """Whether two Python versions read each other's bytecode differently: their minors differ."""
    return bool(there) and there.split(".")[:2] != here.split(".")[:2]


def serializer_for(function: Any, serializer: ComputeSerializer, there: str) -> ComputeSerializer:
    """The serializer to use for a function that goes to a worker of Python version `there`.

    Bytecode breaks across minor versions, down to a crash of the worker (protocol, "Payloads");
    source survives. So where the given strategy would send bytecode, source is sent if the
    function's source is enough by itself; else a warning says what can be done, before anything is
    submitted.

    Parameters
    ----------
    function:
        What is about to be registered.
    serializer:
        The one in use.
    there:
        The endpoint's Python version; empty where it isn't known.
    """
    if not differs(there) or not isinstance(serializer.code_serializer, DillCode):
        return serializer
    try:
        PureSourceTextInspect().serialize(function)
    except SerializationError as error:
        warnings.warn(
            f"The endpoint runs Python {there}, this is Python {platform.python_version()}, and"
            f" {getattr(function, '__name__', function)!r} is sent as bytecode, which may crash the"
            f" worker, because its source alone is not enough: {error.reason}. Make it"
            " self-contained (imports and helpers inside), or use %%gcrun, which sends source.",
            stacklevel=4,
        )
        return serializer
    chosen = ComputeSerializer(PureSourceTextInspect(), serializer.data_serializer)
    chosen.allowed_deserializer_types = serializer.allowed_deserializer_types
    return chosen
