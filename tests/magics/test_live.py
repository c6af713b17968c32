"""What cells print is seen while they run. No clock decides: a cell goes on once it was seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.capture.worker_side.spool import SPOOLS
from gc_jupyter.session.live import why_no_reader
from tests.magics.conftest import Kernel
from tests.service.handle import Loopback
from tests.waiting import poll

#: A cell's part that waits until somebody has seen what it has printed before.
WAIT = """
import os, time
_end = time.time() + 60
while not os.path.exists({path!r}):
    assert time.time() < _end, "nobody has seen it"
    time.sleep(0.02)
"""


@pytest.fixture(scope="module")
def far(loopback_session: Loopback, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that reaches the loopback service; its home is its own."""
    home = tmp_path_factory.mktemp("home")
    kernel = Kernel(home, {**loopback_session.environment, "HOME": str(home)})
    try:
        kernel.ok("%load_ext gc_jupyter")
        yield kernel
    finally:
        kernel.close()


@pytest.fixture(scope="module")
def two(loopback_session: Loopback) -> str:
    """A real endpoint with two workers, and a home that this machine's kernels don't have."""
    return loopback_session.endpoint("thread")


@pytest.fixture(scope="module")
def shared(loopback_session: Loopback, far: Kernel) -> str:
    """An endpoint with one worker, whose home is the kernel's."""
    return loopback_session.new_endpoint("inline", environment={"HOME": str(far.home)})


def waiting(seen: Path) -> str:
    return WAIT.format(path=str(seen))


