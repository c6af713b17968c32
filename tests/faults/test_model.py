"""Random sequences of submissions, faults, kills and attaches: each name has its own task's result,
or the words say that it isn't known.

A sequence is one kernel that submits cells, fan-outs and an Executor's plain tasks, some with
`--out`, and stops what was not sent, at a service that refuses, answers late, cuts or garbles
replies, and lists its groups in another order; it is killed at some step, or lives and runs tasks
of its fan-outs again. A server's keeper may collect meanwhile, after which the service
forgets what it has, and the kernel that attaches may be killed in the midst of it. Then the first
or a new kernel attaches, and one of another machine. The tasks write down that they ran: what a
kernel shows is compared with that. `make test` takes three, `make soak` as many as
`GC_JUPYTER_SEQUENCES` says (100), from `GC_JUPYTER_FIRST_SEQUENCE` on.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scripts import start
from tests.service.handle import Loopback
from tests.waiting import poll

COUNT = int(os.environ.get("GC_JUPYTER_SEQUENCES", "100"))
WAIT_FOR_IDS = "from gc_jupyter.session.waiting import wait_for_ids; wait_for_ids"
FIRST = int(os.environ.get("GC_JUPYTER_FIRST_SEQUENCE", "0"))
SEEDS = range(FIRST, FIRST + (COUNT if os.environ.get("GC_JUPYTER_SOAK") else 3))
#: Forks a process for each connection, which is a notebook: it runs cells that it reads, and says
#: what names have come to. What a kernel imports is imported once.
NOTEBOOKS = """\
import json, os, signal, socket, sys, traceback
from concurrent.futures import CancelledError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
import gc_jupyter.capture, gc_jupyter.client, gc_jupyter.executor, gc_jupyter.magics
import gc_jupyter.session.attach, gc_jupyter.session.replied_future, gc_jupyter.magics.attached
from gc_jupyter.runtime import recovery
from gc_jupyter.session.fan_out import NoValue
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
    return ["value", future.result()]

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
            shell.run_cell(what["run"])
        looked = {name: look(shell.user_ns.get(name)) for name in what["look"]}
        bound = {name: bound_to(shell.user_ns.get(OUT + name)) for name in what["look"]}
        say({"text": shown.stdout + shown.stderr, "looked": looked, "bound": bound})

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
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
FAULTS: list[dict[str, Any] | None] = [
    *[None] * 3,
    {"status": 502},
    {"drop": "before"},
    {"drop": "after"},
    {"drop": "midway"},
    {"garble": True},
    {"late_s": 0.2},
    {"status": 429, "headers": {"Retry-After": "0.3"}},
]


#: What becomes of tasks that were stopped before they were sent.
DROPPED = ("CancelledError", "Cancelled")


