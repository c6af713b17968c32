"""Tasks at the service that no journal here knows: another machine's, or those of a lost journal.

The service knows their ids, and their replies say the rest.
"""

from __future__ import annotations

import concurrent.futures
import uuid
from collections.abc import Mapping, Sequence, Set
from functools import partial
from typing import TYPE_CHECKING, Any

from gc_jupyter.errors import NotFound
from gc_jupyter.journal.sessions import UNRECORDED
from gc_jupyter.protocol.nonces import place_of, run_of
from gc_jupyter.service.base import statuses_of
from gc_jupyter.session.attach import DECODING_S, fetcher_for, origin_of
from gc_jupyter.types import TaskInfo

if TYPE_CHECKING:
    from gc_jupyter.future import TaskFuture
    from gc_jupyter.session.core import Session


def attach_by_id(session: Session, one: str, namespace: Mapping[str, Any]) -> list[TaskFuture]:
    """Futures for the tasks of a group, or for one task.

    Parameters
    ----------
    session, namespace:
        As for `session.attach.attach`.
    one:
        The id of a group or of a task.

    Returns
    -------
    list
        In the order of their runs; empty if the service knows neither such a group nor such a task.
    """
    try:
        one = str(uuid.UUID(one))
    except ValueError:
        return []
    client = session.client
    client.login().ensure()
    service = client.globus_service()
    try:
        group, ids = one, client.with_login(partial(client.dispatcher("").listed, one))
    except NotFound:
        group, ids = "", list(client.request(partial(service.task_statuses, [one])))
    return _adopted(session, group, ids, namespace)


def attach_rest(
    session: Session, group: str, namespace: Mapping[str, Any], known: Set[str], *, told: bool
) -> tuple[list[TaskFuture], int]:
    """Futures for the tasks of a group that aren't known here.

    Parameters
    ----------
    session, group, namespace:
        As for `attach_by_id`.
    known:
        The ids of the group's tasks that are known here.
    told:
        Whether all known tasks have their ids. If one doesn't, a task that hasn't ended may be that
        one, and is left out.

    Returns
    -------
    tuple
        The futures, and how many tasks were left out.
    """
    client = session.client
    client.login().ensure()
    service = client.globus_service()
    try:
        ids = client.with_login(partial(client.dispatcher("").listed, group))
    except NotFound:
        return [], 0
    rest = [one for one in ids if one not in known]
    if rest and not told:
        over: list[str] = []
        for statuses in statuses_of(
            rest, lambda some: client.request(partial(service.task_statuses, some))
        ):
            over += [task_id for task_id, status in statuses.items() if status.done]
        rest, left = [one for one in rest if one in set(over)], len(rest) - len(over)
        return _adopted(session, group, rest, namespace), left
    return _adopted(session, group, rest, namespace), 0


def _adopted(
    session: Session, group: str, ids: Sequence[str], namespace: Mapping[str, Any]
) -> list[TaskFuture]:
    from gc_jupyter.serialize.limits import limit_of_unknown
    from gc_jupyter.session.replied_future import KIND, RepliedFuture

    if not ids:
        return []
    limit = limit_of_unknown()

    def make(task_id: str) -> TaskFuture:
        future = RepliedFuture(
            namespace, session.label_of, "the endpoint", partial(fetcher_for, session)
        )
        future.on_taken = session.seen
        future._describe(limit=limit)
        future._learn(TaskInfo(task_id))
        return future

    dispatcher = session.client.dispatcher("")
    adopt = partial(dispatcher.adopt_tasks, group, ids, origin_of(session), make)
    futures = session.client.with_login(adopt)
    over = [one for one in futures if dispatcher.has_ended(one)]
    concurrent.futures.wait(over, DECODING_S)
    futures = [one for one in futures if not _served_others(one)]
    running = [one for one in futures if not one.done()]
    dispatcher.written_down(running, KIND)
    for future in futures:
        session.tasks[future.serial] = future
    for future in running:
        future.add_done_callback(partial(_leave_out, session))
    runs = {run_of(one.nonce): at for at, one in reversed(list(enumerate(futures)))}
    return sorted(futures, key=lambda one: (runs[run_of(one.nonce)], place_of(one.nonce)))


def _served_others(future: TaskFuture) -> bool:
    """Whether the task only moved parts of a value or another task's output: nobody wants its
    result."""
    return future.note is not None and future.note.kind == UNRECORDED


def _leave_out(session: Session, future: TaskFuture) -> None:
    """Forget a task if its reply says that it only served another one."""
    if _served_others(future):
        session.tasks.pop(future.serial, None)
        session.unseen.pop(future.serial, None)
        if (journal := session.journal) is not None:
            task = journal.session.session, future.serial
            journal.post(lambda database: database.drop(task))
