"""One journal, several versions of this package: what the next may add hinders nobody."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from gc_jupyter.journal import Database, KernelSession
from gc_jupyter.journal.database import KnownEndpoint
from gc_jupyter.journal.results import Collected
from gc_jupyter.journal.schema import OTHER_FORMAT, VERSION
from gc_jupyter.server import panel
from tests.journal.test_journal import add, entry

OLDER = Path(__file__).parent / "older"
HERE = KernelSession.here("kernel-a.json")
ADDED = """
ALTER TABLE tasks ADD COLUMN priority INTEGER DEFAULT 3;
ALTER TABLE sessions ADD COLUMN cluster TEXT DEFAULT 'x';
ALTER TABLE endpoints ADD COLUMN owner TEXT;
ALTER TABLE results ADD COLUMN sum TEXT;
ALTER TABLE claims ADD COLUMN why TEXT DEFAULT '';
CREATE TABLE lanes (name TEXT);
"""


def use(path: Path, at: str, session: KernelSession) -> None:
    """What a kernel and a server do with a journal."""
    database = Database(path)
    mine = entry(session=session.session, task_id=at, group_id=f"group {at}")
    add(database, mine, session=session)
    with database:
        database.update_tasks([("success", at, None, None, None, None, "", at, session.session, 1)])
        database.remember_endpoints([KnownEndpoint(f"endpoint {at}", "name", at=time.time())])
        database.results.claim_groups(session, 0.0, lambda _other: False)
        database.results.store(
            session, [Collected(at, f"group {at}", "status", b"body", "success")]
        )
    assert at in [one.task_id for one in database.tasks("1", ())]
    assert session in database.sessions()
    assert f"endpoint {at}" in [one.endpoint_id for one in database.endpoints()]
    assert panel.states(database)["success"] >= 1
    database.close()


def test_an_older_version_goes_on_with_a_newer_file(path: Path) -> None:
    """And the newer one with what the older one has written; the file stays the newer one's."""
    use(path, "before", HERE)
    with sqlite3.connect(path) as newer:
        newer.executescript(ADDED)
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    newer.close()
    use(path, "after the downgrade", KernelSession.here("kernel-b.json"))
    with sqlite3.connect(path) as newer:
        assert newer.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)
        rows = newer.execute("SELECT task_id, priority FROM tasks ORDER BY submitted_at").fetchall()
    newer.close()
    assert rows == [("before", 3), ("after the downgrade", 3)]


def test_two_versions_at_once(path: Path) -> None:
    """A server that was started before the upgrade, and kernels after it."""
    server = Database(path)
    with sqlite3.connect(path) as newer:
        newer.executescript(ADDED)
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
        newer.execute("INSERT INTO sessions (session, cluster) VALUES ('new', 'y')")
    newer.close()
    assert "new" in [one.session for one in server.sessions()]
    add(server, entry(task_id="of the server"), session=HERE)
    server.close()
    use(path, "of a kernel", KernelSession.here("kernel-c.json"))


def test_another_format_is_refused(path: Path) -> None:
    Database(path).close()
    with sqlite3.connect(path) as newer:
        newer.execute(f"PRAGMA user_version = {OTHER_FORMAT}")
    newer.close()
    with pytest.raises(sqlite3.DatabaseError, match="newer"):
        Database(path)


@pytest.mark.parametrize("file", sorted(OLDER.glob("*.sql")), ids=lambda file: file.stem)
def test_what_earlier_code_has_written(file: Path, path: Path) -> None:
    """Each of these was written by the last code of its version, for three cells on `local`."""
    Database(path).close()
    path.unlink()
    with sqlite3.connect(path) as older:
        older.executescript(file.read_text("utf-8"))
    older.close()
    database = Database(path)
    tasks = sorted(database.tasks("1", ()), key=lambda one: one.serial)
    database.close()
    assert [one.state for one in tasks] == ["success", "success", "failed"]
    assert [(one.bind, one.error) for one in tasks[1:]] == [("late", ""), ("", "division by zero")]
    use(path, "of the newest", KernelSession.here("kernel-d.json"))
    with sqlite3.connect(path) as upgraded:
        assert upgraded.execute("PRAGMA user_version").fetchone() == (VERSION,)
    upgraded.close()
