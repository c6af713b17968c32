"""What the web service and the endpoint say. Each request is made once, without retries."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from gc_jupyter.doctor.finding import Finding
from gc_jupyter.errors import (
    WHEN_OFFLINE,
    BadReply,
    LoginRequired,
    NotFound,
    RateLimited,
    ServiceError,
    ServiceRefused,
    ServiceUnreachable,
)
from gc_jupyter.protocol.sdk_version import COMPATIBLE_SDK_VERSION
from gc_jupyter.serialize.limits import results_limit
from gc_jupyter.types import LOCAL_ENDPOINT_ID, Endpoint

if TYPE_CHECKING:
    from gc_jupyter.session import Session


def login(session: Session, *, needed: bool) -> Iterator[Finding]:
    """Who is signed in, and by which source. Whether a login is needed depends on the endpoint."""
    found = session.client.login()
    for note in found.notes:
        text, _, step = note.partition(". ")
        step = step or "sign in yourself (%gc login), or tell whoever runs this Jupyter"
        yield Finding(not found.required and text == note, "Login", text, step)
    if found.required:
        if needed:
            yield Finding(False, "Login", "nobody is signed in", "%gc login")
        else:
            text = "nobody is signed in, and `local` needs nobody"
            yield Finding(True, "Login", text, "%gc login, before you use another endpoint")
        return
    try:
        who = found.identity()
    except LoginRequired as error:
        yield Finding(False, "Login", error.reason, found.renewal)
    except ServiceError as error:
        text = f"by {found.source}; Globus Auth can't say whose it is: {error.reason}"
        yield Finding(False, "Login", text, "check the network and the proxies below")
    else:
        name = "somebody (the token is for Compute alone)"
        yield Finding(True, "Login", f"{who.username if who else name}, by {found.source}")


def service(session: Session) -> Iterator[Finding]:
    """Whether the service answers, accepts the token, and accepts this version."""
    api = session.client.globus_service()
    url = api.v2.base_url
    try:
        reply: dict[str, Any] = api.call(partial(api.v2.get_version, service="all"))
        api.call(api.v2.get_endpoints)  # this request needs no login
    except ServiceUnreachable as error:
        yield Finding(False, "Service", f"{url}: {error.reason}", error.next_step)
        return
    except LoginRequired as error:
        if error.gare is not None:
            text = f"a consent is missing: {error.reason}"
            yield Finding(False, "Scopes", text, session.client.login().renewal)
        elif error.status == 403:
            step = "ask for access, or sign in as somebody else: %gc login --force"
            yield Finding(False, "Scopes", error.reason, step)
        else:
            yield Finding(False, "Scopes", error.reason, session.client.login().renewal)
        return
    except RateLimited as error:
        step = "wait a minute; for many tasks use --map, which sends them together"
        yield Finding(False, "Service", error.reason, step)
        return
    except BadReply as error:
        step = (
            "a proxy or a log-in page of this network may have answered: open any web page in a"
            " browser, sign in there if it asks, and try again"
        )
        yield Finding(False, "Service", f"{url}: {error.reason}", step)
        return
    except ServiceRefused as error:
        step = "update gc-jupyter"
        if error.status >= 500:
            step = "try again in some minutes: the service itself has a problem"
        elif error.status == 404:
            step = "check that this address is right (GLOBUS_SDK_SERVICE_URL_COMPUTE sets it)"
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
    own, set_by_user = address.ports()[0], session.settings.get("amqp_port")
    ports = list(dict.fromkeys([*([set_by_user] if set_by_user else []), *address.ports()]))
    with ThreadPoolExecutor(len(ports)) as pool:  # a blocked port takes seconds to fail
        results = dict(zip(ports, pool.map(partial(probe, address), ports), strict=True))
    usable = [port for port, why in results.items() if not why]
    names = {own: f"port {own} (the service's choice)", set_by_user: f"port {set_by_user} (yours)"}
    found = {port: names.get(port, f"port {port}") for port in ports}
    others = "".join(f"; {found[port]}: {why}" for port, why in results.items() if why)
    others += "".join(f"; {found[port]}: connects too" for port in usable[1:])
    how = "AMQP with TLS" if address.encrypted else "AMQP without TLS"
    if not usable:
        text = f"no port lets them in ({how}){others.replace(';', ':', 1)}"
        yield Finding(False, "Results", text, advice(results))
    elif set_by_user and set_by_user not in usable:
        step = f"%gc config amqp_port none: {found[usable[0]]} connects"
        yield Finding(False, "Results", f"can't come by the port that you have set{others}", step)
    else:
        yield Finding(True, "Results", f"come by {found[usable[0]]}, {how}{others}")


def polling(session: Session) -> Iterator[Finding]:
    """Whether results can be asked for by HTTPS."""
    api = session.client.globus_service()
    try:
        api.task_statuses([str(uuid.uuid4())])
    except ServiceError as error:
        step = error.next_step or "check the network and the proxies below"
        yield Finding(False, "Polling", f"results can't be asked for: {error.reason}", step)
    else:
        yield Finding(True, "Polling", "results can be asked for by HTTPS, where no port is open")


def endpoint(session: Session, target: Endpoint) -> Iterator[Finding]:
    """Whether the endpoint is there and takes tasks."""
    name = target.name or target.endpoint_id
    if target.endpoint_id == LOCAL_ENDPOINT_ID:
        yield Finding(True, "Endpoint", "local: worker processes on this machine")
        return
    try:
        found, details = session.directory.status(target)
    except NotFound:
        step = "check the UUID; %gc endpoints lists those that you may use"
        yield Finding(False, "Endpoint", f"the service knows no {name}", step)
        return
    workers, waiting = details.get("total_workers"), details.get("pending_tasks", 0)
    busy = f"; {_count(workers, 'worker')}, {_count(waiting, 'task')} waiting" if workers else ""
    if found.status == "online":
        limit = results_limit(target.endpoint_id)
        read = f"; its results are read as {limit} alone" if limit else ""
        yield Finding(True, "Endpoint", f"{name} is online{busy}{read}")
    else:
        state = found.status or "of unknown state"
        yield Finding(False, "Endpoint", f"{name} is {state}", WHEN_OFFLINE)


def _count(number: object, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
