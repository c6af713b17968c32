"""Warn before submitting of functions that the endpoint's Python can't read."""

from __future__ import annotations

import binascii
import platform
import warnings
from collections.abc import Mapping
from typing import Any

from gc_jupyter.remote_text import one_line
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.serialize.pickles import from_base64

#: The names in a pickle, dill's and ours, of what makes code objects.
_COMPILED = (b"_create_code", b"compiled_elsewhere")


def differs(there: str, here: str = platform.python_version()) -> bool:
    """Whether two Python versions read each other's bytecode differently: their minors differ.

    Parameters
    ----------
    there, here:
        Versions such as ``3.11.2``; empty text is not known to differ.
    """
    return bool(there and here) and there.split(".")[:2] != here.split(".")[:2]


def warn_of_registered(function: Mapping[str, Any], there: str) -> None:
    """Warn where a registered function is bytecode that Python `there` can't read.

    Parameters
    ----------
    function:
        As the service shows it; its `metadata` says which Python made it.
    there:
        The endpoint's Python version.
    """
    made = function.get("metadata") or {}
    by = str(made.get("python_version") or "")
    if differs(there, by) and _is_compiled(str(function.get("function_code") or "")):
        text = (
            f"The endpoint runs Python {there}, and {function.get('function_name')!r:.80} was"
            f" registered as bytecode of Python {by}, which may crash the worker. Register it"
            " again with gc_jupyter, which sends source, or with"
            " Client(code_serialization_strategy=AllCodeStrategies())."
        )
        warnings.warn(one_line(text, 1000), stacklevel=5)  # the line of submit, run or batch_run


def _is_compiled(code: str) -> bool:
    """Whether a function is only registered as a pickle with compiled code in it."""
    try:
        (payload,) = ComputeSerializer.unpack_buffers(code)
        if not payload.startswith("01\n"):
            return False
        data = from_base64(payload[3:])
    except (ValueError, binascii.Error):
        return False
    return any(name in data for name in _COMPILED)
