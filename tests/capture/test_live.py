"""What a task shows while it runs: as its worker tells it, and as it is understood here."""

from __future__ import annotations

import base64
import json
import linecache
import math
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

import gc_jupyter
from gc_jupyter.capture import capture_cell
from gc_jupyter.capture.cell import SAFE_MIMES
from gc_jupyter.capture.events import as_event
from gc_jupyter.capture.live import LiveOutput
from gc_jupyter.capture.worker_side.spool import (
    LEFT_S,
    SPOOLS,
    await_spool,
    own_folder,
    read_spool,
    remove_spool,
)
from gc_jupyter.errors import CaptureError

NAME = "gcj-" + "0" * 40
PNG = base64.b64encode(b"\x89PNG").decode()


def lines(*events: list[Any]) -> bytes:
    return "".join(json.dumps(event) + "\n" for event in events).encode()


# --- understood here


def test_neighbours_of_one_stream_are_one_event() -> None:
    live = LiveOutput()
    live.feed(lines(["stdout", "a"], ["stdout", "b\n"]))
    live.feed(lines(["stdout", "c"], ["stderr", "d"], ["stdout", "e"]))
    assert live.events == [("stdout", "ab\nc"), ("stderr", "d"), ("stdout", "e")]
    assert live.last_line() == "e"


def test_lines_come_in_any_pieces() -> None:
    live, data = LiveOutput(), lines(["stdout", "é ✓"], ["display", "", {"text/plain": "x"}])
    for at in range(len(data)):
        live.feed(data[at : at + 1])
    assert live.events == [("stdout", "é ✓"), ("display", {"text/plain": "x"})]


def test_a_display_gives_way_to_a_newer_one_in_its_place() -> None:
    live = LiveOutput()
    live.feed(lines(["display", "bar", {"text/plain": "1"}], ["stdout", "x"]))
    live.feed(lines(["update", "bar", {"text/plain": "2", "image/png": PNG}]))
    live.feed(lines(["update", "another", {"text/plain": "3"}]))
    shown = {"text/plain": "2", "image/png": PNG}
    assert live.events == [("display", shown), ("stdout", "x")]


def test_clearing_begins_anew() -> None:
    live = LiveOutput()
    live.feed(lines(["stdout", "old"]))
    old = live.events
    live.feed(lines(["clear", ""], ["stdout", "new"]))
    assert live.events == [("stdout", "new")]
    assert live.events is not old


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"{}",
        b"[]",
        b"[1]",
        b'["stdout"]',
        b'["stdout", 1]',
        b'["display", "", 1]',
        b'["display"]',
        b'["progress", "x", null]',
        b'["progress", NaN, 1]',
        b'["progress", 1, 0]',
        b'["other", ""]',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_what_makes_no_sense_is_left_out(line: bytes) -> None:
    live = LiveOutput()
    live.feed(line + b"\n" + lines(["stdout", "ok"]))
    assert live.events == [("stdout", "ok")]
    assert live.progress is None


def test_markup_and_terminal_codes_are_made_harmless() -> None:
    live = LiveOutput()
    made = {"text/plain": "a\x1b]0;title\x07", "text/html": "<script>", "image/png": "<svg>"}
    live.feed(lines(["display", "", made], ["stdout", "b\x1b]0;title\x07"]))
    assert live.events[0] == ("display", {"text/plain": "a"})
    assert live.last_line() == "b"


def test_a_worker_that_writes_without_end_is_cut_off() -> None:
    live = LiveOutput()
    for _ in range(50):
        live.feed(lines(["stdout", "x" * 100_000]))
        live.feed(lines(["display", "", {"text/plain": "y" * 500_000}]))
    assert live.cut
    assert sum(len(one) for kind, one in live.events if kind == "stdout") < 3_000_000
    assert len(live.events) < 50


@pytest.mark.parametrize(
    ("events", "wanted"),
    [
        ([["progress", 3, 10]], (3, 10)),
        ([["progress", 3, None]], (3, math.nan)),
        ([["progress", 12, 10]], (10, 10)),
        ([["stderr", "\r 45%|████▌     | 45/100 [00:01<00:02, 30.1it/s]"]], (45, 100)),
        ([["stderr", "\rtrain:   8%|8         | 3.2k/40.0k [00:01<00:02]"]], (8, 100)),
        ([["stderr", "\r 10%|#  | 1/10 [0"], ["stderr", "\r 20%|## | 2/10 [0"]], (2, 10)),
        ([["stdout", "50%|###| 1/2"]], None),
        ([["stderr", "50% of a|b"]], None),
    ],
)
def test_progress(events: list[list[Any]], wanted: Any) -> None:
    live = LiveOutput()
    live.feed(lines(*events))
    assert repr(live.progress) == repr(wanted and (float(wanted[0]), float(wanted[1])))


# --- told by the worker


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def run(cell: str, name: str | None = NAME, namespace: Any = None) -> dict[str, Any]:
    """The cell's reply; it runs here, on this thread."""
    captured = capture_cell(cell, namespace or {})
    made: dict[str, Any] = {}
    exec(captured.function.source, made)
    reply: dict[str, Any] = made[captured.function.name](*captured.arguments(live=name))
    return reply


