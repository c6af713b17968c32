"""Tasks of earlier kernels, found again: from the journal's entries to futures.

What was written down before a request left may lack the task's id, where the kernel ended before
the reply came. The task group then knows the ids; without a group, nobody does. What Jupyter Server
has collected meanwhile is in the journal, and nobody is asked for it.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from gc_jupyter.errors import NotFound
from gc_jupyter.journal.database import Entry
from gc_jupyter.journal.sessions import Note, Place
from gc_jupyter.runtime.tasks import Origin
from gc_jupyter.service.base import statuses_of
from gc_jupyter.types import LOCAL_ENDPOINT_ID, TaskInfo

if TYPE_CHECKING:
    from gc_jupyter.future import TaskFuture
    from gc_jupyter.session.core import Session

_DECODING_S = 10.0


@dataclass
class Attached:
    """What became of the entries.

    Attributes
    ----------
    tasks:
        Futures, those that had ended resolved.
    lost:
        The service doesn't know them: never accepted, too old, or somebody else's.
    unknown:
        Whether the service accepted them can't be told.
    """

    tasks: list[tuple[Entry, TaskFuture]] = field(default_factory=list)
    lost: list[Entry] = field(default_factory=list)
    unknown: list[Entry] = field(default_factory=list)


def attach(session: Session, entries: Sequence[Entry], namespace: Mapping[str, Any]) -> Attached:
    """Futures for tasks of earlier kernels.

    Parameters
    ----------
    session:
        Whose tasks they become.
    entries:
        As the journal has them.
    namespace:
        The notebook's variables: results refer to its classes by name.

    Raises
    ------
    ServiceError
        The service can't be asked. Nothing has changed then.
    """
    found = Attached()
    by_group: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.endpoint_id == LOCAL_ENDPOINT_ID:
            found.lost.append(entry)  # ended with its kernel
        elif not entry.group_id:
            found.unknown.append(entry)
        else:
            by_group.setdefault(entry.group_id, []).append(entry)
    for group, some in by_group.items():
        _attach_group(session, group, some, namespace, found)
    if session.journal is not None:
        session.journal.give_up([*found.lost, *found.unknown])
    return found


def _attach_group(
    session: Session,
    group: str,
    entries: Sequence[Entry],
    namespace: Mapping[str, Any],
    found: Attached,
) -> None:
    client, journal = session.client, session.journal
    dispatcher = client.dispatcher(entries[0].endpoint_id)
    by_id = {entry.task_id: entry for entry in entries if entry.task_id}
    nameless = [entry for entry in entries if not entry.task_id]
    over: set[str] = set()
    if journal is not None:
        over = journal.ask(lambda db: db.results.kept(by_id), over)
    if nameless or over < by_id.keys():
        client.login().ensure()
    if nameless:
        named = _name(session, group, nameless)
        by_id |= named
        found.lost += nameless[len(named) :]
    known, over = _states(session, by_id, over)
    found.lost += [entry for task_id, entry in by_id.items() if task_id not in known]
    asked = by_id
    if known - over and journal is not None:
        # this kernel listens from now on: what comes for the group's other tasks comes here, too
        earlier: list[Entry] = []
        earlier = journal.ask(lambda db: db.earlier(journal.session, any_notebook=True), earlier)
        rest = {one.task_id: one for one in earlier if one.group_id == group and one.task_id}
        if others := rest.keys() - by_id.keys():
            by_id = rest | by_id
            kept: Set[str] = set()
            kept = journal.ask(lambda db: db.results.kept(others), kept)
            also_known, also_over = _states(session, others, kept)
            known, over = known | also_known, over | also_over

    def make(task_id: str) -> TaskFuture:
        return _future(session, by_id[task_id], task_id, namespace)

    ordered = [task_id for task_id in by_id if task_id in known]  # as they were submitted
    adopt = partial(dispatcher.adopt_tasks, group, ordered, _origin(session), make)
    futures = client.with_login(adopt)
    for future in futures:
        session.tasks[future.serial] = future
    if journal is not None:
        journal.claim(futures)
    concurrent.futures.wait([one for one in futures if one.task_id in over], _DECODING_S)
    found.tasks += [(asked[one.task_id], one) for one in futures if one.task_id in asked]
    session.keep([one for one in futures if one.task_id not in asked])


def _states(session: Session, task_ids: Iterable[str], over: Set[str]) -> tuple[set[str], set[str]]:
    """Those of these tasks that exist, and those that are over; `over` was known before."""
    client = session.client
    known, ended = set(over), set(over)
    ids = [task_id for task_id in task_ids if task_id not in over]
    for statuses in statuses_of(
        ids, lambda some: client.request(partial(client.globus_service().task_statuses, some))
    ):
        known |= statuses.keys()
        ended |= {task_id for task_id, status in statuses.items() if status.done}
    return known, ended


def _name(session: Session, group: str, nameless: Sequence[Entry]) -> dict[str, Entry]:
    """The ids of tasks whose reply was lost: those of their group that nobody else has."""
    client, journal = session.client, session.journal
    try:
        ids = client.request(partial(client.globus_service().task_group, group))
    except NotFound:
        return {}
    taken: set[str] = set()
    if journal is not None:
        taken = journal.ask(lambda db: db.task_ids(group), taken)
    free = [task_id for task_id in ids if task_id not in taken]
    named = dict(zip(free, nameless, strict=False))
    if journal is not None:
        journal.name(named)
    return named


def _origin(session: Session) -> Origin:
    return Origin(session.client.fx_serializer.deserialize_result)


def _future(
    session: Session, entry: Entry, task_id: str, namespace: Mapping[str, Any]
) -> TaskFuture:
    """A future that reads this kind of result."""
    from gc_jupyter.capture import Captured
    from gc_jupyter.functions.source import SourceFunction
    from gc_jupyter.future import TaskFuture
    from gc_jupyter.session.futures import NotebookFuture
    from gc_jupyter.session.shell import ShellFuture

    future: TaskFuture
    if entry.kind in ("cell", "shell"):
        kind = NotebookFuture if entry.kind == "cell" else ShellFuture
        sent = Captured(SourceFunction(entry.label, ""), b"", {}, {}, namespace)
        where = entry.endpoint or entry.endpoint_id
        future = kind(sent, where, session.label_of, label=entry.label)
    else:
        future = TaskFuture(label=entry.label)
    if isinstance(future, NotebookFuture):
        future.on_taken = session.seen
    future._learn(TaskInfo(task_id, endpoint_id=entry.endpoint_id, submitted_at=entry.submitted_at))
    place = Place(entry.notebook, entry.cell_id, entry.execution_count)
    out = tuple(entry.out.split(",")) if entry.out else ()
    future._describe(
        Note(entry.kind, entry.endpoint, entry.bind, out, place), entry.nonce, entry.decodes
    )
    return future
