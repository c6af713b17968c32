"""Errors of fan-outs: which tasks failed, equal failures as one, and where the good results are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from gc_jupyter.errors import RemoteException, gist
from gc_jupyter.future import TaskFuture, dropped

if TYPE_CHECKING:
    from gc_jupyter.session.fan_out import Tasks

#: How many different failures are shown, and how many labels of each.
SHOWN = 4


class FanOutFailed(RemoteException):
    """Some tasks of a fan-out failed. The first failure is the `__cause__`.

    Attributes
    ----------
    tasks:
        All futures, in order; `tasks.failed` has the failed ones.
    """

    tasks: Tasks
    #: The text in lines, coloured if the notebook's tracebacks are.
    shown: list[str]

    def _render_traceback_(self) -> list[str]:
        return self.shown


def fan_out_failed(
    tasks: Tasks, failed: Sequence[int], how_to_see: str, where_good: str, again: str
) -> FanOutFailed:
    """See `Tasks.failure`; `failed` are the places of the tasks that failed."""
    cancelled = sum(tasks[at].cancelled() for at in failed)
    lines = [f"{_came_to(len(failed) - cancelled, cancelled, len(tasks))}."]
    if len(failed) < len(tasks):
        others = where_others(len(tasks) - len(failed), "The error's tasks", placed=False)
        lines.append(where_good or f"{others}.")
    if again:
        which = "these" if cancelled else "the failed ones"
        lines.append(f"{again} runs {which} again; what comes takes their places.")
    alike: dict[tuple[str, ...], list[int]] = {}
    for at in failed:
        alike.setdefault(tuple(_lines(tasks[at])), []).append(at)
    shown = [*lines]
    for text, those_at in list(alike.items())[:SHOWN]:
        head = ["", f"{_named(tasks, those_at)}:"]
        lines += [*head, *text]
        shown += [*head, *_lines(tasks[those_at[0]], as_shown=True)]
    rest = [at for those_at in list(alike.values())[SHOWN:] for at in those_at]
    see = how_to_see or "the error's tasks.failed lists them"
    more = []
    if rest:
        ids = tasks[rest[0]].task_id
        more = ["", f"{len(rest):,} more failed: {see}; %gc result {ids}."]
    elif len(failed) > SHOWN:
        more = ["", f"{len(failed):,} failed: {see}."]
    error = FanOutFailed("\n".join([*lines, *more]), code="RemoteExecutionError")
    error.tasks, error.shown = tasks, [*shown, *more]
    error.__cause__ = error_of(tasks[failed[0]])
    return error


def _came_to(failed: int, cancelled: int, total: int) -> str:
    """The counts in the table's words: ``2 of 9 tasks failed, 3 were cancelled``."""
    were = f"{'was' if cancelled == 1 else 'were'} cancelled"
    if not failed:
        return f"{cancelled:,} of {total:,} tasks {were}"
    return f"{failed:,} of {total:,} tasks failed" + f", {cancelled:,} {were}" * bool(cancelled)


def where_others(good: int, tasks: str = "sys.last_value.tasks", *, placed: bool = True) -> str:
    """Say where the good results of a fan-out are, if other tasks failed. The sentence has no full
    stop.

    Parameters
    ----------
    good:
        The number of good results.
    tasks:
        The expression by which the notebook has the fan-out.
    placed:
        Whether to say that each has its place in the list.
    """
    what = "the other result" if good == 1 else f"the {good:,} other results"
    place = (", in its place" if good == 1 else ", each in its place") if placed else ""
    return f"{tasks}.values() has {what}{place}"


def with_tasks(
    error: BaseException, tasks: Any, where_good: Callable[[int], str] | None = None
) -> BaseException:
    """An error of a fan-out with the tasks added, which also says where the good values are.

    Parameters
    ----------
    error:
        The error of the whole fan-out.
    tasks:
        A `Tasks`.
    where_good:
        Returns the sentence for a number of good values.
    """
    good = len(tasks) - len(tasks.failed) - len(tasks.pending)
    said = where_good(good) if where_good is not None else ""
    if not said and good:
        said = f"{where_others(good)}."
    render = getattr(error, "_render_traceback_", None)
    error.tasks = tasks  # type: ignore[attr-defined]
    if said and render is not None:
        error._render_traceback_ = lambda: [*render(), said]  # type: ignore[attr-defined]
    return error


def error_of(future: TaskFuture) -> BaseException | None:
    """A task's failure; None if it was not sent."""
    return None if dropped(future) else future.exception()


def _named(tasks: Tasks, places: Sequence[int]) -> str:
    """The tasks' labels in a few words: ``x=3, x=7 and 5 more (7 tasks)``."""
    named = ", ".join(tasks.labels[at] for at in places[:SHOWN])
    if len(places) > SHOWN:
        named += f" and {len(places) - SHOWN:,} more"
    return named if len(places) == 1 else f"{named} ({len(places):,} tasks)"


def _lines(future: TaskFuture, *, as_shown: bool = False) -> list[str]:
    """A failure without the line that names its task, time and place, so that equal failures can be
    found. The tables show that line."""
    error = error_of(future)
    if error is None:
        return ["cancelled: it was not sent"]
    if future.cancelled():
        return [f"cancelled: {gist(error)}"]
    render = getattr(error, "_render_traceback_", None)
    if render is None or not isinstance(error, RemoteException):
        return f"{type(error).__name__}: {str(error).strip()}".split("\n")
    if as_shown:
        return list(render())[1:]
    return [*error.remote_data.split("\n")[1:], *([error.next_step] if error.next_step else [])]
