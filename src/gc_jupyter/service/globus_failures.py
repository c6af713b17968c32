"""Turn globus-sdk's exceptions into this package's, with a next step.

The errors are instances of globus-sdk's type, too, and have its attributes: programs written for
the official SDK catch `GlobusAPIError` and read `http_status`.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import globus_sdk
import requests
import urllib3.exceptions
from globus_sdk import gare

from gc_jupyter import errors
from gc_jupyter.protocol.failures import CLOSE_FILES, TOO_MANY_FILES, too_many_files
from gc_jupyter.remote_text import one_line

#: The request was certainly not accepted. (Other TLS failures may come after it has left.)
_NOT_SENT = (
    urllib3.exceptions.NewConnectionError,  # name resolution included
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
    requests.exceptions.ProxyError,
    ssl.SSLCertVerificationError,
    # the address of the service, or of a proxy, can't be used
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)
_YEAR_S = 365 * 86400.0

E = TypeVar("E", bound=errors.ServiceError)


def refused(error: globus_sdk.GlobusAPIError, renewal: str = "") -> errors.ServiceRefused:
    """The error for a reply with an error status.

    Parameters
    ----------
    error:
        The exception of globus-sdk.
    renewal:
        The next step if the token isn't accepted.
    """
    return _also(_refused(error, renewal or "Log in again: %gc login --force."), error)


def _refused(error: globus_sdk.GlobusAPIError, renewal: str) -> errors.ServiceRefused:
    raw = error.raw_json if isinstance(error.raw_json, dict) else {}
    said = str(raw.get("reason") or raw.get("detail") or error.message or error.http_reason or "")
    said = one_line(said, 2000)
    reason = f"The service refused the request ({error.http_status}): {said}".rstrip(": ")
    known: dict[str, Any] = {"status": error.http_status, "code": str(raw.get("code") or "")}
    status = error.http_status
    if status == 429:
        after = _seconds(error.headers)
        pause = f"Wait {after:,.0f} s" if after else "Wait a while"
        limited = errors.RateLimited(
            reason,
            next_step=f"{pause}, then try again: nothing of this request was accepted.",
            **known,
        )
        limited.retry_after = after
        return limited
    if status in (401, 403):
        step = (
            renewal
            if status == 401
            else "Ask the endpoint's or function's owner for access, or log in as someone else:"
            " %gc login."
        )
        if known["code"] == errors.NOT_ON_THE_LIST:
            step = (
                "This endpoint runs functions of a list only, and this one isn't on it (cells share"
                " one function): ask the endpoint's owner to add its id, or use a function that is"
                " on the list: submit_to_registered_function."
            )
        login = errors.LoginRequired(reason, next_step=step, **known)
        if gare.is_gare(raw):
            login.gare = raw
            login.next_step = (
                "The service asks for another login, with conditions of its own: do"
                " client.login().renew(error.gare), then try again."
            )
        return login
    if status == 404:
        step = "Check the id."
        if "endpoint" in said.lower():
            step = "Check the id; %gc endpoints lists the endpoints that you may use."
        return errors.NotFound(reason, next_step=step, **known)
    if status == 413:
        step = "Send less at once, or send the path of a file that the endpoint can read."
    elif status >= 500:
        step = "The service has a problem; try again in a while."
    else:
        step = ""
    return errors.ServiceRefused(reason, next_step=step, **known)


def _seconds(headers: Mapping[str, str] | None) -> float | None:
    """The seconds of a Retry-After header, which may also be a date by the service's clock."""
    headers = headers or {}
    value = headers.get("Retry-After", "")
    if value.isascii() and value.replace(".", "", 1).isdigit():
        return min(float(value), _YEAR_S)  # more digits than a float takes are infinity
    until, now = _date(value), _date(headers.get("Date", ""))
    if until is None:
        return None
    now = now or datetime.now(timezone.utc)
    return min(max(0.0, (until - now).total_seconds()), _YEAR_S)


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=timezone.utc)


def unreachable(error: globus_sdk.NetworkError) -> errors.ServiceUnreachable:
    """The error if no reply came; its `sent` says whether the request had left."""
    cause = error.underlying_exception
    name = type(cause).__name__
    sent = not (
        isinstance(error, globus_sdk.GlobusConnectionTimeoutError)
        or any(isinstance(one, _NOT_SENT) for one in _causes(cause))
    )
    untrusted = next(
        (e for e in _causes(cause) if isinstance(e, ssl.SSLCertVerificationError)), None
    )
    step = f"Check the network and the proxy settings; {errors.SEE_DOCTOR}"
    if any(too_many_files(one) for one in _causes(cause)):
        reason, step = f"No connection could be opened: {TOO_MANY_FILES}.", CLOSE_FILES
    elif untrusted is not None:
        why = getattr(untrusted, "verify_message", name)
        reason = f"The service's certificate isn't trusted ({why})."
        step = (
            "If your site has its own certificate authority, name its file in REQUESTS_CA_BUNDLE;"
            " otherwise ask who is between here and the service."
        )
    elif sent:
        reason = f"The connection to the service failed after the request had left ({name})."
    else:
        reason = f"No connection to the Globus Compute service ({name})."
    failure = errors.ServiceUnreachable(reason, next_step=step)
    failure.sent = sent
    return _also(failure, error)


def _also(made: E, origin: globus_sdk.GlobusError) -> E:
    """Make an error of this package one of globus-sdk's type too, with that one's attributes.

    The notes stay behind: globus-sdk puts the reply's whole body into one.
    """
    own = {**vars(made)}
    key = (type(made), type(origin))
    made.__class__ = _JOINT_TYPES.setdefault(key, _joint_type(*key))
    vars(made).update({name: value for name, value in vars(origin).items() if name != "__notes__"})
    vars(made).update(own)
    return made


#: One type for each pair of types, so that equal errors have the same type.
_JOINT_TYPES: dict[tuple[type, type], Any] = {}


def _joint_type(ours: type[errors.ServiceError], theirs: type[globus_sdk.GlobusError]) -> Any:
    def reduce(self: errors.ServiceError) -> Any:
        """Pickle as the plain error of this package: without the request and its token."""
        plain = ours.__new__(ours, *self.args)
        own = {name: value for name, value in vars(self).items() if name in _PLAIN}
        vars(plain).update(own)
        return plain.__reduce__()

    names = {"__module__": ours.__module__, "__qualname__": ours.__qualname__}
    return type(ours.__name__, (ours, theirs), {**names, "__reduce__": reduce})


#: The attributes that an error keeps when it is pickled.
_PLAIN = ("reason", "next_step", "status", "code", "sent", "retry_after", "gare", "accepted")


def _causes(error: object) -> Iterator[BaseException]:
    """An error and the errors that requests and urllib3 have wrapped in it."""
    while isinstance(error, BaseException):
        yield error
        reason = getattr(error, "reason", None)
        inner = error.args[0] if error.args else None
        inner = inner if isinstance(inner, BaseException) else error.__cause__
        error = reason if isinstance(reason, BaseException) else inner
