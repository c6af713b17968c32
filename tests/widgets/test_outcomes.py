"""A finished future in one line, and in full."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from gc_jupyter.capture import Captured, CellFuture
from gc_jupyter.errors import ServiceUnreachable, TaskExecutionFailed, TaskStopped
from gc_jupyter.functions.shell import ShellResult
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.future import TaskFuture
from gc_jupyter.types import TaskState
from gc_jupyter.widgets.outcomes import WHOLE, outcome, preview, whole_text


def finished(value: Any = None, error: BaseException | None = None) -> TaskFuture:
    future = TaskFuture()
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)
    return future


class Loud:
    """Its repr is the user's code: a preview must not run it."""

    def __repr__(self) -> str:
        raise AssertionError("the preview ran the user's code")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (42, "42"),
        (None, "None"),
        ("a\nb", "'a\\nb'"),
        ([1, [2, 3]], "list of 2"),
        ((1, 2), "(1, 2)"),
        ({"a": 1}, "{'a': 1}"),
        ([Loud()], "list of 1"),
        ({"k": Loud()}, "dict of 1"),
        (np.zeros((3, 4)), "numpy.ndarray (3, 4)"),
        (Loud(), "tests.Loud"),
        (ShellResult("ls", "a\nb\n", "", 0), "exit status 0: b"),
        (ShellResult("true", "", "", 0), "exit status 0"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_preview(value: Any, text: str) -> None:
    assert preview(value) == text


def test_a_preview_is_short_whatever_the_value() -> None:
    for value in ("x" * 10**6, list(range(10**6)), b"y" * 10**6, 10**3000, {"z" * 10**5: 1}):
        assert len(outcome(finished(value))[1]) <= 80


def test_failures_show_their_last_line() -> None:
    text = "Traceback (most recent call last):\n  File …\nValueError: no <b>such</b> thing\n"
    state, line = outcome(finished(error=TaskExecutionFailed(text, next_step="Do this.")))
    assert (state, line) == (TaskState.FAILED, "ValueError: no <b>such</b> thing")
    assert whole_text(finished(error=TaskExecutionFailed(text))).startswith("Traceback")


def test_an_error_of_ours_shows_its_reason() -> None:
    error = ServiceUnreachable("No answer.", next_step="Try again.")
    assert outcome(finished(error=error)) == (TaskState.FAILED, "No answer.")
    assert whole_text(finished(error=error)) == "No answer.\nTry again."


def test_stopped_and_cancelled_tasks_did_not_fail() -> None:
    assert outcome(finished(error=TaskStopped("stopped")))[0] is TaskState.CANCELLED
    future: Future[Any] = Future()
    future.cancel()
    assert outcome(future) == (TaskState.CANCELLED, "")
    assert whole_text(future) == "The task was cancelled before it was sent."


def test_the_whole_text_is_bounded_and_survives_a_broken_repr() -> None:
    assert len(whole_text(finished("x" * 10**6))) < 60_000
    assert "AssertionError" in whole_text(finished(Loud()))
    assert whole_text(Future()) == "The task has no result yet."


def test_the_whole_text_has_what_was_printed() -> None:
    future = CellFuture(Captured(SourceFunction("cell", ""), b"", {}, {}, {}), "there")
    assert whole_text(future) == "The task has no result yet."
    future.hear(
        b'["stdout", "a\\n"]\n["stderr", "\\r 1/3"]\n["stderr", "\\r 2/3\\u001b]0;x\\u0007"]\n'
    )
    assert whole_text(future) == "a\n 2/3"
    future.hear(b'["stdout", "' + b"x" * 200_000 + b'"]\n')
    assert len(whole_text(future)) < WHOLE + 10
    future.set_exception(TaskStopped("The task was stopped."))
    assert whole_text(future).startswith("The task was stopped.")
    assert "It has printed:" in whole_text(future)
