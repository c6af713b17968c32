"""The subcommands %gc kept, keep, fetch and forget."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from typing import Any

from IPython.core.error import UsageError
from IPython.display import display

from gc_jupyter.magics.cells import run_cell
from gc_jupyter.magics.kept import told
from gc_jupyter.magics.notebook import NotebookMagics
from gc_jupyter.magics.tables import text_table
from gc_jupyter.moments import ago
from gc_jupyter.remote_text import one_line
from gc_jupyter.session import keeping
from gc_jupyter.session.keeping import Listed
from gc_jupyter.session.kept import KeptRecord, KeptValue
from gc_jupyter.travel.store import UNUSED_S, megabytes

#: Seconds until an endpoint must have said what it keeps.
_WAIT_S = 30.0


def list_kept(magics: NotebookMagics, line: argparse.Namespace) -> None:
    """%gc kept: lists what endpoints keep; with names, binds these names."""
    some = _listed(magics, line.on)
    if line.names:
        bound = {name: _named(magics, name, some, line.on) for name in line.names}
        for name, values in bound.items():
            magics.shell.user_ns[name] = values[0] if len(values) == 1 else list(values)
        _say(f"Bound: {', '.join(told(*one) for one in bound.items())}.")
        return
    rows = [
        (
            value.name,
            *(text for _, text in value.described()[1:3]),
            f"{ago(value.kept_at)} ago",
            record.notebook,
            one.target.name,
            _state(record),
        )
        for one in some
        for record in sorted(one.records, key=lambda one: -one.at)
        for value in record.values()
        if not value.forgotten
    ]
    if rows:
        head = ("Name", "Type", "Size", "Kept", "Notebook", "Endpoint", "State")
        print(text_table(head, rows))
    else:
        silent = any(one.problem for one in some)
        where = ", ".join(one.target.name for one in some if not one.problem)
        nothing = f"Nothing is kept on {where}." if silent and where else "Nothing is kept."
        if where:
            print(f"{nothing} %%gcrun ENDPOINT --keep NAME leaves a cell's variable there.")
    for one in some:
        if one.problem:
            when = f"as of {ago(one.asked_at)} ago" if one.asked_at else "as this machine knows it"
            known = f"what is listed of it is {when}" if one.records else "nothing is known of it"
            _say(f"{one.target.name}: {one.problem}: {known}.")


def _state(record: KeptRecord) -> str:
    if not (record.replaced or record.unasked):
        return ""
    days = max(1, round((record.used + UNUSED_S - time.time()) / 86400))
    why = "replaced" if record.replaced else "not by --keep"
    return f"{why}, goes in {days} days unless it is used"


def keep(magics: NotebookMagics, line: argparse.Namespace) -> None:
    """%gc keep: keeps variables of the notebook, by a cell that keeps what it was sent."""

    for name in line.names:
        if not name.isidentifier() or name not in magics.shell.user_ns:
            raise UsageError(f"%gc keep {name}: the notebook has no such variable. Set it first.")
    parser = magics.shell.magics_manager.magics["cell"]["gcrun"].make_parser()
    options = magics.options(parser, f'"{line.on}"' if line.on else "", "%gc keep")
    given: Any = {"keep": tuple(line.names), "block": True, "out": (), "map": None, "future": ""}
    run_cell(magics, options.but(**given), f"None, {', '.join(line.names)};")


def fetch_kept(magics: NotebookMagics, line: argparse.Namespace) -> None:
    """%gc fetch: fetches kept values, and binds them."""
    namespace, some = magics.shell.user_ns, None
    wanted: dict[str, list[KeptValue]] = {}
    for name in line.names:
        wanted[name] = _kept_in(namespace.get(name)) if not line.on else []
        if not wanted[name]:
            some = _listed(magics, line.on) if some is None else some
            wanted[name] = _named(magics, name, some, line.on)
    every = [value for values in wanted.values() for value in values]
    found = iter(keeping.fetch(every))
    for name, values in wanted.items():
        here = [next(found) for _ in values]
        many = len(values) > 1 or isinstance(namespace.get(name), list)
        namespace[name] = here if many else here[0]
    _say(f"Fetched: {', '.join(told(*one) for one in wanted.items())}.")


def forget_kept(magics: NotebookMagics, line: argparse.Namespace) -> None:
    """%gc forget: removes kept values from their endpoints."""
    if bool(line.names) == line.all:
        raise UsageError("%gc forget takes names, or --all for everything. %gc kept lists it.")
    values: list[KeptValue] = []
    if line.all:
        some = _listed(magics, line.on)
        values = [one for listed in some for record in listed.records for one in record.values()]
        values = [one for one in values if not one.forgotten]
        silent = [one for one in some if one.problem]
        if silent:
            raise UsageError(
                f"{silent[0].target.name}: {silent[0].problem}. Nothing was forgotten: name"
                " another endpoint by --on, or do it later."
            )
    else:
        some = None
        for name in line.names:
            mine = _kept_in(magics.shell.user_ns.get(name)) if not line.on else []
            if not mine:
                some = _listed(magics, line.on) if some is None else some
                mine = _named(magics, name, some, line.on)
            values += mine
    keeping.forget(magics.session, values)
    size = megabytes(sum(one.size for one in values))
    _say(
        f"Forgotten: {len(values):,} value{'s'[: len(values) != 1]}, {size}."
        if values
        else "Nothing is kept there."
    )


def names_known(magics: NotebookMagics) -> list[str]:
    """The names of kept values, for completion. It uses no network."""
    return [name for name, value in magics.shell.user_ns.items() if _kept_in(value)]


def _kept_in(value: Any) -> list[KeptValue]:
    """The kept values of a variable: itself, or the elements of a list."""
    if isinstance(value, KeptValue):
        return [value]
    if isinstance(value, list) and value and all(isinstance(one, KeptValue) for one in value):
        return value
    return []


def _listed(magics: NotebookMagics, on: str | None) -> list[Listed]:
    session = magics.session
    some = [session.target(magics.expand(on))] if on else keeping.targets(session)
    return keeping.listed(session, some, _WAIT_S)


def _named(
    magics: NotebookMagics, name: str, some: Iterable[Listed], on: str | None
) -> list[KeptValue]:
    found = keeping.named(magics.session, name, list(some))
    if not found:
        silent = [f"{one.target.name}: {one.problem}" for one in some if one.problem]
        where = f"on {on}" if on else "on any endpoint that this machine knows to keep something"
        raise UsageError(
            f"Nothing is kept by the name {name} {where}. {' '.join(silent)} %gc kept lists what"
            " is; --on ENDPOINT asks another one."
        )
    return found


def _say(text: str) -> None:
    display({"text/plain": one_line(text, 2000)}, raw=True)