class Kernel:
    """A notebook's process."""

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
        self._say({"run": run, "look": look})

    def read(self) -> dict[str, Any]:
        line = self._stream.readline()
        assert line, "it has ended: its error is above"
        return dict(json.loads(line))

    def run(self, run: str, look: tuple[str, ...] = ()) -> dict[str, Any]:
        self.send(run, look)
        return self.read()

    def end(self) -> None:
        """Kill it, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ConnectionError):
            while self._stream.readline():
                pass


@pytest.fixture(scope="module")
def notebooks(
    loopback_session: Loopback, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a connection is a notebook's process."""
    directory = tmp_path_factory.mktemp("notebooks")
    address = str(directory / "listens")
    script = directory / "notebooks.py"
    script.write_text(NOTEBOOKS, encoding="utf-8")
    own = {"GLOBUS_COMPUTE_USER_DIR": str(directory / "home"), "IPYTHONDIR": str(directory)}
    with subprocess.Popen(
        [sys.executable, str(script), address],
        cwd=directory,
        env=os.environ | loopback_session.environment | own,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline(), "its error is above"
        yield address
        process.kill()


def collect(loopback: Loopback, directory: Path, *, killed: bool) -> list[str]:
    """Let a server's keeper take what is there; the tasks whose results it has, which the service
    then forgets."""
    data = str(directory / "data")
    process = start(loopback, directory, KEEPER, data, name="keeper.py")
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


def named_groups(loopback: Loopback) -> set[str]:
    """The task groups that requests were for."""
    bodies = [one["body"] for one in loopback.requests("POST", "/submit")]
    return {body["task_group_id"] for body in bodies if body.get("task_group_id")}


@pytest.mark.parametrize("seed", SEEDS)
def test_each_name_has_its_own_result_or_it_is_said(
    loopback: Loopback, notebooks: str, tmp_path: Path, seed: int
) -> None:
    choose = random.Random(seed)
    inline, offline = loopback.endpoint("inline"), loopback.new_endpoint("offline")
    ran_file = tmp_path / "ran"
    ran_file.touch()
    first = Kernel(notebooks, tmp_path / "data")
    kernels = [first]
    try:
        group_known = choose.random() < 0.8
        if group_known:
            first.run(f"%%gcrun {inline} -q\n1")
        count = choose.randrange(2, 6)
        killed_at = choose.randrange(count) if choose.random() < 0.7 else None
        listed = choose.choice(["", "reversed"])
        loopback.result_fault(listed=listed)
        expected: dict[str, Any] = {}
        outs: set[str] = set()
        tellable: dict[str, bool] = {}
        groups: set[str] = set()
        for at in range(count):
            name, endpoint = f"n{at}", choose.choice([inline, offline])
            sweep, fault = choose.random() < 0.4, choose.choice(FAULTS)
            plain = not sweep and choose.random() < 0.3
            note = f"open({str(ran_file)!r}, 'a').write"
            out = ""
            if not plain and choose.random() < 0.5:
                outs.add(name)
                out = f" --out out_{name}"
            if sweep:
                cell = f"-a -q --map x=range(3) --future {name}{out}\n"
                cell += f"{note}(f'{name} {{x}}\\n')\nout_{name} = f'{name} {{x}}'\nout_{name}"
                expected[name] = [f"{name} {x}" for x in range(3)]
            else:
                cell = f"-a -q --future {name}{out}\n{note}('{name}\\n')\n"
                cell += f"out_{name} = '{name}'\nout_{name}"
                expected[name] = name
            if plain:
                cell = f"from gc_jupyter import Executor\n{name} = Executor({endpoint!r})"
                cell += f".submit(plain, {str(ran_file)!r}, {name!r})"
            # a plain task's result says nothing of where it belongs
            tellable[name] = group_known and not plain
            loopback.clear()
            if fault is not None:
                loopback.fault(path=r".*/submit", **fault)
            first.send(cell if plain else f"%%gcrun {endpoint} {cell}")
            if at == killed_at and choose.random() < 0.3:
                break  # perhaps before anything has left
            first.read()
            loopback.wait_for_submissions(1, answered=False)
            if choose.random() < 0.2:
                first.run("%gc cancel --all")
            if at == killed_at:
                break
            if not group_known and fault is None:
                # its result isn't looked at: what was seen isn't offered again
                futures = name if sweep else f"[{name}]"
                first.run(f"{WAIT_FOR_IDS}({futures}, 60)")
                group_known = True
                tellable[name] = not plain
            groups |= named_groups(loopback)
        groups |= named_groups(loopback)
        loopback.reset()
        loopback.result_fault(listed=listed)
        names = tuple(expected)
        online_late = choose.random() < 0.5
        collecting, cut_short = choose.random() < 0.4, choose.random() < 0.3
        if not online_late:
            loopback.bring_online(offline)
        if killed_at is not None:
            first.end()
            if collecting:
                collect(loopback, tmp_path, killed=choose.random() < 0.5)
            if cut_short:  # at its first, second, … request
                middle = Kernel(notebooks, tmp_path / "data")
                kernels.append(middle)
                loopback.clear()
                middle.send("%gc attach")
                asked = choose.randrange(5)
                with contextlib.suppress(AssertionError):  # it has less to ask
                    poll(lambda: len(loopback.requests()) >= asked, limit_s=2.0)
                middle.end()
            last = Kernel(notebooks, tmp_path / "data")
            kernels.append(last)
        else:
            last = first
        said = last.run("%gc attach")["text"]
        if online_late:
            loopback.bring_online(offline)
        shown = last.run("", names)
        said += last.run("%gc attach")["text"]
        if killed_at is not None and cut_short:  # what the killed one has shown isn't offered
            said += "".join(last.run(f"%gc attach {group}")["text"] for group in groups)
        last.run("", names)
        again = last.run("", names)
        ran = ran_file.read_text().splitlines()
        assert len(ran) == len(set(ran)), f"{seed}: run twice"
        check(seed, expected, tellable, shown, ran, said, outs, complete=False)
        check(seed, expected, tellable, again, ran, said, outs, complete=True)
        for group in groups:  # by the beginning of its id
            found = last.run(f"%gc attach {group[: choose.randrange(8, 36)]}", names)
            check(seed, expected, tellable, found, ran, found["text"], outs, complete=True)
        for group in groups:
            other = Kernel(notebooks, tmp_path / f"other {group}")
            kernels.append(other)
            found = other.run(f"%gc attach {group}", names)
            check(seed, expected, tellable, found, ran, found["text"], set(), complete=False)
        if last is first:
            run_again(seed, loopback, first, again, expected, choose)
            ran = ran_file.read_text().splitlines()
            final = first.run("", names)
            check(seed, expected, tellable, final, ran, said, outs, complete=False)
    finally:
        for kernel in kernels:
            kernel.end()


def run_again(
    seed: int,
    loopback: Loopback,
    kernel: Kernel,
    shown: dict[str, Any],
    expected: dict[str, Any],
    choose: random.Random,
) -> None:
    """Run tasks of fan-outs again, with faults: the others keep their results."""
    for name, found in shown["looked"].items():
        if isinstance(expected[name], str) or not all(one[0] == "value" for one in found):
            continue
        place, fault = choose.randrange(len(found)), choose.choice(FAULTS)
        if fault is not None:
            loopback.fault(path=r".*/submit", **fault)
        now = kernel.run(f"{name}.rerun({place})", (name,))["looked"][name]
        assert now[:place] == found[:place], f"{seed}: {name} has {now}"
        assert now[place + 1 :] == found[place + 1 :], f"{seed}: {name} has {now}"
        assert now[place] == found[place] or now[place][1] == "SubmitUncertain", f"{seed}: {now}"
        loopback.reset()


def check(
    seed: int,
    expected: dict[str, Any],
    tellable: dict[str, bool],
    shown: dict[str, Any],
    ran: list[str],
    said: str,
    outs: set[str],
    *,
    complete: bool,
) -> None:
    """What is shown is a name's own; where nothing is, nothing ran, or it is said."""
    for name, own in expected.items():
        its = own if isinstance(own, list) else [own]
        found = shown["looked"][name]
        each = [] if found is None else found if isinstance(own, list) else [found]
        for value, one in zip(its, each, strict=False):
            kind, content, *text = one
            if kind == "value":
                assert content == value, f"{seed}: {name} has {content}"
                assert value in ran, f"{seed}: {value} never ran"
            else:
                kinds = ["SubmitUncertain"] if value in ran else ["SubmitUncertain", *DROPPED]
                assert content in kinds, f"{seed}: {name}: {content}: {text}"
        has = [one[0] == "value" for one in each]
        bound = shown["bound"][name]
        parts = bound if isinstance(bound, list) else [bound]
        assert isinstance(bound, type(own)) or bound is None, f"{seed}: {name} has bound {bound}"
        assert all(one in (None, value) for one, value in zip(parts, its, strict=False)), (
            f"{seed}: {name} has bound {bound}"
        )
        if complete and name in outs and has and all(has):
            assert bound == own, f"{seed}: {name} is {found}, and nothing is bound: {said}"
        if complete and its[0] in ran and not (has and all(has)):
            # it ran, and nobody has the result: that must be said, and be so
            assert not tellable[name], f"{seed}: {name} ran, and is {found}: {said}"
