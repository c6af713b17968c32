"""A Python function -> what the service registers, kept while the function stays as it is."""

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
        Wins over the function's docstring (Client user guide, "Sharing Functions").
    public, group, ha_endpoint_id:
        Who may run it; the last excludes the other two.
    metadata:
        Replaces what is said of this Python.

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
    """Say now what a worker would only find out when it has run the function."""
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
    """What gives a callable its name and docstring: itself, the function of a partial, or the class
    of an object."""
    if isinstance(function, functools.partial):
        return _named(function.func)
    return function if hasattr(function, "__name__") else type(function)


def function_metadata(serde_identifier: str | None = None) -> dict[str, str]:
    """What a registration says of this side (`meta`)."""
    meta = {"python_version": platform.python_version(), "sdk_version": COMPATIBLE_SDK_VERSION}
    return {**meta, "serde_identifier": serde_identifier} if serde_identifier else meta


class FunctionCache:
    """Remembers what was serialized, as long as the function and what it uses are the same objects.

    A function is sent with the globals that it uses, so rebinding one of them makes it another
    function for the endpoint. (A global changed in place isn't noticed: pass data as arguments.)
    """

    def __init__(self) -> None:
        self._known: dict[Any, tuple[_Snapshot, FunctionRegistration | str]] = {}

    def get(self, function: Submittable) -> FunctionRegistration | str | None:
        """What was `put` for this function, or None when it has changed since."""
        try:
            known = self._known.get(_key(function))
        except TypeError:  # an unhashable callable
            return None
        return known[1] if known is not None and known[0].current() else None

    def put(self, function: Submittable, value: FunctionRegistration | str) -> None:
        """Remember `value` for the function as it is now.

        A callable of another kind is an object that may change inside: only its id is kept, which
        somebody asked for.
        """
        if isinstance(value, str) or isinstance(_key(function), FunctionType | SourceFunction):
            with contextlib.suppress(TypeError):
                self._known[_key(function)] = (_Snapshot(function), value)

    def forget_serialized(self) -> None:
        """Forget all but ids, as when the serializer changes."""
        self._known = {key: one for key, one in self._known.items() if isinstance(one[1], str)}


def _key(function: Submittable) -> Submittable:
    """A shell function is known by its source, since it may change like any object."""
    if isinstance(function, ShellFunction) and not function.runs_own_code:
        return function.as_source()
    return function


_ABSENT = object()  # a name that isn't defined yet, or a built-in one


class _Snapshot:
    """The objects that decide what a function does: code, defaults, cells, globals, helpers."""

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
        """Whether all of them are still the same objects."""
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
    except ValueError:  # not filled yet
        return None
