"""The interface of those who take a feed's results: a kernel's collector, a server's keeper."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from gc_jupyter.errors import ComputeError
from gc_jupyter.protocol.messages import ResultMessage
from gc_jupyter.service.base import TaskStatus


class Taker(Protocol):
    """Takes the results of a feed. `Feed` calls each method, on the loop's thread."""

    def take(self, message: ResultMessage, body: bytes, tag: object) -> None:
        """A result came; `tag` is for `Feed.ack`."""

    def take_said(self, task_id: str, message: bytes) -> None:
        """Take a message that a task sends while it runs."""

    async def take_statuses(
        self, asked: Sequence[str], found: Mapping[str, TaskStatus], tags: Mapping[str, object]
    ) -> None:
        """Take the service's states of these tasks; returns when they are processed. `tags` are
        those of messages that came without their data."""

    def asked(self, error: ComputeError | None) -> None:
        """The service has answered a question for tasks; or the error, where it didn't."""

    def open_tasks(self, groups: Collection[str] | None) -> list[str]:
        """The open tasks of these groups; None: of all."""

    def open_groups(self) -> Collection[str]:
        """The groups with open tasks; empty text for a task whose group isn't known."""

    def is_open(self, task_id: str) -> bool:
        """Whether this task is open here."""

    @property
    def busy(self) -> bool:
        """Whether any task is open."""
