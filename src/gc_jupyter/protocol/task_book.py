"""The book of open tasks: the owner of each task id, and results that come before their id.

A result can overtake the reply that announces its task id. While a submission is under way,
results of unknown tasks are therefore kept. When all submissions that were under way at their
arrival have ended, a result whose task is still unknown is dropped: it is a duplicate, or another
consumer's. So only eight bytes stay for each task that was ever open. They tell which of a group's
tasks nobody here has (`unknown`), unless a request is under way that may have made some of them.
"""

from __future__ import annotations

import enum
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Owner = TypeVar("Owner")
Result = TypeVar("Result")


class Unclaimed(enum.Enum):
    """What happened to a result that no open task waits for."""

    KEPT = "kept until its task id is known"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Settled(Generic[Owner, Result]):
    """What the end of a submission decided."""

    matched: list[tuple[Owner, Result]]  # early results that found their task
    dropped: list[Result]  # results that no task here waits for


class TaskBook(Generic[Owner, Result]):
    """Open tasks by id. Not thread-safe: one thread owns it."""

    def __init__(self) -> None:
        self._open: dict[str, Owner] = {}
        self._early: dict[str, tuple[Result, set[int]]] = {}
        self._submissions: set[int] = set()
        self._next = 0
        self._known = array("q")  # hashes of all ids that the service has ever given here
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[str]:
        return iter(self._open)

    @property
    def early(self) -> int:
        """How many results wait for their task id."""
        return len(self._early)

    def owners(self) -> Iterable[Owner]:
        """The owners of the open tasks."""
        return self._open.values()

    def begin(self) -> int:
        """A submission starts; returns the number to give to `end`."""
        self._next += 1
        self._submissions.add(self._next)
        return self._next

    def end(
        self, submission: int, tasks: Iterable[tuple[str, Owner]] = ()
    ) -> Settled[Owner, Result]:
        """A submission ended with these tasks; with none, it failed."""
        matched = self.expect(tasks)
        self._submissions.discard(submission)
        dropped = []
        for task_id, (result, waits_for) in list(self._early.items()):
            waits_for.discard(submission)
            if not waits_for:
                dropped.append(result)
                del self._early[task_id]
        self.dropped += len(dropped)
        return Settled(matched, dropped)

    def expect(self, tasks: Iterable[tuple[str, Owner]]) -> list[tuple[Owner, Result]]:
        """These tasks are open from now on; returns those whose results had already come."""
        matched: list[tuple[Owner, Result]] = []
        for task_id, owner in tasks:
            self._known.append(hash(task_id))
            early = self._early.pop(task_id, None)
            if early is None:
                self._open[task_id] = owner
            else:
                matched.append((owner, early[0]))
        return matched

    def unknown(self, task_ids: Iterable[str]) -> list[str]:
        """Those of these tasks that were never open here."""
        known = set(self._known)
        return [task_id for task_id in dict.fromkeys(task_ids) if hash(task_id) not in known]

    def deliver(self, task_id: str, result: Result) -> Owner | Unclaimed:
        """The task that waits for this result, now closed, or what became of the result."""
        if task_id in self._open:
            return self._open.pop(task_id)
        if self._submissions and task_id not in self._early:
            self._early[task_id] = (result, set(self._submissions))
            return Unclaimed.KEPT
        self.dropped += 1
        return Unclaimed.DROPPED

    def owner(self, task_id: str) -> Owner | None:
        """Who waits for this task, or None."""
        return self._open.get(task_id)

    def close(self, task_id: str) -> None:
        """Close a task whose outcome came by another way."""
        self._open.pop(task_id, None)
