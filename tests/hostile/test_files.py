"""The journal and the login store, prepared by somebody else: not used, and the work goes on."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from globus_sdk.token_storage import TokenStorageData

from gc_jupyter.auth.storage import SharedTokenStorage
from gc_jupyter.journal import Database, Journal, KernelSession, KnownEndpoint
from gc_jupyter.journal.file import worth_reading
from gc_jupyter.journal.results import read
from gc_jupyter.own_files import NotOwn, check_own, make_own
from gc_jupyter.session.attach import Attached
from tests.journal.test_journal import entry

pytestmark = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
NOBODY = 65534
CODES = "\x1b]0;title\x07<b>x</b>\nnext"


def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make another user's file")


# --- files ---------------------------------------------------------------------------------


def of_another(path: Path) -> None:
    as_root()
    os.chown(path, NOBODY, NOBODY)


def writable(path: Path) -> None:
    path.chmod(0o666)


def writable_by_the_group(path: Path) -> None:
    path.chmod(0o660)


def link(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_suffix(".elsewhere"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def in_anothers_directory(path: Path) -> None:
    as_root()
    os.chown(path.parent, NOBODY, NOBODY)


FOREIGN = [
    *(of_another, writable, writable_by_the_group, link, dangling_link, pipe, directory),
    in_anothers_directory,
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with one task."""
    path = tmp_path / "gc_jupyter/journal.sqlite"
    database = Database(path)
    with database:
        database.add_tasks([entry()])
    database.close()
    return path


