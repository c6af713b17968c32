"""`%gc attach GROUP` gives the whole group, whatever of it the journal here knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

Start = Callable[[], Kernel]


@pytest.fixture
def start(loopback: Loopback, tmp_path: Path, kernels: Callable[..., Kernel]) -> Start:
    """Starts kernels of one user, with the extension."""

    def make() -> Kernel:
        kernel = kernels(tmp_path, loopback.environment)
        kernel.ok("%load_ext gc_jupyter")
        return kernel

    return make


def lose(kernel: Kernel, where: str) -> None:
    """Remove tasks from the journal."""
    path = kernel.home / "data/gc_jupyter/journal.sqlite"
    with closing(sqlite3.connect(path)) as journal, journal:
        assert journal.execute(f"DELETE FROM tasks WHERE {where}").rowcount


def damage(kernel: Kernel, where: str) -> None:
    """Make tasks unreadable in the journal, or all of it."""
    path = kernel.home / "data/gc_jupyter/journal.sqlite"
    if not where:
        path.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 16)
        return
    with closing(sqlite3.connect(path)) as journal, journal:
        assert journal.execute(f"UPDATE tasks SET label = x'ff' WHERE {where}").rowcount


def submit(kernel: Kernel, endpoint: str) -> str:
    """A sweep of four, a word with a name of `--out`, and a large value; their group."""
    kernel.ok(f"%%gcrun {endpoint} -a -q --map x=range(4) --future sweep --out w\nw = x * x\nw")
    kernel.ok(f"%%gcrun {endpoint} -a -q --future word --out a\na = 5\n'a word'")
    kernel.wait_for_ids("[*sweep, word]")
    return kernel.ok("print(word.info.task_group_id)").stream("stdout").strip()


PART = "bind = 'word' OR part LIKE '%:2:4' OR part LIKE '%:3:4'"


@pytest.mark.parametrize(
    ("harm", "where", "count", "over"),
    [(lose, PART, 3, True), (damage, PART, 3, False), (damage, "", 0, True)],
    ids=["part is lost", "part is damaged", "all is damaged"],
)
def test_a_journal_that_knows_less_than_the_service(
    loopback: Loopback,
    start: Start,
    harm: Callable[[Kernel, str], None],
    where: str,
    count: int,
    over: bool,
) -> None:
    endpoint = loopback.endpoint("inline") if over else loopback.new_endpoint("offline")
    first = start()
    group = submit(first, endpoint)
    if over:
        first.ok("sweep.result(60), word.exception(60)")
    first.kill()
    harm(first, where)
    loopback.result_fault(listed="reversed")
    new = start()
    said = new.ok(f"%gc attach {group}").stream("stdout")
    if count:
        assert f"{count} tasks are of the group and not known here: the replies say whose." in said
    if not over:
        loopback.bring_online(endpoint)
        new.ok("[one.result(60) for one in (*_[1:], *sweep)]")
        new.ok(f"%gc attach {group}")
    new.ok("sweep.result(60), word.result(60)")
    new.wait_for_callbacks()
    assert new.ok("sweep.result(), w, word.result(), a").text == (
        "([0, 1, 4, 9], [0, 1, 4, 9], 'a word', 5)"
    )
    assert new.ok("sweep.labels").text == "['x=0', 'x=1', 'x=2', 'x=3']"


def test_a_group_that_two_machines_use(loopback: Loopback, start: Start, tmp_path: Path) -> None:
    """Each has its own tasks by its journal, the others by their replies; what served them isn't
    listed."""
    inline = loopback.endpoint("inline")
    kernel = start()
    kernel.ok(f"%%gcrun {inline} -a -q --future mine\n'mine'")
    group = kernel.ok("print((mine.result(60), mine.info.task_group_id)[1])").stream("stdout")
    other = Kernel(tmp_path / "another machine", loopback.environment)
    try:
        other.ok("%load_ext gc_jupyter")
        other.ok(f"import gc_jupyter; client = gc_jupyter.Client(); group = {group.strip()!r}")
        other.ok("def twice(x): return 2 * x")
        other.ok(f"gc_jupyter.Executor({inline!r}, client, group).submit(twice, 21).result(60)")
        kernel.ok("large = bytes(3_000_000)")
        # its store is asked by tasks of the group
        kernel.ok(f"%%gcrun {inline} -a -q --future sized\nlen(large)")
        kernel.ok("sized.result(60)")
        found = kernel.ok(f"%gc attach {group.strip()}")
        said = found.stream("stdout")
        assert "1 task is of the group and not known here: the replies say whose." in said
        kernel.ok("found = _")
        shown = kernel.ok("[one.result() for one in found]").text
        assert sorted(eval(shown), key=str) == [3_000_000, 42, "mine"]
        again = kernel.ok(f"%gc attach {group.strip()}").stream("stdout")
        assert "not known here" not in again  # known since
    finally:
        other.close()


def test_what_was_shown_is_of_the_group(loopback: Loopback, start: Start) -> None:
    """Nobody holds these results any more, in the kernel that has sent them."""
    kernel, endpoint = start(), loopback.endpoint("inline")
    kernel.ok(f"%%gcrun {endpoint} -q --out w\nw = 'a word'\nw")
    kernel.ok(f"%%gcrun {endpoint} -q --map x=range(3)\nx * x")
    kernel.ok(f"%%gcrun {endpoint} -a -q --future held\n'held'")
    kernel.ok("del w; import gc; held.result(60); group = held.info.task_group_id; gc.collect()")
    kernel.ok("%%gcrun local -q\n'of this machine'")
    said = kernel.ok("found = get_ipython().run_line_magic('gc', f'attach {group}')")
    assert "gone" not in said.stream("stdout")
    shown = kernel.ok("w, [one.result(60) for one in found]").text
    assert shown == "('a word', ['a word', [0, 1, 4], 'held'])"


def test_uploads_are_nobodys(loopback: Loopback, start: Start, tmp_path: Path) -> None:
    """They are of a value that is on its way: for its own kernel, and for another machine's."""
    kernel, inline = start(), loopback.endpoint("inline")
    offline = loopback.new_endpoint("offline")
    kernel.ok(f"%%gcrun {inline} -a -q --future mine\n'mine'")
    group = kernel.ok("print((mine.result(60), mine.info.task_group_id)[1])").stream("stdout")
    kernel.ok("large = bytes(3_000_000)")
    loopback.clear()
    kernel.ok(f"%%gcrun {offline} -a -q --future sized\nlen(large)")
    loopback.wait_for_submissions(1)  # of the store's question
    other = Kernel(tmp_path / "another machine", loopback.environment)
    try:
        other.ok("%load_ext gc_jupyter")
        for one in (kernel, other):
            one.ok(f"found = get_ipython().run_line_magic('gc', 'attach {group.strip()}')")
        assert "store" not in kernel.ok("%gc tasks").stream("stdout")
        loopback.bring_online(offline)
        assert kernel.ok("sized.result(60)").text == "3000000"
        other.ok("[one.result(60) for one in (found if isinstance(found, list) else [found])]")
        for one in (kernel, other):
            one.wait_for_callbacks()
            path = one.home / "data/gc_jupyter/journal.sqlite"
            one.ok("from gc_jupyter.session import current_session")
            one.ok("current_session().journal.check()")
            with closing(sqlite3.connect(path)) as journal:
                rows = journal.execute("SELECT kind, bind FROM tasks").fetchall()
            assert sorted(rows) == ([("cell", "mine"), ("cell", "sized")] if one is kernel else [])
    finally:
        other.close()
