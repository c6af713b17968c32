"""A JupyterHub as an administrator starts it, with everything of its under one folder."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import nbformat

from tests.service.globus_auth import GlobusAuth
from tests.waiting import held_port, number_of

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs/jupyterhub.md"
PROXY = HERE / "node_modules/.bin/configurable-http-proxy"

# What a machine's own tests need beside an administrator's configuration.
_HERE_ONLY = """
c.GlobusOAuthenticator.authorize_url = "{auth}/v2/oauth2/authorize"
c.GlobusOAuthenticator.token_url = "{auth}/v2/oauth2/token"
c.GlobusOAuthenticator.userdata_url = "{auth}/v2/oauth2/userinfo"
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{home}/users/{{username}}"
c.Spawner.args = ["--allow-root", "--LabApp.expose_app_in_browser=True"]
c.Spawner.environment = {environment}
c.Spawner.default_url = "/lab"
c.LocalProcessSpawner.interrupt_timeout = 1  # on Ctrl-C a server asks whether it should end
"""


def config_of_the_page() -> tuple[str, str]:
    """The configuration in docs/jupyterhub.md, and what is added for servers that run for long."""
    first, added = PAGE.read_text(encoding="utf-8").split("```python\n")[1:]
    return first.partition("```")[0], added.partition("```")[0]


class Hub:
    """See the module.

    Parameters
    ----------
    home:
        An empty folder.
    config:
        As an administrator writes it.
    auth:
        The Globus Auth where people sign in.
    environ:
        Further variables of people's servers.

    It is starting then: `wait` for it.
    """

    app = "lab"

    def __init__(
        self, home: Path, config: str, auth: GlobusAuth, environ: Mapping[str, str]
    ) -> None:
        self.home = home
        if not PROXY.exists():
            raise RuntimeError(f"there is no {PROXY}: run `make test`, which installs it")
        client_id, secret = f"a-hub-{secrets.token_hex(4)}", secrets.token_hex(8)
        self.client_id = client_id
        auth.add_client(client_id, secret)
        self._held = [held_port() for _ in range(3)]
        port, hub_port, proxy_port = map(number_of, self._held)
        self.url = f"http://127.0.0.1:{port}"
        settings = home / "settings/@jupyterlab/apputils-extension"
        settings.mkdir(parents=True)
        (settings / "notification.jupyterlab-settings").write_text(
            '{"checkForUpdates": false, "fetchNews": "false", "doNotDisturbMode": true}'
        )
        of_servers = {
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            **auth.environ,
            **environ,
        }
        here_only = _HERE_ONLY.format(
            auth=auth.url,
            port=port,
            hub_port=hub_port,
            proxy_port=proxy_port,
            proxy=PROXY,
            home=home,
            environment=json.dumps(of_servers),
        )
        (home / "jupyterhub_config.py").write_text(config + here_only)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub"],
            cwd=home,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(home),
                "OAUTH_CLIENT_ID": client_id,
                "OAUTH_CLIENT_SECRET": secret,
                "OAUTH_CALLBACK_URL": f"{self.url}/hub/oauth_callback",
                "JUPYTERHUB_CRYPT_KEY": secrets.token_hex(32),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.log: list[str] = []

    def wait(self) -> None:
        """Until people can come."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(line)
            if "JupyterHub is now running" in line:
                threading.Thread(target=self._drain, daemon=True).start()
                return
        raise RuntimeError("the hub did not start:\n" + "".join(self.log))

    def _drain(self) -> None:
        assert self._process.stderr is not None
        self.log.extend(self._process.stderr)

    def write(self, user: str, *cells: str) -> None:
        """A notebook in a user's home."""
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        home = self.home / "users" / user
        home.mkdir(parents=True, exist_ok=True)
        nbformat.write(made, home / "work.ipynb")

    def address(self, user: str) -> str:
        """Where that notebook is opened, in a workspace of its own."""
        workspace = secrets.token_hex(4)
        return f"{self.url}/user/{user}/lab/workspaces/{workspace}/tree/work.ipynb?reset"

    def end(self) -> None:
        """Tell the hub to end, with its proxy and people's servers."""
        self._process.send_signal(signal.SIGTERM)

    def wait_for_end(self) -> None:
        """Until all of them have ended."""
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for held in self._held:
            held.close()
        shutil.rmtree(self.home / "users", ignore_errors=True)
