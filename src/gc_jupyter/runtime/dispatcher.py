"""The runtime of one service: requests, submitter and collector, connected to the kernel's loop.

::

    submit ─► Submitter ─► Requests ─► service.submit          gc-loop, gc-http
                 │ ids
                 ▼
    stream ─► Collector (task book) ─► resolve ─► TaskFuture    gc-loop, gc-results
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import sys
import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from gc_jupyter.errors import ComputeError, ServiceError
from gc_jupyter.future import TaskFuture
from gc_jupyter.runtime.collector import Collector, Listener
from gc_jupyter.runtime.completer import Outcome
from gc_jupyter.runtime.loop import KernelLoop, kernel_loop, time_left
from gc_jupyter.runtime.recorder import Recorder
from gc_jupyter.runtime.recovery import Found, Recovery
from gc_jupyter.runtime.remembered import Remembered
from gc_jupyter.runtime.requests import Requests
from gc_jupyter.runtime.submitter import Submitter
from gc_jupyter.runtime.tasks import Origin, QueuedTask, Stray, serials
from gc_jupyter.serialize.limits import both
from gc_jupyter.service.base import FunctionRegistration, Service, statuses_of
from gc_jupyter.types import Hold

T = TypeVar("T")

_EXIT_LIMIT_S = 1.5  # the most that all dispatchers together delay the interpreter's exit


class Dispatcher:
    """Submits tasks to one service and resolves their futures.

    Its parts are public: `requests` sends a request, `submitter` has the queues and the task group,
    `collector` has the task book and the `feed` of results. The methods here need several of them,
    or bring their caller to the loop.

    Parameters
    ----------
    service:
        The service that gets the tasks.
    port:
        AMQP port to use instead of the one that the service names.
    rate_limited:
        False lifts the limit of 20 submissions in 10 s (docs/protocol.md, "Limits").
    memory:
        The facts that earlier kernels have remembered.
    task_group_id:
        The group to go on with, after connections were closed.
    recorder:
        Is told of every task.
    """

    def __init__(
        self,
        service: Service,
        *,
        port: int | None = None,
        rate_limited: bool = True,
        memory: Remembered | None = None,
        task_group_id: str | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.loop: KernelLoop = kernel_loop()
        self.service = service
        limited = rate_limited and service.rate_limited
        budget = self.loop.budget(service.address) if limited else None
        self.requests = Requests(self.loop, budget, service)
        self.collector = Collector(self.loop, service, self.requests, port)
        self._recorder: Recorder | None = None
        self._held: list[QueuedTask] = []  # not `ready` yet; the loop owns it
        self._recovery = Recovery(self.loop, service, self.requests, self.collector)
        self.submitter = Submitter(
            self.loop, service, self.requests, self.collector, self._recovery, memory
        )
        self.submitter.task_group_id = task_group_id
        self.record(recorder)
        atexit.register(_say_farewell, weakref.ref(self))
        # an open task's future would hold this object, so no future is open
        weakref.finalize(self, self.loop.tell, self.collector.close).atexit = False

    @property
    def hold(self) -> Hold | None:
        """See EventSource."""
        return self.requests.hold

    def record(self, recorder: Recorder | None) -> None:
        """Set the recorder, which is told of the open tasks, too. The first one set stays."""
        if recorder is None or self._recorder is not None:
            return
        self._recorder = recorder
        self.loop.ask(self._record, recorder)

    def written_down(self, futures: Sequence[TaskFuture], kind: str) -> None:
        """Record these tasks, which no recorder was told of, as tasks of this kind."""
        if self._recorder is not None and futures:
            self.loop.ask(self._recorder.started, futures, kind)

    def has_ended(self, future: TaskFuture) -> bool:
        """Whether an adopted task's outcome is known; it may not be decoded yet."""
        return self.loop.ask(self.collector.book.owner, future.task_id or "") is None

    def _record(self, recorder: Recorder) -> None:
        self.submitter.recorder = recorder
        self.collector.listeners.append(recorder.on_events)
        under_way = [task.future for task in self.submitter.under_way]
        others = [*self._recovery.unconfirmed(), *self.collector.unresolved()]
        futures = [*under_way, *(future for future, _ in others)]
        recorder.started([one for one in futures if not isinstance(one, Stray)], "")

    def prepare(self) -> None:
        """Open the result stream, so that the first task doesn't wait for it; any thread. It is
        closed again if no task comes."""
        self.loop.call(self.collector.feed.open)

    def submit(self, task: QueuedTask, label: str = "") -> None:
        """Queue a task from any thread. `label` names it if it has no name."""
        self.loop.check_not_ended()
        future = task.future
        if self._recorder is not None:
            self._recorder.queued(future)
        future._enter(next(serials), self, label, self._stop if self.service.here else None)
        if future.ready is None:
            self.submitter.put(task)
        else:
            self.loop.call(self._hold, task, future.ready)

    def _hold(self, task: QueuedTask, ready: concurrent.futures.Future[object]) -> None:
        """Send a task once something else is done."""
        self._held.append(task)
        look = partial(self._look_at, task, ready)
        for one in (task.future, ready):
            one.add_done_callback(lambda _: self.loop.tell(look))

    def _look_at(self, task: QueuedTask, ready: concurrent.futures.Future[object]) -> None:
        held = [one for one in self._held if one is not task]
        if len(held) == len(self._held):
            return
        if task.future.done():  # it was dropped
            self._held = held
            if not any(one.future.ready is ready for one in held):
                ready.cancel()
        elif ready.done():
            self._held = held
            error = ready.exception()
            if error is None:
                self.submitter.put(task)
            elif task.future.set_running_or_notify_cancel():
                if not isinstance(error, ComputeError):
                    error = ServiceError(f"Sending failed: {type(error).__name__}: {error}")
                self.collector.finish(task.future, task.origin, error)

    def _unsent(self) -> list[QueuedTask]:
        return [*self._held, *self.submitter.unsent()]

    def _stop(self, futures: Sequence[TaskFuture], patience: float) -> bool:
        task_ids = [future.task_id for future in futures if future.task_id is not None]
        return bool(task_ids) and self.service.stop_tasks(task_ids, patience)

    def register(self, function: FunctionRegistration) -> str:
        """Register a function and wait for its id; the same text is registered once."""
        return self.requests.run(self.submitter.functions.register(function))

    def adopt(self, task_group_id: str, origin: Origin) -> list[TaskFuture]:
        """Futures for all tasks of a group, resolved where tasks have ended; blocks on requests."""
        return self.adopt_tasks(task_group_id, self.listed(task_group_id), origin)

    def listed(self, task_group_id: str) -> list[str]:
        """The ids of a group's tasks; blocks on requests, also on those that are under way in the
        group: their replies say which of the tasks are theirs."""
        ids = list(self.requests.wait(partial(self.service.task_group, task_group_id)))
        self.requests.run(self.submitter.answered(task_group_id))
        return ids

    def share(self, task_group_id: str) -> None:
        """Note that somebody else submits into a group, too."""
        self.loop.ask(self._recovery.made.discard, task_group_id)

    def adopt_tasks(
        self,
        task_group_id: str,
        task_ids: Sequence[str],
        origin: Origin,
        make: Callable[[str], TaskFuture] = TaskFuture,
        *,
        named: bool = False,
    ) -> list[TaskFuture]:
        """Futures for these tasks of a group; blocks on requests. A task that is open here keeps
        its future; `make` makes the others from their ids. With an empty group, the service is
        asked for the tasks that haven't ended. `named` says that their owners are known; otherwise
        they may be tasks that a recovery looks for."""
        task_ids = list(dict.fromkeys(task_ids))
        # as with a submission, results that come before the states must wait
        submission = self.loop.ask(self.collector.book.begin)
        try:
            outcomes = self._outcomes(task_group_id, task_ids)
            limits = {} if self._recorder is None else self._recorder.limits(task_ids)
            made = {
                task_id: self._adopted(make(task_id), task_group_id, limits.get(task_id, ""))
                for task_id in task_ids
            }
            if task_group_id and not named:
                self.loop.ask(self._recovery.expect, task_group_id, task_ids)
            return self.loop.ask(self._adopt, submission, task_group_id, made, outcomes, origin)
        finally:
            self.loop.ask(self.collector.give_up, submission)

    def find(
        self,
        task_group_id: str,
        task_ids: Sequence[str],
        requests: Sequence[Sequence[TaskFuture]],
        origin: Origin,
        *,
        sure: bool,
        entered: Callable[[], object],
    ) -> Found:
        """Find tasks whose ids were in a lost reply, by their nonces; blocks on requests.

        Parameters
        ----------
        task_group_id, task_ids:
            The group, and the tasks in it that no future here stands for.
        requests:
            Their futures, those of one request together.
        origin:
            Decodes.
        sure:
            Whether `task_ids` can only be tasks of these requests.
        entered:
            Called when the futures have their numbers, before any of their tasks is found.
        """
        submission = self.loop.ask(self.collector.book.begin)
        try:
            outcomes = self._outcomes(task_group_id, task_ids)
            sought = [
                [(self._adopted(one, task_group_id, ""), origin) for one in some]
                for some in requests
            ]
            entered()
            return self.loop.ask(
                self._recovery.find, task_group_id, task_ids, outcomes, sought, sure
            )
        finally:
            self.loop.ask(self.collector.give_up, submission)

    def _outcomes(self, task_group_id: str, task_ids: Sequence[str]) -> dict[str, Outcome]:
        """The outcomes of those tasks that have ended, as Jupyter Server has collected them, or as
        the service knows them."""
        recorder = self._recorder if task_group_id and not self.service.here else None
        outcomes: dict[str, Outcome] = {}
        if recorder is not None:
            outcomes.update(recorder.take(task_group_id, task_ids))
        asked = [task_id for task_id in task_ids if task_id not in outcomes]
        try:
            for statuses in statuses_of(
                asked, lambda some: self.requests.wait(partial(self.service.task_statuses, some))
            ):
                outcomes.update((one.task_id, one) for one in statuses.values() if one.done)
        except BaseException:
            if recorder is not None:
                recorder.release(task_group_id)
            raise
        return outcomes

    def _adopt(
        self,
        submission: int,
        task_group_id: str,
        made: Mapping[str, TaskFuture],
        outcomes: Mapping[str, Outcome],
        origin: Origin,
    ) -> list[TaskFuture]:
        collector = self.collector
        futures, pending = [], []
        for task_id, new in made.items():
            known = collector.book.owner(task_id)
            waits = known
            if known is not None and isinstance(known[0], Stray):
                known[0].also.append((new, origin))
                known = (new, origin)
            future, by = known or (new, origin)
            futures.append(future)
            outcome = outcomes.get(task_id)
            if outcome is not None:
                collector.book.close(task_id)
                collector.finish(*(waits or (future, by)), outcome)
            elif known is None:
                pending.append((task_id, (future, by)))
        if pending:
            collector.expect(submission, task_group_id, pending)
        return futures

    def _adopted(self, future: TaskFuture, task_group_id: str, limit: str) -> TaskFuture:
        future._describe(limit=both(future.limit, limit))
        future._learn(replace(future.info, task_group_id=task_group_id or None))
        future._enter(next(serials), self, stop=self._stop if self.service.here else None)
        future.set_running_or_notify_cancel()  # the service has it: no cancel from here on
        return future

    def open_futures(self, origin: Origin | None = None) -> list[TaskFuture]:
        """The unresolved futures of one origin, or of all; any thread but `gc-results`."""
        return self.loop.ask(self._open_futures, origin)

    def _open_futures(self, origin: Origin | None) -> list[TaskFuture]:
        tasks = [*self._unsent(), *self.submitter.under_way]
        found = [(task.future, task.origin) for task in tasks]
        found += [*self._recovery.unconfirmed(), *self.collector.unresolved()]
        return [one for one, by in found if origin in (None, by) and type(one) is not Stray]

    def cancel_unsent(self, origin: Origin) -> int:
        """Cancel this origin's tasks that no request carries yet; returns their number."""
        unsent = self.loop.ask(self._unsent)
        return sum(task.future.cancel() for task in unsent if task.origin is origin)

    def holders(self) -> Sequence[tuple[str, TaskFuture | None, float]]:
        """See EventSource."""
        return self.loop.ask(self._holders) if self.service.here else ()

    def _holders(self) -> list[tuple[str, TaskFuture | None, float]]:
        found = []
        for task_id, since in self.service.holders():
            owner = self.collector.book.owner(task_id)
            future = None if owner is None or isinstance(owner[0], Stray) else owner[0]
            found.append((task_id, future, since))
        return found

    def watch(self, listener: Listener) -> None:
        """Call `listener` on the loop with each change of tasks' states; see EventSource. The
        service is asked for them often."""
        self.loop.ask(self.collector.watch, listener)

    def unwatch(self, listener: Listener) -> None:
        """End of `watch`."""
        self.loop.ask(self.collector.unwatch, listener)

    def close(self) -> None:
        """Stop receiving; pending futures stay pending. Idempotent."""
        if self.loop.usable:
            self.loop.ask(self._close)

    def _close(self) -> None:
        self._recovery.close()
        self.collector.close()

    def finish(self, limit_s: float) -> None:
        """Before the interpreter ends: send the queued tasks, and say on stderr which tasks run on.

        Waits `limit_s` seconds at the most.
        """
        sending = asyncio.run_coroutine_threadsafe(self.submitter.all_sent(), self.loop.aio)
        with contextlib.suppress(concurrent.futures.TimeoutError):
            sending.result(limit_s)
        self.loop.ended = True
        for line in self.loop.ask(self._left_behind):
            print(f"gc_jupyter: {line}", file=sys.stderr)

    def _left_behind(self) -> list[str]:
        """Lines for the user about tasks that are unfinished when the interpreter ends."""
        lines = []
        if unsent := len(self._unsent()):
            lines.append(f"not sent: {_tasks(unsent)}.")
        if unanswered := len(self.submitter.under_way) + len(self._recovery.unconfirmed()):
            lines.append(f"sent, but not yet confirmed by the service: {_tasks(unanswered)}.")
        if not self.service.here:  # this machine's own workers end with the interpreter
            owners = self.collector.book.owners()
            futures = [future for future, _ in owners if not isinstance(future, Stray)]
            groups = Counter(future.info.task_group_id for future in futures)
            cells = {future.info.task_group_id for future in futures if future.nonce}
            for group, n in groups.items():
                how = f"Executor(endpoint_id, task_group_id={group!r}).reload_tasks()"
                if group in cells:
                    how = f"%gc attach {group} in a notebook"
                lines.append(f"still at the endpoint: {_tasks(n)}. To pick up the results: {how}")
        return lines


def _tasks(count: int) -> str:
    return f"{count} task" if count == 1 else f"{count} tasks"


def _say_farewell(dispatcher: weakref.ref[Dispatcher]) -> None:
    alive = dispatcher()
    if alive is not None and alive.loop.usable:
        alive.finish(time_left(_EXIT_LIMIT_S))
