"""The journal by itself: what it keeps, and that its failures cost one warning and no task."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.future import TaskFuture
from gc_jupyter.journal import Database, Entry, Journal, KernelSession, KnownEndpoint
from gc_jupyter.journal.database import KEPT_S, REACHABLE_S
from gc_jupyter.journal.sessions import may_run
from gc_jupyter.protocol.batches import Route
from gc_jupyter.runtime.shared import registry
from gc_jupyter.runtime.tasks import Origin, QueuedTask
from gc_jupyter.types import TaskEvent, TaskInfo, TaskState
from tests.service.handle import Loopback

HERE = KernelSession.here(notebook="/n.ipynb")
TIMEOUT = 60


def entry(**fields: object) -> Entry:
    known: dict[str, object] = {
        **{"session": "old", "serial": 1, "task_id": "t", "group_id": "g", "endpoint_id": "e"},
        **{"endpoint": "polaris", "function_id": "f", "label": "", "kind": "cell"},
        **{"notebook": "/n.ipynb", "cell_id": "c", "execution_count": 3, "bind": "", "out": ""},
        **{"state": TaskState.RUNNING.value, "submitted_at": time.time()},
    }
    return Entry(**{**known, **fields})  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made/journal.sqlite"


def add(database: Database, *entries: Entry, session: KernelSession | None = None) -> None:
    with database:
        if session is not None:
            database.add_session(session)
        database.add_tasks(entries)


# --- the file ------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_the_file_is_the_users_alone(path: Path) -> None:
    old = os.umask(0)
    try:
        Database(path).close()
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_no_write_ahead_log(path: Path, database: Database) -> None:
    add(database, entry())
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert not list(path.parent.glob("*-wal"))


def test_a_newer_files_version_is_left_alone(path: Path, database: Database) -> None:
    database.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(sqlite3.DatabaseError, match="newer"):
        Database(path)


def test_what_is_very_old_goes(database: Database) -> None:
    old = entry(serial=1, submitted_at=time.time() - KEPT_S - 1)
    add(database, old, entry(serial=2), session=KernelSession(session="old"))
    with database:
        database.add_session(HERE)
    assert [one.serial for one in database.tasks()] == [2]


def test_a_session_keeps_its_newest_tasks(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gc_jupyter.journal.database.KEPT_TASKS", 10)
    running = entry(serial=1, task_id="1")
    others = [
        entry(serial=serial, task_id=str(serial), state=TaskState.SUCCESS.value)
        for serial in range(2, 31)
    ]
    add(database, entry(session="other", task_id="0", state=TaskState.SUCCESS.value))
    for start in range(0, 30, 5):
        add(database, *[running, *others][start : start + 5])
    kept = [one.serial for one in database.tasks("session = 'old'")]
    assert kept == [1, *range(21, 31)]
    assert len(database.tasks("session = 'other'")) == 1


# --- earlier tasks -------------------------------------------------------------------------

DEAD = KernelSession(pid=2**22 + 1, session="old", notebook="/n.ipynb")


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        ({}, True),
        ({"state": TaskState.SUCCESS.value}, True),
        ({"state": TaskState.FAILED.value}, True),
        ({"state": TaskState.FAILED.value, "task_id": ""}, False),
        ({"state": TaskState.UNSENT.value, "task_id": ""}, True),
        ({"state": TaskState.CANCELLED.value}, False),
        ({"seen": 1}, False),
        ({"notebook": "/other.ipynb"}, False),
        ({"notebook": ""}, True),
        ({"submitted_at": time.time() - REACHABLE_S - 60}, False),
        ({"session": HERE.session}, False),
    ],
)
def test_which_tasks_are_offered(
    database: Database, fields: dict[str, object], offered: bool
) -> None:
    add(database, entry(**fields), session=DEAD)
    assert bool(database.earlier(HERE)) == offered


def test_all_notebooks(database: Database) -> None:
    add(database, entry(notebook="/other.ipynb"), session=DEAD)
    assert len(database.earlier(HERE, any_notebook=True)) == 1
    nameless = KernelSession.here()
    assert len(database.earlier(nameless)) == 1


def test_tasks_of_a_live_kernel_are_its_own(database: Database) -> None:
    live = KernelSession.here()
    add(database, entry(session=live.session), session=live)
    assert database.earlier(HERE) == []


def test_which_sessions_may_run() -> None:
    here = KernelSession.here("kernel-1.json")
    assert may_run(KernelSession.here(), here)
    assert not may_run(KernelSession.here("kernel-1.json"), here)  # before its restart
    assert not may_run(KernelSession(pid=2**22 + 1), here)
    assert not may_run(KernelSession(host="elsewhere"), here)
    if sys.platform == "linux":
        assert not may_run(KernelSession(started="1"), here)  # a number that was used again
        ended = subprocess.Popen(["true"])
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # a zombie
        assert not may_run(KernelSession(pid=ended.pid, started="1"), here)
        ended.wait()


def test_endpoints_are_remembered(database: Database) -> None:
    with database:
        database.remember_endpoints([KnownEndpoint("e", "polaris", "online", at=1.0)])
        database.remember_endpoints([KnownEndpoint("e", python="3.12.1", dill="0.4", at=2.0)])
    assert database.endpoints() == [KnownEndpoint("e", "polaris", "online", "3.12.1", "0.4", 2.0)]


# --- the recorder --------------------------------------------------------------------------


def send(journal: Journal, *serials: int, group: str | None = "g") -> list[TaskFuture]:
    """As a request that is about to leave."""
    futures = [TaskFuture(serial=serial, label="l") for serial in serials]
    for future in futures:
        journal.queued(future)
    origin, route = Origin(str), Route("endpoint")
    tasks = {"f": [QueuedTask(future, origin, route, "f", "") for future in futures]}
    asyncio.run(journal.sending(route, group, tasks))
    return futures


def test_tasks_are_written_before_the_request_leaves(path: Path) -> None:
    journal = Journal(path, HERE)
    send(journal, 1, 2)
    database = Database(path)  # no `ask`, which would wait for the writer
    assert [(one.serial, one.state, one.group_id) for one in database.tasks()] == [
        (1, "unsent", "g"),
        (2, "unsent", "g"),
    ]
    database.close()
    journal.close()


def test_news(path: Path) -> None:
    journal = Journal(path, HERE)
    send(journal, 7)
    info = TaskInfo("task", "group", "endpoint", "function", 1.0)
    journal.on_events([TaskEvent(7, TaskState.WAITING_ENDPOINT, 2.0, "l", info)])
    done = TaskInfo("task", "group", "endpoint", "function", 1.0, 3.0, 4.0)
    journal.on_events([TaskEvent(7, TaskState.FAILED, 5.0, "l", done, "ValueError: no")])
    (one,) = journal.ask(lambda db: db.tasks(), [])
    assert (one.task_id, one.group_id, one.state) == ("task", "group", "failed")
    assert (one.started_at, one.ended_at, one.error) == (3.0, 4.0, "ValueError: no")
    journal.close()


def test_a_fan_out_is_few_transactions(
    path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes while the disk is at work is written together."""
    journal = Journal(path, HERE)
    send(journal, *range(5000))
    at_work, go_on = threading.Event(), threading.Event()
    journal.post(lambda _db: (at_work.set(), go_on.wait(TIMEOUT)))
    assert at_work.wait(TIMEOUT)
    count = []
    real = Database.__enter__
    monkeypatch.setattr(Database, "__enter__", lambda db: (count.append(1), real(db))[1])
    for serial in range(5000):
        info = TaskInfo(str(serial), "g")
        journal.on_events([TaskEvent(serial, TaskState.SUCCESS, 1.0, "", info)])
    go_on.set()
    journal.close(TIMEOUT)
    assert len(database.tasks("state = 'success'")) == 5000
    assert len(count) == 1


