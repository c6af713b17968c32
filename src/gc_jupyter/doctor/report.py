"""The report: all findings, in the order in which a cell meets what they are about."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gc_jupyter.doctor import here, service
from gc_jupyter.doctor.finding import Finding
from gc_jupyter.errors import ComputeError, UnknownEndpoint

if TYPE_CHECKING:
    from gc_jupyter.session import Session
    from gc_jupyter.types import Endpoint


def examine(session: Session, endpoint: str | None = None) -> str:
    """The report as text, one line for each finding.

    Parameters
    ----------
    session:
        What is looked at. Some requests are made, once each; no task is sent.
    endpoint:
        The endpoint to look at; by default the one that `%gc use` has set.
    """
    found = list(findings(session, endpoint))
    width = max(len(one.subject) for one in found)
    lines = [one.line(width) for one in found]
    bad = sum(not one.fine for one in found)
    lines.append("All is well." if not bad else f"{bad} of {len(found)} need something done.")
    return "\n".join(lines)


def findings(session: Session, endpoint: str | None = None) -> Iterator[Finding]:
    """Every finding; a check that fails is one too."""
    yield from _safely("Login", service.login(session))
    usable = session.signed_in() is not None
    if usable:
        yield from _safely("Service", service.service(session))
        yield from _safely("AMQP", service.streams(session))
        yield from _safely("Polling", service.polling(session))
    else:
        yield Finding(False, "Service", "can't be asked before somebody is signed in", "%gc login")
    target, problem = _endpoint(session, endpoint)
    if problem is not None:
        yield problem
    if target is not None and (usable or target.name == "local"):
        yield from _safely("Endpoint", service.endpoint(session, target))
    yield from _safely("Versions", here.versions(session, target))
    yield from _safely("Journal", here.journal(session))
    yield from _safely("Widgets", here.widgets())
    yield from _safely("Proxies", here.proxies())
    yield from _safely("Messages", here.messages(session))


def _endpoint(session: Session, name: str | None) -> tuple[Endpoint | None, Finding | None]:
    try:
        return session.resolve(name), None
    except UnknownEndpoint as error:
        return None, Finding(bool(not name), "Endpoint", error.reason, error.next_step)
    except ComputeError as error:
        return None, Finding.of("Endpoint", error)


def _safely(subject: str, some: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from some
    except ComputeError as error:
        yield Finding.of(subject, error)
    except Exception as error:  # a doctor that falls ill helps nobody
        text = f"the check itself failed ({type(error).__name__}: {error})"
        yield Finding(False, subject, text, "report this as a defect of gc_jupyter")
