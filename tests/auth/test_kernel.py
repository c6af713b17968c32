"""The prompt in a real kernel: with a front end that can ask, and with one that can't."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from tests.service.globus_auth import GlobusAuth

CODE = "from gc_jupyter.auth import resolve; login = resolve(); login.ensure()"


@pytest.fixture
def kernel(globus_auth: GlobusAuth, compute_dir: Path) -> Iterator[BlockingKernelClient]:
    environ = {**os.environ, **globus_auth.environ, "GLOBUS_COMPUTE_USER_DIR": str(compute_dir)}
    manager, client = start_new_kernel(env=environ)
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_front_end_that_can_ask(kernel: BlockingKernelClient, globus_auth: GlobusAuth) -> None:
    printed: list[str] = []

    def collect(message: dict[str, Any]) -> None:
        printed.append(message["content"].get("text", ""))

    def answer(_request: dict[str, Any]) -> None:
        # the request for input may overtake what was printed before it: another channel
        while not (urls := [word for word in "".join(printed).split() if "http" in word]):
            collect(kernel.get_iopub_msg(timeout=60))
        kernel.input(globus_auth.approve(urls[0]))

    reply = kernel.execute_interactive(
        CODE, allow_stdin=True, output_hook=collect, stdin_hook=answer, timeout=60
    )
    assert reply["content"]["status"] == "ok"
    assert globus_auth.seen("/v2/oauth2/token", grant_type="authorization_code")


def test_a_front_end_that_cannot(kernel: BlockingKernelClient) -> None:
    """nbclient, papermill, a scheduled run."""
    reply = kernel.execute_interactive(
        CODE, allow_stdin=False, output_hook=lambda _message: None, timeout=60
    )
    content = reply["content"]
    assert (content["status"], content["ename"]) == ("error", "LoginRequired")
    assert "GLOBUS_COMPUTE_CLIENT_ID" in content["evalue"]


def test_a_background_thread(kernel: BlockingKernelClient) -> None:
    code = (
        "import concurrent.futures\nfrom gc_jupyter.auth import resolve\n"
        "concurrent.futures.ThreadPoolExecutor(1).submit(resolve().ensure).result()"
    )
    reply = kernel.execute_interactive(
        code,
        allow_stdin=True,
        output_hook=lambda _message: None,
        stdin_hook=lambda _request: pytest.fail("asked on a background thread"),
        timeout=60,
    )
    assert reply["content"]["ename"] == "LoginRequired"
