"""One daemon thread that owns a table: what is posted to it runs there, in order."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar, cast

_T = TypeVar("_T")
_Call = Callable[[], None]


class OwnerThread:
    """Calls in order, on a thread of their own; it ends when this object is no longer used.

    Parameters
    ----------
    name:
        The thread's name.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        threading.Thread(target=_serve, args=(self._calls,), name=name, daemon=True).start()
        weakref.finalize(self, self._calls.put, None).atexit = False

    def post(self, call: Callable[..., object], *args: Any) -> None:
        """Have `call(*args)` run there. Any thread; returns at once. It must not raise."""
        self._calls.put(lambda: _discard(call(*args)))

    def ask(self, call: Callable[..., _T], *args: Any) -> _T:
        """Run `call(*args)` there and wait: returns what it returns, raises what it raises."""
        answers: queue.SimpleQueue[tuple[_T | None, BaseException | None]] = queue.SimpleQueue()

        def work() -> None:
            try:
                answers.put((call(*args), None))
            except BaseException as error:
                answers.put((None, error))

        self._calls.put(work)
        value, error = answers.get()
        if error is not None:
            raise error
        return cast("_T", value)


def _discard(_value: object) -> None:
    pass


def _serve(calls: queue.SimpleQueue[_Call | None]) -> None:
    while (call := calls.get()) is not None:
        call()
        # `call` holds its service: let go of it before waiting, so that it can be collected.
        del call
