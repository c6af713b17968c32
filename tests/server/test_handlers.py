"""Who may ask, and what is answered: a real server's handlers."""

from __future__ import annotations

import http.cookiejar
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gc_jupyter.journal import Database, Entry, KernelSession, KnownEndpoint
from gc_jupyter.server import messages
from gc_jupyter.settings import Settings
from gc_jupyter.types import LOCAL_ENDPOINT_ID
from tests.journal.test_journal import entry
from tests.server.conftest import TOKEN, Server

PATHS = ("runs", "tasks", "failures?run=r", "endpoints", "status")
GONE = KernelSession(pid=2**22 + 1, session="old")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Server]:
    """Nobody is signed in there."""
    server = Server(home)
    yield server
    server.stop()


@pytest.fixture
def journal(home: Path) -> Iterator[Database]:
    """The user's journal, empty."""
    database = Database(home / "data/gc_jupyter/journal.sqlite")
    yield database
    with database:
        for table in ("tasks", "results", "claims", "sessions", "endpoints"):
            database._connection.execute(f"DELETE FROM {table}")
    database.close()


def write(journal: Database, *entries: Entry, session: KernelSession = GONE) -> None:
    with journal:
        journal.add_session(session)
        journal.add_tasks(entries)


# --- who may ask ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS)
def test_nothing_without_a_token(server: Server, path: str) -> None:
    assert server.refused(path, headers={}) == 403
    assert server.refused(path, headers={"Authorization": "token wrong"}) == 403


def test_nothing_is_switched_without_a_token(server: Server) -> None:
    assert server.refused("collecting", "PUT", body={"on": True}, headers={}) == 403


@pytest.mark.parametrize("path", PATHS)
def test_another_origin_is_refused(server: Server, path: str) -> None:
    """As a page elsewhere would ask, with the cookies of the one who is signed in."""
    cookies, _ = sign_in(server)
    headers = {"Cookie": cookies, "Origin": "http://elsewhere.example"}
    assert server.refused(path, headers=headers) == 404


def test_a_browser_needs_the_xsrf_token(server: Server) -> None:
    cookies, xsrf = sign_in(server)
    headers = {"Cookie": cookies, "Referer": f"{server.url}/lab"}
    assert server.ask("status", headers=headers)["collecting"] is False
    assert server.refused("collecting", "PUT", body={"on": True}, headers=headers) == 403
    wrong = {**headers, "X-XSRFToken": "2|12345678|wrong|1"}
    assert server.refused("collecting", "PUT", body={"on": True}, headers=wrong) == 403
    assert server.ask("status")["collecting"] is False
    right = {**headers, "X-XSRFToken": xsrf}
    assert server.ask("collecting", "PUT", {"on": False}, right)["collecting"] is False


def test_another_page_cannot_have_the_service_asked(server: Server) -> None:
    """As an image or a script of it would, whatever the browser does with the cookies."""
    cookies, xsrf = sign_in(server)
    for more in ({}, {"Referer": "http://elsewhere.example/"}, {"X-XSRFToken": "2|1|wrong|1"}):
        assert server.refused("endpoints?ask=1", headers={"Cookie": cookies, **more}) == 403
    for more in ({"Referer": f"{server.url}/lab"}, {"X-XSRFToken": xsrf}):
        found = server.ask("endpoints?ask=1", headers={"Cookie": cookies, **more})
        assert found["problem"] == "Nobody is signed in."
    assert server.ask("endpoints", headers={"Cookie": cookies})["endpoints"]


def sign_in(server: Server) -> tuple[str, str]:
    """The cookies of a browser that has opened the address with the token, and the XSRF one."""
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.open(f"{server.url}/login?token={TOKEN}").close()
    found = {cookie.name: cookie.value or "" for cookie in jar}
    return "; ".join(f"{name}={value}" for name, value in found.items()), found["_xsrf"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        "../gc-jupyter",
        "tasks/../../../etc/passwd",
        "tasks%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/etc/passwd",
        "static/journal.sqlite",
        "journal.sqlite",
        "tasksx",
    ],
)
def test_no_other_path_is_answered(server: Server, path: str) -> None:
    assert server.refused(path) == 404


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
def test_no_other_method(server: Server, method: str) -> None:
    assert server.refused("tasks", method, body={}) == 405


@pytest.mark.parametrize(
    "limit", ["0", "-1", "x", "1;", "1e3", "²", "9" * 30, "0" * 9 + "9" * 20, "10001"]
)
def test_limits_that_are_none(server: Server, limit: str) -> None:
    for path in ("tasks", "runs"):
        assert server.refused(f"{path}?limit={urllib.parse.quote(limit)}") == 400


@pytest.mark.parametrize("offset", ["-1", "x", "9" * 9])
def test_offsets_that_are_none(server: Server, offset: str) -> None:
    assert server.refused(f"runs?offset={offset}") == 400


