"""Changes of many tasks in the journal: their order, and a kernel whose cell is busy."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gc_jupyter.journal import Database, Journal
from tests.journal.test_journal import HERE, entry, send
from tests.journal.test_results import GONE, write


@pytest.fixture
def spinning() -> Iterator[None]:
    """A thread that gives the interpreter away only when it must, as a busy cell."""
    over = threading.Event()

    def spin() -> None:
        while not over.is_set():
            pass

    thread = threading.Thread(target=spin)
    thread.start()
    yield
    over.set()
    thread.join()


def _sent(journal: Journal) -> None:
    send(journal, *range(1000))


def _changed(journal: Journal) -> None:
    journal.post(
        lambda db: db.update_tasks(
            [
                ("running", f"t{n}", "g", None, None, None, None, f"t{n}", HERE.session, n)
                for n in range(1000)
            ]
        )
    )
    journal.check()


def _seen(journal: Journal) -> None:
    journal.post(lambda db: db.see(HERE.session, range(1000)))
    journal.check()


@pytest.mark.usefixtures("spinning")
def test_a_busy_cell_does_not_hold_up_requests(path: Path) -> None:
    """Each statement gives the interpreter away, and gets it back a switch interval later: one for
    each task would take seconds."""
    assert sys.getswitchinterval() >= 0.005
    journal = Journal(path, HERE)
    steps: list[Callable[[Journal], None]] = [_sent, _changed, _seen]
    for step in steps:
        start = time.monotonic()
        step(journal)
        assert time.monotonic() - start < 1000 * sys.getswitchinterval(), step.__name__
    found = journal.ask(lambda db: db.tasks(), [])
    assert [(one.task_id, one.state, one.seen) for one in found] == [
        (f"t{n}", "running", 1) for n in range(1000)
    ]
    assert journal._trusted
    journal.close()


def test_news_in_their_order(database: Database) -> None:
    """Two changes of one task at once, the first naming it."""
    write(database, HERE, entry(task_id="", state="unsent", serial=4))
    key = (HERE.session, 4)
    news: list[tuple[object, ...]] = [
        ("waiting for endpoint", "t", "g", "f", None, None, None, "t", *key),
        ("failed", "t", None, None, 3.0, 4.0, "no", "t", *key),
        ("running", "unknown", None, None, None, None, None, "unknown", "nobody", 9),
    ]
    with database:
        database.update_tasks(news)
    (one,) = database.tasks()
    assert (one.task_id, one.group_id, one.function_id) == ("t", "g", "f")
    assert (one.state, one.started_at, one.ended_at, one.error) == ("failed", 3.0, 4.0, "no")


def test_news_of_a_task_that_another_kernel_sent(database: Database) -> None:
    """It is named by its id, until it is claimed."""
    write(database, GONE, entry(task_id="t", serial=4))
    with database:
        database.update_tasks([("running", "t", *[None] * 5, "t", HERE.session, 77)])
    (one,) = database.tasks()
    assert (one.session, one.serial, one.state) == ("gone", 4, "running")
