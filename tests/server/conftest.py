"""A real Jupyter Server with the extension, kernels of the same user, and a loopback service."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from websocket import WebSocketTimeoutException, create_connection

from gc_jupyter.server.messages import NAMESPACE
from tests.journal.conftest import database as database
from tests.journal.conftest import path as path
from tests.magics.conftest import Kernel
from tests.service.handle import Loopback
from tests.waiting import listens, poll

TOKEN = "token-of-this-server"
#: Ours; others that this environment has only take their time.
EXTENSIONS = {
    "gc_jupyter.server": True,
    **dict.fromkeys(("ipyparallel", "jupyter_lsp", "jupyterlab", "notebook"), False),
    **dict.fromkeys(("jupyter_server_terminals", "notebook_shim"), False),
}
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/")


class Server:
    """`jupyter server` as a process of its own, with everything of the user's under `home`."""

    def __init__(self, home: Path, environment: Mapping[str, str] = {}, *options: str) -> None:
        root = home / "root"
        root.mkdir(exist_ok=True)
        own = {
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "GLOBUS_COMPUTE_USER_DIR": str(home / "globus"),
        }
        command = [
            *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
            *("--ServerApp.port=0", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={root}"),
            f"--IdentityProvider.token={TOKEN}",
            f"--ServerApp.jpserver_extensions={EXTENSIONS}",
            *options,
        ]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, **own, **environment},
            cwd=root,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.log: list[str] = []
        self.url = self._address()
        self._wait_until_it_listens()

    def _address(self) -> str:
        stderr = self._process.stderr
        assert stderr is not None
        for line in stderr:
            self.log.append(line)
            if found := _ADDRESS.search(line):
                threading.Thread(target=self.log.extend, args=(stderr,), daemon=True).start()
                return f"http://127.0.0.1:{found.group(1)}"
        raise RuntimeError("Jupyter Server did not start:\n" + "".join(self.log))

    def _wait_until_it_listens(self) -> None:
        """It tells its address right before it does."""
        port = int(self.url.rpartition(":")[2])
        poll(lambda: listens(port), self._process)

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON that a request of the token's owner is answered with."""
        with self.open(path, method, body, headers) as reply:
            return json.load(reply)

    def open(
        self,
        path: str,
        method: str = "GET",
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """A request's reply; with the token, unless other headers are given."""
        request = urllib.request.Request(
            f"{self.url}/{NAMESPACE}/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"token {TOKEN}"} if headers is None else dict(headers),
            method=method,
        )
        return urllib.request.urlopen(request, timeout=60)

    def refused(self, path: str, method: str = "GET", **options: Any) -> int:
        """The status that a request is refused with."""
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.open(path, method, **options)
        caught.value.close()
        return caught.value.code

    def collect(self, on: bool = True) -> Any:
        """Switch collecting on or off."""
        return self.ask("collecting", "PUT", {"on": on})

    def task(self, task_id: str) -> dict[str, Any] | None:
        """A task's row."""
        reply = self.ask("tasks")
        for row in reply["rows"]:
            named = dict(zip(reply["columns"], row, strict=True))
            if named["task_id"] == task_id:
                return named
        return None

    def notices(self) -> Notices:
        """Jupyter's event bus, as a front end listens to it."""
        return Notices(self.url)

    def stop(self) -> None:
        """End the server."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(30)


class Notices:
    """The notices that the server has sent on Jupyter's event bus since it was made."""

    def __init__(self, url: str) -> None:
        self._socket = create_connection(
            f"{url.replace('http', 'ws', 1)}/api/events/subscribe",
            header={"Authorization": f"token {TOKEN}"},
        )

    def next(self, timeout: float = 60.0) -> dict[str, Any]:
        """The next notice of ours; TimeoutError where none comes."""
        while True:
            self._socket.settimeout(timeout)
            try:
                event = json.loads(self._socket.recv())
            except WebSocketTimeoutException:
                raise TimeoutError from None
            if "gc-jupyter" in event["schema_id"]:
                return dict(event)

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        """What `condition` says once it says something; asked after each notice."""
        while not (found := condition()):
            self.next()
        return found

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


@pytest.fixture
def user(loopback: Loopback, tmp_path: Path) -> Iterator[User]:
    """Somebody who is signed in at the loopback."""
    with contextlib.ExitStack() as stack:
        yield User(loopback, tmp_path, stack)


class User:
    """Servers and kernels of one user."""

    def __init__(self, loopback: Loopback, home: Path, stack: contextlib.ExitStack) -> None:
        self.home = home
        self.journal = home / "data" / "gc_jupyter" / "journal.sqlite"
        self.token = loopback.token
        self._loopback = loopback
        self._stack = stack

    def server(self, *options: str, signed_in: bool = True, **environ: str) -> Server:
        """Another server; `environ` has further variables of its."""
        server = Server(self.home, self._environment(signed_in) | environ, *options)
        self._stack.callback(server.stop)
        return server

    def kernel(self, *, signed_in: bool = True, **environ: str) -> Kernel:
        """Another kernel; `environ` has further variables of its."""
        kernel = Kernel(self.home, self._environment(signed_in) | environ)
        self._stack.callback(lambda: kernel.manager.has_kernel and kernel.close())
        return kernel

    def _environment(self, signed_in: bool) -> dict[str, str]:
        known = self._loopback.environment
        return {name: known[name] for name in known if signed_in or "TOKEN" not in name}
