"""Waiting for a cell's tasks, with the time-out, table and interrupt that its options ask for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from gc_jupyter.future import dropped
from gc_jupyter.magics.terminal import ProgressLine, has_terminal
from gc_jupyter.session import wait
from gc_jupyter.session.waiting import StoppedWaiting
from gc_jupyter.widgets.front_end import has_front_end

if TYPE_CHECKING:
    from gc_jupyter.options import Options
    from gc_jupyter.session import Session, Target
    from gc_jupyter.session.watching import Watch


def wait_for(
    session: Session,
    options: Options,
    target: Target,
    futures: Sequence[Any],
    watch: Watch | None = None,
) -> None:
    """Wait until all tasks are done. With a single task, `watch` shows its output meanwhile.

    Raises
    ------
    Interrupted, StillRunning
        See `gc_jupyter.session.wait`. Tasks that run on can be picked up by `%gc attach`.
    """
    others = None
    if options.on_interrupt == "cancel-unsent":
        others = partial(session.drop_unsent, target)
    shown: list[bool] = []
    pause = None if watch is None else watch.pause
    line = ProgressLine(target.name, pause) if has_terminal() else None

    def late() -> None:
        if watch is not None and watch.screen.shown:
            return  # its output says more than a table, which would appear amid the output
        if line is not None:
            line.start()
            return
        shown.append(has_front_end())
        if shown[0]:
            follow(options, futures)

    try:
        wait(
            futures,
            target.name,
            timeout=options.timeout,
            when_late=None if options.quiet or options.progress_after < 0 else late,
            late_s=options.progress_after,
            others=others,
            quiet=options.quiet,
            pause=pause if line is None else line.pause,
        )
    except StoppedWaiting:
        session.keep([one for one in futures if not dropped(one)])
        raise
    finally:
        if shown == [False]:  # there is no front end: one static table at the end
            follow(options, futures)


def follow(options: Options, futures: Sequence[Any]) -> None:
    """Show a table that follows these tasks."""
    from gc_jupyter.magics.tables import show_table

    show_table(futures, options.label or "Tasks")
