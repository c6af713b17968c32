"""On `local`, what a cell shows is seen as it is made. No clock decides: a cell goes on once it was
seen."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.session import output
from tests.magics.conftest import Kernel, Shown
from tests.magics.test_live import waiting

FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
LOGGING = (
    "import logging\nlog = logging.getLogger('gc-live')\n"
    "log.addHandler(logging.StreamHandler())\nlog.warning('seen')"
)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("print('seen')", "seen"),
        ("print('seen', end='')", "seen"),
        ("import sys\nsys.stderr.write('\\r50%|## | 1/2 seen')", "\r50%"),
        ("import sys\nsys.stdout.buffer.write(b'seen')", "seen"),
        (LOGGING, "seen"),
        ("display('seen')", "seen"),
        (FIGURE, "image/png"),
        ("import os\nos.write(1, b'seen')", "seen"),
        ("import subprocess\nsubprocess.run(['echo', 'seen'])", "seen"),
        ("!echo seen", "seen"),
        ("import threading\nthreading.Thread(target=print, args=('seen',)).start()", "seen"),
        ("shown = display('no', display_id=True)\nshown.update('seen')", "seen"),
    ],
)
def test_it_is_seen_as_it_is_made(kernel: Kernel, part: str, text: str, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    shown, times = seen_first(kernel, f"{part}\n{waiting(seen)}\nprint('last')", text, seen)
    assert shown.status == "ok", shown.outputs
    assert shown.outputs[-1]["text"].endswith("last\n")
    assert times == 1  # once


def seen_first(kernel: Kernel, cell: str, text: str, seen: Path) -> tuple[Shown, int]:
    """The cell, which goes on once this text was seen; and how often it was."""
    done: list[Any] = []

    def look(kind: str, content: Any) -> None:
        shown = kind in ("stream", "display_data", "update_display_data")
        if shown and text in (content.get("text") or str(content)):
            done.append(content)
            seen.touch()

    kernel.on_output = look
    try:
        # no table, whose rows have the last line, too
        return kernel.run(f"%%gcrun local --progress-after 600\n{cell}"), len(done)
    finally:
        kernel.on_output = None


def test_streams_keep_their_order(kernel: Kernel, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    cell = (
        "import sys\nprint('a')\nprint('b', file=sys.stderr)\ndisplay('c')\nprint('d')\n"
        f"{waiting(seen)}\nprint('e')\ndisplay('f')\nprint('g', file=sys.stderr)\n8"
    )
    shown, _ = seen_first(kernel, cell, "d", seen)
    assert shown.order == [
        *("stdout", "stderr", "display_data", "stdout"),
        *("display_data", "stderr", "execute_result"),
    ]
    assert shown.stream("stdout") == "a\nd\ne\n"


def test_a_burst_keeps_its_order(kernel: Kernel) -> None:
    cell = (
        "import sys\nfor i in range(40):\n"
        "    print(i, file=(sys.stdout, sys.stderr, sys.stderr)[i % 3], flush=True)"
    )
    shown = kernel.run(f"%%gcrun local\n{cell}")
    texts = [one["text"] for one in shown.outputs if one["kind"] == "stream"]
    assert "".join(texts).split() == list(map(str, range(40)))


def test_clearing_clears(kernel: Kernel, tmp_path: Path) -> None:
    cell = (
        "from IPython.display import clear_output\nprint('old')\n"
        f"{waiting(tmp_path / 'seen')}\nclear_output(wait=True)\nprint('new')"
    )
    cleared: list[str] = []
    kinds: list[str] = []

    def look(kind: str, content: Any) -> None:
        kinds.append(kind)
        if kind == "clear_output":
            cleared.append(kind)
        if kind == "stream" and "old" in content["text"]:
            (tmp_path / "seen").touch()

    kernel.on_output = look
    try:
        shown = kernel.ok(f"%%gcrun local\n{cell}")
    finally:
        kernel.on_output = None
    assert cleared == ["clear_output"]
    assert shown.stream("stdout") == "old\nnew\n"  # this test's front end clears nothing


@pytest.mark.parametrize(
    ("end", "name"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import os; os._exit(3)", "WorkerLost"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "WorkerLost"),
        ("import ctypes; ctypes.string_at(0)", "WorkerLost"),
        ("exit(3)", ""),
    ],
)
def test_what_was_printed_stays_when_it_ends_badly(kernel: Kernel, end: str, name: str) -> None:
    """The last line, too, which was printed right before."""
    shown = kernel.run(f"%%gcrun local\nprint('first')\nprint('last')\n{end}")
    assert shown.status == "error"
    assert name in shown.error["ename"]
    assert shown.stream("stdout") == "first\nlast\n"


def test_what_was_printed_stays_after_an_interrupt(kernel: Kernel) -> None:
    cell = "%%gcrun local\nprint('first')\nimport time\ntime.sleep(60)"
    shown = kernel.run_until(cell, "first", kernel.interrupt)
    assert shown.status == "error"
    assert shown.stream("stdout") == "first\n"
    kernel.ok("%%gcrun local\n1")


def test_a_flood_is_bounded_and_said(kernel: Kernel, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    cell = f"%%gcrun local\nfor n in range(40_000):\n    print('x' * 99)\n{waiting(seen)}"
    shown = kernel.run_until(cell, "more than what can be shown", seen.touch)
    assert len(shown.stream("stdout")) == 2_000_000
    assert "2,000,000 more characters left out" in shown.stream("stderr")


ENDLESS = {
    "lines": "print('line', n)",
    "displays": "display(n)",
    "one line": "print('x' * 100_000, end='')",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_is_bounded(kernel: Kernel, name: str) -> None:
    """What was cut is said while it runs; kernel and notebook stay small."""
    memory = "import psutil\npsutil.Process().memory_info().rss"
    before = int(kernel.ok(memory).text)
    cell = f"import itertools\nfor n in itertools.count():\n    {ENDLESS[name]}"
    cell, said = f"%%gcrun local --progress-after 600\n{cell}", "more than what can be shown"
    shown = kernel.run_until(cell, said, kernel.interrupt)
    assert shown.error["ename"] == "KeyboardInterrupt"
    assert len(str(shown.outputs)) < 2_500_000
    assert int(kernel.ok(memory).text) - before < 60_000_000
    assert kernel.ok("%%gcrun local\n'answers'").text == "'answers'"


def test_functions_are_live_too(kernel: Kernel, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    body = _indented(f"print('seen')\n{waiting(seen)}\nreturn 5")
    kernel.ok(f"%%gcrun local\ndef wait():\n{body}")
    shown = kernel.run_until("wait()", "seen", seen.touch)
    assert (shown.stream("stdout"), shown.text) == ("seen\n", "5")


def test_a_script_is_live_too(kernel: Kernel, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    script = f"echo seen\nuntil [ -e {seen} ]; do sleep 0.02; done\necho last"
    shown = kernel.run_until(f"%%gcshell local\n{script}", "seen", seen.touch)
    assert shown.stream("stdout") == "seen\nlast\n"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def test_a_future_and_tail(kernel: Kernel, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    kernel.ok(f"%%gcrun local -a --future f\nprint('first')\n{waiting(seen)}\nprint('last')")
    kernel.ok(
        "import threading\nthere = threading.Event()\n"
        "def look():\n    if 'first' in f.output: there.set()\n"
        "f.live.listen(look); look()\nassert there.wait(60)"
    )
    identifier = kernel.ok("f.task_id").text.strip("'")
    shown = kernel.run_until(f"%gc tail {identifier}", "first", seen.touch)
    assert shown.stream("stdout").startswith("first\nlast\nIt has ended: success")


def test_a_fan_out_shows_its_lines_in_the_table_alone(kernel: Kernel, tmp_path: Path) -> None:
    """Never in the cell."""
    seen = tmp_path / "seen"
    part = f"print('line', i)\ngc_jupyter.progress(i + 1, 4)\n{waiting(seen)}"
    kernel.ok(f"%%gcrun local -a --map i=range(2) --future fs\nimport gc_jupyter\n{part}")
    shown = kernel.ok(
        "import threading\nfrom gc_jupyter import TaskTable\n"
        "there = threading.Event()\n"
        "def look():\n    if all(f.live.progress for f in fs): there.set()\n"
        "for f in fs: f.live.listen(look)\n"
        "look()\nassert there.wait(60)\n"
        "[[TaskTable(fs)._rows.field(n, part) for part in ('text', 'progress')] for n in (0, 1)]"
    )
    seen.touch()
    assert shown.text == "[['line 0', (1.0, 4.0)], ['line 1', (2.0, 4.0)]]"
    assert shown.stream("stdout") == ""
    kernel.ok("fs.result()")


def test_output_stays_live_however_long_a_cell_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where it may no longer keep the order of both streams in a burst."""
    monkeypatch.setattr(output, "SWITCHES", 2)
    events: list[tuple[str, Any]] = []
    live = types.SimpleNamespace(why="", cut=False)
    task: Any = types.SimpleNamespace(so_far=events, replied=False, live=live, task_id="x")
    screen = output.Screen()
    for at in range(20):
        kind = ("stdout", "stderr")[at % 2]
        events.append((kind, f"{at}\n"))
        screen.follow(task)
        shown = capsys.readouterr()
        assert {"stdout": shown.out, "stderr": shown.err}[kind] == f"{at}\n"


def test_a_display_that_is_interrupted_is_shown_once_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown: list[Any] = []

    def display(content: Any, **_more: Any) -> Any:
        if content == {"text/plain": "2"} and len(shown) == 2:
            raise KeyboardInterrupt
        shown.append(content["text/plain"])
        return types.SimpleNamespace(update=lambda *_args, **_options: None)

    monkeypatch.setattr(output, "_display", display)
    events: list[tuple[str, Any]] = [("display", {"text/plain": str(at)}) for at in range(4)]
    live = types.SimpleNamespace(why="", cut=False)
    task: Any = types.SimpleNamespace(so_far=events, replied=False, live=live, task_id="x")
    screen = output.Screen()
    with pytest.raises(KeyboardInterrupt):
        screen.follow(task)
    events.append(("display", {"text/plain": "4"}))
    events[0] = ("display", {"text/plain": "0, updated"})
    screen.follow(task)
    screen.show(task)
    assert shown == ["0", "1", "3", "4"]
