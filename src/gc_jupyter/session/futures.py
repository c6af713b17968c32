"""NotebookFuture: a cell's future that tells when its result was taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gc_jupyter.capture import CellFuture
from gc_jupyter.future import TaskFuture
from gc_jupyter.runtime.loop import kernel_loop

if TYPE_CHECKING:
    from gc_jupyter.session.fan_out import Tasks


class NotebookFuture(CellFuture):
    """As CellFuture; `on_taken` is called once, when somebody first takes the result.

    A table that previews results does not count: it looks on the loop's thread. `again` submits
    the same task once more, with the data of its time; None for one of an earlier kernel.
    """

    #: Whether it shows itself as a line of text, and not as a table.
    quiet = False
    #: The fan-out that it is one of, where it is.
    fan_out: Tasks | None = None
    again: Callable[[], NotebookFuture] | None = None
    on_taken: Callable[[Sequence[TaskFuture]], object] | None = None

    def result(self, timeout: float | None = None) -> Any:
        """See concurrent.futures.Future."""
        try:
            return super().result(timeout)
        finally:
            if self.on_taken is not None and self.done() and not kernel_loop().here:
                taken, self.on_taken = self.on_taken, None
                taken([self])


def keeping(
    keep: Callable[[Sequence[TaskFuture]], object], submit: Callable[[], NotebookFuture]
) -> NotebookFuture:
    """A task once more: nobody has seen its result yet."""
    future = submit()
    keep([future])
    return future
