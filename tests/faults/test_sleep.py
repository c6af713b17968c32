"""A laptop sleeps, and clocks are set: what waits goes on."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gc_jupyter import Client, Executor
from tests.conftest import connect
from tests.faults.forwarder import Forwarder
from tests.faults.storm import double
from tests.scripts import TIME_LIMIT_S, start
from tests.service.handle import Loopback

TIMEOUT = 60
HOUR_S = 3600.0


@pytest.mark.skipif(sys.platform == "win32", reason="signals that stop")
def test_a_process_that_was_stopped(client: Client, to_loopback: Loopback, tmp_path: Path) -> None:
    """Its tasks end and its connections are closed while it can't take notice."""
    loopback = to_loopback
    offline = loopback.new_endpoint("offline")
    source = """\
import sys
from gc_jupyter import Executor
from gc_jupyter.session.waiting import wait_for_ids
executor = Executor(sys.argv[1])
futures = [executor.submit(abs, -n) for n in range(200)]
assert wait_for_ids(futures, 60)
print("sent")
print(sum(future.result(60) for future in futures))
print(executor.submit(abs, -7).result(60))
"""
    process = start(loopback, tmp_path, source, offline)
    assert process.stdout is not None
    assert process.stdout.readline() == "sent\n"
    os.kill(process.pid, signal.SIGSTOP)
    loopback.bring_online(offline)
    loopback.cut_streams()
    with Executor(offline, client) as other:  # until the last task has ended elsewhere
        assert other.submit(double, 1).result(TIMEOUT) == 2
    loopback.cut_streams()
    os.kill(process.pid, signal.SIGCONT)
    out, err = process.communicate(timeout=TIME_LIMIT_S)
    assert (out, process.returncode) == ("19900\n7\n", 0), err


def test_connections_that_were_forgotten_meanwhile(
    to_loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an hour's sleep the first cell is sent on a new connection, not lost on the old."""
    forwarder = Forwarder(urlsplit(to_loopback.url).port or 0)
    monkeypatch.setenv("GLOBUS_SDK_SERVICE_URL_COMPUTE", f"http://127.0.0.1:{forwarder.port}")
    client = connect(to_loopback, rate_limited=False)
    executor = Executor(to_loopback.endpoint("inline"), client=client)
    assert executor.submit(double, 1).result(TIMEOUT) == 2
    real = time.time
    forwarder.forget()
    monkeypatch.setattr(time, "time", lambda: real() + HOUR_S)
    assert executor.submit(double, 2).result(TIMEOUT) == 4
    assert forwarder.resets == 0
    client.close()
    forwarder.close()


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S, 1e9, -1e9])
def test_a_clock_that_is_set(
    to_loopback: Loopback, monkeypatch: pytest.MonkeyPatch, step_s: float
) -> None:
    """Waits, retries, sweeps and the rate limit count by the monotonic clock."""
    real = time.time
    client = connect(to_loopback)  # with its rate limit
    executor = Executor(to_loopback.endpoint("inline"), client=client)
    first = [executor.submit(double, n) for n in range(50)]
    monkeypatch.setattr(time, "time", lambda: real() + step_s)
    to_loopback.fault(path=r"/v3/endpoints/.*/submit", status=429, headers={"Retry-After": "1"})
    second = [executor.submit(double, n) for n in range(50, 100)]
    to_loopback.cut_streams()
    third = executor.submit(double, 100)
    results = [future.result(60) for future in (*first, *second, third)]
    assert results == [2 * n for n in range(101)]
    client.close()


LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


@pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed")
def test_a_computer_whose_clock_is_set(loopback: Loopback, tmp_path: Path) -> None:
    """The same for the whole process: what the standard library and SQLite see."""
    source = """\
import sys, time
from pathlib import Path
from gc_jupyter import Executor
from gc_jupyter.journal import Journal, KernelSession
from gc_jupyter.runtime.shared import registry
journal = Journal(Path("journal.sqlite"), KernelSession.here())
registry.record(lambda: journal)
executor = Executor(sys.argv[1])
for step in ("+0", "+7d", "-7d", "+10y", "+0"):
    Path("clock").write_text(step)
    before = time.monotonic()
    assert sum(executor.map(abs, range(50), timeout=30)) == 1225
    assert time.monotonic() - before < 20
    print(time.gmtime().tm_year)
assert not journal.problem
"""
    (tmp_path / "clock").write_text("+0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(LIBRARY))
        patch.setenv("FAKETIME_TIMESTAMP_FILE", str(tmp_path / "clock"))
        patch.setenv("FAKETIME_NO_CACHE", "1")
        patch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        process = start(loopback, tmp_path, source, loopback.endpoint("inline"))
    out, err = process.communicate(timeout=TIME_LIMIT_S)
    assert process.returncode == 0, err
    years = [int(line) for line in out.splitlines()]
    assert years[3] - years[0] in (9, 10)
