"""A real Jupyter server and a browser on it, with everything of theirs under one folder."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

#: Debian's chromium; nothing is downloaded.
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
APPS = {"lab": "jupyterlab", "notebook": "notebook"}
#: What the applications themselves have to say: JupyterLab when a kernel ends while its debugger
#: looks for it, Notebook 7.6 on every page, also on an empty notebook's; ipywidgets of a widget
#: whose kernel is gone, and when it asks a kernel for its widgets while that restarts.
_ITS_OWN = (
    "Could not restore the debugger state",
    "Cannot read properties of undefined (reading 'schema')",
    "Error: widget model not found",
    "Error: Canceled future for create_subshell_request",
)
_QUIET = {"checkForUpdates": False, "fetchNews": "false", "doNotDisturbMode": True}

_READY = """async () => {
  const app = window.jupyterapp;
  await app.restored;
  const deadline = Date.now() + 60000;
  for (;;) {
    const panel = app.shell.currentWidget;
    if (panel && panel.context) {
      await panel.context.ready;
      await panel.sessionContext.ready;
      const kernel = panel.sessionContext.session && panel.sessionContext.session.kernel;
      if (kernel) {
        await kernel.info;
        if (kernel.connectionStatus === 'connected' && kernel.status === 'idle') { return; }
      }
    }
    if (Date.now() > deadline) { throw new Error('the kernel did not become ready'); }
    await new Promise((next) => setTimeout(next, 50));
  }
}"""

AXE = Path(__file__).parents[2] / "labextension" / "node_modules" / "axe-core" / "axe.min.js"


class JupyterServer:
    """JupyterLab or Notebook 7 as a process of its own.

    Parameters
    ----------
    home:
        An empty folder for its settings, data and notebooks.
    app:
        ``lab`` or ``notebook``.
    environ:
        Further variables for the server and its kernels.
    """

    def __init__(self, home: Path, app: str = "lab", environ: Mapping[str, str] = {}) -> None:
        self.app = app
        self.root = home / "notebooks"
        self.root.mkdir(parents=True)
        if app == "lab":  # Notebook 7 has no such setting, and throws where there is one
            settings = home / "settings" / "@jupyterlab" / "apputils-extension"
            settings.mkdir(parents=True)
            (settings / "notification.jupyterlab-settings").write_text(json.dumps(_QUIET))
        places = {
            "HOME": home,
            "IPYTHONDIR": home / "ipython",
            "JUPYTER_CONFIG_DIR": home / "config",
            "JUPYTER_DATA_DIR": home / "data",
            "JUPYTER_RUNTIME_DIR": home / "runtime",
            "JUPYTERLAB_SETTINGS_DIR": home / "settings",
            "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        }
        command = [
            *(sys.executable, "-m", APPS[app], "--no-browser", "--allow-root"),
            *("--expose-app-in-browser", "--ServerApp.port=0", "--ServerApp.port_retries=0"),
            *("--IdentityProvider.token=", f"--ServerApp.root_dir={self.root}"),
        ]
        self._process = subprocess.Popen(
            command,
            env=os.environ | {name: str(path) for name, path in places.items()} | dict(environ),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.url = self._address()

    def _address(self) -> str:
        assert self._process.stderr is not None
        log = []
        for line in self._process.stderr:
            log.append(line)
            if found := re.search(r"(http://(?:localhost|127\.0\.0\.1):(\d+))/", line):
                self._drain()
                return found.group(1)
        raise RuntimeError("Jupyter did not start:\n" + "".join(log))

    def _drain(self) -> None:
        import threading

        stderr = self._process.stderr
        threading.Thread(target=lambda: list(stderr or ()), daemon=True).start()

    def write(self, name: str, *cells: str) -> Path:
        """A notebook with these code cells."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        path = self.root / name
        nbformat.write(notebook, path)
        return path

    def address(self, name: str) -> str:
        """Where a notebook is opened, in a workspace of its own."""
        if self.app == "notebook":
            return f"{self.url}/notebooks/{name}"
        return f"{self.url}/lab/workspaces/{secrets.token_hex(4)}/tree/{name}?reset"

    def stop(self) -> None:
        """End the server and its kernels."""
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class NotebookPage:
    """A notebook in the browser, and all that went wrong there.

    `problems` are console errors and exceptions; `strangers` are requests that left the server,
    except for those that the user makes: `allowed` is how their addresses begin.
    """

    def __init__(
        self, server: JupyterServer, browser: Browser, allowed: str = "data:", **options: Any
    ) -> None:
        self.server = server
        self._expected = (server.url, "data:", "blob:", allowed)
        self._context = browser.new_context(
            viewport={"width": 1280, "height": 900}, service_workers="block", **options
        )
        self.page: Page = self._context.new_page()
        self.problems: list[str] = []
        self.strangers: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self._on_problem(str(error)))
        self._context.on("request", self._on_request)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._on_problem(message.text)

    def _on_problem(self, text: str) -> None:
        if not text.startswith(_ITS_OWN):
            self.problems.append(text)

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith(self._expected):
            self.strangers.append(request.url)

    def open(self, name: str) -> Page:
        """Open a notebook and wait for its kernel."""
        self.page.goto(self.server.address(name))
        self.ready()
        return self.page

    def ready(self) -> None:
        """Wait until the kernel is idle. (What the page shows of that comes too early.)"""
        self.page.wait_for_function("() => window.jupyterapp !== undefined", timeout=60_000)
        self.page.evaluate(_READY)

    def run(self) -> None:
        """Run all cells, and wait until the last has run."""
        self.execute("notebook:run-all-cells")

    def run_cell(self, index: int) -> None:
        """Run one cell, and wait until it has run."""
        self.page.evaluate(
            """async (index) => {
              const panel = window.jupyterapp.shell.currentWidget;
              panel.content.activeCellIndex = index;
              await window.jupyterapp.commands.execute('notebook:run-cell');
            }""",
            index,
        )

    def execute(self, command: str, **arguments: Any) -> None:
        """One of JupyterLab's commands."""
        self.page.evaluate(
            "([command, args]) => window.jupyterapp.commands.execute(command, args)"
            ".then(() => null)",
            [command, arguments],
        )

    def leave(self) -> None:
        """Close the notebook, and let its kernel live."""
        self.page.goto("about:blank")

    def close(self) -> None:
        """Close the page and end its kernel."""
        self.page.evaluate(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.shutdown()"
        )
        self._context.close()


#: What axe finds in every menu of JupyterLab: submenus and separators without a role.
OF_MENUS = ("aria-required-children", "listitem", "presentation-role-conflict")


def no_axe_findings(page: Page, selector: str, its_own: tuple[str, ...] = ()) -> None:
    """What axe-core says of this part of the page: nothing, but for the application's own rules."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    findings = page.evaluate(
        "(selector) => axe.run(selector, { resultTypes: ['violations'] })"
        ".then((found) => found.violations.map((v) => [v.id, v.nodes.map((n) => n.html)]))",
        selector,
    )
    found = [one for one in findings if one[0] not in its_own]
    assert found == [], found
