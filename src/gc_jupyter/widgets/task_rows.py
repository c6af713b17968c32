"""Keep the rows of a task table: values in, update messages out. No threads, no clock, no
widget."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from typing import Any

from gc_jupyter.remote_text import one_line
from gc_jupyter.types import LOCAL_ENDPOINT_ID, LOCAL_NAME, TaskInfo, TaskState
from gc_jupyter.widgets.messages import PAGE_ROWS, Row

#: Pages in one update, about 150 kB. A server passes on 1 MB a second of a kernel's messages.
UPDATE_PAGES = 12
#: Pages in the first message: 2,000 rows, sent once.
FIRST_PAGES = 20
#: The most pages of an update that the user looks at, so that the others advance, too.
_VIEWED_PAGES = 8

_STATES = tuple(TaskState)
_INDEX = {state: index for index, state in enumerate(_STATES)}


class TaskRows:
    """The rows, their counts by state, and the pages that a front end doesn't have yet.

    Parameters
    ----------
    origin:
        The unix seconds from which all times count.
    endpoint_names:
        The names to show for endpoint ids.
    """

    def __init__(self, origin: float, endpoint_names: dict[str, str] | None = None) -> None:
        self.origin = origin
        self.rows: list[Row] = []
        self.counts = [0] * len(_INDEX)
        self.endpoints: list[str] = []
        self.seq = 0
        self._names = {LOCAL_ENDPOINT_ID: LOCAL_NAME, **(endpoint_names or {})}
        self._endpoint_index: dict[str, int] = {}
        self._dirty: dict[int, None] = {}  # pages, oldest change first
        self._viewed: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dirty(self) -> bool:
        """Whether `take` has something to send."""
        return bool(self._dirty)

    @property
    def done(self) -> bool:
        """Whether there are rows and all of them are final."""
        return bool(self.rows) and len(self.rows) == sum(
            self.counts[index] for state, index in _INDEX.items() if state.done
        )

    def count(self, state: TaskState) -> int:
        """Return the number of rows in a state."""
        return self.counts[_INDEX[state]]

    def state(self, row: int) -> TaskState:
        """Return a row's state."""
        return _STATES[self.rows[row].state]

    def field(self, row: int, name: str) -> Any:
        """Return a row's field, as it travels."""
        return getattr(self.rows[row], name)

    def add(self, label: str, endpoint: str = "") -> int:
        """Add an unsent row. Returns its number."""
        state = _INDEX[TaskState.UNSENT]
        self.rows.append(Row(state, one_line(label), self._endpoint(endpoint)))
        self.counts[state] += 1
        row = len(self.rows) - 1
        self._dirty.setdefault(row // PAGE_ROWS)
        return row

    def update(
        self,
        row: int,
        state: TaskState,
        info: TaskInfo,
        text: str = "",
        *,
        running_since: float | None = None,
    ) -> None:
        """Take in a task's news. News after its end is ignored.

        Parameters
        ----------
        running_since:
            Unix seconds, used until the worker's own times are known.
        """
        old = self.rows[row]
        if _STATES[old.state].done:
            return
        endpoint, started = old.endpoint, old.started
        if info.endpoint_id and self.endpoints[endpoint] == "":
            endpoint = self._endpoint(info.endpoint_id)
        if info.started_at is not None:
            started = self._ms(info.started_at)
        elif state is TaskState.RUNNING and started is None:
            started = self._ms(running_since)
        new = Row(
            state=_INDEX[state],
            label=old.label,
            endpoint=endpoint,
            submitted=self._ms(info.submitted_at),
            started=started,
            ended=self._ms(info.ended_at),
            task_id=info.task_id or "",
            text=text if state.done else text or old.text,
            progress=None if state.done else old.progress,
        )
        if new == old:  # the service repeats this while a task waits
            return
        self.counts[old.state] -= 1
        self.counts[new.state] += 1
        self.rows[row] = new
        self._dirty.setdefault(row // PAGE_ROWS)

    def say(self, row: int, text: str, progress: tuple[float, float] | None) -> None:
        """Take in a task's last line and progress (see `LiveOutput`). News after its end is
        ignored."""
        old = self.rows[row]
        new = old._replace(text=one_line(text))
        if progress is not None:
            done, total = (None if math.isnan(one) else round(one, 3) for one in progress)
            new = new._replace(progress=(done, total))
        if new != old and not _STATES[old.state].done:
            self.rows[row] = new
            self._dirty.setdefault(row // PAGE_ROWS)

    def restart(self, row: int, label: str = "") -> None:
        """Give a row another task, unsent as yet. `label` is its name, if new."""
        old, unsent = self.rows[row], _INDEX[TaskState.UNSENT]
        self.counts[old.state] -= 1
        self.counts[unsent] += 1
        self.rows[row] = Row(unsent, one_line(label) or old.label, old.endpoint)
        self._dirty.setdefault(row // PAGE_ROWS)

    def touch(self, pages: Iterable[int]) -> None:
        """Send these pages again."""
        last = (len(self.rows) - 1) // PAGE_ROWS
        self._dirty.update(dict.fromkeys(page for page in pages if 0 <= page <= last))

    def touch_all(self) -> None:
        """Send every page again."""
        self.touch(range(-(-len(self.rows) // PAGE_ROWS)))

    def look_at(self, pages: Iterable[int]) -> None:
        """Note that the user looks at these pages. Their news go first from now on."""
        self._viewed = dict.fromkeys(itertools.islice(pages, _VIEWED_PAGES))

    def first(self) -> dict[str, Any]:
        """Return the state for a front end that has nothing yet. `take` sends what doesn't fit,
        when the front end asks for it."""
        return self._message(range(min(FIRST_PAGES, -(-len(self.rows) // PAGE_ROWS))))

    def take(self) -> dict[str, Any]:
        """Return the next update: the pages that the user looks at, and the longest waiting
        ones."""
        viewed = [page for page in self._viewed if page in self._dirty]
        for page in viewed:
            del self._dirty[page]
        pages = [*viewed, *itertools.islice(self._dirty, UPDATE_PAGES - len(viewed))]
        for page in pages[len(viewed) :]:
            del self._dirty[page]
        self.seq += 1
        return self._message(pages)

    def _message(self, pages: Iterable[int]) -> dict[str, Any]:
        state: dict[str, Any] = {
            "size": len(self.rows),
            "endpoints": [*self.endpoints],
            "counts": [*self.counts],
            "seq": self.seq,
        }
        for page in pages:
            # a row is replaced and never changed, since any thread may read what is sent
            state[f"page_{page}"] = self.rows[page * PAGE_ROWS : (page + 1) * PAGE_ROWS]
        return state

    def _endpoint(self, endpoint: str) -> int:
        name = one_line(self._names.get(endpoint, endpoint))
        index = self._endpoint_index.setdefault(name, len(self.endpoints))
        if index == len(self.endpoints):
            self.endpoints.append(name)
        return index

    def _ms(self, at: float | None) -> int | None:
        return None if at is None else round((at - self.origin) * 1000)
