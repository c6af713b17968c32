"""TaskTable: a live table of tasks in a notebook, fed by their events.

::

    TaskEvent ───────► rows ─► dirty pages ─► Flusher ─► comm         gc-loop
    done callback ─► deque ─┘                                         gc-results
    front end ─► on_front_end_message                                 the kernel's message thread
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, cast

from gc_jupyter.capture import CellFuture
from gc_jupyter.credentials import masked
from gc_jupyter.future import TaskFuture
from gc_jupyter.remote_text import one_line
from gc_jupyter.runtime.loop import kernel_loop
from gc_jupyter.types import LOCAL_ENDPOINT_ID, LOCAL_NAME, TaskEvent, TaskInfo, TaskState
from gc_jupyter.widgets.flusher import flusher
from gc_jupyter.widgets.live_widget import LiveWidget
from gc_jupyter.widgets.messages import OutputMark, Shown
from gc_jupyter.widgets.outcomes import outcome, whole_text
from gc_jupyter.widgets.static_table import as_of, static_table
from gc_jupyter.widgets.stopping import stopping
from gc_jupyter.widgets.task_rows import TaskRows


class TaskTable(LiveWidget):
    """A table that follows tasks until all have ended. Its saved form is static.

    Parameters
    ----------
    futures:
        The tasks, in the order of the rows. `add` adds more later. If they are a fan-out, a task
        that is run again takes its place in the fan-out, too.
    title:
        The table's caption.
    rerun:
        Runs a task again: takes its future and returns the new one, which takes the row. By
        default, tasks of cells are sent again as they were, and other tasks can't be run again.
    endpoint_names:
        Names to show for endpoint ids.
    keep:
        Whether the table stays a live widget after all tasks have ended. A notebook that is saved
        so can't show the table without its kernel.

    Notes
    -----
    In an unattended run (nbclient, papermill, a terminal) the table is static from the start. In
    JupyterLab and Notebook 7 it can be used after its end, too, as long as the kernel and page
    exist; elsewhere it is static then. All tables together send at most four updates a second, and
    none while nothing changes.
    """

    lasts = True

    def __init__(
        self,
        futures: Iterable[TaskFuture] = (),
        *,
        title: str = "Tasks",
        rerun: Callable[[TaskFuture], TaskFuture] | None = None,
        endpoint_names: Mapping[str, str] | None = None,
        keep: bool = False,
    ) -> None:
        places = futures if hasattr(futures, "on_replaced") else None
        futures = list(futures)
        if rerun is None and futures and all(getattr(one, "again", None) for one in futures):
            rerun = _again
        self.title = one_line(title, 200)
        self._rerun = rerun
        self._keep = keep
        self._run = _run_of(futures)
        self._places: Any = places  # who has its own places for these tasks
        self._rows = TaskRows(time.time(), dict(endpoint_names or {}))
        self._futures: list[TaskFuture] = []  # the tasks, by row
        self._row_of: dict[TaskFuture, int] = {}
        self._by_serial: dict[int, int] = {}
        self._done: deque[TaskFuture] = deque()  # any thread appends to it
        self._woken = False
        self._sources: set[Any] = set()
        super().__init__("task_table")
        self.add(futures)
        if places is not None:
            places.on_replaced(self._replaced)

    @property
    def futures(self) -> tuple[TaskFuture, ...]:
        """Return the tasks, by row."""
        return tuple(self._futures)

    def add(self, futures: Iterable[TaskFuture]) -> None:
        """Add tasks as further rows. Those that the table has already are left out.

        Parameters
        ----------
        futures:
            Of the tasks.
        """
        new = list(futures)
        kernel_loop().ask(self._add, new)
        for future in new:
            future.add_done_callback(self._finished)
        kernel_loop().ask(self._take_in)

    def __repr__(self) -> str:
        plain: str = kernel_loop().ask(self.static_bundle, time.time())["text/plain"]
        return plain

    # --- the loop's thread -----------------------------------------------------------------

    def _add(self, futures: Sequence[TaskFuture]) -> None:
        alike = Counter(future.label for future in futures)
        for future in futures:
            if future in self._row_of:
                continue
            number = f" #{len(self._rows) + 1}" if alike[future.label] > 1 else ""
            row = self._rows.add((future.label or "task") + number, getattr(future, "endpoint", ""))
            self._futures.append(future)
            self._row_of[future] = row
            self._by_serial[future.serial] = row
            source = future.source
            if source is not None and source not in self._sources:
                self._sources.add(source)
                source.watch(self._on_events)
            self._rows.update(row, _where(future), future.info)
            if isinstance(future, CellFuture) and future.live.followed:
                heard = partial(self._heard, future)
                future.live.listen(heard)
                heard()
            if isinstance(future, CellFuture):
                future.when_fetching(partial(kernel_loop().tell, self._moved, future))

    def _on_events(self, events: Sequence[TaskEvent]) -> None:
        for event in events:
            row = self._by_serial.get(event.serial)
            if row is not None and not event.state.done:  # `_finished` tells the ends
                self._rows.update(row, event.state, event.info, running_since=event.at)
        self._changed()

    def _heard(self, future: CellFuture) -> None:
        row = self._row_of.get(future)
        if row is not None:
            self._rows.say(row, masked(future.live.last_line()), future.live.progress)
            self._changed()

    def _moved(self, future: CellFuture) -> None:
        row, moving = self._row_of.get(future), future.fetching
        if row is not None and moving is not None:
            self._rows.say(row, moving.text(), None)
            self._changed()

    def _take_in(self) -> None:
        self._woken = False  # cleared first: a later end wakes the loop again
        news = bool(self._done)
        while self._done:
            future = self._done.popleft()
            row = self._row_of.get(future)
            if row is not None:  # else another task has taken the row
                self._rows.update(row, *_ended(future))
        self._changed()
        if news and self.settled:
            self.settle()

    def _put(self, row: int, future: TaskFuture) -> None:
        """Give a row to the task's new run."""
        old = self._futures[row]
        self._row_of.pop(old, None)
        self._by_serial.pop(old.serial, None)
        self._futures[row] = future
        self._row_of[future] = row
        self._by_serial[future.serial] = row
        # an unsubmitted future has stood in for this one
        self._rows.restart(row, future.label if old.source is None else "")
        source = future.source
        if self.settled:
            if self.comm is None:
                self.settle()
                return
            self.revive()
        if source is not None and source not in self._sources:
            self._sources.add(source)
            source.watch(self._on_events)

    def _changed(self) -> None:
        if self._rows.dirty and (self.comm is not None or not self.settled):
            flusher().mark(self)
            self.changed()

    def flush(self) -> bool:
        """See flusher.Source."""
        if self.comm is not None and self._rows.dirty:
            self.push(self._rows.take())
        more = self.comm is not None and self._rows.dirty
        if self._rows.done and not more:
            self._end()
        return more

    def _end(self) -> None:
        for source in self._sources:
            source.unwatch(self._on_events)
        self._sources.clear()
        if not self._keep and not self.settled:
            self.settle()

    @property
    def weight(self) -> int:
        """See LiveWidget."""
        return len(self._futures)

    def state(self) -> dict[str, Any]:
        """See LiveWidget."""
        return {
            "title": self.title,
            "origin": self._rows.origin,
            "can_rerun": self._rerun is not None,
            "run": self._run,
            **self._rows.first(),
        }

    def static_bundle(self, at: float) -> dict[str, str]:
        """See LiveWidget.

        Parameters
        ----------
        at:
            As there.
        """
        return static_table(self._rows, self._futures, self.title, at)

    def mark(self, at: float) -> OutputMark:
        """See LiveWidget.

        Parameters
        ----------
        at:
            As there.
        """
        mark = super().mark(at)
        if not self._rows.done:
            mark["as_of"] = as_of(at)
            mark["ended"] = _when_ended(self._rows.endpoints)
        return mark

    # --- other threads ---------------------------------------------------------------------

    def _finished(self, future: Future[Any]) -> None:
        self._done.append(cast(TaskFuture, future))
        if not self._woken:
            self._woken = True
            kernel_loop().call(self._take_in)

    def on_front_end_message(self, content: dict[str, Any]) -> None:
        """See LiveWidget.

        Parameters
        ----------
        content:
            As there.
        """
        kind, row = content.get("type"), content.get("row")
        if kind == "need":
            kernel_loop().call(self._resend, content.get("pages"), content.get("seq"))
        elif kind == "view":
            kernel_loop().call(self._look_at, content.get("pages"))
        elif kind == "stop" and row is None:
            self._stop(self._futures, content)
        elif not isinstance(row, int) or not 0 <= row < len(self._futures):
            return
        elif kind == "show":
            text = whole_text(self._futures[row])
            shown = Shown(type="shown", request=str(content.get("request")), row=row, text=text)
            self.send(shown)
        elif kind == "stop":
            self._stop([self._futures[row]], content)
        elif kind == "rerun" and self._rerun is not None:
            self._run_again(row)

    def _stop(self, futures: Sequence[TaskFuture], content: dict[str, Any]) -> None:
        self.send(stopping(futures, content))

    def _run_again(self, row: int) -> None:
        if self._places is not None and row < len(self._places):
            self._places.rerun(row)  # it calls `_replaced`
        elif self._rerun is not None:
            self._replaced(row, self._rerun(self._futures[row]))

    def _replaced(self, row: int, future: TaskFuture) -> None:
        kernel_loop().ask(self._put, row, future)
        future.add_done_callback(self._finished)
        kernel_loop().ask(self._take_in)

    def _look_at(self, pages: Any) -> None:
        if isinstance(pages, list):
            self._rows.look_at(page for page in pages if isinstance(page, int))

    def _resend(self, pages: Any, seq: Any) -> None:
        if seq != self._rows.seq:  # the front end has missed an update
            self._rows.touch_all()
        elif isinstance(pages, list):
            self._rows.touch(page for page in pages if isinstance(page, int))
        self._changed()


