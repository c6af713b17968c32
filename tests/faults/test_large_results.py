"""Results that come faster than they are taken in: they wait at the broker, not in the kernel.

`make soak` has 200 of them, 1 GB on the wire; `make test` 300 MB.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gc_jupyter import Client, Executor
from tests.faults.storm import double
from tests.scripts import TIME_LIMIT_S, start
from tests.service.handle import Loopback

COUNT = 200 if os.environ.get("GC_JUPYTER_SOAK") else 60
GROWTH_MB = 230  # 64 MB wait for the callback, and as much comes again or is on its way
#: The first result's callback blocks until the test says so; no future is kept.
SCRIPT = """\
import sys, threading
from pathlib import Path
from gc_jupyter import Client, Executor
from gc_jupyter.session.waiting import wait_for_ids

def make():
    return bytes(3_700_000)  # 5 MB on the wire

def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))

def hold(done):
    gate.wait()
    sizes.append(len(done.result()))
    came.release()

gate, came, sizes = threading.Event(), threading.Semaphore(0), []
executor = Executor(sys.argv[1], Client(do_version_check=False, rate_limited=False))
count = int(sys.argv[2])
futures = [executor.submit(make) for _ in range(count)]
for future in futures:
    future.add_done_callback(hold)
assert wait_for_ids(futures, 60)
del future, futures
before = memory("VmRSS")
print("sent")
input()
gate.set()
for _ in range(count):
    came.acquire()
print(sizes == [3_700_000] * count, memory("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_they_wait_at_the_broker(client: Client, loopback: Loopback, tmp_path: Path) -> None:
    offline = loopback.new_endpoint("offline")
    process = start(loopback, tmp_path, SCRIPT, offline, str(COUNT))
    assert process.stdout is not None
    assert process.stdout.readline() == "sent\n"
    loopback.bring_online(offline)
    with Executor(offline, client) as other:
        assert other.submit(double, 1).result(TIME_LIMIT_S) == 2  # by now all have ended
    out, err = process.communicate("\n", timeout=TIME_LIMIT_S)
    right, growth = out.split()
    assert right == "True", err
    print(f"{COUNT} results: {float(growth):.0f} MB")
    assert float(growth) < GROWTH_MB