def test_a_locked_file_does_not_hold_up_tasks(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gc_jupyter.journal.recorder.PATIENCE_S", 0.1)
    monkeypatch.setattr("gc_jupyter.journal.recorder.LOCK_TIMEOUT_S", 0.3)
    monkeypatch.setattr("gc_jupyter.journal.database.LOCK_TIMEOUT_S", 0.3)
    Database(path).close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    journal = Journal(path, HERE)
    start = time.monotonic()
    for serial in range(5):
        send(journal, serial)
    assert time.monotonic() - start < 20  # the lock is never released
    journal.check()
    assert "is locked by another program" in journal.problem
    other.execute("ROLLBACK")
    other.close()
    send(journal, 9)
    journal.check()
    assert journal.problem == ""  # and nothing was lost meanwhile
    assert len(journal.ask(lambda db: db.tasks(), [])) == 6
    assert len(_warnings(caplog)) == 1
    journal.close()


def test_a_damaged_file(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    journal = Journal(path, HERE)
    for serial in range(3):
        send(journal, serial)
    assert journal.ask(lambda db: db.tasks(), []) == []
    assert "is damaged" in journal.problem
    assert len(_warnings(caplog)) == 1
    journal.close()


def test_a_directory_that_cannot_be_made(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file/journal.sqlite", HERE)
    send(journal, 1)
    journal.check()
    assert "can't be opened" in journal.problem
    assert len(_warnings(caplog)) == 1
    journal.close()


def test_a_full_disk(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    journal = Journal(path, HERE)
    send(journal, 1)
    journal.post(_fill)
    journal.check()
    assert "can't be written (database or disk is full)" in journal.problem
    assert len(_warnings(caplog)) == 1
    journal.close()


def test_what_waits_for_a_journal_is_bounded(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that stays full for a day costs no memory; the newest is written once it isn't."""
    monkeypatch.setattr("gc_jupyter.journal.recorder.KEPT_ROWS", 100)
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    journal = Journal(path, HERE)
    for start in range(0, 1000, 50):
        send(journal, *range(start, start + 50))
    journal.check()
    assert journal.problem
    path.unlink()
    journal.check()
    assert not journal.problem
    kept = [one.serial for one in journal.ask(lambda db: db.tasks(), [])]
    assert kept == [*range(950, 1000)]  # and 49 more would have fitted, were there so many
    assert [one.session for one in journal.ask(lambda db: db.sessions(), [])] == [HERE.session]
    assert len(_warnings(caplog)) == 1
    journal.close()


def _fill(_database: Database) -> None:
    raise sqlite3.OperationalError("database or disk is full")


def _warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


def test_tasks_run_while_the_journal_fails(
    client: Client, loopback: Loopback, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    journal = Journal(path, HERE)
    monkeypatch.setattr(registry, "_recorder", lambda: journal)
    with Executor(loopback.endpoint("instant"), client) as executor:
        futures = [executor.submit(int) for _ in range(200)]
        assert not concurrent.futures.wait(futures, 60).not_done
    assert journal.problem
    journal.close()


def test_plain_executors_are_journaled_too(
    client: Client, loopback: Loopback, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path, HERE)
    monkeypatch.setattr(registry, "_recorder", lambda: journal)
    with Executor(loopback.endpoint("instant"), client) as executor:
        futures = [executor.submit(int) for _ in range(20)]
        concurrent.futures.wait(futures, 60)
        executor.submit(int).result(60)
    entries = journal.ask(lambda db: db.tasks("task_id != ''"), [])
    assert {one.task_id for one in futures} <= {one.task_id for one in entries}
    assert {one.group_id for one in entries} == {str(executor.task_group_id)}
    journal.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork")
def test_a_forked_child_writes_nothing(path: Path) -> None:
    journal = Journal(path, HERE)
    send(journal, 1)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            send(journal, 2)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert len(journal.ask(lambda db: db.tasks(), [])) == 1
    journal.close()
