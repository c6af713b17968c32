"""Turns a task's outcome into the row that the journal stores, still as wire text."""

from __future__ import annotations

import contextlib
import math
from datetime import datetime

from gc_jupyter.credentials import masked
from gc_jupyter.journal.results import Collected, message_form, status_form
from gc_jupyter.protocol.messages import ResultMessage
from gc_jupyter.remote_text import one_line
from gc_jupyter.service.base import TaskStatus
from gc_jupyter.types import TaskState

_ERROR_LENGTH = 500


def of_message(body: bytes, message: ResultMessage, group_id: str) -> Collected:
    """The row for a result message; its bytes are stored unchanged."""
    failed = message.error_code is not None
    return Collected(
        message.task_id,
        group_id,
        *message_form(body),
        _state(failed),
        None if message.started_ns is None else message.started_ns / 1e9,
        None if message.ended_ns is None else message.ended_ns / 1e9,
        _last_line(message.data or message.error_message) if failed else "",
    )


def of_status(status: TaskStatus, group_id: str) -> Collected:
    """The row for an outcome that the service reported in reply to a request."""
    ended = None
    with contextlib.suppress(ValueError):  # seconds, or a date
        ended = float(status.completion_t or "")
    if ended is not None and not math.isfinite(ended):  # JSON has no such number
        ended = None
    if ended is None and status.completion_t:
        with contextlib.suppress(ValueError):
            ended = datetime.fromisoformat(status.completion_t).timestamp()
    failed = status.exception is not None
    error = _last_line(status.exception or "")
    return Collected(
        status.task_id, group_id, *status_form(status), _state(failed), ended_at=ended, error=error
    )


def _state(failed: bool) -> str:
    return TaskState.FAILED.value if failed else TaskState.SUCCESS.value


def _last_line(traceback: str) -> str:
    lines = traceback.strip().splitlines()
    return one_line(masked(lines[-1]), _ERROR_LENGTH) if lines else ""
