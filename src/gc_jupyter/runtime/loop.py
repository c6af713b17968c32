"""The kernel's one event loop thread `gc-loop`, and the small daemon pools beside it.

Nothing starts at import. Every thread is a daemon: a pending remote task never keeps the
interpreter from exiting. (concurrent.futures' own pools join their threads at exit, and a request
may take a minute; hence `DaemonPool`.)
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from gc_jupyter.errors import ComputeError
from gc_jupyter.runtime.budget import Budget

P = ParamSpec("P")
T = TypeVar("T")

_HTTP_THREADS = 16  # each is made when so many requests are under way


class DaemonPool(concurrent.futures.Executor):
    """Up to `size` daemon threads, which run calls in the order of arrival."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._size = size
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads = 0

    def post(self, call: Callable[[], None]) -> None:
        """Run `call`, which handles its own errors. Only the loop's thread calls this."""
        if not self._idle.acquire(blocking=False) and self._threads < self._size:
            # Python 3.12 starts no thread while the interpreter ends: the existing ones do all
            with contextlib.suppress(RuntimeError):
                self._start()
        self._calls.put(call)

    def ready(self) -> None:
        """Start a thread now, since none can start while the interpreter ends; before `post`."""
        self._start()
        self._idle.release()

    def _start(self) -> None:
        threading.Thread(target=self._run, name=self._name, daemon=True).start()
        self._threads += 1

    def submit(
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> concurrent.futures.Future[T]:
        """As concurrent.futures.Executor.submit."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        self.post(call)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Let the threads end when their queue is empty. Returns at once."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # otherwise a finished call's arguments would live until the next call
            self._idle.release()


class _Loop(asyncio.SelectorEventLoop):
    """Resolves names on daemon threads too: asyncio's own pool is joined at exit, and a resolver
    may take half a minute to give up. (The selector loop on every platform: Windows' default can't
    watch plain sockets.)"""

    def __init__(self, names: DaemonPool) -> None:
        super().__init__()
        self._names = names

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        """See AbstractEventLoop."""
        return super().run_in_executor(executor or self._names, func, *args)


class KernelLoop:
    """An asyncio loop on a thread of its own, `http` for blocking requests, `results` for users'
    code (decoding, callbacks)."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        #: Whether the interpreter ends, and what was submitted before has been sent.
        self.ended = not threading.main_thread().is_alive()
        self._budgets: dict[str, Budget] = {}
        self.http = DaemonPool("gc-http", _HTTP_THREADS)
        self.aio: asyncio.AbstractEventLoop = _Loop(self.http)
        self.results = DaemonPool("gc-results", 1)
        #: Called on the loop when it ends.
        self.at_end: list[Callable[[], object]] = []
        self._thread = threading.Thread(target=self._run, name="gc-loop", daemon=True)
        self.http.ready()
        self.results.ready()
        self._thread.start()

    @property
    def usable(self) -> bool:
        """False after `close`, and in a forked child, which doesn't have the thread."""
        return self._thread.is_alive() and self.pid == os.getpid()

    @property
    def here(self) -> bool:
        """Whether the caller runs on the loop's thread."""
        return threading.current_thread() is self._thread

    def check_not_ended(self) -> None:
        """Raise where nothing would be sent any more: in a handler of `atexit`."""
        if self.ended:
            raise ComputeError(
                "The interpreter is ending: a task that is submitted now would not be sent.",
                next_step="Submit it before the end of the script, not in a handler of atexit.",
            )

    def budget(self, address: str) -> Budget:
        """The budget of a service, for all clients of this process: the service counts by user."""
        return self._budgets.get(address) or self._budgets.setdefault(address, Budget(address))

    def call(self, fn: Callable[..., object], *args: Any) -> None:
        """Run `fn(*args)` on the loop soon; from any thread."""
        self.aio.call_soon_threadsafe(fn, *args)

    def tell(self, fn: Callable[..., object], *args: Any) -> None:
        """As `call`, from a thread that may outlive the loop; then it does nothing."""
        with contextlib.suppress(RuntimeError):
            self.call(fn, *args)

    def ask(self, fn: Callable[..., T], *args: Any) -> T:
        """Run `fn(*args)` on the loop and wait for what it returns or raises."""
        if self.here:
            return fn(*args)
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()

        def run() -> None:
            try:
                answer.set_result(fn(*args))
            except BaseException as error:  # those who wait must not wait for ever
                answer.set_exception(error)

        self.call(run)
        return answer.result()

    def close(self) -> None:
        """End the loop and its pools. Pending calls are dropped."""
        if self.usable:
            self.call(self.aio.stop)
            if not self.here:
                self._thread.join()
        self.http.shutdown()
        self.results.shutdown()

    def _run(self) -> None:
        asyncio.set_event_loop(self.aio)
        try:
            self.aio.run_forever()
        finally:
            for call in self.at_end:
                call()
            self._end_tasks()
            self.aio.close()

    def _end_tasks(self) -> None:
        """Cancel the remaining asyncio tasks, as `asyncio.run` does."""
        tasks = asyncio.all_tasks(self.aio)
        for task in tasks:
            task.cancel()
        self.aio.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


#: The only one. If two threads make it at once, one wins. There is no lock, since an interrupt
#: could leave it locked.
_current: dict[str, KernelLoop] = {}


def kernel_loop() -> KernelLoop:
    """This process's loop, made at first use (and made anew in a forked child)."""
    found = _current.get("")
    if found is not None and not found.usable:
        _current.pop("", None)
        found = None
    if found is None:
        made = KernelLoop()
        found = _current.setdefault("", made)
        if found is not made:
            made.close()
    return found


def close_kernel_loop() -> None:
    """End the loop; the next use makes a new one."""
    found = _current.pop("", None)
    if found is not None:
        found.close()


_exit_begun: list[float] = []


def time_left(limit_s: float) -> float:
    """The rest of `limit_s` seconds since the first call of this function, which marks the
    beginning of the interpreter's end. All work at exit shares this time."""
    if not _exit_begun:
        _exit_begun.append(time.monotonic())
    return max(0.0, _exit_begun[0] + limit_s - time.monotonic())
