"""NotebookFuture: a cell's future that reports when its result is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gc_jupyter.capture import CellFuture
from gc_jupyter.future import TaskFuture
from gc_jupyter.remote_text import one_line
from gc_jupyter.runtime.loop import kernel_loop
from gc_jupyter.session.kept import record_of

if TYPE_CHECKING:
    from gc_jupyter.session.fan_out import Tasks


class NotebookFuture(CellFuture):
    """As CellFuture; `on_taken` is called once, when somebody first takes the result.

    A table that previews results does not count, since it looks on the loop's thread. `again`
    submits the same task once more, with its original data; None for an earlier kernel's task.
    """

    #: Whether its display is a line of text instead of a table.
    quiet = False
    #: The fan-out that it belongs to, if any.
    fan_out: Tasks | None = None
    again: Callable[[], NotebookFuture] | None = None
    on_taken: Callable[[Sequence[TaskFuture]], object] | None = None
    #: Names of --keep that aren't kept -> why.
    not_kept: Mapping[str, str] = MappingProxyType({})

    def take_kept(self, told: Mapping[str, Any]) -> None:
        """See CellFuture. Each kept value becomes one of `out`."""
        self.not_kept = {
            one_line(str(name)): one_line(str(why), 500)
            for name, why in told.get("failed", {}).items()
        }
        from gc_jupyter.session.keeping import remember

        for one in told.get("records", ()):
            where = self.info.endpoint_id or str(one.get("endpoint") or "")
            record = record_of(one, where, self.endpoint, self.objects)
            self.out.update((value.name, value) for value in record.values())
            self.stayed += record.values() if record.unasked else ()
            remember(record, one)

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
    """Register a task that is run again: nobody has seen its result yet."""
    future = submit()
    keep([future])
    return future
