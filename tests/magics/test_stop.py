"""The stop button on `local`: a real SIGINT to a real kernel, and nothing runs afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.magics.conftest import Kernel, Shown
from tests.waiting import poll

ENDED = "The task did not end when it was interrupted: its process was ended."
#: name -> a cell, and what its interrupt shows: the line that it points to, or a whole line. The
#: cell says `on` when it has begun.
CELLS = {
    "sleep": ("on()\ntime.sleep(600)", "----> 4 time.sleep(600)"),
    "loop": ("on()\nwhile True:\n    n = 1", "----> "),
    "prints": ("on()\nwhile True:\n    print('x' * 99)", "----> "),
    "function": (
        "def inner():\n    on()\n    time.sleep(600)\n\ninner()",
        "----> 5     time.sleep(600)",
    ),
    "C loop": ("import itertools\non()\nsum(itertools.repeat(0))", ENDED),
    "C without the lock": (
        "import hashlib\non()\nhashlib.pbkdf2_hmac('sha256', b'', b'', 2_000_000_000)",
        ENDED,
    ),
    "swallows": (
        "n = 0\nwhile True:\n    try:\n        while True:\n            n += 1\n"
        "            if n == 1000:\n                on()\n    except BaseException:\n        pass",
        ENDED,
    ),
    "hangs in finally": (
        "try:\n    on()\n    time.sleep(600)\nfinally:\n    time.sleep(600)",
        ENDED,
    ),
    "ignores the signal": (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\non()\ntime.sleep(600)",
        ENDED,
    ),
    "default of the signal": (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\non()\ntime.sleep(600)",
        "The worker process was ended by SIGINT when the task was interrupted.",
    ),
    "subprocess": ("import subprocess\non()\nsubprocess.run(['sleep', '600'])", "----> 5 "),
    "shell": ("on()\n!sleep 600", "----> 4 "),
    "deaf subprocess": (
        "import subprocess\nscript = \"trap '' INT TERM HUP; sleep 600 & wait; sleep 600\"\n"
        "process = subprocess.Popen(['bash', '-c', script])\non()\nprocess.wait()",
        "----> 7 process.wait()",
    ),
    "subprocess with a session": (
        "import subprocess\nsubprocess.Popen(['sleep', '600'], start_new_session=True)\non()\n"
        "time.sleep(600)",
        "----> 6 ",
    ),
    "daemon": (
        "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        time.sleep(600)\n    os._exit(0)\nos.wait()\non()\ntime.sleep(600)",
        "----> 11 ",
    ),
    "forked": (
        "import os\nif os.fork() == 0:\n    while True:\n        time.sleep(600)\non()\nos.wait()",
        "----> 8 os.wait()",
    ),
    "thread": (
        "import threading\nthread = threading.Thread(target=time.sleep, args=(600,))\n"
        "thread.start()\non()\nthread.join()",
        "----> 7 thread.join()",
    ),
    "thread pool": (
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\n"
        "futures = [pool.submit(time.sleep, 600) for _ in range(4)]\non()\nfutures[0].result()",
        "----> 7 ",
    ),
    "thread pool in a with": (
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor(2) as pool:\n"
        "    pool.submit(time.sleep, 600)\n    on()",
        "----> 4 with ThreadPoolExecutor",  # its end waits for its threads
    ),
    "process pool": (
        "from concurrent.futures import ProcessPoolExecutor\npool = ProcessPoolExecutor(2)\n"
        "futures = [pool.submit(time.sleep, 600) for _ in range(4)]\non()\nfutures[0].result()",
        "----> 7 ",
    ),
    "multiprocessing.Pool": (
        "import multiprocessing\npool = multiprocessing.Pool(2)\n"
        "results = pool.map_async(time.sleep, [600] * 4)\non()\nresults.get()",
        "----> 7 results.get()",
    ),
    "lock": (
        "import threading\nlock = threading.Lock()\nlock.acquire()\non()\nlock.acquire()",
        "----> 7",
    ),
    "queue": ("import queue\non()\nqueue.Queue().get()", "----> 5 "),
    "socket": (
        "import socket\nserver = socket.create_server(('127.0.0.1', 0))\non()\nserver.accept()",
        "----> 6 server.accept()",
    ),
    "pipe": ("import os\nends = os.pipe()\non()\nos.read(ends[0], 1)", "----> 6 os.read"),
    "await": ("import asyncio\non()\nawait asyncio.sleep(600)", "----> 5 await asyncio.sleep(600)"),
    "asyncio.run": (
        "import asyncio\nasync def main():\n    on()\n    await asyncio.sleep(600)\n\n"
        "asyncio.run(main())",
        "----> 6     await asyncio.sleep(600)",
    ),
    "generator": (
        "def values():\n    on()\n    while True:\n        time.sleep(600)\n        yield\n\n"
        "list(values())",
        "----> 6         time.sleep(600)",
    ),
    "%%bash": ("get_ipython().run_cell_magic('bash', '', 'echo on; sleep 600')", "----> 3 "),
}
BEGIN = "import sys, time; on = lambda: sys.stdout.write('on\\n')"
#: On a busy machine the interrupt comes before `on` has returned.
EARLY = re.compile(r"----> \d+ +(.* )?on\(\)")


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    home = tmp_path_factory.mktemp("home")
    kernel = Kernel(home, {"GC_JUPYTER_LOCAL_WORKERS": "2"}, cwd=home)
    try:
        kernel.ok("%load_ext gc_jupyter")
        yield kernel
    finally:
        kernel.close()


def stopped(kernel: Kernel, cell: str, text: str = "on") -> Shown:
    return kernel.run_until(cell, text, kernel.interrupt)


@pytest.mark.parametrize("name", CELLS)
def test_nothing_runs_afterwards(kernel: Kernel, name: str) -> None:
    cell, said = CELLS[name]
    shown = stopped(kernel, f"%%gcrun local\n{BEGIN}\n{cell}")
    assert shown.status == "error"
    assert shown.error["ename"] == "KeyboardInterrupt", shown.traceback
    assert shown.stream("stdout").startswith("on\n")
    if "----> " not in said and not EARLY.search(shown.traceback):
        assert shown.traceback == f"KeyboardInterrupt: {said}"
    else:
        assert said in shown.traceback or EARLY.search(shown.traceback)
        assert shown.traceback.startswith("KeyboardInterrupt on local (")
        assert shown.traceback.endswith("\nKeyboardInterrupt")
    assert kernel.ok("%%gcrun local\n'answers'").text == "'answers'"
    poll(lambda: not left(kernel))


def left(kernel: Kernel) -> list[psutil.Process]:
    """The kernel's descendants that are neither the host of `local`, nor its workers, nor the
    process that each has ready; wherever they hang now."""
    own = psutil.Process(kernel.manager.provisioner.pid)  # type: ignore[union-attr]
    allowed = {own}
    below = [own]
    for _ in range(3):
        below = [child for one in below for child in children(one)]
        allowed.update(below)
        if any(len(children(one)) > 1 for one in below[1:]):
            return below
    mine = str(kernel.home / "data")
    found = []
    for one in psutil.process_iter():
        try:
            if one.environ().get("JUPYTER_DATA_DIR") == mine and one not in allowed:
                found.append(one)
        except psutil.Error:
            continue
    return found


def children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [one for one in process.children() if one.status() != psutil.STATUS_ZOMBIE]
    except psutil.Error:
        return []


def test_the_cell_may_go_on(kernel: Kernel) -> None:
    """As a plain one: what it does about the interrupt counts."""
    cell = (
        "import time\ntry:\n    print('on')\n    time.sleep(600)\nexcept KeyboardInterrupt:\n"
        "    print('saved')\nfinally:\n    print('put away')\n'value'"
    )
    shown = stopped(kernel, f"%%gcrun local --out time\n{cell}")
    assert (shown.status, shown.text) == ("ok", "'value'")
    assert shown.stream("stdout") == "on\nsaved\nput away\n"


def test_what_it_had_set_comes_back(kernel: Kernel) -> None:
    cell = "import time\nrows = [1, 2]\nprint('on')\ntime.sleep(600)"
    shown = stopped(kernel, f"%%gcrun local --out rows\n{cell}")
    assert "Bound before the error: rows." in shown.stream("stderr")
    assert kernel.ok("rows").text == "[1, 2]"


def test_another_error_on_the_way_is_shown(kernel: Kernel) -> None:
    cell = "import time\ntry:\n    print('on')\n    time.sleep(600)\nfinally:\n    1 / 0"
    shown = stopped(kernel, f"%%gcrun local\n{cell}")
    assert shown.error["ename"] == "ZeroDivisionError"
    assert "\nKeyboardInterrupt\n" in shown.traceback


def test_pressed_twice_it_ends_at_once(kernel: Kernel) -> None:
    """The cell says that it has heard the first one."""
    cell = (
        "import time\ntry:\n    print('on')\n    time.sleep(600)\nfinally:\n"
        "    print('again')\n    time.sleep(600)"
    )
    presses = {"on": kernel.interrupt, "again": kernel.interrupt}

    def look(kind: str, content: dict[str, str]) -> None:
        for text in [one for one in presses if kind == "stream" and one in content["text"]]:
            presses.pop(text)()

    kernel.on_output = look
    try:
        shown = kernel.run(f"%%gcrun local\n{cell}")
    finally:
        kernel.on_output = None
    assert shown.traceback == f"KeyboardInterrupt: {ENDED}"
    assert not presses


def test_a_fan_out_ends_and_what_waits_never_starts(kernel: Kernel, tmp_path: Path) -> None:
    """Both workers have a task; the others wait for them."""
    cell = (
        f"import pathlib, time\npathlib.Path({str(tmp_path)!r}, str(x)).touch()\n"
        "while x:\n    time.sleep(600)\nx"
    )
    began: list[int] = []
    request = kernel.send(f"%%gcrun local --map x=range(20) --future many -q\n{cell}")
    poll(lambda: len(list(tmp_path.iterdir())) >= 3)
    began.append(len(list(tmp_path.iterdir())))
    kernel.interrupt()
    shown = kernel.finish(request)
    assert shown.error["ename"] == "KeyboardInterrupt"
    said = "KeyboardInterrupt: 1 of 20 tasks are done, the others were ended, or never began."
    assert shown.traceback.split("\n")[0] == said
    assert len(list(tmp_path.iterdir())) == began[0]
    assert kernel.ok("len(many.pending), len(many.failed), many.values()[0]").text == "(0, 19, 0)"
    poll(lambda: not left(kernel))


def test_tasks_that_nobody_waits_for_stay(kernel: Kernel, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    wait = (
        f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.01)\n'stays'"
    )
    kernel.ok(f"%%gcrun local -a -q --future stays\n{wait}")
    stopped(kernel, "%%gcrun local\nimport time\nprint('on')\ntime.sleep(600)")
    assert kernel.ok("stays.done()").text == "False"
    gate.touch()
    assert kernel.ok("stays.result()").text == "'stays'"


FUNCTION = """%%gcrun local
def waits(s, mark=None):
    import sys, time
    mark and open(mark, 'w').close()
    s and sys.stdout.write('on\\n')
    time.sleep(s)
