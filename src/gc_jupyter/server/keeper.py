"""Keeper: collects the results of task groups whose kernels have ended, while it is switched on.

The service keeps a result for half an hour. The keeper claims such groups in the journal; how that
avoids conflicts with kernels is explained in `journal/results.py`. It asks the service for the
states of their tasks, and listens for the results of those that still run. A result is stored as it
came, and is acknowledged only after that. Nothing is unpickled.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from gc_jupyter.client import Client
from gc_jupyter.errors import ComputeError, LoginRequired, NotFound
from gc_jupyter.journal.database import REACHABLE_S, Database
from gc_jupyter.journal.recorder import explain
from gc_jupyter.journal.results import Collected
from gc_jupyter.journal.sessions import KernelSession, surely_ended
from gc_jupyter.protocol.messages import ResultMessage
from gc_jupyter.runtime.budget import Budget
from gc_jupyter.runtime.feed import Feed
from gc_jupyter.runtime.loop import DaemonPool, kernel_loop
from gc_jupyter.runtime.requests import Requests
from gc_jupyter.server.collected import of_message, of_status
from gc_jupyter.service.base import TaskStatus

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Seconds between two status requests while the stream is up. They find the results that another
#: consumer of the queue took.
ASK_UP_S = 120.0
RETRY_S = 30.0  # after the journal or the service has failed
#: Bytes in one transaction. A kernel that writes meanwhile has to wait for it.
STORED_AT_ONCE = 8 * 1024 * 1024


class Keeper:
    """Collects results until `close`. Its state belongs to `gc-loop`; call the public methods from
    any other thread.

    Parameters
    ----------
    path:
        The journal's file.
    client:
        A client with the user's login. The keeper never asks anybody to log in.
    port:
        The AMQP port to use instead of the one that the service names.
    """

    def __init__(self, path: Path, client: Client, *, port: int | None = None) -> None:
        self.session = KernelSession.here()
        self.questions = self.failures = 0  # status requests that were sent; that failed
        self._trouble = ("", "")  # with claims and status requests
        self._disk_trouble = ("", "")  # with storing results
        self._path = path
        self._client = client
        self._port = port
        self._loop = kernel_loop()
        self._requests = Requests(self._loop, Budget(""))  # it submits nothing
        self._disk = DaemonPool("gc-keeper", 1)  # owns the next two fields
        self._database: Database | None = None
        self._claimed = False  # whether there may be claims to release
        self._feed = Feed(
            self._loop, client.globus_service, self._requests, self, port=port, up_s=ASK_UP_S
        )
        self._groups: set[str] = set()  # that are claimed
        self._listening: set[str] = set()  # groups whose queues are followed
        self._pending: dict[str, str] = {}  # task -> its group
        self._without: set[str] = set()  # tasks for which the service has no result
        self._named: set[str] = set()  # groups whose task ids are known
        self._ready: dict[
            str, tuple[Collected, object]
        ] = {}  # task -> result to store, and its tag
        self._storing: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._task = asyncio.run_coroutine_threadsafe(self._run(), self._loop.aio)

    @property
    def problem(self) -> tuple[str, str]:
        """Why results are not collected, and what to do; empty texts while all is well."""
        return self._disk_trouble if self._disk_trouble[0] else self._trouble

    @property
    def stream_up(self) -> bool:
        """Whether there is a connection to the broker. It is also False while none is needed."""
        return self._feed.up

    def look(self) -> None:
        """Check the journal now: kernels may have ended, or may have claimed their groups back."""
        if self._loop.usable:
            self._loop.call(self._wake.set)

    def close(self) -> None:
        """Stop collecting. Results that are not stored yet stay with the service. Idempotent."""
        if self._loop.usable and not self._task.done():
            self._task.cancel()
            released = self._loop.ask(self._let_go)
            with contextlib.suppress(Exception):  # the claims of an ended session are ignored
                released.result(RETRY_S)

    def _let_go(self) -> concurrent.futures.Future[None]:
        if self._storing is not None:
            self._storing.cancel()
        self._feed.close()
        released = self._disk.submit(self._release)
        self._disk.shutdown()
        return released

    # --- the round -------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            pause = await self._round()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), pause)

    async def _round(self) -> float | None:
        """Run one round; returns the seconds until the next one, None to wait for `look`."""
        try:
            if await self._blocking(self._signed_out):
                self._trouble = ("Nobody is signed in.", "%gc login in a notebook signs in.")
                return RETRY_S if self._groups else None
            self._hold(await self._on_disk(self._claim))
            await self._name_tasks()
            self._listen()
        except (sqlite3.Error, OSError) as error:
            self._trouble = self._explain(error)
        except ComputeError as error:
            self._trouble = (error.reason, error.next_step)
            if isinstance(error, LoginRequired):
                return RETRY_S
        except Exception as error:
            log.exception("collecting results failed")
            self._trouble = (f"Collecting results failed ({type(error).__name__}).", "")
        else:
            self._trouble = ("", "")
            return ASK_UP_S if self._pending else None
        return RETRY_S

    def _signed_out(self) -> bool:
        return self._client.login().required

    def _hold(self, claims: Mapping[str, Sequence[str]]) -> None:
        """Take over the current claims: group -> the tasks to collect."""
        for group in self._groups - claims.keys():
            self._leave(group)
        self._groups |= claims.keys()
        new = []
        for group, task_ids in claims.items():
            for task_id in task_ids:
                if task_id and task_id not in self._without and task_id not in self._ready:
                    if task_id not in self._pending:
                        new.append(task_id)
                    self._pending[task_id] = group
            if "" not in task_ids:
                self._named.add(group)
        if new:
            self._feed.ask_for(new)

    def _leave(self, group: str) -> None:
        """Stop following a group: a kernel has claimed it, or nothing is left to collect."""
        self._groups.discard(group)
        self._named.discard(group)
        self._feed.drop(group)
        self._listening.discard(group)
        self._drop([task_id for task_id, its in self._pending.items() if its == group])

    def _drop(self, task_ids: Iterable[str]) -> None:
        for task_id in task_ids:
            self._pending.pop(task_id, None)

    async def _name_tasks(self) -> None:
        """Ask the service for the ids of tasks whose submission replies were lost."""
        service = self._client.globus_service()
        for group in self._groups - self._named:
            try:
                task_ids = await self._requests.send(
                    partial(service.task_group, group),
                    spare=True,  # kernels' requests go first
                )
            except NotFound:
                task_ids = []
            self._named.add(group)
            # which of the submitted tasks they are is known when their results arrive
            free = await self._on_disk(partial(_free, task_ids))
            self._pending.update(dict.fromkeys(free, group))
            if free:
                self._feed.ask_for(free)

    def _listen(self) -> None:
        """Follow the queues of groups with tasks that still run, and no others."""
        wanted = self.open_groups()
        for group in self._listening - wanted:
            self._feed.drop(group)
        for group in wanted - self._listening:
            self._feed.follow(group)
        self._listening = wanted

    # --- the feed's taker ------------------------------------------------------------------

    def take(self, message: ResultMessage, body: bytes, tag: object) -> None:
        """See Taker."""
        # the journal does not know this task, so no reader of the journal waits for it
        group = self._pending.get(message.task_id, "")
        self._keep(of_message(body, message, group), tag)

    def take_said(self, task_id: str, message: bytes) -> None:
        """See Taker. Output of running tasks is for kernels only."""

    async def take_statuses(
        self, asked: Sequence[str], found: Mapping[str, TaskStatus], tags: Mapping[str, object]
    ) -> None:
        """See Taker."""
        for task_id in asked:
            group, status = self._pending.get(task_id), found.get(task_id)
            if group is None:
                continue  # its result has arrived meanwhile
            if status is None or status.status == "abandoned":
                self._without.add(task_id)
                self._drop([task_id])
            elif status.done:
                self._keep(of_status(status, group), tags.get(task_id))

    def asked(self, error: ComputeError | None) -> None:
        """See Taker."""
        self.questions += 1
        self.failures += error is not None
        self._trouble = ("", "") if error is None else (error.reason, error.next_step)

    def open_tasks(self, groups: Collection[str] | None) -> list[str]:
        """See Taker."""
        return [one for one, its in self._pending.items() if groups is None or its in groups]

    def open_groups(self) -> set[str]:
        """See Taker."""
        return set(self._pending.values())

    def is_open(self, task_id: str) -> bool:
        """See Taker."""
        return task_id in self._pending

    @property
    def busy(self) -> bool:
        """See Taker."""
        return bool(self._pending)

    # --- storing ---------------------------------------------------------------------------

    def _keep(self, one: Collected, tag: object) -> None:
        self._drop([one.task_id])
        again = self._ready.get(one.task_id)  # after a reconnect, only the newer tag is valid
        self._ready[one.task_id] = (one if again is None else again[0], tag)
        if self._storing is None:
            self._storing = self._loop.aio.create_task(self._store_all())

    async def _store_all(self) -> None:
        try:
            while self._ready:
                batch, size = [], 0
                for one, _ in self._ready.values():
                    if size >= STORED_AT_ONCE:
                        break
                    batch.append(one)
                    size += len(one.body)
                lost = await self._on_disk(partial(_store, self.session, batch))
                settled = [self._ready.pop(one.task_id) for one in batch]
                self._feed.ack(tag for one, tag in settled if one.group_id not in lost)
                for group in lost:
                    self._leave(group)
        except (sqlite3.Error, OSError) as error:
            self._disk_trouble = self._explain(error)
            self._loop.aio.call_later(RETRY_S, self._store_again)
        else:
            self._storing, self._disk_trouble = None, ("", "")
            self._wake.set()  # some groups may have nothing left to collect

    def _store_again(self) -> None:
        if not self._task.done():
            self._storing = self._loop.aio.create_task(self._store_all())

    def _explain(self, error: Exception) -> tuple[str, str]:
        text, _, step = explain(error, self._path).partition(": ")
        return text, step

    # --- gc-keeper -------------------------------------------------------------------------

    async def _blocking(self, call: Callable[[], T]) -> T:
        return await self._loop.aio.run_in_executor(self._loop.http, call)

    async def _on_disk(self, use: Callable[[Database], T]) -> T:
        return await self._loop.aio.run_in_executor(self._disk, partial(self._write, use))

    def _write(self, use: Callable[[Database], T]) -> T:
        if self._database is None:
            self._database = Database(self._path)
        try:
            with self._database:
                return use(self._database)
        except (sqlite3.Error, OSError):
            self._database.close()
            self._database = None  # the next attempt opens it anew
            raise

    def _claim(self, database: Database) -> dict[str, list[str]]:
        self._claimed = True
        ended = partial(surely_ended, here=self.session)
        return database.results.claim_groups(self.session, time.time() - REACHABLE_S, ended)

    def _release(self) -> None:
        if self._claimed:
            self._write(lambda db: db.results.release_all(self.session.session))
        if self._database is not None:
            self._database.close()


def _free(task_ids: Sequence[str], database: Database) -> list[str]:
    return database.results.free(task_ids)


def _store(here: KernelSession, found: Sequence[Collected], database: Database) -> set[str]:
    return database.results.store(here, found)
