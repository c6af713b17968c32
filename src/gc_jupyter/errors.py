"""The one tree of errors: each says what happened and what to do next.

::

    ComputeError                    everything this package raises on purpose
    ├── SerdeError                  values <-> wire text
    │   ├── SerializationError
    │   └── DeserializationError
    ├── CaptureError                a cell that can't travel
    ├── PayloadTooLarge             over the service's 10 MB
    ├── StoreRefused                an endpoint's store can't be used
    │   └── ValuesMissing           what a task needs isn't there any more
    ├── UnknownEndpoint             no such endpoint, or not a name, alias or UUID
    ├── ServiceError                what came back from the web service
    │   ├── ServiceUnreachable      no connection, no name, no answer
    │   ├── ServiceRefused          an HTTP error status; `.status`, `.code`
    │   │   ├── LoginRequired       401, 403 and Globus Auth requirements (`.gare`)
    │   │   │   └── LoginMisconfigured  incomplete or unreadable (also a ValueError)
    │   │   ├── NotFound            404
    │   │   └── RateLimited         429
    │   ├── BadReply                a reply that can't be read
    │   └── SubmitUncertain         the request may or may not have been accepted
    ├── StreamError                 the result stream (AMQP)
    ├── VersionMismatch
    ├── TaskPending                 no result yet
    └── TaskExecutionFailed         the task ran and failed; `.remote_data` is its traceback
        ├── RemoteException         its own code raised; also of the type that was raised there
        ├── TaskAbandoned           or not: the service has no result of it
        ├── WorkerLost              its process died
        ├── ResultTooLarge
        └── TaskStopped             stopped here, on request (also a CancelledError)

`str(error)` is what a user reads: the cause, then the next step. Names that the official SDK has
too are the same here.
"""

from __future__ import annotations

import concurrent.futures
import sys
import time
from collections.abc import Sequence
from typing import Any

#: The official SDK has its errors under this path too.
sys.modules[f"{__name__}.error_types"] = sys.modules[__name__]

#: The service's code for a function that is not on the endpoint's list of allowed functions.
NOT_ON_THE_LIST = "10"
#: The end of a next step where `%gc doctor` can find out more.
SEE_DOCTOR = "%gc doctor checks each step."
#: The next step where an endpoint doesn't exist.
WHEN_OFFLINE = (
    "start it (globus-compute-endpoint start NAME, on its machine), or ask its owner;"
    " tasks wait meanwhile"
)


class ComputeError(Exception):
    """Base of every error that this package raises on purpose.

    Parameters
    ----------
    reason:
        What happened, as one or two sentences for a user.
    next_step:
        What the user can do about it; may be empty where nothing can be done.
    """

    # The official SDK's errors arrive without these.
    reason: str = ""
    next_step: str = ""

    def __init__(self, reason: str = "", *, next_step: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.reason}\n{self.next_step}" if self.next_step else self.reason


class SerdeError(ComputeError):
    """A value or a payload doesn't fit the serialization strategy in use."""


class SerializationError(SerdeError):
    """A value could not be turned into wire text."""


class DeserializationError(SerdeError):
    """Wire text could not be turned back into a value."""


class CaptureError(ComputeError):
    """A cell can't be made self-contained."""


class PayloadTooLarge(ComputeError):
    """More than the service takes: 10 MB of encoded text per submission or result."""


class StoreRefused(ComputeError):
    """The store of an endpoint's account can't be used; the reason is one line."""


class ValuesMissing(StoreRefused):
    """Values that a task needs aren't in the endpoint's store any more. Nothing of it has run.

    Parameters
    ----------
    reason:
        What is missing where.
    names:
        The parts.
    """

    def __init__(self, reason: str, names: Sequence[str]) -> None:
        super().__init__(
            reason,
            next_step="They were purged, or the workers share no folder: name one that all of them"
            " have by GC_JUPYTER_STORE in their environment, or by %gc config store_folder PATH."
            " Run the cell again: values of the notebook go once more.",
        )
        self.names = tuple(names)


class UnknownEndpoint(ComputeError):
    """Not an endpoint that can be reached under this name or UUID."""


class ServiceError(ComputeError):
    """A call of the web service did not give a usable answer.

    `accepted` is what earlier requests of the same batch have submitted, as `Client.batch_run`
    returns it; None where there is nothing.
    """

    accepted: dict[str, Any] | None = None

    def __str__(self) -> str:
        if not self.accepted:
            return super().__str__()
        count = sum(len(ids) for ids in self.accepted["tasks"].values())
        return (
            f"{super().__str__()}\n{count} other tasks of the batch were accepted, in task group"
            f" {self.accepted['task_group_id']}: see the error's `accepted`."
        )


class ServiceUnreachable(ServiceError):
    """No connection to the service, or it broke.

    `sent` tells whether the request had left by then; if not, nothing was accepted.
    """

    sent = False


class ServiceRefused(ServiceError):
    """The service answered with an error status.

    Parameters
    ----------
    reason, next_step:
        As for ComputeError.
    status:
        HTTP status code.
    code:
        The service's own error code, where it sent one.
    """

    def __init__(
        self, reason: str = "", *, next_step: str = "", status: int = 0, code: str = ""
    ) -> None:
        super().__init__(reason, next_step=next_step)
        self.status = status
        self.code = code


