"""Find tasks of earlier kernels: make futures from the journal's entries.

An entry is written before its request leaves, and has no task id until the reply. If the reply was
lost, the task group has the ids, and the results have the nonces that match them with entries.
Without a group, a task can't be found. Results that Jupyter Server has collected are read from the
journal.
"""

from __future__ import annotations

import concurrent.futures
import uuid
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from gc_jupyter.errors import NotFound, ServiceError, SubmitUncertain
from gc_jupyter.journal.database import Entry
from gc_jupyter.journal.sessions import UNTOLD, CellPlace, Note
from gc_jupyter.runtime.tasks import Origin
from gc_jupyter.service.base import statuses_of
from gc_jupyter.session.target import Target
from gc_jupyter.types import LOCAL_ENDPOINT_ID, Endpoint, TaskInfo

if TYPE_CHECKING:
    from gc_jupyter.capture.reply import Fetcher
    from gc_jupyter.future import TaskFuture
    from gc_jupyter.session.core import Session

#: Seconds to wait until results that have arrived are decoded.
DECODING_S = 10.0


@dataclass
class Attached:
    """The outcome of attaching entries.

    Attributes
    ----------
    futures:
        The tasks' futures; those of ended tasks are resolved.
    ended:
        Tasks on `local`, which ended with their kernel.
    unseen:
        The service didn't list them: they were not accepted, are too old, or are another user's.
    unknown:
        Their group isn't known, so the service can't be asked whether it accepted them.
    unnamed:
        Plain functions' tasks that can't be matched with an id; `strays` are the ids.
    nameless:
        How many futures wait for results that name their entry.
    identity:
        The identity that asked the service.
    """

    futures: list[TaskFuture] = field(default_factory=list)
    ended: list[Entry] = field(default_factory=list)
    unseen: list[Entry] = field(default_factory=list)
    unknown: list[Entry] = field(default_factory=list)
    unnamed: list[Entry] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    nameless: int = 0
    identity: str = ""


def attach(session: Session, entries: Sequence[Entry], namespace: Mapping[str, Any]) -> Attached:
    """Futures for tasks of earlier kernels.

    Parameters
    ----------
    session:
        The session that gets the tasks.
    entries:
        The journal's entries.
    namespace:
        The notebook's variables: results refer to its classes by name.

    Raises
    ------
    ServiceError
        The service can't be asked. Nothing has changed.
    """
    found = Attached()
    by_group: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.endpoint_id == LOCAL_ENDPOINT_ID:
            found.ended.append(entry)
        elif not entry.group_id:
            found.unknown.append(entry)
        else:
            by_group.setdefault(entry.group_id, []).append(entry)
    for group, some in by_group.items():
        _GroupEntries(session, group, namespace, found).attach(some)
    if found.unseen:
        found.identity = who_asks(session)
    if session.journal is not None:
        session.journal.give_up(found.ended)
        session.journal.look_in_vain(found.unseen, found.identity)
        session.journal.look_in_vain(found.unnamed, UNTOLD)
        session.journal.look_in_vain(found.unknown, "")
    return found


def who_asks(session: Session) -> str:
    """The signed-in identity in a few words, for the message about unseen tasks."""
    login = session.client.login()
    try:
        identity = login.identity()
    except ServiceError:
        identity = None
    return (identity.username or identity.identity_id) if identity is not None else login.source