@pytest.mark.parametrize("prepare", FOREIGN)
def test_a_foreign_journal_is_not_used(
    path: Path, prepare: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    prepare(path)
    with pytest.raises(OSError, match=r"link|other user|another user|regular file|Is a directory"):
        Database(path)
    with caplog.at_level(logging.WARNING):
        journal = Journal(path, KernelSession.here())
        assert journal.ask(lambda db: db.tasks(), []) == []
        journal.post(lambda db: db.add_tasks([entry(task_id="new")]))
        journal.check()
        journal.close()
    assert journal.problem
    if prepare is not dangling_link:  # nothing is asked where there is nothing
        assert len(caplog.messages) == 1
    assert not path.with_suffix(".elsewhere").exists()


def test_a_foreign_journal_says_what_to_do(path: Path) -> None:
    writable(path)
    journal = Journal(path, KernelSession.here())
    journal.check()
    journal.close()
    assert journal.problem == (
        f"The journal {path} isn't used: other users may have written it. Move it away, or set"
        " JUPYTER_DATA_DIR to a directory of your own."
    )


def test_what_others_could_read_is_closed_to_them(path: Path) -> None:
    path.chmod(0o644)
    path.parent.chmod(0o777)
    Database(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_pipe_holds_nothing_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    start = time.perf_counter()
    for check in (make_own, check_own):
        with pytest.raises(NotOwn, match="regular file"):
            check(tmp_path / "pipe")
    assert time.perf_counter() - start < 5


def shared(path: Path) -> None:
    """As the directory for temporary files is."""
    path.parent.chmod(0o1777)


def with_changes_of_another(path: Path) -> None:
    """What SQLite takes for an interrupted transaction's: it would be written into the file."""
    as_root()
    companion = path.with_name(path.name + "-journal")
    companion.write_bytes(b"x")
    os.chown(companion, NOBODY, NOBODY)


def with_changes_others_can_write(path: Path) -> None:
    companion = path.with_name(path.name + "-wal")
    companion.touch()
    companion.chmod(0o666)


def with_a_link(path: Path) -> None:
    companion = path.with_name(path.name + "-journal")
    companion.unlink(missing_ok=True)
    companion.symlink_to("nowhere")


AROUND = [in_anothers_directory, shared, with_a_link]
AROUND += [with_changes_of_another, with_changes_others_can_write]


@pytest.mark.parametrize("prepare", AROUND)
def test_what_stands_around_a_file_counts(path: Path, prepare: Callable[[Path], None]) -> None:
    prepare(path)
    with pytest.raises(NotOwn, match=r"director|of journal\.sqlite-"):
        Database(path)
    assert worth_reading(path)  # whoever asks on is told; SQLite hasn't opened it


TOKENS = {"server": TokenStorageData("server", "id", "scope", "secret", "refresh", 2**31, "Bearer")}


@pytest.mark.parametrize("prepare", [of_another, writable, writable_by_the_group, pipe, *AROUND])
def test_a_foreign_login_store_is_not_used(tmp_path: Path, prepare: Callable[[Path], None]) -> None:
    path = tmp_path / "home/storage.db"
    first = SharedTokenStorage(path, "user/production")
    first.store_token_data_by_resource_server(TOKENS)
    first.close()
    prepare(path)
    before = b"" if prepare is pipe else path.read_bytes()
    storage = SharedTokenStorage(path, "user/production")
    with pytest.warns(UserWarning, match=r"isn't used: .* Move it away and log in again"):
        assert storage.get_token_data_by_resource_server() == {}
    storage.store_token_data_by_resource_server(TOKENS)
    assert storage.get_token_data_by_resource_server().keys() == {"server"}  # in memory
    assert storage.description == "this kernel's memory"
    assert before == (b"" if prepare is pipe else path.read_bytes())


def test_a_login_store_behind_a_link(tmp_path: Path) -> None:
    """Homes are moved by links; what counts is whose file it is in the end."""
    real = tmp_path / "real.db"
    SharedTokenStorage(real, "n").store_token_data_by_resource_server(TOKENS)
    (tmp_path / "storage.db").symlink_to(real)
    storage = SharedTokenStorage(tmp_path / "storage.db", "n")
    assert storage.get_token_data_by_resource_server().keys() == {"server"}
    real.chmod(0o666)
    other = SharedTokenStorage(tmp_path / "storage.db", "n")
    with pytest.warns(UserWarning, match="isn't used"):
        assert other.get_token_data_by_resource_server() == {}


def test_the_directory_of_a_login_store_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "home/storage.db"
    SharedTokenStorage(path, "n").store_token_data_by_resource_server(TOKENS)
    for mode in (0o755, 0o777):
        path.parent.chmod(mode)
        storage = SharedTokenStorage(path, "n")
        assert storage.get_token_data_by_resource_server().keys() == {"server"}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("prepare", [in_anothers_directory, shared])
def test_no_login_store_is_made_where_others_can_write(
    tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    path = tmp_path / "home/storage.db"
    path.parent.mkdir()
    prepare(path)
    storage = SharedTokenStorage(path, "n")
    with pytest.warns(UserWarning, match="isn't used: .* directory"):
        storage.store_token_data_by_resource_server(TOKENS)
    assert not path.exists()
    assert storage.get_token_data_by_resource_server().keys() == {"server"}  # in memory


def test_the_directory_behind_a_link_is_checked_and_left_as_it_is(tmp_path: Path) -> None:
    real = tmp_path / "scratch/real.db"
    SharedTokenStorage(real, "n").store_token_data_by_resource_server(TOKENS)
    real.parent.chmod(0o755)
    (tmp_path / "home").mkdir()
    (tmp_path / "home/storage.db").symlink_to(real)
    storage = SharedTokenStorage(tmp_path / "home/storage.db", "n")
    assert storage.get_token_data_by_resource_server().keys() == {"server"}
    assert stat.S_IMODE(real.parent.stat().st_mode) == 0o755
    real.parent.chmod(0o777)
    other = SharedTokenStorage(tmp_path / "home/storage.db", "n")
    with pytest.warns(UserWarning, match="isn't used"):
        assert other.get_token_data_by_resource_server() == {}


def test_a_new_login_store_is_closed_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        storage = SharedTokenStorage(tmp_path / "made/storage.db", "n")
        storage.store_token_data_by_resource_server(TOKENS)
    finally:
        os.umask(old)
    assert storage.problem == ""
    assert stat.S_IMODE(storage.path.stat().st_mode) == 0o600


# --- rows ------------------------------------------------------------------------------------


def test_texts_in_the_journal_are_one_line(path: Path) -> None:
    database = Database(path)
    with database:
        database.add_tasks([entry(label=CODES, endpoint=CODES, error=CODES)])
        database.remember_endpoints([KnownEndpoint("e", CODES, CODES, CODES, CODES)])
    for one in database.tasks():
        assert all(text.isprintable() for text in (one.label, one.endpoint, one.error))
    (known,) = database.endpoints()
    assert known.name == "]0;title<b>x</b> next"
    assert all(text.isprintable() for text in (known.status, known.python, known.dill))


def test_what_cannot_be_asked_is_said_in_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    from gc_jupyter.magics.attached import report

    known = {"group_id": "", "task_id": "", "notebook": f"/{CODES}.ipynb", "execution_count": 3}
    named = entry(label=CODES, endpoint="polaris", **known)
    nameless = entry(label="", endpoint="", endpoint_id=CODES, **known)
    report(Attached(unknown=[named, nameless]))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(line.isprintable() for line in lines)
    assert lines[0].startswith("1 task of cell [3] of ")
    assert "polaris" in lines[2]


@pytest.mark.parametrize(
    "change",
    [
        "state = 'owned'",
        "state = NULL",
        "label = x'ff00'",
        "submitted_at = 'soon'",
        "submitted_at = NULL",
        "ended_at = 'late'",
        "serial = 'first'",
        "execution_count = 'x'",
        "endpoint = NULL",
    ],
)
def test_a_damaged_row_is_left_out(path: Path, change: str) -> None:
    database = Database(path)
    with database:
        database.add_tasks([entry(serial=2, task_id="good")])
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE tasks SET {change} WHERE task_id = 't'")
    assert [one.task_id for one in database.tasks()] == ["good"]
    assert [one.task_id for one in database.earlier(KernelSession.here())] in (["good"], [])
    assert worth_reading(path) in (True, False)


def test_half_a_character_costs_one_label(path: Path) -> None:
    database = Database(path)
    with database:
        database.add_tasks([entry(serial=2, task_id="half", label="a\ud800b")])
    labels = {one.task_id: one.label for one in database.tasks()}
    assert labels.keys() == {"t", "half"}
    assert labels["half"].startswith("a")


@pytest.mark.parametrize(
    "body",
    [b"", b"\x01", b"[" * 100_000, b'{"task_id": "t"}', b'{"a": 1}', b"7", b'{"task_id": ' * 9999],
)
def test_a_damaged_result_is_left_out(body: bytes) -> None:
    from gc_jupyter.errors import DeserializationError

    for form in ("message", "status", "else"):
        with pytest.raises(DeserializationError):
            read(form, body)


def test_a_check_ends_no_lock_of_this_process(path: Path) -> None:
    """POSIX takes a process's locks on a file away when it closes the file anywhere."""
    holder = Database(path)
    with holder:
        worth_reading(path)
        Database(path, lock_timeout=0.01).close()
        other = "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0).execute('BEGIN IMMEDIATE')"
        done = subprocess.run([sys.executable, "-c", other, path], capture_output=True, text=True)
        assert "database is locked" in done.stderr
    holder.close()
