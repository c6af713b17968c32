"""Notebooks as quick processes, and a server's keeper. A notebook is forked from a process that has
imported what a kernel imports; it runs the cells that it is sent, and says what names have come to.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from tests.scripts import start
from tests.service.handle import Loopback

#: Forks a process for each connection, which is a notebook: it runs cells that it reads, and says
#: what names have come to. What a kernel imports is imported once.
#: It is told where to listen.
NOTEBOOKS = """\
import json, os, signal, socket, sys, traceback
from concurrent.futures import CancelledError, Future
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
import gc_jupyter.capture, gc_jupyter.client, gc_jupyter.executor, gc_jupyter.magics
import gc_jupyter.session.attach, gc_jupyter.session.replied_future, gc_jupyter.magics.attached
from gc_jupyter.runtime import recovery
from gc_jupyter.session import current_session
from gc_jupyter.session.fan_out import NoValue, _over as succeeded
recovery.LATE_S = 1.0

OUT = "out_"
PLAIN = '''
def plain(path, name):
    with open(path, "a") as ran:
        print(name, file=ran)
    return name
'''

def one(future):
    try:
        error = future.exception(60)
    except CancelledError as cancelled:
        error = cancelled
    if error is not None:
        return ["error", type(error).__name__, str(error)[-400:]]
    return ["value", told_of(future.result())]

def told_of(value):
    return value.stdout.strip() if hasattr(value, "stdout") else value

def which(future):  # without taking its result
    value = told_of(Future.result(future)) if succeeded(future) else None
    return [future.task_id, future.label, value]

def look(found):
    if found is None:
        return None
    return one(found) if hasattr(found, "exception") else [one(future) for future in found]

def bound_to(value):
    if isinstance(value, list):  # where a task failed, it says so in its place
        return [None if isinstance(one, NoValue) else one for one in value]
    return value

def serve(lines, say):
    os.environ["JUPYTER_DATA_DIR"] = json.loads(next(lines))
    shell = InteractiveShell.instance()
    shell.run_cell("%load_ext gc_jupyter")
    shell.run_cell(PLAIN)
    for line in lines:
        what = json.loads(line)
        with capture_output() as shown:
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                shell.run_cell(what["run"])
            except KeyboardInterrupt:  # before or after what IPython watches over
                pass
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        looked = {name: look(shell.user_ns.get(name)) for name in what["look"]}
        bound = {name: bound_to(shell.user_ns.get(OUT + name)) for name in what["look"]}
        told = [which(one) for one in current_session().tasks.values() if what["look"]]
        say({"text": shown.stdout + shown.stderr, "looked": looked, "bound": bound, "told": told})

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("listens", flush=True)
while True:
    connection, _ = listener.accept()
    if os.fork() == 0:
        listener.close()
        stream = connection.makefile("rw")

        def say(what):
            print(json.dumps(what), file=stream, flush=True)

        say(os.getpid())
        try:
            serve(stream, say)
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(0)
    connection.close()
"""
#: A server's keeper: collects until its line, then says what it has.
KEEPER = """\
import os, sys, time
os.environ["JUPYTER_DATA_DIR"] = sys.argv[1]
from gc_jupyter import Client
from gc_jupyter.journal import Database, journal_path
from gc_jupyter.server.keeper import Keeper

keeper = Keeper(journal_path(), Client(do_version_check=False))

def idle():
    return keeper._groups and not keeper._pending and not keeper._ready and not keeper._storing

end = time.monotonic() + 5
while time.monotonic() < end and not keeper._loop.ask(idle):
    time.sleep(0.05)
database = Database(journal_path())
kept = [row[0] for row in database.select("SELECT task_id FROM results")]
print("@@", *kept, flush=True)
sys.stdin.readline()
keeper.close()
"""


class Notebook:
    """A notebook's process.

    Parameters
    ----------
    notebooks:
        What the fixture `notebooks` gives.
    data:
        Jupyter's data directory: that of one user on one machine.
    """

    def __init__(self, notebooks: str, data: Path) -> None:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(notebooks)
            self._stream = connection.makefile("rw")
        self._pid = int(self._stream.readline())
        self._say(str(data))

    def _say(self, what: object) -> None:
        self._stream.write(json.dumps(what) + "\n")
        self._stream.flush()

    def send(self, run: str, look: tuple[str, ...] = ()) -> None:
        """Start a cell; `read` waits for it."""
        self._say({"run": run, "look": look})

    def read(self) -> dict[str, Any]:
        """What the cell has printed (`text`), what the names' futures have come to once they have
        ended (`looked`), what the variables of `--out` are (`bound`), and all tasks (`told`: id,
        label, value)."""
        line = self._stream.readline()
        assert line, "it has ended: its error is above"
        return dict(json.loads(line))

    def run(self, run: str, look: tuple[str, ...] = ()) -> dict[str, Any]:
        """Run a cell, and look at these names."""
        self.send(run, look)
        return self.read()

    def interrupt(self) -> None:
        """What the stop button does."""
        os.kill(self._pid, signal.SIGINT)

    def end(self) -> None:
        """Kill it, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ConnectionError):
            while self._stream.readline():
                pass


def keeper(loopback: Loopback, directory: Path) -> subprocess.Popen[str]:
    """A server's keeper, which ends after a line."""
    return start(loopback, directory, KEEPER, str(directory / "data"), name="keeper.py")


def collect(loopback: Loopback, directory: Path, *, killed: bool) -> list[str]:
    """Let a server's keeper take what is there; the tasks whose results it has, which the service
    then forgets."""
    process = keeper(loopback, directory)
    assert process.stdout is not None
    line = process.stdout.readline()
    if killed:
        process.kill()
    _, said = process.communicate("\n")
    assert line.startswith("@@"), said
    kept = line.split()[1:]
    for task_id in kept:
        loopback.change_task(task_id, status="abandoned", result=None, exception=None)
    return kept