class LoginRequired(ServiceRefused):
    """Not logged in, or the login lacks what the service asks for.

    `gare` is the Globus Auth requirements error as a dict, where the service sent one.
    """

    gare: dict[str, Any] | None = None


class LoginMisconfigured(LoginRequired, ValueError):
    """The credentials in the environment are incomplete, contradict each other or can't be read."""


class NotFound(ServiceRefused):
    """The service doesn't know this endpoint, function, task or task group."""


class RateLimited(ServiceRefused):
    """The service asked for fewer requests; `retry_after` is in seconds, where it said so."""

    retry_after: float | None = None


class BadReply(ServiceError):
    """The service's reply can't be read, or doesn't answer what was asked."""


class SubmitUncertain(ServiceError):
    """A submission got no reply, or one that can't be read: its tasks may or may not run.

    Protocol: there is no idempotency key, so sending again could run them twice. The runtime asks
    the task group first, and recognises what runs by its results; a future fails with this only
    where that doesn't tell. `task_group_id` is where they would be, None where nobody knows;
    `task_ids` are those that may be theirs.
    """

    task_group_id: str | None = None
    task_ids: Sequence[str] = ()


class StreamError(ComputeError):
    """The result stream can't be opened or read."""


class VersionMismatch(ComputeError):
    """This package is older than the service accepts.

    Parameters
    ----------
    reason, next_step:
        As for ComputeError.
    version_message:
        The official SDK's name for `reason`.
    """

    def __init__(self, reason: str = "", *, next_step: str = "", version_message: str = "") -> None:
        super().__init__(reason or version_message, next_step=next_step)

    @property
    def version_message(self) -> str:
        """The official SDK's name for `reason`."""
        return self.reason

    @version_message.setter
    def version_message(self, value: str) -> None:
        self.reason = value


class MaxResultSizeExceeded(Exception):
    """What a worker raises for a result that is too large; here it arrives as `ResultTooLarge`.

    Parameters
    ----------
    result_size, result_size_limit:
        In bytes of encoded text.
    """

    def __init__(self, result_size: int, result_size_limit: int) -> None:
        super().__init__(result_size, result_size_limit)
        self.result_size = result_size
        self.result_size_limit = result_size_limit

    def __str__(self) -> str:
        return (
            f"The result has {self.result_size} bytes; the limit is {self.result_size_limit} bytes."
        )


class TaskPending(ComputeError):
    """The task has no result yet; `reason` is its status."""

    def __str__(self) -> str:
        return f"The task has no result yet: {self.reason}."


class TaskExecutionFailed(ComputeError):
    """The task ran and failed, or the endpoint could not run it.

    Parameters
    ----------
    remote_data:
        The remote traceback, as text.
    completion_t:
        When it ended, in seconds since 1970, as text (as the service sends it).
    task_details:
        What the worker said of its environment: Python, dill, operating system.
    code:
        The endpoint's error code, for example ``RemoteExecutionError``.
    next_step:
        As for ComputeError.
    """

    def __init__(
        self,
        remote_data: str,
        completion_t: str | None = None,
        task_details: dict[str, Any] | None = None,
        *,
        code: str = "",
        next_step: str = "",
    ) -> None:
        super().__init__(remote_data, next_step=next_step)
        self.remote_data = remote_data
        self.completion_t = completion_t or str(time.time())
        self.task_details = task_details
        self.code = code

    def __str__(self) -> str:
        text = "\n" + self.remote_data.rstrip("\n")
        return f"{text}\n\n{self.next_step}" if self.next_step else text


class RemoteException(TaskExecutionFailed):
    """A cell's or a notebook function's own code raised on the endpoint.

    Where the exception can be decoded here, what is raised also derives from its type, so that
    ``except ValueError`` works, and has it as `__cause__`.
    """


class TaskAbandoned(TaskExecutionFailed):
    """The service has no result any more, and doesn't say whether the task ran.

    It may have run to its end: who runs it again may run it twice.
    """


class WorkerLost(TaskExecutionFailed):
    """The worker process died while it ran the task."""


class ResultTooLarge(TaskExecutionFailed):
    """The task's result is over the service's limit."""


class TaskStopped(TaskExecutionFailed, concurrent.futures.CancelledError):
    """A running local task was stopped on request."""


def gist(error: BaseException) -> str:
    """What went wrong, without the way there: a remote traceback's last line, or the reason."""
    if isinstance(error, TaskExecutionFailed):
        lines = [line for line in error.remote_data.splitlines() if line.strip()]
        return lines[-1] if lines else type(error).__name__
    if isinstance(error, ComputeError):
        return error.reason.partition("\n")[0]
    return type(error).__name__


def full_text(error: BaseException | None) -> str:
    """All that is known of what went wrong: a remote traceback or the reason, and the next step.
    Empty for errors that aren't a ComputeError."""
    if not isinstance(error, ComputeError):
        return ""
    if isinstance(error, TaskExecutionFailed):  # its `str` may be the remote type's
        return "\n\n".join(part for part in (error.remote_data.rstrip(), error.next_step) if part)
    return str(error)
