"""Runs of cells, as the panels are told of them: questions to a real journal."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.journal import Database, Entry, KernelSession, KnownEndpoint
from gc_jupyter.journal.sessions import Part, run_of_cell
from gc_jupyter.server import panel, runs
from gc_jupyter.server.messages import JournalState
from gc_jupyter.server.panel import Filter
from gc_jupyter.types import LOCAL_ENDPOINT_ID
from tests.browser.long_journal import fill_journal
from tests.journal.test_journal import entry

HERE = KernelSession.here()
GONE = KernelSession(pid=2**22 + 1, session="old")
GOOD = JournalState(path="", problem="", next_step="")
NOW = float(int(time.time()))


def of_run(cell: str, count: int, **fields: object) -> list[Entry]:
    """A fan-out of one cell."""
    serial = int(str(fields.pop("serial", 1)))
    known: dict[str, object] = {"submitted_at": NOW, **fields}
    return [
        entry(
            serial=serial + at,
            task_id=f"{cell}-{at}",
            label=f"x={at}",
            cell=cell,
            part=str(Part(f"run-{cell}", at, count)),
            **known,
        )
        for at in range(count)
    ]


def write(database: Database, *entries: Entry) -> None:
    with database:
        database.add_session(GONE)
        database.add_tasks(entries)


def listed(database: Database, root: str = "", **wanted: Any) -> list[dict[str, Any]]:
    return rows(runs.runs_json(database, HERE, Filter(**wanted), GOOD, root))


def tasks(database: Database, run: str, **wanted: Any) -> list[dict[str, Any]]:
    return rows(panel.tasks_json(database, HERE, Filter(run=run, **wanted), GOOD))


def rows(text: str) -> list[dict[str, Any]]:
    found = json.loads(text)
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def test_a_run_is_one_row(database: Database) -> None:
    failed = {"state": "failed", "error": "ValueError: no", "started_at": NOW, "ended_at": NOW + 2}
    write(
        database,
        *of_run("a:throw darts", 28, state="success", ended_at=NOW + 3, seen=1),
        *of_run("a:throw darts", 2, serial=40, **failed)[:0],
        entry(serial=50, task_id="f", cell="b:fit", label="fit", submitted_at=NOW + 5, **failed),
    )
    newer, older = listed(database)
    assert (newer["label"], newer["tasks"], newer["failed"], newer["open"]) == ("fit", 1, 1, 0)
    assert (newer["ids"], newer["state"], newer["error"]) == ("f", "failed", "ValueError: no")
    assert (newer["started_at"], newer["ended_at"], newer["seen"]) == (NOW, NOW + 2, False)
    assert (older["label"], older["tasks"], older["state"]) == ("throw darts", 28, "success")
    assert (older["ids"], older["ended_at"], older["seen"]) == (
        "run-a",
        NOW + 3,
        True,
    )
    assert (older["execution_count"], older["endpoint"], older["kernel_alive"]) == (
        3,
        "polaris",
        False,
    )


def test_the_state_of_a_run(database: Database) -> None:
    """Running as long as one task is, then waiting; cancelled where one is, and none has failed."""
    states = {
        "running": ("running", "success", "waiting for nodes", "failed"),
        "waiting for nodes": ("success", "waiting for nodes", "failed"),
        "failed": ("success", "failed", "cancelled"),
        "success": ("success", "success"),
        "cancelled": ("success", "cancelled"),
    }
    serial = 0
    for word, some in states.items():
        for state in some:
            serial += 1
            write(database, entry(serial=serial, task_id=str(serial), cell=f"{word}:", state=state))
    found = {one["run"][:-1]: one for one in listed(database)}
    assert {word: one["state"] for word, one in found.items()} == dict(
        zip(states, states, strict=True)
    )
    assert (found["running"]["open"], found["running"]["failed"]) == (2, 1)
    assert found["running"]["ended_at"] is None
    assert {one["run"][:-1] for one in listed(database, state="open")} == {
        "running",
        "waiting for nodes",
    }
    assert len(listed(database, state="failed")) == 3
    assert len(listed(database, state="cancelled")) == 1


def test_a_task_that_was_run_again_counts_once(database: Database) -> None:
    first = of_run("a:sweep", 3, state="success")
    failed = of_run("a:sweep", 3, state="failed", error="no")[1]
    again = of_run("a:sweep", 3, state="success", serial=9, submitted_at=NOW + 60)[1]
    write(database, first[0], failed, first[2])
    (one,) = listed(database)
    assert (one["tasks"], one["failed"], one["state"]) == (3, 1, "failed")
    assert runs.failures(database, HERE, one["run"]) == [
        {"error": "no", "tasks": 1, "traceback": ""}
    ]
    write(
        database,
        entry(
            **{
                name: getattr(again, name)
                for name in ("serial", "label", "cell", "part", "state", "submitted_at")
            },
            task_id="again",
        ),
    )
    (one,) = listed(database)
    assert (one["tasks"], one["failed"], one["state"]) == (3, 0, "success")
    assert [task["task_id"] for task in tasks(database, one["run"])] == [
        "a:sweep-0",
        "a:sweep-2",
        "again",
    ]
    assert runs.failures(database, HERE, one["run"]) == []


def test_a_cell_that_ran_twice_is_two_runs_also_after_another_kernel_has_taken_it(
    database: Database,
) -> None:
    write(database, *of_run("a:sweep", 2), *of_run("b:sweep", 2, serial=5))
    with database:
        database.claim([("new", 1, "a:sweep-0"), ("new", 2, "a:sweep-1")])
    assert sorted((one["run"], one["tasks"]) for one in listed(database)) == [
        ("a:sweep", 2),
        ("b:sweep", 2),
    ]


def test_rows_of_earlier_versions_are_told_apart_by_their_cell(database: Database) -> None:
    write(
        database,
        entry(serial=1, task_id="1", label="fit #0"),
        entry(serial=2, task_id="2", label="fit #1"),
        entry(serial=3, task_id="3", label="plot", execution_count=4),
    )
    assert sorted((one["label"], one["tasks"]) for one in listed(database)) == [
        ("fit #0 …", 2),
        ("plot", 1),
    ]


def test_several_endpoints_and_names_of_endpoints(database: Database) -> None:
    with database:
        database.remember_endpoints([KnownEndpoint("uuid", "midway")])
    write(
        database,
        entry(serial=1, task_id="1", cell="a:", endpoint="polaris"),
        entry(serial=2, task_id="2", cell="a:", endpoint="", endpoint_id="uuid"),
        entry(serial=3, task_id="3", cell="b:", endpoint="", endpoint_id="unknown"),
    )
    found = {one["run"]: one["endpoint"] for one in listed(database)}
    assert found == {"a:": "midway and others", "b:": "unknown"}


def test_local_ends_with_its_kernel(database: Database) -> None:
    write(database, entry(cell="a:", endpoint="local", endpoint_id=LOCAL_ENDPOINT_ID))
    (one,) = listed(database)
    assert (one["state"], one["open"], one["cancelled"]) == ("cancelled", 0, 1)


@pytest.mark.parametrize(
    "text", ["DARTS", "x=7", "a:throw darts-7", "Polaris", "n.ipynb", "no room"]
)
def test_search_finds_the_run_by_any_of_its_tasks(database: Database, text: str) -> None:
    write(
        database,
        *of_run("a:throw darts", 9, state="failed", error="OSError: no room"),
        entry(serial=50, task_id="f", endpoint="e", notebook="/other", cell="b:fit", label="fit"),
    )
    (one,) = listed(database, text=text)
    assert (one["run"], one["tasks"]) == ("a:throw darts", 9)
    assert listed(database, text="%") == []


def test_pages(database: Database) -> None:
    write(database, *of_run("a:sweep", 250))
    assert [one["label"] for one in tasks(database, "a:sweep", offset=200)] == [
        f"x={at}" for at in range(200, 250)
    ]
    page = json.loads(panel.tasks_json(database, HERE, Filter(run="a:sweep", limit=10), GOOD))
    assert (len(page["rows"]), page["total"]) == (10, 250)
    assert tasks(database, "a:sweep", state="failed") == []
    assert [one["label"] for one in tasks(database, "a:sweep", text="x=249")] == ["x=249"]
    beyond = json.loads(runs.runs_json(database, HERE, Filter(offset=5), GOOD))
    assert (beyond["rows"], beyond["total"]) == ([], 1)


@pytest.mark.parametrize("cells", [1, 40, 100_000])
def test_a_hundred_thousand_tasks_are_answered_with_a_page(path: Path, cells: int) -> None:
    """As SQLite counts its steps, which no load changes: some hundred for a task of the runs of a
    page, ten for the others, not thousands."""
    fill_journal(path, 100_000, cells, fan_outs=True)
    database = Database(path)
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    database._connection.set_progress_handler(step, 10_000)
    text = runs.runs_json(database, HERE, Filter(), GOOD)
    assert len(text) < 100_000
    assert json.loads(text)["total"] == cells
    assert steps * 10_000 < 100_000 * (600 if cells < 200 else 200)
    (*_, last) = rows(text)
    steps = 0
    page = panel.tasks_json(database, HERE, Filter(run=last["run"], limit=100), GOOD)
    assert json.loads(page)["total"] == 100_000 // cells
    assert steps * 10_000 < 100_000 * (250 if cells == 1 else 100)
    steps = 0
    assert panel.counts(database, HERE) == (40_000, 0)
    assert steps * 10_000 < 100_000 * 30
    database.close()


def test_failures_have_a_traceback_of_each_error(database: Database) -> None:
    """The first task's; without secrets and control characters, and no more than so many."""
    failed = {"state": "failed", "session": GONE.session}
    alike = of_run("a:sweep", 3, error="ValueError: no", **failed)
    other = of_run("a:sweep", 4, serial=10, error="KeyError: 'x'", **failed)[3:]
    write(database, *alike, *other)
    for n in range(80):
        write(database, *of_run("b:", 1, serial=100 + n, error=str(n), **failed))
    text = "Traceback:\n  \x1b[31m<b>\n  password = 'hunter2secret'\n"
    with database:
        database.tracebacks.put(GONE.session, {1: text + "ValueError: no"})
        database.tracebacks.put(GONE.session, {2: "later", 3: "later", 13: "x" * 300_000, 99: ""})
        for n in range(80):
            database.tracebacks.put(GONE.session, {100 + n: f"of {n}"})
    first, second = runs.failures(database, HERE, "a:sweep")
    assert (first["error"], first["tasks"]) == ("ValueError: no", 3)
    assert first["traceback"].split("\n") == ["Traceback:", "  <b>", "***", "ValueError: no"]
    assert (second["error"], len(second["traceback"])) == ("KeyError: 'x'", 20_002)
    assert database.select("SELECT count(*) FROM tracebacks WHERE run = 'b:'") == [(50,)]
    with database:
        database.tracebacks.expire(time.time() + 1)
    assert [one["traceback"] for one in runs.failures(database, HERE, "a:sweep")] == ["", ""]


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("%%gcrun polaris --label 'night sweep' -a\nfit(x)", "night sweep"),
        ('%%gcrun polaris --label="night sweep"\nfit(x)', "night sweep"),
        ("%%gcrun polaris --map x=range(3)\n# a comment\nimport numpy\n\nfit(x)", "fit(x)"),
        ("%%gcrun polaris\nimport numpy", "import numpy"),
        ("%%gcrun polaris", "%%gcrun polaris"),
        ("futures = [fit.submit(x) for x in xs]", "futures = [fit.submit(x) for x in xs]"),
        ("password = 'hunter2secret'\nfit(x)", "fit(x)"),
        ("config['API_KEY'] = 'hunter2secret'", ""),
        ("headers = 'Bearer hunter2hunter2hunter2hunter2'", "headers = 'B***'"),
        ("x = '\x1b[31m\u202e'", "x = '[31m\\u202e'"),
        ("", ""),
    ],
)
def test_the_title_of_a_cell(source: str, title: str) -> None:
    found = run_of_cell("token", source)
    assert found.startswith("token:")
    assert found.isprintable()
    assert found == f"token:{title}"


def test_what_tasks_say_of_themselves(database: Database) -> None:
    write(
        database,
        *of_run("a:fit", 2, state="waiting for a worker"),  # nobody has watched
        *of_run("a:fit", 1, serial=9, state="success"),
        *of_run("b:say nothing", 1, serial=20, state="running"),
    )
    with database:
        database.progress.put("old", {1: 0.5, 2: 0.25, 9: 0.5})
    told = {run["label"]: run["progress"] for run in listed(database)}
    assert told == {"fit": 0.75, "say nothing": None}
    found = tasks(database, "a:fit")
    assert [one["progress"] for one in found] == [0.5, 0.25, None]
    assert [one["state"] for one in found] == ["running", "running", "success"]
