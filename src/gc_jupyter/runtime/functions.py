"""The ids of functions at one service: the same text is registered once. Lives on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from gc_jupyter.errors import ComputeError
from gc_jupyter.runtime.loop import KernelLoop
from gc_jupyter.runtime.remembered import Remembered
from gc_jupyter.runtime.requests import Requests
from gc_jupyter.runtime.tasks import QueuedTask
from gc_jupyter.service.base import FunctionRegistration, Service

#: How long the id of a lasting function is remembered; the service keeps the function longer.
REMEMBERED_S = 30 * 86400.0


class Functions:
    """Registers the functions of queued tasks.

    Parameters
    ----------
    loop, service, requests, memory:
        As for `Submitter`.
    fail:
        Is given the tasks whose function can't be registered, and why.
    """

    def __init__(
        self,
        loop: KernelLoop,
        service: Service,
        requests: Requests,
        memory: Remembered | None,
        fail: Callable[[list[QueuedTask], ComputeError], None],
    ) -> None:
        self._loop = loop
        self._service = service
        self._requests = requests
        self._memory = memory
        self._fail = fail
        self._functions: dict[bytes, asyncio.Task[str]] = {}
        self._recalled: set[str] = set()  # function ids from the memory, not registered here

    async def sort(self, batch: list[QueuedTask]) -> dict[str, list[QueuedTask]]:
        """Sort the batch by function id. Tasks whose function can't be registered fail here."""
        by_function: dict[int, list[QueuedTask]] = {}
        for task in batch:
            by_function.setdefault(id(task.function), []).append(task)
        sent: dict[str, list[QueuedTask]] = {}
        ids = await asyncio.gather(  # at the same time, since each takes a round trip
            *(self._id_of(tasks[0].function) for tasks in by_function.values()),
            return_exceptions=True,
        )
        for function_id, tasks in zip(ids, by_function.values(), strict=True):
            if isinstance(function_id, str):
                sent.setdefault(function_id, []).extend(tasks)
            elif isinstance(function_id, ComputeError):
                self._fail(tasks, function_id)
            else:
                raise function_id
        return sent

    async def _id_of(self, function: FunctionRegistration | str) -> str:
        return function if isinstance(function, str) else await self.register(function)

    async def register(self, function: FunctionRegistration) -> str:
        """The function's id; the same text is registered once."""
        key = function.fingerprint()
        registering = self._functions.get(key)
        if registering is None:
            registering = self._loop.aio.create_task(self._register(function, key.hex()))
            self._functions[key] = registering
        try:
            return await asyncio.shield(registering)
        except Exception:
            self._functions.pop(key, None)  # the next submission tries again
            raise

    async def _register(self, function: FunctionRegistration, key: str) -> str:
        name, memory = f"function {key}", self._memory if function.lasting else None
        run = partial(self._loop.aio.run_in_executor, self._loop.http)
        if memory is not None and (known := await run(memory.get, name)):
            self._recalled.add(known)
            return known
        made = await self._requests.send(partial(self._service.register_function, function))
        if memory is not None:
            run(memory.put, name, made, REMEMBERED_S)
        return made

    async def renew(self, sent: dict[str, list[QueuedTask]]) -> dict[str, list[QueuedTask]] | None:
        """The same tasks after registering the functions again whose ids were only remembered; None
        where there are none. (The service may have forgotten such a function.)"""
        if self._recalled.isdisjoint(sent):
            return None
        run = partial(self._loop.aio.run_in_executor, self._loop.http)
        for function_id, tasks in sent.items():
            function = tasks[0].function
            if function_id in self._recalled and not isinstance(function, str):
                self._recalled.discard(function_id)
                key = function.fingerprint()
                self._functions.pop(key, None)
                if self._memory is not None:
                    await run(self._memory.forget, f"function {key.hex()}")
        return await self.sort([task for tasks in sent.values() for task in tasks])

    def forget(self, sent: dict[str, list[QueuedTask]]) -> None:
        """Register the functions of these tasks again, the next time."""
        for tasks in sent.values():
            for task in tasks:
                if not isinstance(task.function, str):
                    self._functions.pop(task.function.fingerprint(), None)
