"""What the web service and the endpoint say. Each request is made once, without retries."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from gc_jupyter.doctor.finding import Finding
from gc_jupyter.errors import (
    LoginRequired,
    NotFound,
    RateLimited,
    ServiceError,
    ServiceRefused,
    ServiceUnreachable,
)
from gc_jupyter.protocol.versions import COMPATIBLE_SDK_VERSION
from gc_jupyter.types import LOCAL_ENDPOINT_ID, Endpoint

if TYPE_CHECKING:
    from gc_jupyter.session import Session

_AGAIN = "sign in again: %gc login --force"


def login(session: Session) -> Iterator[Finding]:
    """Who is signed in, and from where."""
    found = session.client.login()
    for note in found.notes:
        yield Finding(False, "Login", note, "see there")
    if found.required:
        yield Finding(False, "Login", "nobody is signed in", "%gc login")
        return
    try:
        who = found.identity()
    except LoginRequired as error:
        yield Finding(False, "Login", f"{error.reason} ({found.source})", _AGAIN)
    except ServiceError as error:
        text = f"by {found.source}; Globus Auth can't say whose it is: {error.reason}"
        yield Finding(False, "Login", text, "check the network and the proxies")
    else:
        name = "somebody (the token is for Compute alone)"
        yield Finding(True, "Login", f"{who.username if who else name}, by {found.source}")


def service(session: Session) -> Iterator[Finding]:
    """Whether the service answers, accepts the token, and accepts this version."""
    api = session.client.globus_service()
    url = api.v2.base_url
    try:
        reply: dict[str, Any] = api.call(partial(api.v2.get_version, service="all"))
    except ServiceUnreachable as error:
        step = "check the network, and the proxies below; is the address right?"
        yield Finding(False, "Service", f"{url}: {error.reason}", step)
        return
    except LoginRequired as error:
        if error.gare is not None:
            yield Finding(False, "Scopes", f"{error.reason}: a consent is missing", _AGAIN)
        elif error.status == 403:
            step = "ask for access, or sign in as somebody else: %gc login --force"
            yield Finding(False, "Scopes", error.reason, step)
        else:
            yield Finding(False, "Scopes", error.reason, session.client.login().next_step)
        return
    except RateLimited as error:
        yield Finding(False, "Service", error.reason, "wait a minute, and send more at once")
        return
    except ServiceRefused as error:
        step = "wait: the service has a problem" if error.status >= 500 else "update gc-jupyter"
        yield Finding(False, "Service", f"{url}: {error.reason}", step)
        return
    yield Finding(True, "Service", f"{url} answers")
    yield Finding(True, "Scopes", "the token is accepted for Globus Compute")
    least = str(reply.get("min_sdk_version") or "0")
    if _numbers(COMPATIBLE_SDK_VERSION) < _numbers(least):
        text = (
            f"the service asks for {least} at least; this package speaks {COMPATIBLE_SDK_VERSION}"
        )
        yield Finding(False, "Protocol", text, "pip install --upgrade gc-jupyter")


def streams(session: Session) -> Iterator[Finding]:
    """Which ports the result stream can be opened at."""
    from gc_jupyter.service.amqp_failures import advice
    from gc_jupyter.service.amqp_probe import probe

    address = session.client.globus_service().amqp_address()
    ports = address.ports()
    with ThreadPoolExecutor(len(ports)) as pool:  # a blocked one says nothing for seconds
        results = dict(zip(ports, pool.map(partial(probe, address), ports), strict=True))
    usable = [port for port, why in results.items() if not why]
    how = "with TLS" if address.encrypted else "without TLS"
    for number, (port, why) in enumerate(results.items()):
        where = f"port {port}, the service's choice" if number == 0 else f"port {port}"
        if not why:
            yield Finding(True, "AMQP", f"{where}: connects {how}")
        elif usable:
            step = f"nothing to do: port {usable[0]} is used"
            yield Finding(True, "AMQP", f"{where}: {why}", step)
        elif number == 0:
            yield Finding(False, "AMQP", f"{where}: {why}", advice(results))
        else:
            step = "nothing to do while another port connects, or polling works"
            yield Finding(False, "AMQP", f"{where}: {why}", step)


def polling(session: Session) -> Iterator[Finding]:
    """Whether results can be asked for by HTTPS."""
    api = session.client.globus_service()
    try:
        api.task_statuses([str(uuid.uuid4())])
    except ServiceError as error:
        step = error.next_step or "check the network and the proxies"
        yield Finding(False, "Polling", f"results can't be asked for: {error.reason}", step)
    else:
        yield Finding(True, "Polling", "results can be asked for by HTTPS, where AMQP is blocked")


def endpoint(session: Session, target: Endpoint) -> Iterator[Finding]:
    """Whether the endpoint is there and takes tasks."""
    name = target.name or target.endpoint_id
    if target.endpoint_id == LOCAL_ENDPOINT_ID:
        yield Finding(True, "Endpoint", "local: worker processes on this machine")
        return
    try:
        found, details = session.directory.status(target)
    except NotFound:
        yield Finding(
            False, "Endpoint", f"{name}: the service knows none", "%gc endpoints lists them"
        )
        return
    workers = details.get("total_workers")
    busy = f", {workers} workers, {details.get('pending_tasks', 0)} tasks wait" if workers else ""
    if found.status == "online":
        yield Finding(True, "Endpoint", f"{name} is online{busy}")
    else:
        step = (
            "start it (globus-compute-endpoint start NAME), or ask its owner; tasks wait meanwhile"
        )
        yield Finding(False, "Endpoint", f"{name} is {found.status or 'of unknown state'}", step)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