#: Ends a cell: the spool is copied once it has what was printed last.
COPY = """
print("END")
import time as _time
while b"END" not in (_copied := open({spool!r}, "rb").read()):
    _time.sleep(0.02)
open({copy!r}, "wb").write(_copied)
None
"""


def spooled(cell: str, home: Path) -> tuple[LiveOutput, dict[str, Any]]:
    """What the spool had when the cell's last line ran, and the reply."""
    copy = home / "copy"
    reply = run(cell + COPY.format(spool=str(home / SPOOLS / NAME), copy=str(copy)))
    live = LiveOutput()
    live.feed(copy.read_bytes())
    return live, reply


@pytest.mark.parametrize(
    "cell",
    [
        "print('a')\nprint('b', end='')",
        "import sys\nprint('a')\nprint('e', file=sys.stderr)\nprint('b')",
        "import sys\nfor n in range(300):\n    print(n, end='\\r', file=sys.stderr)",
        "import logging\nlogging.warning('careful')\nprint(1)",
        "display(1)\nprint(2)\ndisplay({'image/png': b'x'}, raw=True)",
        "shown = display('old', display_id=True)\nprint(1)\nshown.update('new')",
        "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()\nprint(1)",
        "from IPython.display import clear_output\nprint('old')\nclear_output()\nprint('new')",
        "from IPython.display import HTML\ndisplay(HTML('<b>x</b>'))",
        "get_ipython().system('echo a; echo b')\nprint('c')",
        "import os\nos.write(1, b'below\\n')\nprint('above')",
        "import subprocess\nsubprocess.run(['echo', 'child'])\nprint('parent')",
        "print('é ✓ \\ud800')",
    ],
)
def test_what_is_told_is_what_the_reply_says(cell: str, home: Path) -> None:
    """In order, flushed or not; the reply may only say more."""
    live, reply = spooled(cell, home)
    wanted = capture_events(reply)
    assert live.events == wanted


def capture_events(reply: dict[str, Any]) -> list[tuple[str, Any]]:
    return [as_event(kind, content, SAFE_MIMES) for kind, content in reply["events"]]


def test_nothing_is_told_where_nobody_asks(home: Path) -> None:
    run("print(1)", None)
    assert not (home / SPOOLS).exists()


def test_a_spool_is_the_users_own_and_goes(home: Path) -> None:
    path = home / SPOOLS / NAME
    reply = run(f"import os\nmode = oct(os.stat({str(path)!r}).st_mode & 0o777)\nmode")
    assert reply["value"]["repr"] == "'0o600'"
    assert stat.S_IMODE((home / SPOOLS).stat().st_mode) == 0o700
    assert not path.exists()


def test_a_cell_that_fails_leaves_no_spool(home: Path) -> None:
    assert run("print(1)\n1 / 0")["error"] is not None
    assert list((home / SPOOLS).iterdir()) == []


def test_a_home_that_cannot_be_written_costs_nothing(home: Path) -> None:
    (home / SPOOLS).write_text("a file")
    assert run("print('x')")["events"] == [("stdout", "x\n")]


def test_a_link_is_no_spool(home: Path) -> None:
    (home / SPOOLS).mkdir(mode=0o700)
    (home / "target").write_text("mine")
    (home / SPOOLS / NAME).symlink_to(home / "target")
    run("print('x')")
    assert (home / "target").read_text() == "mine"
    assert read_spool(NAME, 0, 100) is None


def test_a_folder_open_to_others_is_closed(home: Path) -> None:
    (home / SPOOLS).mkdir(mode=0o777)
    (home / SPOOLS).chmod(0o777)
    own_folder(str(home / SPOOLS))
    assert stat.S_IMODE((home / SPOOLS).stat().st_mode) == 0o700


def test_what_was_left_behind_goes_in_time(home: Path) -> None:
    (home / SPOOLS).mkdir(mode=0o700)
    old, new = home / SPOOLS / "gcj-old", home / SPOOLS / "gcj-new"
    old.write_text("")
    new.write_text("")
    os.utime(old, (1, new.stat().st_mtime - LEFT_S - 60))
    run("print(1)")
    assert [one.name for one in (home / SPOOLS).iterdir()] == ["gcj-new"]


def test_a_flood_is_bounded_and_costs_the_reply_nothing(home: Path) -> None:
    path = str(home / SPOOLS / NAME)
    end = COPY.replace('print("END")', "").replace("END", "cut")
    cell = "for n in range(30_000):\n    print('x' * 99)" + end
    reply = run(cell.format(spool=path, copy=str(home / "copy")))
    live = LiveOutput()
    live.feed((home / "copy").read_bytes())
    assert live.cut
    assert capture_events(reply)[0] == live.events[0]
    assert "more characters left out" in reply["events"][-1][1]


def test_a_forked_child_writes_nothing_into_its_parents_spool(home: Path) -> None:
    cell = (
        "import os\nprint('parent')\n"
        "child = os.fork()\nif child == 0:\n    print('child')\n    os._exit(0)\n"
        "os.waitpid(child, 0)"
    )
    live, _ = spooled(cell, home)
    assert "child" not in str(live.events)


