"""Checks that need no network: versions, journal, widgets, proxies, messages."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies

from gc_jupyter import __version__
from gc_jupyter.doctor.finding import Finding
from gc_jupyter.functions.versions import differs
from gc_jupyter.types import LOCAL_ENDPOINT_ID

if TYPE_CHECKING:
    from gc_jupyter.session import Session
    from gc_jupyter.types import Endpoint


def versions(session: Session, target: Endpoint | None) -> Iterator[Finding]:
    """Python and dill, here and at the endpoint."""
    mine = version("dill")
    here = f"Python {platform.python_version()}, dill {mine}, gc_jupyter {__version__}"
    if target is None or target.endpoint_id == LOCAL_ENDPOINT_ID:
        yield Finding(True, "Versions", here)
        return
    name = target.name or target.endpoint_id
    known = session.directory.about(target.endpoint_id)
    python, dill = (known.python, known.dill) if known is not None else ("", "")
    if not python and not dill:
        step = "run a cell there: each result says what its worker has"
        yield Finding(True, "Versions", f"{here}; {name}'s aren't known yet", step)
        return
    there = f"Python {python or 'unknown'}, dill {dill or 'unknown until a cell has run there'}"
    text = f"{here}; at {name} {there}"
    if python and differs(python):
        step = (
            "cells and notebook functions travel as source and work; for Executor.submit and"
            " pickled classes use one Python version on both sides"
        )
        yield Finding(False, "Versions", text, step)
    elif dill and dill.split(".")[:2] != mine.split(".")[:2]:
        step = "cells work; where a value can't be read, install the same dill there"
        yield Finding(True, "Versions", text, step)
    else:
        yield Finding(True, "Versions", text)


def journal(session: Session) -> Iterator[Finding]:
    """Whether the journal records this kernel's tasks."""
    kept = session.journal
    if kept is None:
        step = "%load_ext gc_jupyter keeps one"
        yield Finding(True, "Journal", "none is kept without the magics", step)
        return
    kept.check()
    if kept.problem:
        text, _, step = kept.problem.partition(": ")
        yield Finding(False, "Journal", text, step)
    else:
        yield Finding(True, "Journal", f"{kept.path} can be written")


def widgets() -> Iterator[Finding]:
    """Whether live tables work in this front end."""
    from gc_jupyter.widgets.bundle import module_text
    from gc_jupyter.widgets.front_end import has_front_end

    try:
        module_text()
    except RuntimeError as error:
        yield Finding(False, "Widgets", str(error), "pip install --force-reinstall gc-jupyter")
        return
    try:
        text = f"anywidget {version('anywidget')}, ipywidgets {version('ipywidgets')}"
    except PackageNotFoundError as error:
        yield Finding(False, "Widgets", f"{error.name} is missing", f"pip install {error.name}")
        return
    if has_front_end():
        step = "if tables stay text, install anywidget where JupyterLab runs, and reload the page"
        yield Finding(True, "Widgets", text, step)
    else:
        yield Finding(True, "Widgets", f"{text}; no page is open for them, so tables are static")


def proxies() -> Iterator[Finding]:
    """The proxies that the environment sets."""
    found = {kind: url for kind, url in getproxies().items() if kind in ("http", "https", "all")}
    if not found:
        yield Finding(True, "Proxies", "none is set")
        return
    shown = ", ".join(f"{kind} by {_bare(url)}" for kind, url in sorted(found.items()))
    exempt = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    text = f"{shown}; none for {exempt}" if exempt else shown
    step = "if the service isn't reached, check them or unset them; AMQP (see Results) takes none"
    yield Finding(True, "Proxies", text, step)


def _bare(url: str) -> str:
    """A proxy's address without its password."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def messages(session: Session) -> Iterator[Finding]:
    """Messages that this kernel's result streams have dropped."""
    unreadable = 0
    for dispatcher in session.client.dispatchers():
        unreadable += dispatcher.collector.feed.unreadable
        if (error := dispatcher.collector.feed.error) is not None:
            reason = getattr(error, "reason", "") or error
            step = (
                "it is opened again by itself, once Results (above) is well; HTTPS does until then"
            )
            yield Finding(False, "Stream", f"this kernel's is down: {reason}", step)
    if unreadable:
        text = f"{unreadable} could not be read, and were dropped"
        step = "update gc-jupyter; if it goes on, tell the endpoint's owner"
        yield Finding(False, "Messages", text, step)
    else:
        yield Finding(True, "Messages", "all that came could be read")
