"""A task that was stopped is "cancelled" wherever its state is read, in later kernels too."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.journal import Database, KernelSession
from gc_jupyter.server import panel, runs
from gc_jupyter.server.messages import JournalState
from gc_jupyter.server.panel import Filter
from tests.magics.conftest import Kernel
from tests.magics.test_stop_buttons import ask
from tests.server.test_runs import rows
from tests.waiting import poll

#: One task fails before; one heeds the interrupt, and one has to be killed.
CELL = """import pathlib, time
1 / x
while True:
    try:
        pathlib.Path(folder, str(x)).touch()
        time.sleep(600)
    except KeyboardInterrupt:
        if x == 1:
            raise"""
WORDS = ["failed", "cancelled", "cancelled"]
GOOD = JournalState(path="", problem="", next_step="")


def by_the_button(kernel: Kernel, begun: Callable[[], object]) -> None:
    request = kernel.send(f"%%gcrun local --future many --map x=[0, 1, 2]\n{CELL}")
    begun()
    kernel.interrupt()
    assert kernel.finish(request).error["ename"] == "KeyboardInterrupt"


def by_cancel(kernel: Kernel, begun: Callable[[], object]) -> None:
    kernel.ok(f"%%gcrun local -a -q --future many --map x=[0, 1, 2]\n{CELL}")
    begun()
    assert kernel.ok("%gc cancel").stream("stdout").count(" is stopped.") == 2


def by_the_panel(kernel: Kernel, begun: Callable[[], object]) -> None:
    kernel.ok(f"%%gcrun local -a -q --future many --map x=[0, 1, 2]\n{CELL}")
    begun()
    count = int(kernel.ok("many[1].note.place.execution_count").text)
    assert ask(kernel, cells=[count], sure=True)["text"].count(" is stopped.") == 2


def by_the_future(kernel: Kernel, begun: Callable[[], object]) -> None:
    kernel.ok(f"%%gcrun local -a -q --future many --map x=[0, 1, 2]\n{CELL}")
    begun()
    assert kernel.ok("[one.cancel() for one in many[1:]]").text == "[True, True]"


WAYS = (by_the_button, by_cancel, by_the_panel, by_the_future)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_it_is_one_word(way: Any, tmp_path: Path, kernels: Callable[..., Kernel]) -> None:
    home, marks = tmp_path, tmp_path / "marks"
    marks.mkdir()
    kernel = kernels(home, {"GC_JUPYTER_LOCAL_WORKERS": "3"}, cwd=home)
    kernel.ok("%load_ext gc_jupyter")
    kernel.ok(f"folder = {str(marks)!r}")
    way(
        kernel,
        lambda: poll(lambda: len(list(marks.iterdir())) == 2 and "failed" in panel_states(home)),
    )
    assert kernel.ok("[one.exception() and one.cancelled() for one in many]").text == (
        "[False, True, True]"
    )
    assert kernel.ok("repr(many)").text == "'<3 tasks: 1 failed, 2 cancelled>'"
    states = "[repr(one).split()[-1] for one in many]"
    assert kernel.ok(states).text == "['failed>', 'cancelled>', 'cancelled>']"
    kernel.wait_for_callbacks()
    table = kernel.ok("import gc_jupyter\nprint(gc_jupyter.TaskTable(many))").stream("stdout")
    assert re.findall(r"failed|cancelled|success", table.split("\n", 1)[1]) == WORDS, table
    lines = kernel.run("many.result()").traceback.splitlines()
    assert lines[0] == "1 of 3 tasks failed, 2 were cancelled."
    assert listed(kernel, "%gc tasks") == WORDS
    assert listed(kernel, "%gc tasks --failed") == ["failed"]
    in_the_panel(home)
    tasks = kernel.ok("print(*[one.task_id for one in many])").stream("stdout").split()
    said = kernel.run(f"%gc result {tasks[2]}").traceback
    assert "stopped" in said or "KeyboardInterrupt" in said or "process was ended" in said
    kernel.close()

    later = kernels(home, cwd=home)
    later.ok("%load_ext gc_jupyter")
    assert listed(later, "%gc tasks --all") == WORDS
    assert "1 task is gone: those of local" in later.ok(f"%gc attach {tasks[2]}").stream("stdout")
    assert listed(later, "%gc tasks --all") == WORDS
    in_the_panel(home)


def listed(kernel: Kernel, command: str) -> list[str]:
    said = kernel.ok(command).stream("stdout")
    return re.findall(r"^[0-9a-f]{8} +(?:✗ )?(\w+) ", said, re.M)


def in_the_panel(home: Path) -> None:
    run, tasks = shown(home)
    assert [one["state"] for one in tasks] == WORDS
    assert (run["state"], run["failed"], run["cancelled"], run["open"]) == ("failed", 1, 2, 0)


def panel_states(home: Path) -> list[str]:
    return [one["state"] for one in shown(home)[1]]


def shown(home: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run and its tasks, as the panel has them."""
    (journal,) = home.rglob("journal.sqlite")
    database, here = Database(journal), KernelSession.here()
    try:
        found = rows(runs.runs_json(database, here, Filter(), GOOD))
        if not found:  # the journal is written behind the submission
            return {}, []
        (run,) = found
        return run, rows(panel.tasks_json(database, here, Filter(run=run["run"]), GOOD))
    finally:
        database.close()
