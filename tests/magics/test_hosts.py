"""Where notebooks run: papermill, and two notebooks in one Jupyter server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from tests.magics.conftest import TIMEOUT, Kernel
from tests.service.handle import Loopback
from tests.waiting import listens, poll


def papermill(tmp_path: Path, *cells: str) -> tuple[subprocess.CompletedProcess[str], Any]:
    """A run by papermill, and the notebook that it leaves."""
    code = [nbformat.v4.new_code_cell(cell) for cell in ("%load_ext gc_jupyter", *cells)]
    metadata = {"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=code, metadata=metadata), tmp_path / "in.ipynb")
    done = subprocess.run(
        [sys.executable, "-m", "papermill", "in.ipynb", "out.ipynb", "--no-progress-bar"],
        cwd=tmp_path,
        env={**os.environ, **_home(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done, nbformat.read(tmp_path / "out.ipynb", as_version=4)


def _home(directory: Path) -> dict[str, str]:
    return {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_DATA_DIR": str(directory / "data"),
        "JUPYTER_CONFIG_DIR": str(directory / "config"),
        "JUPYTER_RUNTIME_DIR": str(directory / "runtime"),
        "GLOBUS_COMPUTE_USER_DIR": str(directory / "globus"),
    }


def test_papermill_ends_with_1_at_a_remote_error(tmp_path: Path) -> None:
    done, notebook = papermill(tmp_path, "%%gcrun local\n1 / 0", "print('not ' + 'reached')")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "not reached" not in str(notebook)


def test_papermill_leaves_a_static_table(tmp_path: Path) -> None:
    done, notebook = papermill(
        tmp_path,
        "%%gcrun local --map x=range(3) --progress-after 0.1\nimport time; time.sleep(0.5); x",
        "_",
    )
    assert done.returncode == 0, done.stderr
    (cell,) = [one for one in notebook.cells if "--map" in one.source]
    assert [out.output_type for out in cell.outputs].count("display_data") == 1
    text = json.dumps(notebook)
    assert "widget-view" not in text
    assert "3 success" in text
    assert notebook.cells[-1].outputs[0].data["text/plain"] == "[0, 1, 2]"


def test_papermill_is_asked_for_no_login(tmp_path: Path) -> None:
    done, _ = papermill(tmp_path, "%%gcrun 4b116d3c-1703-4f8f-9f6f-39921e5864df\n1")
    assert done.returncode == 1
    assert "LoginRequired" in done.stderr
    assert "Nobody is signed in, and nobody can be asked here" in done.stderr


class Server:
    """A Jupyter server."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
                *("--ServerApp.token=token", "--ServerApp.ip=127.0.0.1"),
                "--ServerApp.port=0",
            ],
            cwd=directory,
            env={**os.environ, **_home(directory), **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        seen = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/", seen)):
            line = self._process.stderr.readline()
            assert line, f"the server did not start: {seen}"
            seen += line
        self.url = found[0]
        port = urllib.parse.urlsplit(self.url).port
        poll(lambda: listens(port), self._process)  # it says so a moment before it does
        threading.Thread(target=self._process.stderr.read, daemon=True).start()

    def call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": "token token", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def open(self, notebook: str) -> Kernel:
        """A kernel of a notebook."""
        nbformat.write(nbformat.v4.new_notebook(), self.directory / notebook)
        body = {
            "path": notebook,
            "type": "notebook",
            "name": notebook,
            "kernel": {"name": "python3"},
        }
        session = self.call("POST", "api/sessions", body)
        name = f"kernel-{session['kernel']['id']}.json"
        client = BlockingKernelClient(connection_file=str(self.directory / "runtime" / name))
        client.load_connection_file()
        client.start_channels(hb=False)  # it would count as dead before its first beat
        client.wait_for_ready(timeout=TIMEOUT)
        kernel = object.__new__(Kernel)
        kernel.client, kernel.home = client, self.directory
        return kernel

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(TIMEOUT)


@pytest.fixture
def server(tmp_path: Path, loopback: Loopback) -> Iterator[Server]:
    running = Server(tmp_path, loopback.environment)
    yield running
    running.stop()


def test_two_notebooks_in_one_server(server: Server, loopback: Loopback) -> None:
    """At the same time, on one endpoint and one journal: each gets its own results."""
    endpoint = loopback.endpoint("inline")
    kernels = [server.open("one.ipynb"), server.open("two.ipynb")]
    for kernel in kernels:
        kernel.ok("%load_ext gc_jupyter")
    for start, kernel in enumerate(kernels):
        kernel.ok(f"start = {start * 1000}")
    sent = [
        kernel.send(f"%%gcrun {endpoint} -q --map x=range(200)\nstart + x") for kernel in kernels
    ]
    for kernel, request in zip(kernels, sent, strict=True):
        assert kernel.finish(request).status == "ok"
        assert kernel.ok("_ == [start + x for x in range(200)]").text == "True"
    own = kernels[0].ok("%gc tasks").stream("stdout")
    assert own.count("success") == 50
    kernels[1].ok(f"%%gcrun {endpoint} -a -q --future f\n1")
    kernels[1].ok("f.exception()")
    kernels[1].client.stop_channels()
    (ended,) = [one for one in server.call("GET", "api/sessions") if "two" in one["path"]]
    server.call("DELETE", f"api/sessions/{ended['id']}")
    again = server.open("two.ipynb")
    said = again.ok("%load_ext gc_jupyter").stream("stdout")
    assert said == "1 earlier task: 1 success. %gc attach\n"
    third = server.open("three.ipynb")
    (ready,) = third.ok("%load_ext gc_jupyter").outputs
    assert ready["data"]["text/plain"].startswith("Ready: %%gcrun local runs")
    for kernel in (kernels[0], again, third):
        kernel.client.stop_channels()
