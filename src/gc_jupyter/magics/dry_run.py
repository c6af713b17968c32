"""What a cell sends, and where to, from what is known here: --dry-run. Asks no network."""

from __future__ import annotations

import platform
import textwrap
import time
from importlib.metadata import version

from gc_jupyter.capture import Captured, Part, contents
from gc_jupyter.capture.cell import SIZE_LIMIT
from gc_jupyter.functions.versions import differs
from gc_jupyter.session import Session, Target


def report(
    session: Session, target: Target, captured: Captured, text: str, count: int | None
) -> str:
    """The report.

    Parameters
    ----------
    session, target:
        Who would send it, and where to.
    captured:
        What would be sent.
    text:
        The cell.
    count:
        How many tasks there would be; None for one.
    """
    total = sum(captured.sizes.values())
    parts = contents(captured)
    imports = [part.text for part in parts if part.kind == "import"]
    defined = [_sized(part) for part in parts if part.kind == "source"]
    modules = [_sized(part) for part in parts if part.kind == "module"]
    data = [_sized(part) for part in parts if part.kind == "data"]
    longest = max(map(len, captured.calls), default=0)
    rows = [
        ("Endpoint", _endpoint(session, target)),
        ("Versions", _versions(session, target)),
        ("Login", _login(session, target)),
        ("Tasks", "1" if count is None else f"{count:,}, in one batch"),
        ("Data", ", ".join(sorted(data)) or "none"),
        ("Values", f"up to {_size(longest)} each" if count is not None else ""),
        ("In all", f"{_size(total + longest)} of {_size(SIZE_LIMIT)} per task"),
        ("Imports", "; ".join(" ".join(one.split()) for one in imports) or "none"),
        ("Defined", ", ".join(sorted(defined)) or "nothing"),
        ("Modules", ", ".join(modules)),
        ("Needs there", ", ".join(captured.packages)),
        ("Brought back", ", ".join(captured.task.out)),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name.ljust(width)}  {shown}" for name, shown in rows if shown]
    source = textwrap.indent(text.strip("\n"), "    ")
    return "\n".join(["Nothing was sent. This would be:", *lines, "Source", source])


def sizes(captured: Captured, most: int | None = None) -> str:
    """The names that travel with a cell, with their sizes, the `most` largest first, and the sum
    of all; empty where there are none."""
    parts = [part for part in contents(captured) if part.kind != "import"]
    parts.sort(key=lambda part: -part.size)
    names = list(map(_sized, parts[:most]))
    if len(names) < len(parts):
        names.append(f"{len(parts) - len(names)} more")
    listed = ", ".join(names)
    return listed if len(parts) < 2 else f"{listed}; {_size(sum(p.size for p in parts))} in all"


def _sized(part: Part) -> str:
    return f"{part.name} {_size(part.size)}"


def _endpoint(session: Session, target: Target) -> str:
    if target.local:
        return "local: worker processes on this machine"
    known = session.directory.about(target.endpoint.endpoint_id)
    heard = "its state was never asked for (%gc status asks)"
    if known is not None and known.status:
        heard = f"{known.status} at {time.strftime('%Y-%m-%d %H:%M', time.localtime(known.at))}"
    named = f"{target.endpoint.name} " if target.endpoint.name else ""
    options = [
        f"{name} {value}"
        for name, value in (
            ("resources", target.resources),
            ("config", target.config),
            ("AMQP port", target.amqp_port),
        )
        if value is not None
    ]
    return "; ".join([f"{named}{target.endpoint.endpoint_id}, {heard}", *options])


def _versions(session: Session, target: Target) -> str:
    here = f"Python {platform.python_version()}, dill {version('dill')} here"
    if target.local:
        return f"{here}, and the same there"
    known = session.directory.about(target.endpoint.endpoint_id)
    if known is None or not (known.python or known.dill):
        return f"{here}; not heard of yet there (%gc status asks)"
    there = [f"Python {known.python}"] if known.python else []
    there += [f"dill {known.dill}"] if known.dill else []
    match = "a cell travels as source, so the difference matters for pickled values only"
    if not (known.python and differs(known.python)):
        match = "they match"
    return f"{here}; {', '.join(there)} there: {match}"


def _login(session: Session, target: Target) -> str:
    if target.local:
        return "none is needed"
    login = session.client.login()
    if login.required:
        return "nobody is signed in: %gc login"
    return f"by {login.source}"


def _size(size: int) -> str:
    for unit, factor in (("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"
