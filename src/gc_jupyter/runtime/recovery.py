"""Find the tasks of submissions whose reply was lost.

::

    reply lost ─► the group's ids ─► less those that are known here: strays ─► their results
                                                                                  │ nonce
                                              the submission's own futures ◄──────┘

A stray is a task of the group that no future here stands for. It is open in the task book like any
task, so the stream and the sweeps bring its result. The listed ids are compared with the known ones
only after the group's other requests that were under way then: the list has their tasks, too. Lives
on the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from gc_jupyter.errors import ComputeError, NotFound, SubmitUncertain
from gc_jupyter.future import TaskFuture
from gc_jupyter.moments import clock
from gc_jupyter.protocol.messages import ResultMessage
from gc_jupyter.protocol.nonces import nonce_in
from gc_jupyter.runtime.collector import Collector
from gc_jupyter.runtime.completer import Finished, Outcome
from gc_jupyter.runtime.loop import KernelLoop
from gc_jupyter.runtime.requests import Requests
from gc_jupyter.runtime.tasks import Origin, Stray
from gc_jupyter.service.base import Service

log = logging.getLogger(__name__)

#: Seconds after which even a request has arrived that was stuck behind a gateway that gave up.
LATE_S = 3.0
_NAMED = 5  # ids in a message

Owner = tuple[TaskFuture, Origin]


class _Ended(NamedTuple):
    """A stray that has ended and matches no future. One that failed without a reply has no
    nonce."""

    task_id: str
    outcome: Outcome
    failed: bool


class _Lost:
    """The tasks of a request whose reply was lost. `why` is None if an earlier kernel sent it."""

    def __init__(
        self, tasks: Iterable[Owner], why: SubmitUncertain | None = None, *, sure: bool = True
    ) -> None:
        #: By nonce; a plain function's have none.
        self.tasks: dict[str | int, Owner] = {one[0].nonce or id(one[0]): one for one in tasks}
        self.why = why
        self.sure = sure  # whether nothing else was lost in the group

    @property
    def plain(self) -> bool:
        """Whether one of the missing tasks has no nonce."""
        return any(not future.nonce for future, _ in self.tasks.values())


@dataclass(eq=False)
class _Search:
    """The search in one group."""

    group: str
    lost: list[_Lost] = field(default_factory=list)
    open: dict[str, Owner] = field(default_factory=dict)  # strays
    ended: list[_Ended] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def owner_of(self, nonce: str) -> Owner | None:
        """Take out the task with this nonce."""
        found = (lost.tasks.pop(nonce) for lost in self.lost if nonce in lost.tasks)
        return next(found, None)


class Recovery:
    """The searches of one service."""

    def __init__(
        self, loop: KernelLoop, service: Service, requests: Requests, collector: Collector
    ) -> None:
        self._loop = loop
        self._service = service
        self._requests = requests
        self._collector = collector
        self._searches: dict[str, _Search] = {}
        self._unsettled: Counter[str] = Counter()  # requests that were never found, by group
        self._work: set[asyncio.Task[None]] = set()
        #: The groups that requests of this service made. In another group, a task that nobody here
        #: knows may be anybody's.
        self.made: set[str] = set()
        #: Waits for a group's requests that have left; set by their sender.
        self.answered: Callable[[str], Awaitable[None]] = _all_answered

    def unconfirmed(self) -> list[Owner]:
        """The tasks of which it isn't known yet whether the service has them."""
        return [
            one
            for search in self._searches.values()
            for lost in search.lost
            for one in lost.tasks.values()
        ]

    def recover(
        self, submission: int, group: str | None, tasks: list[Owner], why: SubmitUncertain
    ) -> None:
        """A request's reply was lost: find its tasks, or fail their futures.

        Parameters
        ----------
        submission:
            Its number in the task book. The book keeps unknown results until the search has ended.
        group:
            Their task group; None if only the reply would have named it.
        tasks, why:
            The futures, and what happened.
        """
        lost = _Lost(tasks, why)
        if group is None:
            self._collector.give_up(submission)
            self._fail(lost, "", _NO_GROUP)
            return
        search = self._searches.setdefault(group, _Search(group))
        search.lost.append(lost)
        self._start(self._recover(search, lost, submission))

    async def _recover(self, search: _Search, lost: _Lost, submission: int) -> None:
        problem = ""
        try:
            await self._look(search)
            await self._settled(search, lost, LATE_S)
            if lost.tasks:
                await self._look(search)  # requests that were still under way
        except ComputeError as error:
            problem = error.reason
        finally:
            self._collector.give_up(submission)
        if problem:
            self._end(search, lost, f"the group could not be asked ({problem.rstrip('.')})")
            return
        await self._settled(search, lost, None)
        self._end(search, lost)

    def find(
        self,
        group: str,
        task_ids: Sequence[str],
        outcomes: Mapping[str, Outcome],
        requests: Sequence[Sequence[Owner]],
        sure: bool,
    ) -> Found:
        """Find tasks of earlier kernels among these tasks, which no other future stands for.

        Parameters
        ----------
        group, task_ids:
            The group, and the tasks in it.
        outcomes:
            The outcomes of those that have ended.
        requests:
            Futures with their nonces, grouped by request. A future whose result comes later is
            resolved then. A future whose task isn't there fails with `SubmitUncertain`, as soon as
            that is certain.
        """
        search = self._searches.setdefault(group, _Search(group))
        sought = [_Lost(tasks, sure=sure) for tasks in requests]
        search.lost += sought
        self._expect(search, [one for one in task_ids if self._collector.book.owner(one) is None])
        for task_id, outcome in outcomes.items():
            if task_id in search.open:
                self._collector.book.close(task_id)
                self._collector.finish(*search.open[task_id], outcome)
        silent = {one.task_id: None for one in search.ended if one.failed}
        missing: list[TaskFuture] = []
        for lost in sought:
            if lost.tasks and search.open:
                self._start(self._wait_for(search, lost))
                continue
            left = [future for future, _ in lost.tasks.values()]
            self._end(search, lost)
            missing += [one for one in left if one.task_id is None]
            for future in left:
                silent.pop(future.task_id or "", None)
        return Found(missing, list(silent))

    async def _wait_for(self, search: _Search, lost: _Lost) -> None:
        await self._settled(search, lost, None)
        self._end(search, lost)

    def close(self) -> None:
        """End all searches. Their futures stay pending."""
        for work in self._work:
            work.cancel()

    # --- the search ------------------------------------------------------------------------

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.aio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("looking for lost tasks failed", exc_info=error)
            for search in list(self._searches.values()):  # or futures stay pending
                for lost in list(search.lost):
                    self._end(search, lost, f"looking for them failed ({error})")

    async def _look(self, search: _Search) -> None:
        """Ask the group for its tasks. Those that no future here stands for are strays."""
        try:
            ids = await self._requests.send(partial(self._service.task_group, search.group))
        except NotFound:
            return
        await self.answered(search.group)
        self._expect(search, self._collector.book.unknown(ids))

    def expect(self, group: str, task_ids: Iterable[str]) -> None:
        """Note task ids of a group. While a search goes on in it, the ids that nobody here knows
        are strays."""
        if (search := self._searches.get(group)) is not None:
            self._expect(search, self._collector.book.unknown(task_ids))

    def _expect(self, search: _Search, task_ids: Sequence[str]) -> None:
        strays: dict[str, Owner] = {
            task_id: (Stray(task_id, search.group, partial(self._arrived, search)), _NOBODY)
            for task_id in task_ids
            if task_id not in search.open
        }
        if strays:
            search.open |= strays
            self._collector.expect_more(search.group, strays.items())

    async def _settled(self, search: _Search, lost: _Lost, limit_s: float | None) -> None:
        """Wait until all are found, or until the limit. Without a limit, wait until no open stray
        can be one of them."""

        async def settle() -> None:
            while lost.tasks and (search.open or limit_s is not None):
                search.news.clear()
                await search.news.wait()

        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(settle(), limit_s)

    def _arrived(self, search: _Search, finished: Finished) -> None:
        """A stray has ended: match it with a future."""
        task_id, outcome = finished.future.task_id or "", finished.outcome
        assert outcome is not None
        search.open.pop(task_id, None)
        text, failed = _result(outcome)
        owner = search.owner_of("" if failed else nonce_in(text))
        if owner is None:
            search.ended.append(_Ended(task_id, outcome, failed))
            self._collector.dismiss(finished.tag)
        else:
            self._give(search, owner, task_id, outcome, finished.tag)
        search.news.set()

    def _give(
        self, search: _Search, owner: Owner, task_id: str, outcome: Outcome, tag: object = None
    ) -> None:
        future, origin = owner
        known = future.info
        future._learn(
            replace(
                known,
                task_id=task_id,
                task_group_id=search.group,
                submitted_at=known.submitted_at or time.time(),
            )
        )
        origin.submitted += 1
        self._collector.finish(future, origin, outcome, tag)

    # --- its end ---------------------------------------------------------------------------

    def _end(self, search: _Search, lost: _Lost, problem: str = "") -> None:
        if lost not in search.lost:
            return
        alone = lost.sure and not any(one.tasks for one in search.lost if one is not lost)
        if lost.why is not None:
            alone = alone and search.group in self.made and not self._unsettled[search.group]
        possible = [one for one in search.ended if one.failed or lost.plain]
        if not problem and alone and len(lost.tasks) == len(possible) == 1:
            # one request, and the numbers agree: these must be its tasks
            _, owner = lost.tasks.popitem()
            self._give(search, owner, possible[0].task_id, possible[0].outcome)
        search.lost.remove(lost)
        if not search.lost:
            del self._searches[search.group]
            for task_id, (stray, _) in search.open.items():
                if not (isinstance(stray, Stray) and stray.also):  # else somebody waits for it
                    self._collector.book.close(task_id)
        if lost.tasks:
            self._unsettled[search.group] += lost.why is not None
            self._fail(lost, search.group, problem, [one.task_id for one in possible])

    def _fail(
        self, lost: _Lost, group: str, problem: str = "", possible: Sequence[str] = ()
    ) -> None:
        """Fail the futures with an error that says what was found, and what to do."""
        count = len(lost.tasks)
        step = "The tasks were not sent again, for they could run twice."
        again = "Submit them again if that does no harm."
        look = f"%gc attach {group} in a notebook looks once more."
        if not group:
            found, step = problem, f"{step} {again}"
        elif problem:
            found, step = f"Whether it has them, {problem}.", f"{step} {look}"
        elif possible:
            named = ", ".join(possible[:_NAMED]) + ", …" * (len(possible) > _NAMED)
            found = (
                f"The group has {_tasks(len(possible))} of which it can't be told whose they are:"
                f" {named}."
            )
            step = (
                f"{step} %gc result ID in a notebook, or Client().get_result(ID), shows what came"
                f" of one. {again}"
            )
        else:
            at = clock()
            found = f"At {at} the group had none of them."
            step = f"{step} {look} {again}"
        known = str(lost.why.reason) if lost.why else f"{_tasks(count)} of an earlier kernel."
        error = SubmitUncertain(f"{known} {found}", next_step=step)
        error.task_group_id = group or None
        error.task_ids = tuple(possible)
        error.__cause__ = lost.why.__cause__ if lost.why else None
        for future, origin in lost.tasks.values():
            self._collector.finish(future, origin, error)
        lost.tasks = {}


class Found(NamedTuple):
    """The immediate result of a search: futures whose tasks the service doesn't have, and tasks
    that ended without a nonce."""

    missing: list[TaskFuture]
    silent: list[str]


async def _all_answered(_group: str) -> None:
    """Nothing is sent."""


def _nobody(_text: str) -> None:
    raise AssertionError("a stray's result is never decoded")


_NOBODY = Origin(_nobody)
_NO_GROUP = "Only the reply would have named their task group, so the service can't be asked."


def _result(outcome: Outcome) -> tuple[str, bool]:
    """An outcome's wire text, and whether it is a failure."""
    if isinstance(outcome, ResultMessage):
        return outcome.data, outcome.error_code is not None
    if isinstance(outcome, ComputeError):
        return "", True
    return outcome.result or "", outcome.exception is not None


def _tasks(count: int) -> str:
    return "1 task" if count == 1 else f"{count:,} tasks"
