"""jupyterhub-idle-culler at a real hub: a server whose kernel waits for a task is spared."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.server.activity import SPACING_S
from gc_jupyter.server.messages import NAMESPACE
from tests.hub.hub import PROXY
from tests.server.kernels import run
from tests.service.handle import Loopback
from tests.waiting import held_port, number_of, poll

pytestmark = pytest.mark.timeout(240)

IDLE_S = int(3 * SPACING_S)
#: Two users, and the culler as its own page says it.
CONFIG = """
import os, sys
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{home}/users/{{username}}"
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = {environment}
c.JupyterHub.services = [
    {{"name": "test", "api_token": "{token}"}},
    {{
        "name": "idle-culler",
        "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout={idle}",
                    "--cull-every=2"],
    }},
]
c.JupyterHub.load_roles = [
    {{"name": "test", "scopes": ["admin:users", "admin:servers", "access:servers"],
      "services": ["test"]}},
    {{"name": "idle-culler", "services": ["idle-culler"],
      "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"]}},
]
"""


class Hub:
    """A hub with its culler; `ask` as a service that may do everything."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.token = secrets.token_hex(16)
        self._held = [held_port() for _ in range(3)]
        port, hub_port, proxy_port = map(number_of, self._held)
        self.url = f"http://127.0.0.1:{port}"
        config = CONFIG.format(
            port=port,
            hub_port=hub_port,
            proxy_port=proxy_port,
            proxy=PROXY,
            home=home,
            token=self.token,
            idle=IDLE_S,
            environment=json.dumps({**environment, "JUPYTERHUB_ACTIVITY_INTERVAL": "5"}),
        )
        (home / "jupyterhub_config.py").write_text(config)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub"],
            cwd=home,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(home),
            },
            stdout=subprocess.DEVNULL,
            stderr=(home / "log").open("w"),
            start_new_session=True,
        )
        poll(lambda: "JupyterHub is now running" in (home / "log").read_text(), self._process)

    def ask(self, path: str, method: str = "GET") -> Any:
        """What the hub, or somebody's server, answers."""
        asked = urllib.request.Request(
            self.url + path, headers={"Authorization": f"token {self.token}"}, method=method
        )
        with urllib.request.urlopen(asked, timeout=60) as reply:
            return json.loads(reply.read() or b"null")

    def spawn(self, user: str) -> str:
        """Start somebody's server, and a kernel there; its id."""
        home = self.home / "users" / user
        (home / ".jupyter").mkdir(parents=True)
        settings = home / ".jupyter" / "gc_jupyter.toml"
        settings.write_text("active_hours = 2\n")
        settings.chmod(0o600)
        self.ask(f"/hub/api/users/{user}", "POST")
        self.ask(f"/hub/api/users/{user}/server", "POST")
        poll(lambda: self.runs(user))
        return str(self.ask(f"/user/{user}/api/kernels", "POST")["id"])

    def runs(self, user: str) -> bool:
        """Whether somebody's server does."""
        servers = self.ask(f"/hub/api/users/{user}")["servers"]
        return bool(servers.get("", {}).get("ready"))

    def runtime(self, user: str) -> Path:
        return self.home / "users" / user / ".local/share/jupyter/runtime"

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for held in self._held:
            held.close()


@pytest.fixture
def hub(loopback: Loopback, tmp_path: Path) -> Iterator[Hub]:
    if not PROXY.exists():
        pytest.skip(f"there is no {PROXY}: `make test` installs it")
    made = Hub(tmp_path, loopback.environment)
    yield made
    made.close()


def test_a_server_with_an_open_task_outlives_an_idle_one(hub: Hub, loopback: Loopback) -> None:
    """Ada's is older, and waits; Grace's is idle. Then what Ada's `local` ran has ended, too."""
    ada = hub.spawn("ada")
    offline = loopback.new_endpoint("offline")
    sent = f"%%gcrun {offline} -a -q\n1 + 1"
    run(hub.runtime("ada"), ada, "%load_ext gc_jupyter", sent, "%gc tasks")
    sleeping = "%%gcrun local -a -q\nimport time; time.sleep(1000)"
    run(hub.runtime("ada"), ada, sleeping, "%gc tasks")
    grace = hub.spawn("grace")
    run(hub.runtime("grace"), grace, "1 + 1")
    poll(lambda: not hub.runs("grace"), limit_s=150)
    assert hub.runs("ada")
    assert "Culling server grace" in (hub.home / "log").read_text()
    hub.ask("/hub/api/users/ada/server", "DELETE")
    poll(lambda: not hub.runs("ada"))
    hub.ask("/hub/api/users/ada/server", "POST")
    poll(lambda: hub.runs("ada"))
    reply = hub.ask(f"/user/ada/{NAMESPACE}/tasks")
    rows = [dict(zip(reply["columns"], row, strict=True)) for row in reply["rows"]]
    assert {one["endpoint"]: one["state"] for one in rows}["local"] == "cancelled"
    assert len({one["state"] for one in rows} - {"cancelled"}) == 1  # the other goes on
