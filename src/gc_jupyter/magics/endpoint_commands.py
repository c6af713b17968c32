"""%gc endpoints, use and status."""

from __future__ import annotations

import argparse
import platform
from typing import Any

from IPython.core.error import UsageError
from IPython.display import display

from gc_jupyter.errors import SEE_DOCTOR, WHEN_OFFLINE, ComputeError, LoginRequired
from gc_jupyter.magics.notebook import NotebookMagics
from gc_jupyter.magics.tables import text_table
from gc_jupyter.remote_text import one_line
from gc_jupyter.session.directory import STATES_AT_ONCE
from gc_jupyter.settings import RESULTS, Settings
from gc_jupyter.types import LOCAL_ENDPOINT_ID, LOCAL_NAME, Endpoint


def list_endpoints(magics: NotebookMagics, _line: argparse.Namespace) -> None:
    """%gc endpoints: prints the endpoints that the user may use, and their states."""
    session = magics.session
    aliases = {endpoint: name for name, endpoint in session.settings.aliases().items()}
    default = _default(magics)[0]
    rows = [[LOCAL_NAME, "online", "", "this machine", "you"]]
    listed = session.directory.refresh()
    owners = session.directory.owners([one.endpoint_id for one in listed or []])
    for at, one in enumerate(listed or []):
        state = ""
        if at < STATES_AT_ONCE:
            try:
                found, _ = session.directory.status(Endpoint(one.endpoint_id, one.name))
                state = found.status
            except ComputeError:
                state = "unknown"
        alias, owner = aliases.get(one.endpoint_id, ""), owners[one.endpoint_id]
        rows.append([one.name, state, alias, one.endpoint_id, owner])
    for row in rows:
        if default and default in (row[0], row[2], row[3]):
            row[0] += " *"
    print(text_table(("Name", "State", "Alias", "UUID", "Owner"), rows))
    if default:
        print("* the default endpoint")
    if listed is None:
        print("Nobody is signed in, so only this machine is listed: %gc login.")


def use(magics: NotebookMagics, line: argparse.Namespace) -> None:
    """%gc use: sets or prints the default endpoint, aliases, and limits for results."""
    settings = magics.session.settings
    if line.forget:
        aliases, pinned = settings.aliases(), settings.known.names()
        if line.forget in aliases:
            settings.set_alias(line.forget, None)
        elif line.forget in pinned:
            settings.known.pin(line.forget, None)
        else:
            known = one_line(", ".join([*aliases, *pinned]), 1000) or "none"
            raise UsageError(f"There is no alias {line.forget!r}. The aliases: {known}.")
        print(f"{line.forget} is forgotten.")
        if _default(magics)[0] == line.forget:
            print("It is still the default endpoint; %gc use NAME sets another.")
        return
    if line.results not in (None, "any", *RESULTS):
        raise UsageError(f"--results {line.results}: write --results json, or --results any.")
    if line.endpoint is None:
        if line.results:
            raise UsageError("Whose results? Write %gc use NAME --results json")
        if line.alias:
            raise UsageError(
                f"Which endpoint is {line.alias!r} to be? Write %gc use UUID --alias {line.alias}"
            )
        _say_default(magics)
        return
    if line.alias == LOCAL_NAME:
        raise UsageError("'local' is this machine's name. Write another one after --alias.")
    named = magics.expand(line.endpoint)
    endpoint = magics.session.resolve(named)
    name = line.alias or named
    if line.results:
        _limit_results(settings, endpoint, line.results)
    if line.alias:
        settings.set_alias(line.alias, _id(endpoint))
    settings.site().refuse_locked("endpoint")
    magics.session.default_endpoint = name
    if line.default:
        settings.set("endpoint", name)
        print(f"{name} is the default endpoint now, by {settings.user_file}.")
        value, where = settings.find("endpoint")
        if value != name:
            print(f"But {where} says {value!r}, and wins in other kernels of this directory.")
    else:
        print(
            f"{name} is the default endpoint of this kernel now. %gc use {name} --default sets it"
            " for other and later kernels, too."
        )
    if magics.endpoint not in (None, name):
        print(f"But %config GCMagics.endpoint says {magics.endpoint!r}, and wins in this kernel.")


def _limit_results(settings: Settings, endpoint: Endpoint, to: str) -> None:
    if endpoint.endpoint_id == LOCAL_ENDPOINT_ID:
        raise UsageError("local runs as you, on this machine: there is nothing to limit.")
    settings.known.limit_results(endpoint.endpoint_id, None if to == "any" else to)
    where = one_line(endpoint.name or endpoint.endpoint_id, 200)
    if to == "any":
        print(f"Results of {where} may be anything, pickles too: its owner can run code here.")
    else:
        print(f"Results of {where} are read as JSON alone, in this kernel and in later ones.")


def _say_default(magics: NotebookMagics) -> None:
    value, where = _default(magics)
    if value is None:
        print("There is no default endpoint; %gc use NAME sets one.")
    else:
        print(f"{one_line(str(value), 500)} is the default endpoint, by {where}.")
    for name, endpoint in magics.session.settings.aliases().items():
        print(f"{name} is {endpoint}.")
    for name, pinned in magics.session.settings.known.names().items():
        owner = f", owned by {pinned.owner}" if pinned.owner else ""
        print(one_line(f"{name} is {pinned.endpoint}{owner}, since its first use.", 500))
    for endpoint in magics.session.settings.known.results():
        print(f"Results of {endpoint} are read as JSON alone.")


def _default(magics: NotebookMagics) -> tuple[Any, str]:
    """The default endpoint, and what has set it."""
    value, where = magics.configured("endpoint")
    return magics.session.settings.find("endpoint") if value is None else (value, where)


def _id(endpoint: Endpoint) -> str:
    return LOCAL_NAME if endpoint.endpoint_id == LOCAL_ENDPOINT_ID else endpoint.endpoint_id


def status(magics: NotebookMagics, line: argparse.Namespace) -> None:
    """%gc status: prints an endpoint's state, workers and queue."""
    from gc_jupyter.widgets import EndpointCard

    session = magics.session
    endpoint = session.resolve(magics.expand(line.endpoint) or magics.endpoint)
    if endpoint.endpoint_id == LOCAL_ENDPOINT_ID:
        python = platform.python_version()
        display(EndpointCard(Endpoint(LOCAL_ENDPOINT_ID, LOCAL_NAME, "online", python)))
        return
    if session.signed_in() is None:
        raise LoginRequired("Nobody is signed in.", next_step="%gc login signs in.")
    found, details = session.directory.status(endpoint)

    def number(name: str) -> int | None:
        value = details.get(name)
        return value if isinstance(value, int) else None

    display(
        EndpointCard(
            found,
            workers=number("total_workers"),
            idle_workers=number("idle_workers"),
            waiting=number("pending_tasks"),
        )
    )
    if found.status != "online":
        print(f"Not online: {WHEN_OFFLINE}.")
    for dispatcher in session.client.dispatchers():
        if (error := dispatcher.collector.feed.error) is not None:
            step = getattr(error, "next_step", "") or SEE_DOCTOR
            reason = getattr(error, "reason", "") or type(error).__name__
            print(one_line(f"The result stream is down: {reason} {step}", 2000))
