"""Record the progress of running tasks for the panels, in at most one write a second."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from gc_jupyter.capture import CellFuture
from gc_jupyter.runtime.loop import kernel_loop

if TYPE_CHECKING:
    from gc_jupyter.journal import Journal

_EVERY_S = 1.0
#: Journal -> serial of a task -> the share of it that is done. `gc-loop` owns it.
_waiting: dict[Journal, dict[int, float]] = {}


def note_progress(journal: Journal, future: CellFuture) -> None:
    """Record a task's progress in a journal from now on.

    Parameters
    ----------
    journal:
        This kernel's.
    future:
        The task's; `future.live` is fed on the loop's thread.
    """
    future.live.listen(partial(_moved, journal, future))


def _moved(journal: Journal, future: CellFuture) -> None:
    done, total = future.live.progress or (0.0, math.nan)
    if math.isnan(total) or future.done():
        return
    waiting = _waiting.setdefault(journal, {})
    if not waiting:
        kernel_loop().aio.call_later(_EVERY_S, _write, journal)
    waiting[future.serial] = done / total


def _write(journal: Journal) -> None:
    parts = _waiting.pop(journal)
    session = journal.session.session
    journal.post(lambda database: database.progress.put(session, parts), rows=len(parts))
