"""List, fetch and forget kept values, and remember the endpoints that have some."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gc_jupyter.capture.loading import load
from gc_jupyter.errors import ComputeError, StoreRefused
from gc_jupyter.journal.sessions import KernelSession
from gc_jupyter.own_files import check_own, data_directory, locked, write_own
from gc_jupyter.protocol.nonces import new_run
from gc_jupyter.remote_text import one_line
from gc_jupyter.serialize.foreign import written_by
from gc_jupyter.session.core import Session, current_session
from gc_jupyter.session.kept import KeptRecord, KeptValue, record_of
from gc_jupyter.session.target import Target, check_readable
from gc_jupyter.travel.kept import gone
from gc_jupyter.travel.store import StoreError, name_of
from gc_jupyter.types import LOCAL_ENDPOINT_ID, LOCAL_NAME, Endpoint

if TYPE_CHECKING:
    from gc_jupyter.session.store_places import StorePlace

_FILE = "kept-"
_MOST = 1_000  # the most records of one endpoint that are remembered here


def owner(session: Session) -> str:
    """The owner of this notebook's records; of this kernel's, where the notebook isn't known."""
    here = session.journal.session if session.journal is not None else KernelSession.here()
    return f"{here.host} {here.notebook or here.kernel or here.session}"


def keeping(session: Session, target: Target, names: Sequence[str]) -> dict[str, Any]:
    """The worker's options for names that stay there, and for values that are too large to come
    back."""
    notebook = "" if session.journal is None else session.journal.session.notebook
    return {
        "names": list(names),
        "notebook": notebook,
        "owner": owner(session),
        "kernel": "" if session.journal is None else session.journal.session.session,
        "run": new_run(),
        "endpoint": target.endpoint.endpoint_id,
        "config": target.config,
    }


# --- which endpoints ------------------------------------------------------------------------------


@dataclass
class Listed:
    """The values that one endpoint keeps.

    Attributes
    ----------
    target:
        The endpoint.
    records:
        Its newest known records.
    problem:
        Why it can't be asked now; empty where it has answered.
    asked_at:
        The time of its answer, in unix seconds; 0 where it never answered.
    """

    target: Target
    records: list[KeptRecord] = field(default_factory=list)
    problem: str = ""
    asked_at: float = 0.0


def remember(record: KeptRecord, told: dict[str, Any]) -> None:
    """Remember that an endpoint keeps something, so that `%gc kept` asks it."""
    with _alone(record.endpoint_id):
        known = _read(_path(record.endpoint_id))
        records = [one for one in known.get("records", []) if one.get("id") != record.ident]
        _write(record.endpoint_id, record.endpoint, [*records, told], known.get("asked") or 0.0)


def _alone(endpoint_id: str) -> contextlib.AbstractContextManager[None]:
    """Lock an endpoint's remembered records, so that no other kernel changes them meanwhile."""
    return locked(_path(endpoint_id).with_suffix(".lock"))


def _path(endpoint_id: str) -> Any:
    return data_directory() / "stores" / f"{_FILE}{name_of(endpoint_id.encode())[:32]}.json"


def _read(path: Any) -> dict[str, Any]:
    try:
        check_own(path)
        found = json.loads(path.read_text("utf-8"))
        return found if isinstance(found.get("records"), list) else {}
    except (OSError, ValueError, AttributeError, RuntimeError):
        return {}


def _idents(endpoint_id: str) -> set[Any]:
    return {one.get("id") for one in _read(_path(endpoint_id)).get("records", [])}


def _write(endpoint_id: str, name: str, records: list[Any], asked: float) -> None:
    told = {"endpoint": endpoint_id, "name": name, "records": records[-_MOST:], "asked": asked}
    with contextlib.suppress(OSError):
        write_own(_path(endpoint_id), json.dumps(told))


def targets(session: Session) -> list[Target]:
    """The endpoints that keep something, as far as is known here: `local` first."""
    found = {LOCAL_ENDPOINT_ID: LOCAL_NAME}
    for path in sorted((data_directory() / "stores").glob(f"{_FILE}*.json")):
        known = _read(path)
        if known.get("endpoint"):
            found.setdefault(str(known["endpoint"]), one_line(str(known.get("name") or "")))
    return [session.target(Endpoint(one, name)) for one, name in found.items()]