def test_failures_need_a_run(server: Server) -> None:
    assert server.refused("failures") == 400


@pytest.mark.parametrize("body", [None, {}, {"on": 1}, {"on": "true"}, [True]])
def test_switches_that_are_none(server: Server, body: object) -> None:
    assert server.refused("collecting", "PUT", body=body) == 400


# --- what is answered ----------------------------------------------------------------------


def test_no_journal_yet(server: Server) -> None:
    for path, columns in (("tasks", messages.COLUMNS), ("runs", messages.RUN_COLUMNS)):
        found = server.ask(path)
        assert (found["rows"], found["total"]) == ([], 0)
        assert found["journal"]["problem"] == ""
        assert found["columns"] in ([], list(columns))  # none before there is a file
    assert server.ask("failures?run=r") == []


def test_tasks_newest_first(server: Server, journal: Database) -> None:
    now = float(int(time.time()))  # SQLite writes 15 digits of a number
    living = KernelSession.here()
    ran = {"started_at": now - 5, "ended_at": now - 2, "error": "ValueError: <b>no</b>", "seen": 1}
    write(journal, entry(serial=1, task_id="old", state="failed", submitted_at=now - 9, **ran))
    new = entry(session=living.session, serial=2, task_id="new", submitted_at=now, label="x=1")
    write(journal, new, session=living)
    found = server.ask("tasks")
    assert [row[0] for row in found["rows"]] == ["new", "old"]
    new_row, old_row = (dict(zip(found["columns"], row, strict=True)) for row in found["rows"])
    assert old_row == {
        **{"task_id": "old", "group_id": "g", "endpoint_id": "e", "endpoint": "polaris"},
        **{"label": "", "kind": "cell", "notebook": "/n.ipynb", "cell_id": "c"},
        **{"execution_count": 3, "state": "failed", "submitted_at": now - 9},
        **{**ran, "seen": True, "kernel_alive": False, "collected": False, "progress": None},
    }
    assert (new_row["kernel_alive"], new_row["seen"], new_row["started_at"]) == (True, False, None)
    newest = server.ask("tasks?limit=1")
    assert ([row[0] for row in newest["rows"]], newest["total"]) == (["new"], 2)
    assert server.ask("status")["open"] == 1


def test_notebooks_have_the_paths_of_the_contents(
    server: Server, home: Path, journal: Database
) -> None:
    below = str(home / "root" / "a folder" / "n.ipynb")
    notebooks = (below, "/elsewhere/n.ipynb", str(home / "rooted.ipynb"), "")
    entries = [
        entry(serial=at, task_id=str(at), notebook=notebook, submitted_at=time.time() - at)
        for at, notebook in enumerate(notebooks)
    ]
    write(journal, *entries)
    found = server.ask("tasks")
    at = found["columns"].index("notebook")
    assert [row[at] for row in found["rows"]] == ["a folder/n.ipynb", *notebooks[1:]]


@pytest.mark.parametrize(
    ("endpoint_id", "name"), [(LOCAL_ENDPOINT_ID, "local"), ("uuid", "polaris"), ("other", "")]
)
def test_an_executors_tasks_have_the_name_of_their_endpoint(
    server: Server, journal: Database, endpoint_id: str, name: str
) -> None:
    with journal:
        journal.remember_endpoints([KnownEndpoint("uuid", "polaris")])
    write(journal, entry(task_id="a", endpoint="", endpoint_id=endpoint_id))
    found = server.ask("tasks")
    assert dict(zip(found["columns"], found["rows"][0], strict=True))["endpoint"] == name


def test_what_was_written_down_before_it_was_sent(server: Server, journal: Database) -> None:
    """Whether it was sent, nobody here knows."""
    nameless = entry(task_id="", state="unsent")
    write(journal, nameless)
    found = server.ask("tasks")
    row = dict(zip(found["columns"], found["rows"][0], strict=True))
    assert row["state"] == nameless.word == "not confirmed"


def test_what_every_row_has_is_defined_once() -> None:
    assert list(messages.COLUMNS) == list(messages.Task.__annotations__)


def test_ten_thousand_tasks(server: Server, journal: Database) -> None:
    """A panel that opens waits for one request."""
    entries = [
        entry(serial=n, task_id=f"{n:036}", label=f"x={n}", submitted_at=time.time() + n / 1e4)
        for n in range(10_000)
    ]
    write(journal, *entries)
    assert len(server.ask("tasks?limit=10000")["rows"]) == 10_000
    page = server.ask("tasks")
    assert (len(page["rows"]), page["total"]) == (messages.PAGE_ROWS, 10_000)
    page = server.ask("tasks?offset=9990&text=x%3D&state=running")
    assert (len(page["rows"]), page["total"]) == (10, 10_000)