@pytest.mark.usefixtures("home")
def test_forks_find_no_lock_held() -> None:
    """Whoever watches the descriptors holds the output's lock ten times a second."""
    cell = (
        "import os\nfor n in range(50):\n    child = os.fork()\n    if child == 0:\n"
        "        print('x')\n        os._exit(7)\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7"
    )
    assert run(cell)["error"] is None


@pytest.mark.parametrize(
    ("setup", "cell"),
    [
        ("", "import gc_jupyter\ngc_jupyter.progress(3, 10)"),
        ("", "from gc_jupyter import progress\nprogress(3, total=10)"),
        ("import gc_jupyter", "gc_jupyter.progress(3, 10)"),
        ("import gc_jupyter as gc", "gc.progress(3, 10)"),
        ("from gc_jupyter import progress", "progress(3, 10)"),
        ("from gc_jupyter import progress\ndef f(): progress(3, 10)", "f()"),
        ("import gc_jupyter\ndef f(): gc_jupyter.progress(3, 10)", "f()"),
    ],
)
@pytest.mark.parametrize("installed", [True, False])
def test_progress_from_inside(
    setup: str, cell: str, installed: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint without gc_jupyter has it, too."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    filename = f"<progress {setup}>"
    linecache.cache[filename] = (len(setup), None, setup.splitlines(True), filename)
    exec(compile(setup, filename, "exec"), namespace)
    original = gc_jupyter.progress
    text = cell + COPY.format(spool=str(home / SPOOLS / NAME), copy=str(home / "copy"))
    captured = capture_cell(text, namespace)
    assert "gc_jupyter" not in captured.packages
    made: dict[str, Any] = {}
    exec(captured.function.source, made)
    if not installed:
        monkeypatch.delitem(sys.modules, "gc_jupyter")
        monkeypatch.setattr(sys, "meta_path", [_Hidden(), *sys.meta_path])
    reply = made[captured.function.name](*captured.arguments(live=NAME))
    assert reply["error"] is None, reply["error"]
    monkeypatch.undo()
    live = LiveOutput()
    live.feed((home / "copy").read_bytes())
    assert live.progress == (3, 10)
    assert gc_jupyter.progress is original


class _Hidden:
    """Finds gc_jupyter nowhere, but where the runner serves it."""

    def find_spec(self, name: str, *_args: Any) -> Any:
        if name != "gc_jupyter":
            return None
        last = sys.meta_path[-1]
        return last.find_spec(name, None)  # type: ignore[arg-type]


def test_the_rest_of_this_package_stays_here() -> None:
    """As ever: nothing of it but `progress` is on a worker."""
    for setup, cell in (
        ("import gc_jupyter", "gc_jupyter.Client()"),
        ("from gc_jupyter import Client", "Client()"),
        ("import gc_jupyter\ndef f(): gc_jupyter.Client()", "f()"),
    ):
        namespace: dict[str, Any] = {"__name__": "__main__"}
        filename = f"<refused {setup}>"
        linecache.cache[filename] = (len(setup), None, setup.splitlines(True), filename)
        exec(compile(setup, filename, "exec"), namespace)
        with pytest.raises(CaptureError, match="gc_jupyter"):
            capture_cell(cell, namespace)


def test_progress_here_does_nothing() -> None:
    assert gc_jupyter.progress(1, 2) is None  # type: ignore[func-returns-value]


# --- read elsewhere


def test_a_reader_waits_for_more_and_brings_what_is_new(home: Path) -> None:
    (home / SPOOLS).mkdir(mode=0o700)
    path = home / SPOOLS / NAME
    path.write_bytes(b"old new")
    found = await_spool(NAME, 4, 100, 0.0, 0.0, False)
    assert (found["there"], found["data"]) == (True, b"new")
    assert await_spool(NAME, 0, 3, 60.0, 60.0, False)["data"] == b"old"  # as much as is wanted


def test_a_reader_ends_with_its_task(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / SPOOLS).mkdir(mode=0o700)
    (home / SPOOLS / NAME).write_bytes(b"x")
    looks: list[Any] = []

    def look(*args: Any) -> Any:
        looks.append(read_spool(*args))
        remove_spool(NAME)
        return looks[-1]

    monkeypatch.setattr("gc_jupyter.capture.worker_side.spool.read_spool", look)
    found = await_spool(NAME, 1, 100, 600.0, 0.0, False)
    assert (found["there"], found["data"]) == (True, b"")
    assert looks == [b"", None]


@pytest.mark.usefixtures("home")
def test_a_reader_says_that_there_is_nothing() -> None:
    found = await_spool(NAME, 0, 100, 0.0, 0.0, False)
    assert (found["there"], found["data"]) == (False, b"")


def test_a_name_is_no_path(home: Path) -> None:
    (home / "secret").write_bytes(b"x")
    os.chmod(home, 0o700)
    assert read_spool("../secret", 0, 100) is None
