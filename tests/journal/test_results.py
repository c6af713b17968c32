"""Collected results in the journal, and whose a task group is."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gc_jupyter.journal import Database, Entry, Journal, KernelSession
from gc_jupyter.journal import results as results_module
from gc_jupyter.journal.database import KEPT_S
from gc_jupyter.journal.results import Collected, message_form, read, status_form
from gc_jupyter.journal.schema import VERSION
from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.protocol.nonces import new_run, nonce_of
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.service.base import TaskStatus
from tests.journal.test_journal import HERE, entry

GONE = KernelSession(pid=2**22 + 1, session="gone")
SERVER = KernelSession(session="server")
OTHER_SERVER = KernelSession(session="other server")
LIVING = KernelSession(session="living")


def ended(session: KernelSession) -> bool:
    """Who has ended, in these tests."""
    return session.session in ("gone", "dead server")


def write(database: Database, session: KernelSession, *entries: Entry) -> None:
    with database:
        database.add_session(session)
        database.add_tasks([replace(one, session=session.session) for one in entries])


def claim(database: Database, here: KernelSession = SERVER) -> dict[str, list[str]]:
    with database:
        return database.results.claim_groups(here, time.time() - 1000, ended)


def store(database: Database, *task_ids: str, group: str = "g", size: int = 10) -> set[str]:
    found = [
        Collected(one, group, *message_form(b"x" * size), "success", ended_at=5.0)
        for one in task_ids
    ]
    with database:
        return database.results.store(SERVER, found)


# --- whose a group is ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, ["t"]),
        ({"state": "success"}, ["t"]),  # its kernel ended before anybody saw it
        ({"state": "failed"}, ["t"]),
        ({"task_id": "", "state": "unsent"}, [""]),
        ({"task_id": "", "state": "failed"}, None),
        ({"state": "cancelled"}, None),
        ({"seen": 1}, None),
        ({"group_id": ""}, None),
        ({"submitted_at": 5.0}, None),
    ],
)
def test_what_is_collected(
    database: Database, fields: dict[str, object], wanted: list[str] | None
) -> None:
    write(database, GONE, entry(**fields))
    assert claim(database) == ({} if wanted is None else {"g": wanted})


def test_a_living_kernels_group_is_its_own(database: Database) -> None:
    write(database, GONE, entry(task_id="a"))
    write(database, LIVING, entry(task_id="b", seen=1))
    assert claim(database) == {}


def test_a_kernel_that_attaches(database: Database) -> None:
    write(database, GONE, entry(task_id="a"), entry(task_id="b", serial=2))
    assert claim(database) == {"g": ["a", "b"]}
    assert store(database, "a") == set()
    with database:
        database.add_session(LIVING)
        database.results.take_group("g", "living")
    assert set(database.results.get(["a", "b"])) == {"a"}  # what came before the claim is there
    assert store(database, "b") == {"g"}  # and nothing comes after it
    assert set(database.results.get(["a", "b"])) == {"a"}
    assert claim(database) == {}
    with database:
        database.results.release_group("g", "living")
    assert claim(database) == {"g": ["b"]}


def test_a_kernel_that_attached_and_ended(database: Database) -> None:
    write(database, KernelSession(session="elsewhere"), entry(task_id="other", group_id="other"))
    write(database, GONE, entry(task_id="a"))
    with database:
        database.results.take_group("g", "gone")
    assert claim(database) == {"g": ["a"]}


def test_a_kernel_that_submits_into_a_claimed_group(database: Database) -> None:
    write(database, GONE, entry(task_id="a", submitted_at=time.time() - 10))
    claim(database)
    new = entry(task_id="b", serial=2, submitted_at=time.time() + 10)
    write(database, LIVING, new)
    assert store(database, "a") == {"g"}
    assert claim(database) == {}


def test_two_servers(database: Database) -> None:
    write(database, GONE, entry(task_id="a"))
    assert claim(database, SERVER) == {"g": ["a"]}
    assert claim(database, OTHER_SERVER) == {}
    with database:
        database.results.release_all("server")
    assert claim(database, OTHER_SERVER) == {"g": ["a"]}
    assert store(database, "a") == {"g"}


def test_a_server_that_was_killed(database: Database) -> None:
    write(database, GONE, entry(task_id="a"))
    assert claim(database, KernelSession(session="dead server")) == {"g": ["a"]}
    assert claim(database, SERVER) == {"g": ["a"]}


def test_a_kernels_start_leaves_who_collects(database: Database) -> None:
    write(database, GONE, entry(task_id="a"))
    claim(database, KernelSession.here())
    with database:
        database.add_session(replace(HERE, session="another"))
    assert len(database.sessions()) == 3
    assert store(database, "a") == {"g"}


def test_an_idle_kernel_is_not_forgotten(database: Database) -> None:
    """Its first task may come any time."""
    idle = KernelSession.here()
    with database:
        database.add_session(idle)
        database.add_session(replace(idle, session="new"))
        database.add_session(GONE)
        database.add_session(replace(idle, session="newest"))
    assert {one.session for one in database.sessions()} == {idle.session, "new", "newest"}


def test_nothing_is_written_where_nothing_changed(database: Database, path: Path) -> None:
    """A write would be news, and news make the collector look again."""
    write(database, GONE, entry(task_id="a"))
    claim(database)
    other = sqlite3.connect(path)
    before = other.execute("PRAGMA data_version").fetchone()
    times = path.stat().st_mtime_ns
    assert claim(database) == {"g": ["a"]}
    assert other.execute("PRAGMA data_version").fetchone() == before
    assert path.stat().st_mtime_ns == times
    other.close()


def test_tasks_whose_ids_no_reply_has_told(database: Database) -> None:
    """Their results say whose they are, in any order; others are kept without a name."""
    run = new_run()
    nonces = [nonce_of(run, at) for at in range(3)]
    nameless = [
        entry(task_id="", state="unsent", serial=at, nonce=nonce) for at, nonce in enumerate(nonces)
    ]
    write(database, GONE, entry(task_id="known", serial=9), *nameless)
    assert database.results.free(["known", "x", "y", "z"]) == ["x", "y", "z"]
    claim(database)
    serialize = ComputeSerializer().serialize
    for task_id, reply in (
        ("x", {"tag": {"nonce": nonces[2]}}),
        ("y", {"tag": {"nonce": nonce_of(new_run())}}),
        ("z", {"tag": {"nonce": nonces[0]}}),
    ):
        form = message_form(pack_result(ResultMessage(task_id, serialize(reply))))
        with database:
            database.results.store(SERVER, [Collected(task_id, "g", *form, "success")])
    found = {one.serial: (one.task_id, one.state) for one in database.tasks()}
    assert found == {
        **{9: ("known", "running"), 0: ("z", "success"), 1: ("", "unsent"), 2: ("x", "success")}
    }
    assert database.results.kept(["x", "y", "z"]) == {"x", "y", "z"}
    assert database.results.free(["x", "y", "z"]) == []


# --- what is kept --------------------------------------------------------------------------


def test_what_a_result_says_of_its_task(database: Database) -> None:
    write(database, GONE, entry(task_id="a", started_at=3.0), entry(task_id="b", serial=2))
    claim(database)
    body = pack_result(ResultMessage("a", "traceback", error_code="E"))
    failed = Collected("a", "g", *message_form(body), "failed", None, 9.0, "ValueError: no")
    with database:
        database.results.store(SERVER, [failed])
    assert database.earlier(HERE)[0].done
    a, b = database.tasks()
    assert (a.state, a.started_at, a.ended_at, a.error) == ("failed", 3.0, 9.0, "ValueError: no")
    assert (b.state, b.ended_at) == ("running", None)
    assert database.results.kept(["a", "b"]) == {"a"}
    assert database.results.get(["a"]) == {"a": ("message", body)}


def test_forms_are_read_again() -> None:
    message = ResultMessage("t", "wire text\n", {"os": "x"}, None, "", 1, 2)
    assert read(*message_form(pack_result(message))) == message
    status = TaskStatus("t", "success", "5.0", "wire text\n", None, {"os": "x"})
    assert read(*status_form(status)) == status
    # earlier versions have no other field, and would call the result damaged
    assert set(json.loads(status_form(status)[1])) == {
        *("task_id", "status", "completion_t", "result", "details", "reason")
    }


@pytest.mark.parametrize("form", ["message", "status"])
@pytest.mark.parametrize("body", [b"", b"\x01", b"{}", b"[1]", b'{"x": 1}', b"\xff"])
def test_a_damaged_result_is_asked_for_instead(form: str, body: bytes) -> None:
    assert results_module.outcomes({"t": (form, body)}) == {}


def test_the_oldest_go_first_and_of_them_what_was_shown(database: Database) -> None:
    write(database, GONE, *(entry(task_id=str(n), serial=n) for n in range(5)))
    claim(database)
    for n in range(5):
        store(database, str(n), size=100)
    with database:
        database.see("gone", [3])
        database.results.trim(300)
    assert database.results.kept("01234") == {"1", "2", "4"}
    with database:
        database.results.trim(300)
    assert database.results.kept("01234") == {"1", "2", "4"}


def test_the_bound_holds_while_results_come(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_module, "KEPT_BYTES", 250)
    write(database, GONE, *(entry(task_id=str(n), serial=n) for n in range(5)))
    claim(database)
    for n in range(5):
        store(database, str(n), size=100)
    assert database.results.kept("01234") == {"3", "4"}


def test_old_results_go_with_old_tasks(database: Database) -> None:
    write(database, GONE, entry(task_id="a"))
    claim(database)
    store(database, "a")
    with database:
        database._connection.execute("UPDATE results SET at = ?", (time.time() - KEPT_S - 1,))
        database._connection.execute("UPDATE tasks SET submitted_at = 1")
        database.add_session(HERE)
    for table in ("results", "tasks", "claims"):
        assert database.select(f"SELECT count(*) FROM {table}") == [(0,)], table


# --- a file of an earlier version ----------------------------------------------------------

VERSION_1 = """
CREATE TABLE sessions (
    kernel TEXT, notebook TEXT, host TEXT, pid INTEGER, started TEXT, session TEXT PRIMARY KEY
);
CREATE TABLE tasks (
    session TEXT, serial INTEGER, task_id TEXT, group_id TEXT, endpoint_id TEXT, endpoint TEXT,
    function_id TEXT, label TEXT, kind TEXT, notebook TEXT, cell_id TEXT, execution_count INTEGER,
    bind TEXT, out TEXT, state TEXT, submitted_at REAL, started_at REAL, ended_at REAL, error TEXT,
    seen INTEGER DEFAULT 0, result BLOB, PRIMARY KEY (session, serial)
);
CREATE INDEX tasks_by_id ON tasks (task_id);
CREATE INDEX tasks_by_group ON tasks (group_id);
CREATE TABLE endpoints (
    endpoint_id TEXT PRIMARY KEY, name TEXT, status TEXT, python TEXT, dill TEXT, at REAL
);
INSERT INTO sessions VALUES ('', '', 'h', 1, '', 'gone');
INSERT INTO tasks VALUES ('gone', 1, 'a', 'g', 'e', 'polaris', 'f', 'x=1', 'cell', '/n.ipynb', 'c',
    3, '', '', 'running', 17e8, NULL, NULL, '', 0, NULL);