def _run_of(futures: Iterable[TaskFuture]) -> str:
    """Return the run of a cell that all these tasks are of, or an empty text."""
    runs = {future.note.place.cell if future.note is not None else "" for future in futures}
    return runs.pop() if len(runs) == 1 else ""


def _again(future: Any) -> TaskFuture:
    """Run a cell's task again."""
    again: TaskFuture = future.again()
    return again


def _when_ended(endpoints: Sequence[str]) -> str:
    """Return the text for a notebook whose kernel ended before the tasks of these endpoints."""
    said = "The kernel has ended since."
    if LOCAL_NAME in endpoints:
        said += " Tasks of local have ended with it."
    if set(endpoints) - {LOCAL_NAME}:
        said += " %gc attach in the next one picks up what was sent to an endpoint."
    return said


def _where(future: TaskFuture) -> TaskState:
    """Return the text about a task before the service was asked."""
    info = future.info
    if info.task_id:
        local = info.endpoint_id == LOCAL_ENDPOINT_ID
        return TaskState.WAITING_WORKER if local else TaskState.WAITING_ENDPOINT
    if info.submitted_at is not None or (future.source is None and future.running()):
        return TaskState.UNCONFIRMED
    held = future.source is not None and future.source.hold is not None
    return TaskState.WAITING_LIMIT if held else TaskState.UNSENT


def _ended(future: TaskFuture) -> tuple[TaskState, TaskInfo, str]:
    state, text = outcome(future)
    return state, future.info, text
