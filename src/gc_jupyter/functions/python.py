"""Turn a Python function into a registration, and cache it while the function is unchanged."""

from __future__ import annotations

import contextlib
import functools
import inspect
import platform
from collections.abc import Callable
from types import CellType, CodeType, FunctionType
from typing import Any

from gc_jupyter.errors import SerializationError
from gc_jupyter.functions.shell import ShellFunction
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.protocol.sdk_version import COMPATIBLE_SDK_VERSION
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.service.base import FunctionRegistration
from gc_jupyter.travel.sending import names_of

Submittable = Callable[..., Any] | SourceFunction


def registration(
    function: Submittable,
    serializer: ComputeSerializer,
    *,
    name: str | None = None,
    description: str | None = None,
    public: bool = False,
    group: str | None = None,
    ha_endpoint_id: str | None = None,
    metadata: dict[str, str] | None = None,
) -> FunctionRegistration:
    """Serialize a function for the service.

    Parameters
    ----------
    function:
        A callable, or a self-contained source text.
    serializer:
        Its code strategy is used for callables; source travels as ``st``.
    name:
        Registered in place of the function's own name.
    description:
        Replaces the function's docstring (Client user guide, "Sharing Functions").
    public, group, ha_endpoint_id:
        Who may run it. The last one excludes the other two.
    metadata:
        Replaces the description of this Python.

    Raises
    ------
    SerializationError
        The code strategy can't serialize this function.
    ValueError
        `ha_endpoint_id` together with `public` or `group`.
    """
    if ha_endpoint_id and (public or group):
        raise ValueError("`ha_endpoint_id` is mutually exclusive with `public` and `group`")
    if isinstance(function, ShellFunction):
        name = name or function.__name__
        if not function.runs_own_code:
            function = function.as_source()
    if isinstance(function, SourceFunction):
        text = f"st\n{function.name}:{function.source}"
        documented = function.description
        name = name or function.name
    else:
        _refuse(function)
        text = serializer.serialize(function)
        named = _named(function)
        documented = inspect.getdoc(named)
        name = name or named.__name__
    return FunctionRegistration(
        name=name,
        code=ComputeSerializer.pack_buffers([text]),
        description=description if description is not None else documented,
        public=public,
        group=group,
        ha_endpoint_id=ha_endpoint_id,
        metadata=metadata or function_metadata(text[:2]),
        lasting=isinstance(function, SourceFunction) and function.lasting,
    )


def _refuse(function: object) -> None:
    """Raise now an error that a worker would raise only after it has run the function."""
    name = getattr(function, "__name__", repr(function)[:80])
    if not callable(function):
        raise SerializationError(
            f"{name} is not callable.",
            next_step="Submit a function, and its arguments after it: submit(f, 1, 2).",
        )
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise SerializationError(
            f"{name} is a coroutine function: workers call it, but don't await what it returns.",
            next_step="Submit a function that does: def call(): return asyncio.run(f())",
        )
    if inspect.isgeneratorfunction(function):
        raise SerializationError(
            f"{name} is a generator function: a generator can't be sent back.",
            next_step="Submit a function that returns a list: def call(): return list(f())",
        )


def _named(function: Callable[..., Any]) -> Any:
    """The object whose name and docstring stand for a callable: itself, the function of a partial,
    or the class of an object."""
    if isinstance(function, functools.partial):
        return _named(function.func)
    return function if hasattr(function, "__name__") else type(function)


def function_metadata(serde_identifier: str | None = None) -> dict[str, str]:
    """A registration's description of this process (`meta`)."""
    meta = {"python_version": platform.python_version(), "sdk_version": COMPATIBLE_SDK_VERSION}
    return {**meta, "serde_identifier": serde_identifier} if serde_identifier else meta


class FunctionCache:
    """Caches what was serialized, as long as a function and what it uses are the same objects.

    A function is sent with the globals that it uses. Rebinding one of them makes it another
    function for the endpoint. (A global that is changed in place isn't noticed: pass data as
    arguments.)
    """

    def __init__(self) -> None:
        self._known: dict[Any, tuple[_Snapshot, FunctionRegistration | str]] = {}

    def get(self, function: Submittable) -> FunctionRegistration | str | None:
        """The value that was `put` for this function; None if the function has changed since."""
        try:
            known = self._known.get(_key(function))
        except TypeError:  # the callable can't be hashed
            return None
        return known[1] if known is not None and known[0].current() else None

    def put(self, function: Submittable, value: FunctionRegistration | str) -> None:
        """Remember `value` for the function as it is now.

        Another callable is an object whose state may change: only a function id that the caller
        has given is kept.
        """
        if isinstance(value, str) or isinstance(_key(function), FunctionType | SourceFunction):
            with contextlib.suppress(TypeError):
                self._known[_key(function)] = (_Snapshot(function), value)

    def forget_serialized(self) -> None:
        """Forget everything except ids, as when the serializer changes."""
        self._known = {key: one for key, one in self._known.items() if isinstance(one[1], str)}


def _key(function: Submittable) -> Submittable:
    """The cache's key. For a shell function it is its source, since the object may change."""
    if isinstance(function, ShellFunction) and not function.runs_own_code:
        return function.as_source()
    return function


_ABSENT = object()  # a name that isn't defined yet, or is built in


class _Snapshot:
    """The objects that determine what a function does: code, defaults, cells, globals, helpers."""

    __slots__ = ("_cells", "_functions", "_globals")

    def __init__(self, function: object) -> None:
        self._functions: list[tuple[FunctionType, CodeType, object, object]] = []
        self._cells: list[tuple[CellType, object]] = []
        self._globals: list[tuple[dict[str, Any], str, object]] = []
        seen: set[int] = set()
        todo = [function]
        while todo:
            one = todo.pop()
            if not isinstance(one, FunctionType) or id(one) in seen:
                continue
            seen.add(id(one))
            self._functions.append((one, one.__code__, one.__defaults__, one.__kwdefaults__))
            for cell in one.__closure__ or ():
                self._cells.append((cell, _content(cell)))
                todo.append(_content(cell))
            namespace = one.__globals__
            for name in names_of(one.__code__):
                value = namespace.get(name, _ABSENT)
                self._globals.append((namespace, name, value))
                todo.append(value)

    def current(self) -> bool:
        """Whether they are all still the same objects."""
        for function, code, defaults, kwdefaults in self._functions:
            if (
                function.__code__ is not code
                or function.__defaults__ is not defaults
                or function.__kwdefaults__ is not kwdefaults
            ):
                return False
        for namespace, name, value in self._globals:
            if namespace.get(name, _ABSENT) is not value:
                return False
        return all(_content(cell) is content for cell, content in self._cells)


def _content(cell: CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:  # a cell that isn't filled yet
        return None