class _GroupEntries:
    """The entries of one task group."""

    def __init__(
        self, session: Session, group: str, namespace: Mapping[str, Any], found: Attached
    ) -> None:
        self._session = session
        self._client, self._journal = session.client, session.journal
        self._group = group
        self._namespace = namespace
        self._found = found

    def attach(self, entries: Sequence[Entry]) -> None:
        """Attach the group's entries, and add them to the outcome."""
        asked = {(one.session, one.serial) for one in entries}
        by_id = {entry.task_id: entry for entry in entries if entry.task_id}
        over: set[str] = set()
        if self._journal is not None:
            over = self._journal.ask(lambda db: db.results.kept(by_id), over)
        nameless = [entry for entry in entries if not entry.task_id]
        made: dict[tuple[str, int], TaskFuture] = {}
        if nameless or over < by_id.keys():
            self._client.login().ensure()
        if nameless:
            rest = [one for one in self._rest() if not one.task_id]
            nameless += [one for one in rest if (one.session, one.serial) not in asked]
            named, made = self._name(nameless)
            by_id |= named
        known, over = self._states(by_id, over)
        self._found.unseen += [one for task_id, one in by_id.items() if task_id not in known]
        if known - over:
            # from now on this kernel gets the messages of the group's other tasks, too
            rest = [one for one in self._rest() if one.task_id and one.task_id not in by_id]
            others = {one.task_id: one for one in rest}
            by_id = others | by_id
            if others and self._journal is not None:
                kept: Set[str] = set()
                kept = self._journal.ask(lambda db: db.results.kept(others), kept)
                also_known, also_over = self._states(others, kept)
                known, over = known | also_known, over | also_over
        for future, entry in self._adopt(by_id, known, over):
            made[entry.session, entry.serial] = future
        for future in made.values():
            self._session.tasks[future.serial] = future
        self._found.futures += [made[key] for key in _keys(entries) if key in made]
        self._session.keep([future for key, future in made.items() if key not in asked])

    def _rest(self) -> list[Entry]:
        """The group's other tasks that no journal and no future here has."""
        journal = self._journal
        entries: list[Entry] = []
        if journal is not None:
            entries = journal.ask(
                lambda db: db.earlier(journal.session, any_notebook=True), entries
            )
            entries += self._session.unconfirmed()
        return [one for one in entries if one.group_id == self._group]

    def _adopt(
        self, by_id: Mapping[str, Entry], known: Set[str], over: Set[str]
    ) -> Iterable[tuple[TaskFuture, Entry]]:
        ordered = [task_id for task_id in by_id if task_id in known]  # as they were submitted
        if not ordered:
            return []

        def make(task_id: str) -> TaskFuture:
            return self._future(by_id[task_id], task_id)

        adopt = partial(self._client.dispatcher("").adopt_tasks, named=True)
        futures = self._client.with_login(
            partial(adopt, self._group, ordered, origin_of(self._session), make)
        )
        if self._journal is not None:
            self._journal.claim(futures)
        concurrent.futures.wait([one for one in futures if one.task_id in over], DECODING_S)
        return list(zip(futures, (by_id[task_id] for task_id in ordered), strict=True))

    def _states(self, task_ids: Iterable[str], over: Set[str]) -> tuple[set[str], set[str]]:
        """Those of these tasks that exist, and those that have ended; `over` was known before."""
        client = self._client
        known, ended = set(over), set(over)
        ids = [task_id for task_id in task_ids if task_id not in over]
        for statuses in statuses_of(
            ids, lambda some: client.request(partial(client.globus_service().task_statuses, some))
        ):
            known |= statuses.keys()
            ended |= {task_id for task_id, status in statuses.items() if status.done}
        return known, ended

    # --- tasks whose ids no reply has told --------------------------------------------------

    def _name(
        self, nameless: Sequence[Entry]
    ) -> tuple[dict[str, Entry], dict[tuple[str, int], TaskFuture]]:
        """Match the group's unmatched tasks with entries: by id where that is certain, else by
        futures that their results match."""
        client, journal = self._client, self._journal
        try:
            ids = client.with_login(partial(client.dispatcher("").listed, self._group))
        except NotFound:
            ids = []
        taken: set[str] = set()
        if journal is not None:
            taken = journal.ask(lambda db: db.task_ids(self._group), taken)
        free = [task_id for task_id in ids if task_id not in taken]
        tagged = [one for one in nameless if one.nonce]
        plain = [one for one in nameless if not one.nonce]
        if not free:
            self._found.unseen += nameless
            return {}, {}
        if not tagged and len(plain) == len(free) and _alike(plain):
            named = dict(zip(free, plain, strict=True))
            if journal is not None:
                journal.name(named)
            return named, {}
        made = self._recognise(tagged, free, sure=not plain) if tagged else {}
        if plain:
            known = {future.task_id for future in made.values()}
            self._found.unnamed += plain
            self._found.strays += [task_id for task_id in free if task_id not in known]
        return {}, made

    def _recognise(
        self, entries: Sequence[Entry], free: Sequence[str], *, sure: bool
    ) -> dict[tuple[str, int], TaskFuture]:
        """Futures of entries, which the results of these tasks will be assigned to."""
        session, journal = self._session, self._journal
        futures = [self._future(entry, None) for entry in entries]
        requests: dict[tuple[str, float], list[TaskFuture]] = {}
        for entry, future in zip(entries, futures, strict=True):
            requests.setdefault((entry.session, entry.submitted_at), []).append(future)

        def entered() -> None:
            if journal is not None:
                journal.claim_nameless(zip(entries, futures, strict=True))

        there = session.client.dispatcher("").find(
            self._group,
            free,
            list(requests.values()),
            origin_of(session),
            sure=sure,
            entered=entered,
        )
        told = [one for one in futures if one.task_id is not None or one in there.missing]
        concurrent.futures.wait(told, DECODING_S)
        made: dict[tuple[str, int], TaskFuture] = {}
        for entry, future in zip(entries, futures, strict=True):
            if future in there.missing:
                here = journal.session.session if journal is not None else entry.session
                self._found.unseen.append(replace(entry, session=here, serial=future.serial))
                continue
            made[entry.session, entry.serial] = future
            if future.task_id is None:
                self._found.nameless += 1
                future.add_done_callback(partial(_look_in_vain, session, entry))
        self._found.strays += there.silent
        return made

    def _future(self, entry: Entry, task_id: str | None) -> TaskFuture:
        """A future that can read this kind of result."""
        from gc_jupyter.capture import Captured
        from gc_jupyter.functions.source import SourceFunction
        from gc_jupyter.future import TaskFuture
        from gc_jupyter.session.futures import NotebookFuture
        from gc_jupyter.session.replied_future import KIND, RepliedFuture
        from gc_jupyter.session.shell import ShellFuture

        session, where = self._session, entry.endpoint or entry.endpoint_id or "the endpoint"
        future: TaskFuture
        if entry.kind == KIND:
            future = RepliedFuture(self._namespace, session.label_of, where)
        elif entry.kind in ("cell", "shell"):
            kind = NotebookFuture if entry.kind == "cell" else ShellFuture
            sent = Captured(SourceFunction(entry.label, ""), b"", {}, {}, self._namespace)
            future = kind(sent, where, session.label_of, label=entry.label)
        else:
            future = TaskFuture(label=entry.label)
        if isinstance(future, NotebookFuture):
            future.on_taken = session.seen
            future.fetcher = fetcher_for(session, entry.endpoint_id, entry.endpoint)
        future._learn(
            TaskInfo(task_id, endpoint_id=entry.endpoint_id, submitted_at=entry.submitted_at)
        )
        if entry.kind == KIND:
            future._describe(limit=entry.decodes)
            return future
        place = CellPlace(entry.notebook, entry.cell_id, entry.execution_count, entry.cell)
        out = tuple(entry.out.split(",")) if entry.out else ()
        future._describe(
            Note(entry.kind, entry.endpoint, entry.bind, out, place, entry.part),
            entry.nonce,
            entry.decodes,
        )
        return future


