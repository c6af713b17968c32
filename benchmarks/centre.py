"""What a hub of many users costs: requests and connections, simulated; memory, measured.

    python -m benchmarks.centre --users 500

Requests are those that each kernel would send, by the package's own `question_gap`, in simulated
time: users submit one task each at random moments of an hour, which run for a few seconds to some
hours. Beside them, what a question every 2 s would send. Memory is the share (PSS) of real
processes on this machine: a Jupyter Server without and with the extension, a kernel without and
with it. Prints a table.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gc_jupyter.protocol.pacing import question_gap
from gc_jupyter.runtime.feed import ASK_UP_S, LINGER_S

HOUR = 3600.0
#: Seconds that a task runs -> its share among users' tasks.
LENGTHS = {5: 0.3, 60: 0.3, 600: 0.2, HOUR: 0.1, 6 * HOUR: 0.1}


def days(users: int, hours: float) -> Iterator[list[tuple[float, float]]]:
    """For each user the tasks of a day, one after the other: when it is sent and how long it runs,
    in seconds; five minutes of thought between."""
    draw = random.Random(1)
    for _ in range(users):
        at, tasks = draw.uniform(0, HOUR), []
        while at < hours * HOUR:
            [length] = draw.choices(list(LENGTHS), list(LENGTHS.values()))
            tasks.append((at, float(length)))
            at += length + draw.expovariate(1 / 300)
        yield tasks


def requests(users: int, hours: float, gap: Callable[[float], float]) -> tuple[float, int]:
    """Questions a minute on average, and in the busiest minute, of a working day's last hour."""
    minutes = [0] * int(hours * 60)
    for at, length in itertools.chain.from_iterable(days(users, hours)):
        asked = at
        while asked < at + length:
            asked += gap(asked - at)
            if asked < hours * HOUR:
                minutes[int(asked / 60)] += 1
    last = minutes[-60:]
    return sum(last) / len(last), max(last)


def connections(users: int, hours: float) -> int:
    """The most connections to the broker at once: a kernel's lasts while a task is open, and for
    two minutes more."""
    changes: list[tuple[float, int]] = []
    for tasks in days(users, hours):
        for (at, length), (following, _) in itertools.pairwise([*tasks, (hours * HOUR, 0)]):
            changes += [(at, 1), (min(at + length + LINGER_S, max(following, at + length)), -1)]
    most = now = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def ages(users: int, hours: float) -> list[float]:
    """The age of each task that is open at the end of a day, in seconds."""
    end = hours * HOUR
    return [end - at for tasks in days(users, hours) for at, run in tasks[-1:] if at + run > end]


def share_mb(pid: int) -> float:
    """A process's share of memory (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def server(home: str, *, extension: bool) -> Iterator[int]:
    """The process of a Jupyter Server that answers."""
    extensions = {"gc_jupyter.server": extension, "jupyterlab": False, "notebook": False}
    others = dict.fromkeys(("ipyparallel", "jupyter_lsp", "jupyter_server_terminals"), False)
    command = [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"]
    command += ["--ServerApp.port=0", f"--ServerApp.jpserver_extensions={extensions | others}"]
    env = {**os.environ, "HOME": home, "JUPYTER_DATA_DIR": f"{home}/data"}
    process = subprocess.Popen(command, cwd=home, env=env, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "http://127.0.0.1" in line:
                _answer(line.split()[-1])
                break
        yield process.pid
    finally:
        process.terminate()
        process.communicate()


def _answer(url: str) -> None:
    """Wait until it does: the address is printed before anybody listens there."""
    while True:
        try:
            urllib.request.urlopen(url, timeout=60).close()
        except OSError:
            time.sleep(0.1)
        else:
            return


def kernel_mb(*cells: str) -> float:
    """The share of an IPython process that has run these."""
    code = (
        "import ipykernel.kernelapp, sys\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        f"for cell in {cells!r}: shell.run_cell(cell).raise_error()\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "ready":
            break
    found = share_mb(process.pid)
    process.communicate("")
    return found


def memory() -> Iterator[tuple[str, float]]:
    """What each process takes, in MB."""
    with tempfile.TemporaryDirectory() as home:
        for name, extension in (("Jupyter Server", False), ("the same, with gc_jupyter", True)):
            with server(home, extension=extension) as pid:
                time.sleep(3)  # it loads what it needs for its first answers
                yield name, share_mb(pid)
    yield "kernel", kernel_mb("1")
    yield "the same, after %load_ext gc_jupyter", kernel_mb("%load_ext gc_jupyter")
    used = "from gc_jupyter import Client; Client(do_version_check=False).globus_service()"
    yield "the same, with a client of the service", kernel_mb("%load_ext gc_jupyter", used)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--hours", type=float, default=8)
    given = parser.parse_args()
    print(f"| {given.users} users, hour {given.hours:g} of a day | a minute | in the busiest |")
    print("|---|---|---|")
    kinds: dict[str, Callable[[float], float]] = {
        "AMQP open": lambda age: max(ASK_UP_S, question_gap(age)),
        "AMQP blocked": question_gap,
        "AMQP blocked, asked every 2 s (as it was)": lambda _age: 2.0,
    }
    for name, gap in kinds.items():
        mean, most = requests(given.users, given.hours, gap)
        print(f"| questions for tasks, {name} | {mean:,.0f} | {most:,} |")
    print(f"| connections to the broker at once | {connections(given.users, given.hours)} | |")
    print("\n| process | MB |\n|---|---|")
    for name, share in memory():
        print(f"| {name} | {share:.0f} |")


if __name__ == "__main__":
    main()
