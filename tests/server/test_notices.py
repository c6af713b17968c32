"""That tasks changed: how often it is said, and when not at all."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.journal import Database, KernelSession
from gc_jupyter.server.messages import TASKS_CHANGED
from gc_jupyter.server.notices import SPACING_S, JournalWatch
from gc_jupyter.server.notices import Notices as Spaced
from gc_jupyter.server.processes import Processes
from tests.journal.test_journal import entry
from tests.server.conftest import Notices, Server

TIMEOUT = 60
SESSION = KernelSession(session="old", pid=2**22 + 1)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """On a loop of its own."""

    async def within() -> None:
        await asyncio.wait_for(scenario(), TIMEOUT)

    asyncio.run(within())


def test_at_most_four_a_second() -> None:
    """The first at once; of those that come meanwhile, one, in time."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        times: list[float] = []
        numbers: list[int] = []
        third = asyncio.Event()

        def emit(notice: object) -> None:
            times.append(loop.time())
            numbers.append(notice["changed"])  # type: ignore[index]
            if len(times) == 3:
                third.set()
            else:
                for _ in range(100):
                    notices.changed()

        notices = Spaced(emit)  # type: ignore[arg-type]
        start = loop.time()
        notices.changed()
        await third.wait()
        assert numbers == [1, 2, 3]
        assert times[0] - start < SPACING_S
        slack = 0.01  # a timer's clock
        assert all(b - a >= SPACING_S - slack for a, b in itertools.pairwise(times))
        notices.close()

    run(scenario)


def test_the_journal_is_watched(tmp_path: Path) -> None:
    """Made after the watch, written by others; reading it is no news."""
    path = tmp_path / "gc_jupyter/journal.sqlite"

    async def scenario() -> None:
        changed = asyncio.Event()
        watch = JournalWatch(path, changed.set)
        await changed.wait()  # it has begun: what was written before is told, too
        for _ in range(2):
            changed.clear()
            await asyncio.to_thread(write, path)
            await changed.wait()
        await watch.close()

    run(scenario)


def write(path: Path) -> None:
    database = Database(path)
    with database:
        database.add_session(SESSION)
        database.add_tasks([entry()])
    database.close()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux")
def test_a_process_that_ends() -> None:
    async def scenario() -> None:
        ended = asyncio.Event()
        processes = Processes(ended.set)
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        processes.watch([child.pid, os.getpid()])
        processes.watch([child.pid])  # once more
        assert not ended.is_set()
        child.kill()
        await ended.wait()  # before anybody has waited for it
        child.wait()
        ended.clear()
        processes.watch([child.pid])  # it is gone
        await ended.wait()
        processes.close()
        assert child.stdin is not None
        child.stdin.close()

    run(scenario)


def test_the_event_bus(tmp_path: Path) -> None:
    """Writes are told to everybody who listens; questions and silence are not."""
    server = Server(tmp_path)
    try:
        one, other = server.notices(), server.notices()
        journal = tmp_path / "data/gc_jupyter/journal.sqlite"
        write(journal)
        assert server.ask("tasks")["total"] == 1
        heard = [_until_silence(one), _until_silence(other)]
        assert heard[0][-1] == heard[1][-1]
        assert {notice["schema_id"] for notice in heard[0]} == {TASKS_CHANGED}
        for path in ("tasks", "status", "endpoints"):
            server.ask(path)
        with pytest.raises(TimeoutError):
            one.next(timeout=4 * SPACING_S)
    finally:
        server.stop()


def _until_silence(listener: Notices) -> list[dict[str, Any]]:
    """What it hears until the last write was told."""
    heard: list[dict[str, Any]] = []
    while True:
        try:
            heard.append(listener.next(timeout=3 * SPACING_S))
        except TimeoutError:
            return heard


def test_a_busy_journal_is_told_of_four_times_a_second(tmp_path: Path) -> None:
    over = threading.Event()
    journal = tmp_path / "data/gc_jupyter/journal.sqlite"

    def keep_writing() -> None:
        while not over.is_set():
            write(journal)

    server = Server(tmp_path)
    writer = threading.Thread(target=keep_writing)
    try:
        notices = server.notices()
        writer.start()
        start = notices.next()["changed"], time.monotonic()
        while (now := (notices.next()["changed"], time.monotonic()))[0] < start[0] + 5:
            pass
        slack = 0.2  # on the way here
        assert now[1] - start[1] >= 5 * SPACING_S - slack
    finally:
        over.set()
        writer.join()
        server.stop()


NO_INOTIFY = """
import asyncio, sys
from pathlib import Path
from gc_jupyter.server import notices

async def main():
    notices.SLOW_S = 0.1
    changed = asyncio.Event()
    path = Path(sys.argv[1]) / "journal.sqlite"
    watch = notices.JournalWatch(path, changed.set)
    while not watch.problem:
        await asyncio.wait_for(changed.wait(), 30)
        changed.clear()
        await asyncio.sleep(0.05)
    path.write_text("written")
    await asyncio.wait_for(changed.wait(), 30)
    await watch.close()
    print(watch.problem)

asyncio.run(main())
"""


def test_where_no_inotify_is_left(tmp_path: Path) -> None:
    """In a user namespace that may have none: the panels look from time to time, and say so."""
    without = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"'
    probe = ["unshare", "-Ur", "sh", "-c", without, "sh"]
    if subprocess.run([*probe, "true"], capture_output=True).returncode:
        pytest.skip("no user namespace can be made here")
    command = [*probe, sys.executable, "-c", NO_INOTIFY, str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert ran.stdout.startswith("The journal can't be watched here, and is looked at every"), (
        ran.stdout + ran.stderr
    )
    assert "fs.inotify.max_user_instances" in ran.stderr