"""


def test_a_function(kernel: Kernel) -> None:
    """`except Exception` doesn't catch it, as in plain code."""
    kernel.ok(FUNCTION)
    cell = "for _ in range(3):\n    try:\n        waits(600)\n    except Exception:\n        pass"
    shown = stopped(kernel, cell)
    assert shown.error["ename"] == "KeyboardInterrupt"
    assert re.search(r"Called here:\nCell In\[\d+\], line 3\n", shown.traceback)
    assert re.search(r"Cell In\[\d+\], line [56], in waits", shown.traceback)
    assert kernel.ok("waits(0)").outputs == []
    poll(lambda: not left(kernel))


def test_a_functions_map(kernel: Kernel, tmp_path: Path) -> None:
    kernel.ok(FUNCTION)
    marks = [str(tmp_path / str(number)) for number in range(4)]
    request = kernel.send(f"waits.map([0, 0, 600, 600], {marks})")
    poll(lambda: len(list(tmp_path.iterdir())) == 4)
    kernel.interrupt()
    shown = kernel.finish(request)
    assert shown.error["ename"] == "KeyboardInterrupt"
    assert shown.traceback.split("\n") == [
        "KeyboardInterrupt: 2 of 4 tasks are done, the others were ended, or never began.",
        "sys.last_value.tasks.values() has the 2 other results, each in its place.",
    ]
    assert kernel.ok("import sys; len(sys.last_value.tasks.failed)").text == "2"
    poll(lambda: not left(kernel))


def test_a_script(kernel: Kernel) -> None:
    """With what it has started, which may be deaf to polite requests."""
    shown = stopped(
        kernel, "%%gcshell local\necho on\ntrap '' TERM INT\nsleep 600 & wait\nsleep 600"
    )
    said = r"KeyboardInterrupt: (the script was ended, on local \(.*s\.|The task did not end .*)"
    assert re.fullmatch(said, shown.traceback), shown.traceback
    assert kernel.ok("%%gcshell local\necho answers").stream("stdout") == "answers\n"
    poll(lambda: not left(kernel))


def test_the_kernel_is_not_left_with_the_next_cells(kernel: Kernel) -> None:
    """Run All stops, as it does after a plain cell's interrupt."""
    later: list[str] = []

    def act() -> None:
        later.append(kernel.send("print('ran all the same')"))
        kernel.interrupt()

    shown = kernel.run_until("%%gcrun local\nprint('on')\nimport time; time.sleep(600)", "on", act)
    assert shown.status == "error"
    assert kernel.finish(later[0]).status == "aborted"
