"""The interpreter ends with tasks pending: within 2 s, whatever doesn't answer.

`tests/test_executor_processes.py` has what is said then, and that it can be picked up.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scripts import run
from tests.service.handle import Loopback

LIMIT_S = 10  # 2 s, and what a busy machine adds; the tasks never end

# what is registered first runs last
SCRIPT = """\
import atexit, sqlite3, sys, time
atexit.register(lambda: print(f"took {time.monotonic() - ended:.2f}"))
from gc_jupyter import Client, Executor
from gc_jupyter.journal import Journal, KernelSession
from gc_jupyter.runtime.shared import registry
from pathlib import Path

journal = Journal(Path("journal.sqlite"), KernelSession.here())
registry.record(lambda: journal)
# each with a client and a stream of its own, within the limit of requests
executors = [Executor(sys.argv[1], Client(do_version_check=False)) for _ in range(2)]
for executor in executors:
    executor.register_function(abs)
"""
ENDINGS = {
    "running": "for one in executors: one.submit(abs, 1)\ntime.sleep(1)",
    "just submitted": "for one in executors: one.submit(abs, 1)",
    "no answer": "for one in executors: one.submit(abs, 1)",
    "journal locked": """\
executors[0].submit(abs, 1)
holder = sqlite3.connect("journal.sqlite", isolation_level=None)
holder.execute("BEGIN EXCLUSIVE")
for one in executors: one.submit(abs, 1)
""",
}


@pytest.mark.parametrize("how", ENDINGS)
def test_it_takes_less_than_two_seconds(loopback: Loopback, tmp_path: Path, how: str) -> None:
    if how == "no answer":
        loopback.fault(path=r".*/submit", hang=True, times=None)
    source = f"{SCRIPT}{ENDINGS[how]}\nended = time.monotonic()\n"
    out, err = run(loopback, tmp_path, source, loopback.new_endpoint("offline"))
    (took,) = re.findall(r"took ([0-9.]+)", out)
    assert float(took) < LIMIT_S, err
    assert "Traceback" not in err
    told = [line for line in err.splitlines() if line.startswith("gc_jupyter: ")]
    assert told  # the executors share what sends and what waits
    if how in ("running", "just submitted"):
        assert all("To pick up the results: Executor(" in line for line in told), err
