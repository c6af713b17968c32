"""Resolve futures with their outcomes, on the `gc-results` thread, where users' code may run."""

from __future__ import annotations

import concurrent.futures
import logging
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from gc_jupyter.errors import ComputeError, TaskExecutionFailed
from gc_jupyter.future import Later, TaskFuture
from gc_jupyter.protocol.failures import task_error
from gc_jupyter.protocol.messages import ResultMessage, ran, worker_info
from gc_jupyter.remote_text import one_line
from gc_jupyter.runtime.tasks import Origin
from gc_jupyter.serialize.foreign import written_by
from gc_jupyter.serialize.limits import check_result, results_limit
from gc_jupyter.service.base import TaskStatus

log = logging.getLogger(__name__)

Outcome = ResultMessage | TaskStatus | ComputeError

_PYTHON = platform.python_version()


@dataclass(slots=True)
class Finished:
    """A task and how it ended. `tag` is its message's, to acknowledge; `error` is set by
    `resolve` where the task failed, `later` where parts of its result are still to be fetched. The
    outcome is None once it has been resolved: its text may be large."""

    future: TaskFuture
    outcome: Outcome | None
    origin: Origin
    tag: object = None
    error: BaseException | None = None
    later: Later | None = None


def resolve_all(finished: Sequence[Finished], done: Callable[[], None]) -> None:
    """Resolve each future, even if others raise, then call `done`."""
    for one in finished:
        try:
            resolve(one)
        except concurrent.futures.InvalidStateError:
            log.debug("task %s was resolved before", one.future.task_id)
        except BaseException as error:  # a callback that exits, or an unforeseen kind of reply
            log.exception("resolving task %s failed", one.future.task_id)
            if not one.future.done():
                one.error = _undecodable(error, one.future.task_id)
                one.future.set_exception(one.error)
        one.outcome = None
    done()


def resolve(one: Finished) -> None:
    """Set the future's result or exception.

    Raises
    ------
    concurrent.futures.InvalidStateError
        The future is resolved already: the message is a duplicate.
    """
    future, outcome, text = one.future, one.outcome, ""
    if one.later is not None:  # its parts have come
        later, one.later = one.later, None
        _settle(one, later.decode)
        return
    assert outcome is not None
    if isinstance(outcome, ComputeError):
        one.error = outcome
        future.set_exception(outcome)
        return
    if isinstance(outcome, ResultMessage):
        future._learn(ran(future.info, outcome))
        text = outcome.data
        if outcome.error_code is not None:
            one.error = task_error(
                text or outcome.error_message,
                code=outcome.error_code,
                completion_t=None if outcome.ended_ns is None else str(outcome.ended_ns / 1e9),
                details=outcome.details,
                python_version=_PYTHON,
            )
    else:
        future._learn(replace(future.info, worker=worker_info(outcome.details)))
        text = outcome.result or ""
        if outcome.exception is not None:
            one.error = task_error(
                outcome.exception,
                code=outcome.code,
                completion_t=outcome.completion_t,
                details=outcome.details,
                python_version=_PYTHON,
            )
    if one.error is not None:
        future.set_exception(one.error)
        return
    with written_by((outcome.details or {}).get("python_version")):
        try:
            check_result(text, future.limit)
            check_result(text, results_limit(future.info.endpoint_id))
            value = one.origin.deserialize(text)
        except BaseException as error:  # a pickle runs code; what it raises is this task's error
            one.error = _undecodable(error, future.task_id)
            future.set_exception(one.error)
        else:
            _settle(one, partial(future.decode, value))


def _settle(one: Finished, decode: Callable[[], object]) -> None:
    """Set the future's outcome from a reply, unless parts of the result are still to come."""
    try:
        value = decode()
    except BaseException as error:
        one.error = error
        one.future.set_exception(error)
        return
    if isinstance(value, Later):
        one.later = value
    else:
        one.future.set_result(value)


def _undecodable(error: BaseException, task_id: str | None) -> ComputeError:
    if isinstance(error, ComputeError) and not isinstance(error, TaskExecutionFailed):
        return error
    wrapped = ComputeError(
        f"The result of task {task_id} can't be decoded here:"
        f" {one_line(f'{type(error).__name__}: {error}', 1000)}".rstrip(": "),
        next_step="Return plain values (numbers, text, lists, arrays), or install here what the"
        " result's type needs.",
    )
    wrapped.__cause__ = error
    return wrapped
