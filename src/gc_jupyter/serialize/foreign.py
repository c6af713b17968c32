"""Refuse code that another Python has compiled, when a reply is read.

Each minor version of Python has its own bytecode. Running that of another version crashes this
process, or silently gives wrong results. So no code object is made from a reply that was written by
another minor version, or that doesn't say clearly by which. If this process has the same class,
its own class is used, since its methods were compiled by this Python.
"""

from __future__ import annotations

import contextlib
import marshal
import pickle
import platform
import re
import sys
import types
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from gc_jupyter.errors import DeserializationError
from gc_jupyter.remote_text import one_line

_VERSION = re.compile(r"([1-9]\d?)\.(0|[1-9]\d?)(?:\.\d[\w.+-]{0,40})?", re.ASCII)
#: The guard for the reply that is being read; None where this Python wrote it.
_writer: ContextVar[str | None] = ContextVar("gc_jupyter_writer", default=None)
_UNKNOWN = "another Python"


class ForeignCode(DeserializationError):
    """A payload holds code that another Python has compiled."""


@contextlib.contextmanager
def written_by(version: object) -> Iterator[None]:
    """Say which version of Python wrote what is unpickled in this block.

    Blocks add up: an inner block doesn't undo what an outer one has said.

    Parameters
    ----------
    version:
        What the worker says, such as ``"3.12.1"``; it may be anything.
    """
    token = _writer.set(_writer.get() or _foreign(version))
    try:
        yield
    finally:
        _writer.reset(token)


def _foreign(version: object) -> str | None:
    """A name for another minor version of Python; None for this one."""
    known = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if known is None:
        return _UNKNOWN
    here = sys.version_info[:2]
    return None if (int(known[1]), int(known[2])) == here else f"Python {one_line(known[0])}"


def refusal(writer: str) -> ForeignCode:
    """The error for code that the Python `writer` has compiled."""
    return ForeignCode(
        f"It holds a function or a class that {writer} has compiled, and this is Python"
        f" {platform.python_version()}: none is built of it",
        next_step="Return plain values, or instances of classes that this side has too; or use the"
        " same version of Python on both sides.",
    )


class _NoCode:
    """A stand-in for a code object."""


class _NoFunction:
    """A stand-in for a function of another Python, until its class is found in this process."""

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        raise refusal(_UNKNOWN)


class Guard:
    """Decides what an unpickler may build.

    Parameters
    ----------
    writer:
        The other Python; see `written_by`.
    class_here:
        Finds this process's own class for a name and a namespace, or None.
    loads:
        Reads a pickle within the pickle, under the same guard.
    """

    def __init__(
        self,
        writer: str,
        class_here: Callable[[str, dict[str, Any]], type | None],
        loads: Callable[[bytes], Any],
    ) -> None:
        self._writer = writer
        self._class_here = class_here
        self._loads = loads
        self._waiting: dict[int, object] = {}  # what must not be left in the value

    def allow(self, module: str, name: str, found: Any) -> Any:
        """What a pickle gets instead of `found`, the object that it named.

        Raises
        ------
        ForeignCode
            It is a way to make code.
        """
        ours: dict[str, Callable[..., Any]] = {
            "_create_code": self._code,
            "_create_function": self._function,
            "_create_type": self._type,
            "_load_type": lambda kind: self._checked(found(kind)),
        }
        if module == "dill._dill" and name in ours:
            return ours[name]
        if "cloudpickle" in module.split(".") and name in ("_make_function", "_builtin_type"):
            raise refusal(self._writer)
        if found is pickle.loads or (name == "loads" and module in ("dill", "dill._dill")):
            return self._loads
        return self._checked(found)

    def check(self) -> None:
        """Raise ForeignCode where the value holds a function that can't be built."""
        if self._waiting:
            raise refusal(self._writer)

    def _checked(self, found: Any) -> Any:
        dill = sys.modules.get("dill._dill")
        makers = (types.CodeType, marshal.loads, marshal.load, getattr(dill, "_unmarshal", None))
        if any(found is maker for maker in makers if maker is not None):
            raise refusal(self._writer)
        return found

    def _code(self, *parts: Any) -> _NoCode:
        for inner in (one for part in parts if isinstance(part, tuple) for one in part):
            self._waiting.pop(id(inner), None)
        made = _NoCode()
        self._waiting[id(made)] = made
        return made

    def _function(self, code: Any, *_parts: Any) -> _NoFunction:
        self._waiting.pop(id(code), None)
        made = _NoFunction()
        self._waiting[id(made)] = made
        return made

    def _type(self, metaclass: Any, name: str, bases: Any, namespace: dict[str, Any]) -> Any:
        here = self._class_here(name, namespace)
        if here is None:
            return metaclass(name, bases, namespace)
        for member in namespace.values():
            for part in ("__func__", "fget", "fset", "fdel", "func"):
                self._waiting.pop(id(getattr(member, part, None)), None)
            self._waiting.pop(id(member), None)
        return here


def writer() -> str:
    """The name of the other Python that wrote what is being read; empty for this one."""
    return _writer.get() or ""


def guard(
    class_here: Callable[[str, dict[str, Any]], type | None], loads: Callable[[bytes], Any]
) -> Guard | None:
    """The `Guard` for what is being read; None where this Python wrote it."""
    by = writer()
    return Guard(by, class_here, loads) if by else None
