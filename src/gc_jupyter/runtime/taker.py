"""What a feed of results needs of its taker: a kernel's collector, or a server's keeper."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from gc_jupyter.errors import ComputeError
from gc_jupyter.protocol.messages import ResultMessage
from gc_jupyter.service.base import TaskStatus


class Taker(Protocol):
    """Whose tasks they are. Every method is called on the loop's thread; `Feed` calls them."""

    def take(self, message: ResultMessage, body: bytes, tag: object) -> None:
        """A result came; `tag` is for `Feed.ack`."""

    def take_said(self, task_id: str, message: bytes) -> None:
        """What a task says while it runs."""

    async def take_statuses(
        self, asked: Sequence[str], found: Mapping[str, TaskStatus], tags: Mapping[str, object]
    ) -> None:
        """What the service says of these tasks; returns when that is taken in. `tags` are those of
        messages that came without their data."""

    def asked(self, error: ComputeError | None) -> None:
        """The service answered a question for tasks, or why it didn't."""

    def open_tasks(self, groups: Collection[str] | None) -> list[str]:
        """The open tasks of these groups; None: of all."""

    def open_groups(self) -> Collection[str]:
        """The groups with open tasks; empty text for a task whose group isn't known."""

    def is_open(self, task_id: str) -> bool:
        """Whether somebody waits for this task."""

    @property
    def busy(self) -> bool:
        """Whether any task is open."""