def test_runs_and_their_failures(server: Server, journal: Database, home: Path) -> None:
    below = str(home / "root" / "n.ipynb")
    cell = {"cell": "token: fit & plot", "notebook": below, "state": "failed"}
    write(
        journal,
        *(entry(serial=at, task_id=str(at), error="<b>no</b>", **cell) for at in range(3)),
        entry(serial=9, task_id="9", cell="other:", error="yes"),
    )
    found = server.ask("runs?state=failed")
    (row,) = (dict(zip(found["columns"], row, strict=True)) for row in found["rows"])
    assert (row["label"], row["notebook"], row["tasks"]) == (" fit & plot", "n.ipynb", 3)
    run = urllib.parse.quote(row["run"])
    assert server.ask(f"failures?run={run}") == [
        {"error": "<b>no</b>", "tasks": 3, "traceback": ""}
    ]
    assert server.ask(f"tasks?run={run}")["total"] == 3
    assert server.ask(f"runs?run={run}")["total"] == 1


def test_a_damaged_journal_is_said(server: Server, home: Path) -> None:
    path = home / "data/gc_jupyter/journal.sqlite"
    kept = path.rename(path.with_suffix(".kept")) if path.exists() else None
    path.write_bytes(b"no database" * 1000)
    try:
        found = server.ask("tasks")
        assert "is damaged" in found["journal"]["problem"]
        assert "move it away" in found["journal"]["next_step"]
        assert found["rows"] == []
        os.unlink(path)
        assert server.ask("tasks")["journal"]["problem"] == ""
    finally:
        if kept is not None:
            kept.rename(path)


def test_endpoints_from_what_is_known(server: Server, journal: Database, home: Path) -> None:
    (home / "config").mkdir(exist_ok=True)
    (home / "config/gc_jupyter.toml").write_text(
        'endpoint = "big"\n[aliases]\nbig = "7ad8a1a5-32f2-4d6f-8f3e-000000000001"\n'
    )
    polaris = KnownEndpoint("7ad8a1a5-32f2-4d6f-8f3e-000000000002", "polaris", "online", at=7.0)
    with journal:
        journal.remember_endpoints([polaris])
    found = server.ask("endpoints")
    assert (found["signed_in"], found["default"]) == (False, "big")
    assert found["problem"] == "Nobody is signed in."
    assert "%gc login" in found["next_step"]
    assert [
        (one["name"], one["alias"], one["status"], one["at"]) for one in found["endpoints"]
    ] == [
        ("local", "", "online", 0.0),
        ("polaris", "", "online", 7.0),
        ("", "big", "", 0.0),
    ]
    assert server.ask("endpoints?ask=1")["problem"] == "Nobody is signed in."
    (home / "config/gc_jupyter.toml").unlink()


def test_the_setting_is_kept_for_the_user(server: Server, home: Path) -> None:
    found = server.collect()
    assert found["collecting"] is True
    file = home / "config/gc_jupyter.toml"
    assert "collect_results = true" in file.read_text()
    assert server.collect(False)["collecting"] is False
    assert "collect_results = false" in file.read_text()
    file.write_text("collect_results = true\n")  # as a kernel does it
    assert server.ask("status")["collecting"] is True
    file.write_text("collect_results = 7\n")
    assert server.ask("status")["collecting"] is True  # as it was
    file.unlink()
    assert server.ask("status")["collecting"] is False


@pytest.mark.parametrize(
    "text", [b"x = " + b"[" * 50_000, b"a\xff", b"#" * 3_000_000], ids=["nested", "bytes", "huge"]
)
def test_settings_that_cannot_be_read_fail_no_handler(
    server: Server, home: Path, text: bytes
) -> None:
    file = home / "config/gc_jupyter.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text)
    try:
        found = server.ask("endpoints")
        assert str(file) in found["problem"]
        assert found["next_step"]
        assert [one["name"] for one in found["endpoints"]][:1] == ["local"]
        assert server.ask("status")["collecting"] is False
        assert "rows" in server.ask("tasks")
    finally:
        file.unlink()


def test_a_project_switches_no_collecting_on(server: Server, home: Path) -> None:
    """The server starts anywhere: what lies there has no say, trusted or not."""
    project = home / "root/pyproject.toml"
    text = 'collect_results = true\nendpoint = "evil"\n[tool.gc_jupyter.aliases]\nx = "y"\n'
    project.write_text(f"[tool.gc_jupyter]\n{text}")
    settings = Settings(home / "config/gc_jupyter.toml", home / "root")
    found = settings.project()
    assert found is not None
    settings.known.trust(found.path, found.digest)
    try:
        assert server.ask("status")["collecting"] is False
        assert server.ask("endpoints")["default"] == ""
        assert settings.get("collect_results") is None
    finally:
        project.unlink()
        settings.known.trust(found.path, None)


def test_replies_are_json_that_no_page_executes(server: Server) -> None:
    with server.open("tasks") as reply:
        assert reply.headers["Content-Type"] == "application/json"
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        json.load(reply)
