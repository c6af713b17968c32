"""What survives the difference between this Python and the endpoint's, told before submitting."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Mapping
from typing import Any

from gc_jupyter.errors import SerializationError
from gc_jupyter.remote_text import one_line
from gc_jupyter.serialize import (
    AllCodeStrategies,
    CombinedCode,
    ComputeSerializer,
    DillCode,
    PureSourceTextInspect,
)
from gc_jupyter.serialize.pickles import has_code


def differs(there: str, here: str = platform.python_version()) -> bool:
    """Whether two Python versions read each other's bytecode differently: their minors differ.

    Parameters
    ----------
    there, here:
        Versions such as ``3.11.2``; empty text is not known to differ.
    """
    return bool(there and here) and there.split(".")[:2] != here.split(".")[:2]


def serializer_for(function: Any, serializer: ComputeSerializer, there: str) -> ComputeSerializer:
    """The serializer to use for a function that goes to a worker of Python version `there`.

    Bytecode breaks across minor versions, down to a crash of the worker (docs/protocol.md,
    "Payloads"); source survives. So where the default strategy would send bytecode, source is sent
    if the function's source is enough by itself; else a warning says what can be done.

    Parameters
    ----------
    function:
        What is about to be registered.
    serializer:
        The one in use.
    there:
        The endpoint's Python version; empty where it isn't known.
    """
    code = serializer.code_serializer
    if not differs(there) or not isinstance(code, DillCode | CombinedCode | AllCodeStrategies):
        return serializer
    try:
        PureSourceTextInspect().serialize(function)
    except SerializationError as error:
        _warn(
            there,
            f"{getattr(function, '__name__', function)!r:.80} is sent as bytecode, because its"
            f" source alone is not enough: {error.reason}.",
            "Make it self-contained (imports and helpers inside), or use %%gcrun, which sends"
            " source.",
        )
        return serializer
    if not isinstance(code, DillCode):  # the others carry the source too
        return serializer
    chosen = ComputeSerializer(PureSourceTextInspect(), serializer.data_serializer)
    chosen.allowed_deserializer_types = serializer.allowed_deserializer_types
    return chosen


def warn_of_registered(function: Mapping[str, Any], there: str) -> None:
    """Warn where a registered function is bytecode that Python `there` can't read.

    Parameters
    ----------
    function:
        As the service shows it; its `metadata` says which Python made it, and how.
    there:
        The endpoint's Python version.
    """
    made = function.get("metadata") or {}
    by = str(made.get("python_version") or "")
    if made.get("serde_identifier") == DillCode.identifier.strip() and differs(there, by):
        _warn(
            there,
            f"{function.get('function_name')!r:.80} was registered as bytecode of Python {by}.",
            "Register it as source: Client(code_serialization_strategy=AllCodeStrategies()), or"
            " PureSourceTextInspect(), with imports and helpers inside the function.",
        )


def warn_of_arguments(payload: str, there: str) -> None:
    """Warn where packed arguments hold functions or classes of this session, which travel as
    bytecode.

    Parameters
    ----------
    payload:
        Packed buffers of args and kwargs.
    there:
        The endpoint's Python version, known to differ.
    """
    if any(has_code(buffer) for buffer in ComputeSerializer.unpack_buffers(payload)):
        _warn(
            there,
            "An argument is, or holds, a function or class of this session, sent as bytecode.",
            "Pass plain values, or define it inside the submitted function.",
        )


def _warn(there: str, what: str, advice: str) -> None:
    text = (
        f"The endpoint runs Python {there}, this is Python {platform.python_version()}: bytecode"
        f" may crash the worker. {what} {advice}"
    )
    warnings.warn(
        one_line(text, 1000),
        stacklevel=6,  # the line of submit, run or batch_run
    )