PRAGMA user_version = 1;
"""
VERSION_2 = (
    VERSION_1.replace(", result BLOB", "")
    .replace("'', 0, NULL);", "'', 0);")
    .replace(
        "PRAGMA user_version = 1;",
        """
CREATE TABLE results (task_id TEXT PRIMARY KEY, form TEXT, size INTEGER, at REAL, body BLOB);
CREATE TABLE claims (group_id TEXT PRIMARY KEY, session TEXT, at REAL);
PRAGMA user_version = 2;
""",
    )
)


@pytest.mark.parametrize("made", [VERSION_1, VERSION_2], ids=["version 1", "version 2"])
def test_a_file_of_an_earlier_version(path: Path, made: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(made)
    os.chmod(path, 0o600)
    database = Database(path)
    (one,) = database.tasks()
    assert (one.task_id, one.label, one.seen) == ("a", "x=1", 0)
    assert (one.nonce, one.looked_at, one.looked_as) == ("", None, "")
    with database:
        database.add_tasks([entry(session="gone", serial=2, task_id="", nonce="gcj-2")])
    assert database.tasks("serial = 2")[0].nonce == "gcj-2"
    with database:
        database.select("DELETE FROM tasks WHERE serial = 2")
    with database:
        assert database.results.claim_groups(SERVER, 0.0, ended) == {"g": ["a"]}
    assert store(database, "a") == set()
    assert database.tasks()[0].state == "success"
    assert database.select("PRAGMA user_version") == [(VERSION,)]
    database.close()
    Database(path).close()


# --- for a kernel --------------------------------------------------------------------------


def test_take(path: Path, database: Database) -> None:
    write(database, GONE, entry(task_id="a"), entry(task_id="b", serial=2))
    claim(database)
    message = ResultMessage("a", "wire text")
    with database:
        form = message_form(pack_result(message))
        database.results.store(SERVER, [Collected("a", "g", *form, "success")])
    journal = Journal(path, HERE)
    assert journal.take("g", ["a", "b"]) == {"a": message}
    assert store(database, "b") == {"g"}
    journal.release("g")
    journal.check()
    assert database.select("SELECT * FROM claims") == []
    journal.close()


def test_take_without_a_journal_to_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    journal = Journal(tmp_path / "file/journal.sqlite", HERE)
    assert journal.take("g", ["a"]) == {}
    journal.close()