def listed(session: Session, some: Sequence[Target], timeout: float | None) -> list[Listed]:
    """The values that endpoints keep. All endpoints are asked at once, with a limit in seconds."""
    asked: list[tuple[Listed, concurrent.futures.Future[Any] | None]] = []
    before = {target.endpoint.endpoint_id: _idents(target.endpoint.endpoint_id) for target in some}
    for target in some:
        one = Listed(target)
        try:
            asked.append((one, _place(session, target).kept([])))
        except ComputeError as error:
            one.problem = str(error)
            asked.append((one, None))
    futures = [future for _, future in asked if future is not None]
    concurrent.futures.wait(futures, timeout)
    for one, future in asked:
        endpoint = one.target.endpoint
        known = _read(_path(endpoint.endpoint_id))
        told, one.asked_at = known.get("records", []), float(known.get("asked") or 0.0)
        if future is not None and not future.done():
            future.cancel()
            one.problem = "it has not answered"
        elif future is not None:
            try:
                told, one.asked_at = list(future.result()), time.time()
            except (StoreError, ComputeError) as error:
                one.problem = one_line(str(error), 500)
            else:
                old = before[endpoint.endpoint_id].union(record.get("id") for record in told)
                with _alone(endpoint.endpoint_id):  # values may have been kept meanwhile
                    now = _read(_path(endpoint.endpoint_id)).get("records", [])
                    new = [record for record in now if record.get("id") not in old]
                    _write(endpoint.endpoint_id, one.target.name, [*told, *new], one.asked_at)
        for some_told in told:
            with contextlib.suppress(LookupError, TypeError, ValueError):
                made = record_of(some_told, endpoint.endpoint_id, one.target.name)
                made.replaced = bool(some_told.get("replaced"))
                one.records.append(made)
    found = [one for one, _ in asked]
    _list_once(found)
    return found


def _list_once(some: Sequence[Listed]) -> None:
    """List each value once, at the endpoint that kept it: several endpoints may share one store."""
    home: dict[str, Listed] = {}
    for listed in some:
        for one in listed.records:
            if one.ident not in home or one.kept_by == listed.target.endpoint.endpoint_id:
                home[one.ident] = listed
    for listed in some:
        listed.records = [one for one in listed.records if home[one.ident] is listed]


def _place(session: Session, target: Target, folder: str = "") -> StorePlace:
    return session.stores.place(target, folder)


# --- what is kept ---------------------------------------------------------------------------------


def fetch(values: Sequence[KeptValue], *, quiet: bool = False) -> list[Any]:
    """Bring kept values here. Values that were kept together share their objects here, too.

    Parameters
    ----------
    values:
        Kept values of any endpoints.
    quiet:
        Whether to show nothing.

    Raises
    ------
    StoreRefused
        One is no longer there.
    Interrupted
        The user has stopped it.
    """
    session = current_session()
    found: dict[KeptRecord, list[Any]] = {}
    for value in values:
        if value.record not in found:
            found[value.record] = _fetched(session, value.record, quiet)
    return [found[value.record][value.index] for value in values]


def _fetched(session: Session, record: KeptRecord, quiet: bool) -> list[Any]:
    target = target_of(session, record)
    check_readable(target)
    place = _place(session, target, record.folder)
    (told,) = session.stores.asked(place.kept([record.ident]), target, quiet)
    if told is None:
        raise StoreRefused(f"{gone(None, record.folder)}.")
    names = ", ".join(name for name in record.names if name)
    needs = record.needed(vars(sys.modules["__main__"]))
    some = [told]
    if told["definitions"] and any(key not in needs for key, _, _ in record.needs):
        some.append(told["definitions"])
    parts = [stored for one in some for stored in (one["pickle"], *one["buffers"])]
    options: Any = {"what": names, "quiet": quiet, "folder": record.folder}
    data = iter(session.stores.fetch(parts, target, **options))
    loads = [(next(data), [next(data) for _ in one["buffers"]]) for one in some]
    with written_by(record.python):
        if len(loads) > 1:
            needs = {**load(loads[1][0], {}), **needs}
        values: list[Any] = load(loads[0][0], needs, loads[0][1])
    return values


def forget(session: Session, values: Iterable[KeptValue]) -> None:
    """Remove kept values where they are.

    Raises
    ------
    StoreRefused, Interrupted
        The store can't be used; the user has stopped it.
    """
    by_place: dict[tuple[str, str], list[KeptValue]] = {}
    for value in values:
        record = value.record
        by_place.setdefault((record.endpoint_id, record.folder), []).append(value)
    for (_, folder), some in by_place.items():
        target = target_of(session, some[0].record)
        names: dict[str, list[str]] = {}
        for value in some:
            names.setdefault(value.record.ident, []).append(value.name)
        session.stores.asked(_place(session, target, folder).unkeep(names), target, False)
        for value in some:
            value.record.forgotten.add(value.index)


def target_of(session: Session, record: KeptRecord) -> Target:
    """The endpoint that has the record."""
    return session.target(Endpoint(record.endpoint_id, record.endpoint), config=record.config)


def named(session: Session, name: str, some: Sequence[Listed]) -> list[KeptValue]:
    """The kept values of a name: this notebook's newest, else the newest of all; for a fan-out,
    each task's, in order."""
    found = [
        one
        for listed in some
        for one in listed.records
        if name in one.names and not one.replaced and one.names.index(name) not in one.forgotten
    ]
    mine = [one for one in found if one.owner == owner(session)] or found
    if not mine:
        return []
    newest = max(mine, key=lambda one: one.at)
    run = [one for one in mine if (one.owner, one.run) == (newest.owner, newest.run)]
    run.sort(key=lambda one: (one.part.place if one.part else 0, one.at))
    return [one[name] for one in run]
