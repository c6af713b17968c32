"""Showing tables of tasks: live ones in a front end, static ones elsewhere, columns of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from IPython.core.getipython import get_ipython
from IPython.display import display

from gc_jupyter.future import TaskFuture
from gc_jupyter.remote_text import one_line


def show_table(futures: Sequence[TaskFuture], title: str) -> None:
    """Display a table that follows these tasks. A terminal shows none, as it can't update one."""
    if getattr(get_ipython(), "kernel", None) is None:
        return
    from gc_jupyter.widgets import TaskTable

    names = {
        one.info.endpoint_id: str(one.note.endpoint)
        for one in futures
        if one.info.endpoint_id and one.note is not None and one.note.endpoint
    }
    try:
        display(TaskTable(futures, title=title, endpoint_names=names))
    except RuntimeError as error:  # the widgets' JavaScript was never built
        print(error)


def show_live(result: Any) -> None:
    """Show a future or a fan-out as a table that follows it.

    Raises
    ------
    NotImplementedError
        It can't be shown so; IPython then shows its text.
    """
    if getattr(result, "quiet", False):
        raise NotImplementedError
    if isinstance(result, TaskFuture):
        show_table([result], "Task")
    else:
        show_table(result, result.title)


def text_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None = None,
    free: Sequence[str] = (),
) -> str:
    """Columns of text under their headings. Empty columns are left out.

    Parameters
    ----------
    head, rows:
        The texts.
    width:
        Characters of a line. Where the columns of `free` are too wide for it, their texts are cut.
    free:
        Heads of columns.
    """
    lines = [list(head), *([one_line(str(cell), 200) for cell in row] for row in rows)]
    columns = [one for one in zip(*lines, strict=True) if any(one[1:])]
    widths = [max(map(len, column)) for column in columns]
    loose = [at for at, column in enumerate(columns) if column[0] in free]
    while width is not None and loose and sum(widths) + 2 * len(widths) - 2 > width:
        widest = max(loose, key=lambda at: widths[at])
        if widths[widest] <= len(columns[widest][0]):
            break
        widths[widest] -= 1
    return "\n".join(
        "  ".join(
            _cut(cell, width).ljust(width) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in zip(*columns, strict=True)
    )


def _cut(text: str, width: int) -> str:
    """A text without its middle if it is too long, because labels often differ at their ends."""
    end = (width - 1) // 3
    return text if len(text) <= width else f"{text[: width - 1 - end]}…{text[len(text) - end :]}"
