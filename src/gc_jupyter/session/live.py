"""Follow the output of tasks on endpoints while they run: by a file that this kernel can read, too,
or by small tasks that wait for more output on another worker.

A task of Globus Compute can only send its result. So a cell's runner writes a spool
(`capture.worker_side.spool`), which both ways read.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.resources
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from gc_jupyter.capture.worker_side.spool import remove_spool
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.future import TaskFuture
from gc_jupyter.journal.sessions import UNRECORDED, Note
from gc_jupyter.remote_text import one_line
from gc_jupyter.runtime.loop import KernelLoop, kernel_loop
from gc_jupyter.session.progress import note_progress
from gc_jupyter.session.spools import LOOK_S, MOST, HereSpool

if TYPE_CHECKING:
    from gc_jupyter.session.core import Session
    from gc_jupyter.session.futures import NotebookFuture
    from gc_jupyter.session.target import Target

#: Seconds from the submission until another worker is asked, if no file appears here.
_HERE_FIRST_S = 0.5
#: Seconds that a reader waits for new output, and then gathers more: at first, and at most.
_PATIENCE_S, _GATHER_S, _MOST_GATHER_S = 5.0, 1.2, 5.0
_FIRST_GATHER_S = 0.3
#: Seconds after which a reader without an answer has found no worker.
_ANSWER_S = 30.0
#: A reader that takes so many seconds longer than it had to has waited for its worker.
_SLOW_S = 5.0
#: Seconds between two questions while there is nothing to read: at first, and at most.
_AGAIN_S, _MOST_AGAIN_S = 5.0, 60.0
#: Seconds from the submission until a line says why there is no output.
_SAY_AFTER_S = 3.0
#: How many tasks are followed at the same time; others wait for their turn.
_MOST_FOLLOWED = 16
#: How many readers may not find the spool before a line says so.
_IN_VAIN = 2


def follow(session: Session, future: NotebookFuture, target: Target) -> Callable[[], None]:
    """Bring a task's output to `future.live` until it ends; returns at once.

    Parameters
    ----------
    session:
        Submits readers.
    future:
        The future of a task that was submitted with its nonce as the name of a spool.
    target:
        The task's target.

    Returns
    -------
    Callable
        Ends the following early.
    """
    future.live.followed = True
    if session.journal is not None:
        note_progress(session.journal, future)
    loop = kernel_loop()
    follower = _Follower(session, future, target)

    def begin() -> None:
        _running.add(task := loop.aio.create_task(follower.run()))
        task.add_done_callback(_running.discard)

    def stop() -> None:
        future.live.followed = False
        loop.tell(follower.end)

    if not target.local:  # its workers tell the runtime
        loop.call(begin)
    return stop


_running: set[asyncio.Task[None]] = set()  # asyncio holds only weak references to them


class _Bounds:
    """The limits that all followers of a loop share: a sweep has thousands of tasks."""

    def __init__(self) -> None:
        self.following = asyncio.Semaphore(_MOST_FOLLOWED)
        self.asking = asyncio.Lock()


def _bounds_of(loop: KernelLoop) -> _Bounds:
    if loop not in _bounds:
        _bounds.clear()
        _bounds[loop] = _Bounds()
    return _bounds[loop]


_bounds: dict[KernelLoop, _Bounds] = {}


class _Follower:
    """Follows one task's output; on the loop."""

    def __init__(self, session: Session, future: NotebookFuture, target: Target) -> None:
        self._session = session
        self._future = future
        self._target = target
        self._loop = kernel_loop()
        self._here: HereSpool
        self._offset = 0  # of the output that readers have brought
        self._sure = False  # whether another worker has answered at once
        self._over = False
        self._began = 0.0  # no file can be open before that

    async def run(self) -> None:
        """Wait for its turn, and follow the task until its end."""
        async with _bounds_of(self._loop).following:
            if not self._over and not self._future.done():
                await self._follow()
        if self._lost:
            await self._beside(remove_spool, self._future.nonce)

    async def _follow(self) -> None:
        self._here = HereSpool(self._future.nonce)
        self._future.add_done_callback(lambda _: self._loop.tell(self.end))
        self._began = self._loop.aio.time()
        try:
            again, vain = _HERE_FIRST_S, 0
            asked = self._loop.aio.time() + again
            while not self._over:
                data = await self._here.read()
                if data is not None:
                    await self._follow_here(data)
                    return
                if (left := asked - self._loop.aio.time()) > 0:
                    await self._pause(min(LOOK_S, left))
                    continue
                there = await self._ask(_FIRST_GATHER_S)
                if there:
                    await self._follow_there()
                    return
                vain += there is not None
                if vain == _IN_VAIN:
                    self._say("it has not begun yet, or its workers share no folder")
                again = min(max(_AGAIN_S, 2 * again), _MOST_AGAIN_S)
                asked = self._loop.aio.time() + again
        finally:
            self._here.close()

    def end(self) -> None:
        """Stop following."""
        self._over = True
        if self._began:
            self._here.wake()

    @property
    def _lost(self) -> bool:
        """Whether the task has ended without a reply, so that its spool is left."""
        return self._future.done() and not self._future.replied

    async def _pause(self, seconds: float) -> None:
        if not self._over:
            await self._here.change(seconds)

    async def _follow_here(self, data: bytes | None) -> None:
        while data is not None:
            if data:
                self._future.live.feed(data)
            elif self._over:
                break
            else:
                await self._pause(LOOK_S)
            data = await self._here.read()

    async def _follow_there(self) -> None:
        """Follow by one reader after the other, less often with time."""
        began = self._loop.aio.time()
        while not self._over:
            gather = _GATHER_S + (self._loop.aio.time() - began) / 50
            if not await self._ask(min(gather, _MOST_GATHER_S)):
                self._here.forget()
                await self._pause(_AGAIN_S)
        if self._lost:
            await self._ask(0.0)

    async def _ask(self, gather: float) -> bool | None:
        """Send a reader and take what it brings. Returns whether it has found the spool, or None if
        no reader can be sent now. Only one reader of all tasks is under way."""
        async with _bounds_of(self._loop).asking:
            return None if self._over and not self._lost else await self._ask_now(gather)

    async def _ask_now(self, gather: float) -> bool | None:
        try:
            reader = await self._beside(self._send, gather)
        except Exception as error:  # an error here only costs the live output
            reader = f"{type(error).__name__}: {error}"
        if isinstance(reader, str):
            self._say(reader)
            return None
        sent = self._loop.aio.time()
        answer = asyncio.wrap_future(reader)
        await asyncio.wait({answer}, timeout=_ANSWER_S)
        if not answer.done():
            self._say("no other worker answers")
            reader.cancel()
            await asyncio.wait({answer})  # one at a time
        self._sure = self._loop.aio.time() - sent < _PATIENCE_S + gather + _SLOW_S
        if answer.cancelled() or answer.exception() is not None:
            return None
        found = answer.result()
        data = found.get("data") if isinstance(found, dict) else None
        if not isinstance(data, bytes) or not found.get("there"):
            return False
        self._offset += len(data)
        if data and not self._future.replied:
            self._future.live.feed(data)
        return True

    async def _beside(self, call: Callable[..., Any], *args: Any) -> Any:
        """Run a blocking call off the loop."""
        return await self._loop.aio.run_in_executor(self._loop.http, partial(call, *args))

    def _send(self, gather: float) -> TaskFuture | str:
        """A reader's future; or why none may be sent, empty where that needs no word."""
        target, session = self._target, self._session
        if target.resources:
            return "its tasks reserve what --resources asks for"
        where = target.endpoint.endpoint_id
        others = sum(one.info.endpoint_id == where for one in session.open_tasks()) - 1
        if others > 0 or not self._sure:
            details = session.client.get_endpoint_status(where).get("details") or {}
            if (reason := why_no_reader(details, others + 1)) is not None:
                return reason
        reader = TaskFuture(label=f"what {self._future.label or 'a cell'} shows")
        reader._describe(Note(UNRECORDED))
        patience = 0.0 if self._lost else _PATIENCE_S
        arguments = self._future.nonce, self._offset, MOST, patience, gather, self._lost
        return session.executor(target).submit_as(reader, reader_function(), *arguments)

    def _say(self, reason: str) -> None:
        if not reason:
            return
        where = self._target.name
        line = f"Nothing is live from {where}: {reason}. The output comes at the end."
        # the worker may only be starting, so that its spool will appear here
        at = max(self._loop.aio.time(), self._began + _SAY_AFTER_S)
        self._loop.aio.call_at(at, self._explain, one_line(line, 1000))

    def _explain(self, line: str) -> None:
        if not self._over and not self._future.live.events:
            self._future.live.explain(line)


