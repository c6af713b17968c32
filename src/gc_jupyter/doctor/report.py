"""The report: all findings, in the order in which a cell meets their subjects."""

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

#: How long one check may take: where a network drops packets, no answer comes for minutes.
_LIMIT_S = 15.0


def examine(session: Session, endpoint: str | None = None) -> str:
    """The report as text; see `report_lines`."""
    return "\n".join(report_lines(session, endpoint))


def report_lines(session: Session, endpoint: str | None = None) -> Iterator[str]:
    """The report's lines, each as soon as it is known: one for each finding, and a last one.

    Parameters
    ----------
    session:
        The session to examine. A few requests are made, once each; no task is submitted.
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
    """Every finding. A check that fails, or doesn't end in time, is a finding, too."""
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
    """The endpoint that the name means, or a finding of what is wrong with the name."""
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
    except Exception:  # the finding "Login" says it
        return False


def _checked(subject: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """The findings of a check, also where it raises or doesn't end."""
    try:
        return _in_time(lambda: list(check()))
    except ComputeError as error:
        return [Finding.of(subject, error)]
    except Exception as error:  # one broken check must not end the report
        text = f"the check itself failed ({type(error).__name__}: {error})"
        return [Finding(False, subject, text, "report this as a defect of gc_jupyter")]


def _in_time(call: Callable[[], T]) -> T:
    """The result of a call, which runs on a thread of its own that nobody has to wait for."""
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
