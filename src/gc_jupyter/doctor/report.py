"""The report: all findings, in the order in which a cell meets what they are about."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from gc_jupyter.doctor import local_checks, service
from gc_jupyter.doctor.finding import Finding
from gc_jupyter.errors import ComputeError, ServiceUnreachable, UnknownEndpoint
from gc_jupyter.types import LOCAL_ENDPOINT_ID

if TYPE_CHECKING:
    from gc_jupyter.session import Session
    from gc_jupyter.types import Endpoint, UUIDLike

T = TypeVar("T")

#: How long one check may take; where packets are dropped, nothing answers for minutes.
_LIMIT_S = 15.0


def examine(session: Session, endpoint: str | None = None) -> str:
    """The report as text; see `report_lines`."""
    return "\n".join(report_lines(session, endpoint))


def report_lines(session: Session, endpoint: str | None = None) -> Iterator[str]:
    """The report's lines, each as soon as it is known: one for each finding, and a last one.

    Parameters
    ----------
    session:
        What is looked at. Some requests are made, once each; no task is sent.
    endpoint:
        The endpoint to look at; by default the one that `%gc use` has set.
    """
    count = bad = 0
    for one in findings(session, endpoint):
        yield one.line()
        count, bad = count + 1, bad + (not one.fine)
    needs = "needs" if bad == 1 else "need"
    yield f"{bad} of {count} {needs} something done." if bad else "All is well."


def findings(session: Session, endpoint: str | None = None) -> Iterator[Finding]:
    """Every finding; a check that fails, or doesn't answer in time, is one too."""
    target, problem = _endpoint(session, endpoint, ask=False)
    local = target is not None and target.endpoint_id == LOCAL_ENDPOINT_ID
    yield from _checked("Login", partial(service.login, session, needed=not local))
    signed_in, reached = _signed_in(session), False
    if signed_in:
        answers = _checked("Service", partial(service.service, session))
        yield from answers
        reached = any(one.fine for one in answers)
    if reached:
        yield from _checked("Results", partial(service.streams, session))
        yield from _checked("Polling", partial(service.polling, session))
        target, problem = _endpoint(session, endpoint, ask=True)
    elif signed_in or not local:
        text = "how they arrive, and the endpoint's state, can't be checked before that"
        yield Finding(False, "Results", text, "mend the line above, then %gc doctor again")
    if problem is not None:
        yield problem
    elif target is not None and (reached or local):
        yield from _checked("Endpoint", partial(service.endpoint, session, target))
    yield from _checked("Versions", partial(local_checks.versions, session, target))
    yield from _checked("Journal", partial(local_checks.journal, session))
    yield from _checked("Widgets", local_checks.widgets)
    yield from _checked("Proxies", local_checks.proxies)
    yield from _checked("Messages", partial(local_checks.messages, session))


def _endpoint(
    session: Session, name: UUIDLike | None, *, ask: bool
) -> tuple[Endpoint | None, Finding | None]:
    """What the name means, or what is wrong with it; a name that nobody was asked for is not."""
    try:
        name = name or session.default_endpoint or session.settings.get("endpoint")
        if not name:
            step = "%gc doctor NAME looks at one; %gc use NAME sets the one that is meant then"
            return None, Finding(True, "Endpoint", "none is named", step)
        return _in_time(partial(session.resolve, name, ask=ask)), None
    except UnknownEndpoint as error:
        return None, Finding.of("Endpoint", error) if ask else None
    except ComputeError as error:
        return None, Finding.of("Endpoint", error)


def _signed_in(session: Session) -> bool:
    try:
        return _in_time(session.signed_in) is not None
    except Exception:  # it is said under Login
        return False


def _checked(subject: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What a check finds, whatever becomes of it."""
    try:
        return _in_time(lambda: list(check()))
    except ComputeError as error:
        return [Finding.of(subject, error)]
    except Exception as error:  # a doctor that falls ill helps nobody
        text = f"the check itself failed ({type(error).__name__}: {error})"
        return [Finding(False, subject, text, "report this as a defect of gc_jupyter")]


def _in_time(call: Callable[[], T]) -> T:
    """What a call returns; it gets a thread of its own, which nobody waits for in the end."""
    answer: Future[T] = Future()
    context = contextvars.copy_context()  # whose cell this is

    def work() -> None:
        try:
            answer.set_result(context.run(call))
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=work, name="gc-doctor", daemon=True).start()
    if not wait([answer], _LIMIT_S).done:
        raise ServiceUnreachable(
            f"There is no answer after {_LIMIT_S:.0f} s.",
            next_step="Something on the way drops what is sent: check the network and the proxies"
            " below, then try again.",
        )
    return answer.result()