def fetcher_for(session: Session, endpoint_id: str, name: str = "") -> Fetcher | None:
    """The fetcher that brings the rest of a result from an endpoint's store."""
    try:
        endpoint = Endpoint(str(uuid.UUID(endpoint_id)), name)
    except ValueError:
        return None
    local = endpoint.endpoint_id == LOCAL_ENDPOINT_ID
    return None if local else session.stores.fetcher(Target(endpoint))


def _alike(entries: Sequence[Entry]) -> bool:
    """Whether these entries are from one request and share a name, so that their order doesn't
    matter."""
    return len({(one.session, one.submitted_at, one.label) for one in entries}) == 1


def _keys(entries: Iterable[Entry]) -> list[tuple[str, int]]:
    return [(one.session, one.serial) for one in entries]


def origin_of(session: Session) -> Origin:
    """The origin that decodes the results of tasks that a session attaches to."""
    return Origin(session.client.fx_serializer.deserialize_result)


def _look_in_vain(session: Session, entry: Entry, future: TaskFuture) -> None:
    """Note that a task was not in its group."""
    journal = session.journal
    if journal is None or not isinstance(future.exception(), SubmitUncertain):
        return
    mine = replace(entry, session=journal.session.session, serial=future.serial)
    journal.look_in_vain([mine], session.client.login().source)
