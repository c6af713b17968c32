"""Waiting for a task from a cell, and being interrupted at it."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING

from gc_jupyter.errors import ComputeError

if TYPE_CHECKING:
    from gc_jupyter.capture import CellFuture


class Interrupted(ComputeError):
    """The user stopped waiting. One line is shown; the cell's status is an error."""

    def _render_traceback_(self) -> list[str]:
        return [str(self).replace("\n", " ")]


def wait(future: CellFuture) -> None:
    """Wait until the task is done.

    Raises
    ------
    Interrupted
        On an interrupt. A task that was sent runs on: the service can't cancel it.
    """
    try:
        concurrent.futures.wait([future])
    except KeyboardInterrupt:
        if future.task_id is None and future.cancel():
            raise Interrupted("Interrupted: the cell was not sent.") from None
        raise Interrupted(
            f"Interrupted: task {future.task_id or '(being sent)'} runs on at {future.endpoint}."
        ) from None
