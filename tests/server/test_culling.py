"""Cullers and open tasks: jupyter_server's own culler, and what counts as activity for how long."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

import pytest

from gc_jupyter.journal import Database, KernelSession
from gc_jupyter.server import panel
from gc_jupyter.server.activity import SPACING_S
from tests.journal.test_journal import entry
from tests.server.conftest import TOKEN, Server, User
from tests.server.kernels import run
from tests.service.handle import Loopback
from tests.waiting import poll

HOUR = 3600.0


def ask(server: Server, path: str, method: str = "GET") -> Any:
    """What Jupyter Server itself answers."""
    asked = urllib.request.Request(
        server.url + path, headers={"Authorization": f"token {TOKEN}"}, method=method
    )
    with urllib.request.urlopen(asked, timeout=60) as reply:
        return reply.read().decode()


@pytest.mark.timeout(300)  # two kernels start, and the culler takes its time
def test_the_culler_of_jupyter_server_spares_a_kernel_that_waits(
    loopback: Loopback, user: User
) -> None:
    """Of two idle kernels the older has an open task; the other is culled first."""
    (user.home / "config").mkdir()
    settings = user.home / "config" / "gc_jupyter.toml"
    settings.write_text("active_hours = 2\n")
    settings.chmod(0o600)
    server = user.server(
        f"--MappingKernelManager.cull_idle_timeout={int(3 * SPACING_S)}",
        "--MappingKernelManager.cull_interval=2",
    )

    def start(*cells: str) -> str:
        kernel_id = str(json.loads(ask(server, "/api/kernels", "POST"))["id"])
        run(user.home / "runtime", kernel_id, *cells)
        return kernel_id

    offline = loopback.new_endpoint("offline")
    waits = start("%load_ext gc_jupyter", f"%%gcrun {offline} -a -q\n1 + 1", "%gc tasks")
    idle = start("1 + 1")  # only now: before, it could be culled while the other is prepared

    def kernels() -> list[str]:
        return [one["id"] for one in json.loads(ask(server, "/api/kernels"))]

    poll(lambda: idle not in kernels(), limit_s=150)
    assert kernels() == [waits]


def test_for_how_long_tasks_count(database: Database) -> None:
    """Of this machine's running kernels, young enough, open; of ended ones where it collects."""
    here, now = KernelSession.here(), time.time()
    running = KernelSession.here("kernel-one.json")
    ended = KernelSession("kernel-two.json", "", here.host, 2**22 + 1, "never", "ended")
    elsewhere = KernelSession("kernel-three.json", "", "another machine", 1, "", "elsewhere")
    ages = [("running", HOUR), ("success", 0), ("running", 5 * HOUR)]
    with database:
        for session in (running, ended, elsewhere):
            database.add_session(session)
            database.add_tasks(
                entry(session=session.session, serial=serial, state=state, submitted_at=now - age)
                for serial, (state, age) in enumerate(ages)
            )

    def until(hours: float, collecting: bool = False) -> dict[str, int]:
        found = panel.active_until(database, here, hours, collecting=collecting)
        return {kernel: round((at - now) / HOUR) for kernel, at in found.items()}

    assert until(2) == {"one": 1}
    assert until(2, collecting=True) == {"one": 1, "": 1}
    assert until(0.5) == {}
    assert until(100) == {"one": 99}


def test_metrics_name_nothing_of_a_user(loopback: Loopback, user: User) -> None:
    """Prometheus reads them where jupyter_server's own are."""
    server = user.server("--ServerApp.authenticate_prometheus=False")
    server.collect()
    kernel = user.kernel()
    kernel.ok("%load_ext gc_jupyter")
    kernel.ok(f"%%gcrun {loopback.endpoint('process')} --label a-secret-label\n1 + 1")
    kernel.ok("%gc tasks")

    def lines() -> list[str]:
        text = ask(server, "/metrics")
        return [line for line in text.splitlines() if line.startswith("gc_jupyter_")]

    poll(lambda: 'gc_jupyter_tasks{state="success"} 1.0' in lines())
    shown = "\n".join(lines())
    assert "gc_jupyter_collecting 1.0" in shown
    assert "gc_jupyter_status_request_errors 0.0" in shown
    for secret in ("a-secret-label", loopback.token, loopback.endpoint("process"), str(user.home)):
        assert secret not in shown
