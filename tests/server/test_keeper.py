"""The keeper by itself, against a real service and broker: what it asks, stores and gives back."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter import Client
from gc_jupyter.journal import Database, KernelSession
from gc_jupyter.journal import results as results_module
from gc_jupyter.journal.results import Results
from gc_jupyter.protocol.messages import ResultMessage, unpack_result
from gc_jupyter.protocol.nonces import new_run, nonce_of
from gc_jupyter.runtime.tasks import serials
from gc_jupyter.server import keeper as keeper_module
from gc_jupyter.server.keeper import Keeper
from tests.journal.test_journal import entry
from tests.service.handle import Loopback

GONE = KernelSession(pid=2**22 + 1, session="gone")
TIMEOUT = 60


class Collected:
    """Waits until results are kept: looks after each transaction of the keeper."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.transactions: queue.Queue[None] = queue.Queue()

    def wait_for(self, task_ids: Iterable[str]) -> None:
        """Until all of these are kept."""
        wanted = set(task_ids)
        while self._database.results.kept(wanted) != wanted:
            self.transactions.get(timeout=TIMEOUT)


@pytest.fixture
def collected(database: Database, monkeypatch: pytest.MonkeyPatch) -> Collected:
    collected = Collected(database)
    real = Keeper._write

    def write(self: Keeper, use: Callable[[Database], object]) -> object:
        try:
            return real(self, use)
        finally:
            collected.transactions.put(None)

    monkeypatch.setattr(Keeper, "_write", write)
    return collected