def why_no_reader(details: Mapping[str, Any], open_here: int) -> str | None:
    """Why a further task may not be sent to an endpoint: it must not start a batch job for it.

    Parameters
    ----------
    details:
        The endpoint's last report on itself, up to half a minute old.
    open_here:
        How many tasks of this kernel it has; its report may lack them.

    Returns
    -------
    str or None
        None where it may; empty where no worker has reported yet.
    """
    numbers = {key: value for key, value in details.items() if isinstance(value, int)}
    total = numbers.get("total_workers")
    if total is None:
        return "it doesn't tell how many workers are free, and a task might start a batch job"
    if total == 0:
        return ""
    if total == 1:
        return "it has one worker, which is the cell's"
    busy = max(open_here, numbers.get("outstanding_tasks", 0))
    free = min(total - busy, numbers.get("idle_workers", total))
    if free < 1 or numbers.get("pending_tasks", 0):
        return "none of its workers is free"
    return None


@functools.cache
def reader_function() -> SourceFunction:
    """The function that reads a spool on a worker: all users of this version have the same text."""
    from gc_jupyter.capture import worker_side

    text = importlib.resources.files(worker_side).joinpath("spool.py").read_text("utf-8")
    what = "Brings what a notebook's cell shows while it runs"
    return SourceFunction("await_spool", text, description=what, lasting=True)
