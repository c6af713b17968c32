"""A day of use, compressed: a notebook's process that runs cells and tasks and loses its stream.

`python -m tests.faults.day ROUNDS CELLS TASKS INLINE INSTANT` runs that many rounds of so many
cells, so many tasks and one reconnect, within an environment that names a loopback. After each it
prints what it holds, as JSON.
"""

from __future__ import annotations

import concurrent.futures
import gc
import json
import os
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from gc_jupyter import Executor
from gc_jupyter.journal import journal_path
from gc_jupyter.service.globus import GlobusService

LIMIT_S = 120


def held(problems: int, tasks: int, cells: int) -> dict[str, Any]:
    """Memory in MB, open threads and files, and the journal's size in MB."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    memory = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    journal = journal_path()
    return {
        "tasks": tasks,
        "cells": cells,
        "problems": problems,
        "memory": int(memory.split()[1]) / 1024,
        "threads": threading.active_count(),
        "files": len(os.listdir("/proc/self/fd")),
        "journal": journal.stat().st_size / 1e6 if journal.exists() else 0.0,
    }


def main(rounds: int, cells: int, tasks: int, inline: str, instant: str) -> None:
    GlobusService.rate_limited = False  # or 2,000 cells would take what they take: 40 minutes
    shell = InteractiveShell.instance()
    with capture_output():  # this process writes JSON alone
        run(shell, "%load_ext gc_jupyter")
    executor = Executor(instant)
    problems = 0
    for number in range(1, rounds + 1):
        futures = [executor.submit(abs, n) for n in range(tasks)]
        cut = urllib.request.Request(
            f"{os.environ['GLOBUS_SDK_SERVICE_URL_COMPUTE']}/_control/cut_streams", b"{}"
        )
        urllib.request.urlopen(cut).close()
        for cell in range(cells):
            run(shell, f"%%gcrun {inline} -q -o got\ngot = {cell} + 1")
            problems += shell.user_ns["got"] != cell + 1
        done, pending = concurrent.futures.wait(futures, LIMIT_S)
        problems += len(pending) + sum(future.exception() is not None for future in done)
        del futures, done, pending
        print(json.dumps(held(problems, number * tasks, number * cells)), flush=True)


def run(shell: InteractiveShell, cell: str) -> None:
    """Run a cell, which must succeed."""
    assert shell.run_cell(cell).success, cell


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), *sys.argv[4:])