def test_lines_are_seen_before_the_cell_ends(far: Kernel, two: str, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    cell = f"print('first')\n{waiting(seen)}\nprint('last')\n6 * 7"
    shown = far.run_until(f"%%gcrun {two} --live\n{cell}", "first", seen.touch)
    assert shown.status == "ok", shown.outputs
    assert shown.stream("stdout") == "first\nlast\n"  # once
    assert shown.text == "42"


def test_a_file_that_this_kernel_sees_is_enough(far: Kernel, shared: str, tmp_path: Path) -> None:
    """Where there is no other worker."""
    seen = tmp_path / "seen"
    cell = (
        "import sys\nprint('out')\nprint('first', end='\\r', file=sys.stderr)\n"
        f"shown = display('old', display_id=True)\n{waiting(seen)}\nshown.update('new')"
    )
    shown = far.run_until(f"%%gcrun {shared} --live\n{cell}", "old", seen.touch)
    assert shown.status == "ok", shown.outputs
    assert shown.stream("stdout") == "out\n"
    assert shown.stream("stderr") == "first\r"
    assert list((far.home / SPOOLS).iterdir()) == []


def test_no_task_is_sent_where_the_file_is_seen(
    far: Kernel, shared: str, loopback_session: Loopback, tmp_path: Path
) -> None:
    loopback_session.clear()
    seen = tmp_path / "seen"
    far.run_until(f"%%gcrun {shared} --live\nprint('first')\n{waiting(seen)}", "first", seen.touch)
    assert len(loopback_session.requests("POST", "/submit")) == 1


def test_one_worker_is_said(far: Kernel, loopback_session: Loopback, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    one = loopback_session.endpoint("inline")
    loopback_session.clear()
    shown = far.run_until(
        f"%%gcrun {one} --live\nprint('first')\n{waiting(seen)}", "it has one worker", seen.touch
    )
    assert shown.status == "ok", shown.outputs
    assert shown.stream("stdout") == "first\n"
    assert str(shown.outputs).count("Nothing is live from") == 1
    assert len(loopback_session.requests("POST", "/submit")) == 1


def test_without_the_option_nothing_is_kept(far: Kernel, shared: str) -> None:
    cell = f"import os\nos.listdir({str(far.home / SPOOLS)!r})"
    assert far.ok(f"%%gcrun {shared}\n{cell}").text == "[]"


def test_what_was_printed_stays_where_the_worker_dies(
    far: Kernel, shared: str, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    cell = f"print('first')\n{waiting(seen)}\nos._exit(3)"
    shown = far.run_until(f"%%gcrun {shared} --live\n{cell}", "first", seen.touch)
    assert shown.status == "error"
    assert shown.stream("stdout") == "first\n"


@pytest.mark.parametrize("where", ["two", "shared"])
def test_a_future_has_what_there_is_so_far(
    far: Kernel, where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    endpoint, seen = request.getfixturevalue(where), tmp_path / "seen"
    far.ok(
        f"%%gcrun {endpoint} --live -a --future f\nprint('first')\n{waiting(seen)}\nprint('last')"
    )
    far.ok(
        "import threading\nthere = threading.Event()\n"
        "def look():\n    if 'first' in f.output: there.set()\n"
        "f.live.listen(look); look()\nassert there.wait(60)"
    )
    assert far.ok("f.output, f.stdout, f.done()").text == repr(("first\n", "first\n", False))
    identifier = far.ok("f.task_id").text.strip("'")
    shown = far.run_until(f"%gc tail {identifier}", "first", seen.touch)
    assert shown.status == "ok", shown.outputs
    assert shown.stream("stdout").startswith("first\nlast\nIt has ended: success")
    assert far.ok("f.output").text == repr("first\nlast\n")


def test_workers_without_a_common_folder_are_said(far: Kernel, two: str, tmp_path: Path) -> None:
    """Readers find no spool, as where each node has folders of its own."""
    seen = tmp_path / "seen"
    folder = f"(pathlib.Path.home() / {SPOOLS!r})"
    hide = f"import pathlib\nfor one in {folder}.iterdir():\n    one.unlink()"
    cell = f"%%gcrun {two} --live\n{hide}\nprint('first')\n{waiting(seen)}"
    shown = far.run_until(cell, "share no folder", seen.touch)
    assert shown.status == "ok", shown.outputs
    assert shown.stream("stdout") == "first\n"
    (said,) = set(re.findall("Nothing is live from[^\\n'\"]*", str(shown.outputs)))
    reason = "it has not begun yet, or its workers share no folder. The output comes at the end."
    assert said.endswith(reason)


def test_a_sweep_is_bounded(far: Kernel, two: str, loopback_session: Loopback) -> None:
    """Its own tasks have the workers. Only while the last one runs is there a worker for a reader,
    and for one reader at a time."""
    loopback_session.clear()
    cell = "import time\nprint(i)\ntime.sleep(0.2)\ni"
    assert far.ok(f"%%gcrun {two} --live --map i=range(20)\n{cell}").text == str([*range(20)])
    sent = [one["body"]["tasks"] for one in loopback_session.requests("POST", "/submit")]
    assert 20 <= sum(len(some) for tasks in sent for some in tasks.values()) <= 22


@pytest.mark.parametrize("where", ["beside", "here"])
def test_tail_follows_a_task_of_an_earlier_kernel(
    loopback_session: Loopback, two: str, where: str, tmp_path: Path
) -> None:
    """By readers, and by the file itself; the kernel that had sent it was killed."""
    seen, env = tmp_path / "seen", {**loopback_session.environment, "HOME": str(tmp_path)}
    endpoint = two
    if where == "here":
        home = {"HOME": str(tmp_path)}
        endpoint = loopback_session.new_endpoint("inline", environment=home)
    note = tmp_path / "spools"
    spools = f"open({str(note)!r}, 'w').write(os.path.expanduser('~/{SPOOLS}'))"
    first = Kernel(tmp_path, env)
    try:
        first.ok("%load_ext gc_jupyter")
        first.ok(
            f"%%gcrun {endpoint} --live -a --future f\nimport os\n{spools}\nprint('first')"
            f"\n{waiting(seen)}\nprint('last')"
        )
        wait = "import time\nwhile f.task_id is None: time.sleep(0.02)\nf.task_id"
        identifier = first.ok(wait).text.strip("'")
    finally:
        first.kill()
    kernel = Kernel(tmp_path, env)
    try:
        kernel.ok("%load_ext gc_jupyter")
        shown = kernel.run_until(f"%gc tail {identifier}", "first", seen.touch)
        assert shown.status == "ok", shown.outputs
        assert shown.stream("stdout").startswith("first\nlast\nIt has ended: success")
        listed = kernel.ok("%gc tasks --all").stream("stdout")
        assert listed.count("\n") == 2  # the head, and one task: readers are nobody's
    finally:
        kernel.close()
    folder = Path(note.read_text("utf-8"))
    poll(lambda: not list(folder.iterdir()))


def test_no_spool_is_left_where_the_worker_is_killed(
    far: Kernel, shared: str, tmp_path: Path
) -> None:
    """The kernel removes it."""
    folder, seen = far.home / SPOOLS, tmp_path / "seen"
    modes: list[str] = []

    def look() -> None:
        modes.extend(oct(one.stat().st_mode) for one in folder.iterdir())
        seen.touch()

    end = "import signal\nos.kill(os.getpid(), signal.SIGKILL)"
    cell = f"print('first')\n{waiting(seen)}\n{end}"
    shown = far.run_until(f"%%gcrun {shared} --live\n{cell}", "first", look)
    assert shown.status == "error"
    assert shown.stream("stdout") == "first\n"
    assert modes == ["0o100600"]
    poll(lambda: not list(folder.iterdir()))


def test_tail_says_what_it_cannot_follow(far: Kernel, two: str, tmp_path: Path) -> None:
    far.ok(f"%%gcrun {two} -a --future f\n{waiting(tmp_path / 'seen')}")
    wait = "import time\nwhile f.task_id is None: time.sleep(0.02)\nf.task_id"
    identifier = far.ok(wait).text.strip("'")
    assert "without --live" in far.run(f"%gc tail {identifier}").stream("stderr")
    (tmp_path / "seen").touch()
    assert "No task" in far.run("%gc tail 00000000-0000-4000-8000-000000000000").stream("stderr")
    assert "Write %gc tail ID" in far.run("%gc tail").stream("stderr")


@pytest.mark.parametrize(
    ("details", "open_here", "wanted"),
    [
        ({"total_workers": 2}, 1, None),
        ({"total_workers": 2, "idle_workers": 1, "outstanding_tasks": 1}, 1, None),
        ({"total_workers": 2, "idle_workers": 2}, 1, None),  # from before the cell was sent
        ({"total_workers": 2}, 2, "none of its workers"),
        ({"total_workers": 2, "outstanding_tasks": 2}, 1, "none of its workers"),
        ({"total_workers": 4, "idle_workers": 0}, 1, "none of its workers"),
        ({"total_workers": 4, "idle_workers": 2, "pending_tasks": 1}, 1, "none of its workers"),
        ({"total_workers": 1, "idle_workers": 1}, 1, "one worker"),
        ({"total_workers": 0}, 1, ""),
        ({}, 1, "doesn't tell"),
        ({"total_workers": "many"}, 1, "doesn't tell"),
    ],
)
def test_when_a_reader_may_be_sent(
    details: dict[str, Any], open_here: int, wanted: str | None
) -> None:
    """No task may start a batch job."""
    reason = why_no_reader(details, open_here)
    assert reason == wanted if not wanted else wanted in str(reason)
