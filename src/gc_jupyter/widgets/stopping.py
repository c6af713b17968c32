"""Answer the buttons that stop tasks: the table's, and the panel's by a comm of its own.

::

    table  ─► `Stop`      ─┐                   ┌► a question, and the words that say yes
    panel  ─► `StopTasks` ─┴► the tasks meant ─┴► sure: what became of them

Both are answered on the kernel's message thread. If kernel and front end have subshells, the answer
comes while a cell runs; otherwise it comes when the cell has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gc_jupyter.future import TaskFuture
from gc_jupyter.session.stopping import question, stop_tasks
from gc_jupyter.widgets.messages import Stopping


def stopping(futures: Sequence[TaskFuture], asked: Mapping[str, Any]) -> Stopping:
    """Ask whether to stop these tasks, or stop them. Returns the answer for the front end.

    Parameters
    ----------
    futures:
        The tasks that are meant.
    asked:
        A `Stop` or a `StopTasks`, from a front end.
    """
    still = [future for future in futures if not future.done()]
    text, answer = question(still)
    if answer and asked.get("sure") is True:
        text, answer = "\n".join(stop_tasks(still)), ""
    return Stopping(type="stopping", request=str(asked.get("request")), text=text, answer=answer)


def answer_panel(open_ones: Sequence[TaskFuture], asking: Any, message: Mapping[str, Any]) -> None:
    """Answer a `StopTasks`.

    Parameters
    ----------
    open_ones:
        The kernel's open tasks.
    asking:
        The comm that the panel has opened.
    message:
        The message that opened it.
    """
    asked = message["content"]["data"]
    meant = _meant(open_ones, asked)
    reply = stopping(meant, asked)
    if not meant:
        reply["text"] = "None of this is open in the kernel: there is nothing to stop."
    asking.send(reply)


def _meant(open_ones: Sequence[TaskFuture], asked: Mapping[str, Any]) -> list[TaskFuture]:
    ids, cells = asked.get("tasks") or [], asked.get("cells") or []
    return [one for one in open_ones if one.task_id in ids or _count(one) in cells]


def _count(future: TaskFuture) -> int | None:
    """Return the execution count of a task's cell."""
    place = getattr(future.note, "place", None)
    return place.execution_count if place is not None else None