@pytest.fixture
def start(client: Client, path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts keepers, which try again soon."""
    monkeypatch.setattr(keeper_module, "RETRY_S", 0.2)
    running: list[Keeper] = []

    def make() -> Keeper:
        running.append(Keeper(path, client))
        return running[-1]

    yield make
    for keeper in running:
        keeper.close()


Start = Callable[[], Keeper]


def submit(
    client: Client, endpoint: str, count: int = 1, *, lost: bool = False, group: str | None = None
) -> list[str]:
    """Tasks of a group of their own, for which nobody listens; written down as a kernel that has
    ended would have. `lost`: it ended before it read their ids."""
    batch = client.create_batch(task_group_id=group, create_websocket_queue=True)
    function = client.register_function(abs)
    for number in range(count):
        batch.add(function, args=(-number,))
    reply = client.batch_run(endpoint, batch)
    assert isinstance(reply, dict)
    ids, group = reply["tasks"][function], reply["task_group_id"]
    _write(client, group, ids, lost)
    return list(ids)


_database: dict[Client, Database] = {}


def _write(client: Client, group: str, ids: list[str], lost: bool) -> None:
    now = time.time()
    entries = [
        entry(
            session=f"gone {group}",
            serial=next(serials),
            task_id="" if lost else task_id,
            state="unsent" if lost else "running",
            group_id=group,
            submitted_at=now - 60,
        )
        for task_id in ids
    ]
    database = _database[client]
    with database:
        database.add_session(KernelSession(pid=GONE.pid, session=f"gone {group}"))
        database.add_tasks(entries)


@pytest.fixture(autouse=True)
def written(client: Client, database: Database) -> Iterator[None]:
    _database[client] = database
    yield
    del _database[client]


def listen(client: Client, group: str, count: int) -> list[str]:
    """The tasks of the first so many messages of a group's queue."""
    connection, prefix = _connect(client)
    channel = connection.channel()
    found = []
    for method, _, body in channel.consume(f"{prefix}{group}"):
        found.append(unpack_result(body).task_id)
        channel.basic_ack(method.delivery_tag)
        if len(found) == count:
            break
    connection.close()
    return found


def _connect(client: Client) -> tuple[Any, str]:
    """As a stream does: a password that another's address has ended meanwhile is asked for anew."""
    import pika

    while True:
        address = client.get_result_amqp_url()
        try:
            connection = pika.BlockingConnection(pika.URLParameters(address["connection_url"]))
        except pika.exceptions.ProbableAuthenticationError:
            continue
        return connection, address["queue_prefix"]


def group_of(database: Database, task_id: str) -> str:
    ((group,),) = database.select("SELECT group_id FROM tasks WHERE task_id = ?", [task_id])
    return str(group)


def values(client: Client, database: Database, task_ids: list[str]) -> list[object]:
    """What the stored results come to."""
    found = results_module.outcomes(database.results.get(task_ids))
    texts = [
        one.data if isinstance(one, ResultMessage) else one.result
        for one in (found[task_id] for task_id in task_ids)
    ]
    return [client.fx_serializer.deserialize(text or "") for text in texts]


def test_many_results(
    client: Client, loopback: Loopback, database: Database, start: Start, collected: Collected
) -> None:
    offline = loopback.new_endpoint("offline")
    ids = submit(client, offline, 300)
    start()
    loopback.bring_online(offline)
    collected.wait_for(ids)
    assert values(client, database, ids) == list(range(300))


def test_the_stream_is_blocked(
    client: Client, loopback: Loopback, database: Database, start: Start, collected: Collected
) -> None:
    """The service is asked instead."""
    loopback.broker_fault(refuse=True)
    offline = loopback.new_endpoint("offline")
    ids = submit(client, offline, 2)
    start()
    loopback.bring_online(offline)
    collected.wait_for(ids)
    assert values(client, database, ids) == [0, 1]
    forms = database.select("SELECT DISTINCT form FROM results")
    assert forms == [("status",)]


def test_results_by_reference(
    client: Client, loopback: Loopback, database: Database, start: Start, collected: Collected
) -> None:
    loopback.result_fault(by_reference=True)
    offline = loopback.new_endpoint("offline")
    ids = submit(client, offline, 2)
    start()
    loopback.bring_online(offline)
    collected.wait_for(ids)
    assert values(client, database, ids) == [0, 1]


def reply_with(nonce: str) -> object:
    """What a cell's task returns begins so."""
    return {"tag": {"nonce": nonce}}


def test_ids_that_were_never_told(
    client: Client, loopback: Loopback, database: Database, start: Start, collected: Collected
) -> None:
    """A result says whose it is; one that says nothing is kept without a name."""
    offline = loopback.new_endpoint("offline")
    run = new_run()
    nonces = [nonce_of(run, at) for at in range(2)]
    batch = client.create_batch(create_websocket_queue=True)
    replies, plain = client.register_function(reply_with), client.register_function(abs)
    for nonce in reversed(nonces):
        batch.add(replies, args=(nonce,))
    batch.add(plain, args=(-3,))
    sent = client.batch_run(offline, batch)
    assert isinstance(sent, dict)
    group, (second, first), (other,) = (
        sent["task_group_id"],
        *(sent["tasks"][one] for one in (replies, plain)),
    )
    entries = [
        entry(session="gone too", serial=at, task_id="", state="unsent", group_id=group, nonce=one)
        for at, one in enumerate([*nonces, ""])
    ]
    with database:
        database.add_session(KernelSession(session="gone too", pid=2**22 + 1))
        database.add_tasks(entries)
    start()
    loopback.bring_online(offline)
    collected.wait_for([first, second, other])
    assert [(one.task_id, one.state) for one in database.tasks()] == [
        (first, "success"),
        (second, "success"),
        ("", "unsent"),
    ]


def test_a_journal_that_fails_costs_no_result(
    client: Client,
    loopback: Loopback,
    database: Database,
    start: Start,
    collected: Collected,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is acknowledged before it is stored: the next keeper gets it, from the queue."""
    failed = threading.Event()

    def fail(_self: Results, _here: KernelSession, _found: object) -> set[str]:
        failed.set()
        raise sqlite3.OperationalError("database or disk is full")

    offline = loopback.new_endpoint("offline")
    ids = submit(client, offline, 5)
    with monkeypatch.context() as patch:
        patch.setattr(Results, "store", fail)
        keeper = start()
        loopback.bring_online(offline)
        assert failed.wait(TIMEOUT)
        while "can't be written" not in keeper.problem[0]:
            collected.transactions.get(timeout=TIMEOUT)
        keeper.close()
    start()
    collected.wait_for(ids)
    assert values(client, database, ids) == list(range(5))


def test_what_comes_again_while_the_journal_fails(
    client: Client,
    loopback: Loopback,
    database: Database,
    start: Start,
    collected: Collected,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With each reconnect the broker sends everything once more: it is held once."""
    came: queue.Queue[str] = queue.Queue()
    real = Keeper._keep

    def keep(self: Keeper, one: Any, tag: object) -> None:
        real(self, one, tag)
        came.put(one.task_id)

    def fail(_self: Results, _here: KernelSession, _found: object) -> set[str]:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Keeper, "_keep", keep)
    offline = loopback.new_endpoint("offline")
    ids = submit(client, offline, 3)
    group = group_of(database, ids[0])
    submit(client, loopback.new_endpoint("offline"), group=group)  # so it listens all the while
    with monkeypatch.context() as patch:
        patch.setattr(Results, "store", fail)
        keeper = start()
        loopback.bring_online(offline)
        for _ in range(3):
            assert {came.get(timeout=TIMEOUT) for _ in ids} == set(ids)
            loopback.cut_streams()
        assert {came.get(timeout=TIMEOUT) for _ in ids} == set(ids)
        held = keeper._loop.ask(lambda: [one.group_id for one, _ in keeper._ready.values()])
        assert held == [group] * 3
    collected.wait_for(ids)
    assert values(client, database, ids) == [0, 1, 2]


def test_a_kernel_takes_the_group_between_a_message_and_its_storing(
    client: Client,
    loopback: Loopback,
    database: Database,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is not acknowledged then: the kernel gets it, from the queue."""
    offline = loopback.new_endpoint("offline")
    ids = submit(client, offline, 3)
    group = group_of(database, ids[0])
    kernel = KernelSession.here()  # it runs: the group isn't claimed again
    with database:
        database.add_session(kernel)
    real = Results.store
    beaten = threading.Event()

    def store(self: Results, here: KernelSession, found: Iterable[Any]) -> set[str]:
        self.take_group(group, kernel.session)  # as if it had been first
        lost = real(self, here, found)
        beaten.set()
        return lost

    monkeypatch.setattr(Results, "store", store)
    start()
    loopback.bring_online(offline)
    assert beaten.wait(TIMEOUT)
    assert database.results.kept(ids) == set()
    messages = listen(client, group, len(ids))
    assert sorted(messages) == sorted(ids)


def test_what_the_service_does_not_have_is_asked_for_once(
    client: Client, loopback: Loopback, database: Database, start: Start, collected: Collected
) -> None:
    """Abandoned, or unknown: no result to keep, and no queue to listen on."""
    inline = loopback.endpoint("inline")
    (gone,) = submit(client, inline)
    assert listen(client, group_of(database, gone), 1) == [gone]
    loopback.change_task(gone, status="abandoned", result=None, exception=None)
    _write(client, "no-such-group", ["7ad8a1a5-32f2-4d6f-8f3e-000000000009"], False)
    loopback.clear()
    offline = loopback.new_endpoint("offline")
    ids = submit(client, offline)
    start()
    loopback.bring_online(offline)
    collected.wait_for(ids)
    assert database.results.kept([gone]) == set()
    asked = [one for one in loopback.requests("POST", "batch_status") if gone in str(one["body"])]
    assert len(asked) == 1


def test_it_lets_go_of_its_claims(
    client: Client,
    loopback: Loopback,
    database: Database,
    collected: Collected,
    start: Start,
) -> None:
    offline = loopback.new_endpoint("offline")
    submit(client, offline)
    keeper = start()
    while not database.select("SELECT * FROM claims"):
        collected.transactions.get(timeout=TIMEOUT)
    keeper.close()
    assert database.select("SELECT * FROM claims") == []
    keeper.close()  # once more
    loopback.bring_online(offline)  # or the service would wait for it at its end
