"""--dry-run: report what a cell would send, and where. It sends no request."""

from __future__ import annotations

import platform
import textwrap
from importlib.metadata import version
from typing import Any

from gc_jupyter.capture import Captured, CapturedName, contents
from gc_jupyter.functions.versions import differs
from gc_jupyter.moments import clock
from gc_jupyter.session import Session, Target


def report(
    session: Session, target: Target, captured: Captured, text: str, count: int | None
) -> str:
    """The report as text.

    Parameters
    ----------
    session, target:
        The session that would send the cell, and its target.
    captured:
        The captured cell.
    text:
        The cell's text.
    count:
        The number of tasks of a fan-out; None for a single task.
    """
    total = sum(captured.sizes.values())
    parts = contents(captured)
    imports = [part.text for part in parts if part.kind == "import"]
    defined = [_sized(part) for part in parts if part.kind == "source"]
    modules = [_sized(part) for part in parts if part.kind == "module"]
    data = [_sized(part) for part in parts if part.kind == "data"]
    longest = max(map(_bytes_of, captured.calls), default=0)
    rows = [
        ("Endpoint", _endpoint(session, target)),
        ("Versions", _versions(session, target)),
        ("Login", _login(session, target)),
        ("Tasks", "1" if count is None else f"{count:,}, in one batch"),
        ("Data", ", ".join(sorted(data)) or "none"),
        ("Values", f"up to {_size(longest)} each" if count is not None else ""),
        ("In all", f"{_size(total + longest)} per task"),
        ("To the store", _stored(captured)),
        ("Imports", "; ".join(" ".join(one.split()) for one in imports) or "none"),
        ("Defined", ", ".join(sorted(defined)) or "nothing"),
        ("Modules", ", ".join(modules)),
        ("Needs there", ", ".join(captured.packages)),
        ("Set there", ", ".join(captured.states)),
        ("Stays here", " ".join(captured.left)),
        ("Brought back", ", ".join(captured.task.out)),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name.ljust(width)}  {shown}" for name, shown in rows if shown]
    source = textwrap.indent(text.strip("\n"), "    ")
    return "\n".join(["Nothing was sent. This would be:", *lines, "Source", source])


def sizes(captured: Captured, most: int | None = None, sent: int | None = None) -> str:
    """The names that travel with a cell and their sizes, the `most` largest ones first, and the
    total; empty if there are none. `sent` is the number of parts that are new in the endpoint's
    store."""
    parts = [part for part in contents(captured) if part.kind != "import"]
    parts.sort(key=lambda part: -part.size)
    names = list(map(_sized, parts[:most]))
    stored = set() if captured.storing is None else set(captured.storing.parts)
    if stored and sent is not None:
        large = sum(part.size > captured.storing.least for part in parts) if captured.storing else 0
        going = captured.storing is not None and not captured.storing.done
        for at in range(min(large, len(names))):
            names[at] += " in the background" if going else " there already" * (sent == 0)
        if sent:
            rest = f", {len(stored) - sent} were there" if sent < len(stored) else ""
            names[max(0, large - 1)] += f" in {sent} part{'s'[: sent - 1]}{rest}"
    if len(names) < len(parts):
        names.append(f"{len(parts) - len(names)} more")
    listed = ", ".join(names)
    return listed if len(parts) < 2 else f"{listed}; {_size(sum(p.size for p in parts))} in all"


def _sized(part: CapturedName) -> str:
    return f"{part.name} {_size(part.size)}"


def _endpoint(session: Session, target: Target) -> str:
    if target.local:
        return "local: worker processes on this machine"
    known = session.directory.about(target.endpoint.endpoint_id)
    heard = "its state was never asked for (%gc status asks)"
    if known is not None and known.status:
        heard = f"{known.status} at {clock(known.at)}"
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


def _bytes_of(call: Any) -> int:
    """The bytes of a call's arguments or of a variable's value; see
    `worker_side.loading.Loader`."""
    if not isinstance(call, dict):
        return len(call)
    stored = [one for one in (call["pickle"], *call["buffers"]) if isinstance(one, dict)]
    rest = 0 if isinstance(call["pickle"], dict) else len(call["pickle"])
    return rest + sum(int(one["size"]) for one in stored)


def _stored(captured: Captured) -> str:
    """The line about values that go to the endpoint's store unless they are there already."""
    parts = {} if captured.storing is None else captured.storing.parts
    if not parts or (captured.storing is not None and captured.storing.near is not None):
        return ""
    return f"{_size(sum(map(len, parts.values())))} in {len(parts)} parts, less what is there"


def _size(size: int) -> str:
    for unit, factor in (("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"
