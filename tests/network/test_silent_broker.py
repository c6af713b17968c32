"""A port that takes TCP and says nothing: it is said in time, and what it means is true."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import globus_sdk
import pytest

from gc_jupyter.errors import ServiceUnreachable
from gc_jupyter.runtime.answers import Answers
from gc_jupyter.runtime.loop import KernelLoop
from gc_jupyter.service import transport
from gc_jupyter.service.base import SubmitRequest
from gc_jupyter.service.globus import GlobusService
from tests.service.handle import Loopback
from tests.waiting import poll

TASKS = """
import sys, time
from gc_jupyter import Executor
def wait(seconds):
    import time
    time.sleep(seconds)
    return time.time()
with Executor(sys.argv[1]) as executor:
    for seconds in (6, 3):
        print(f"after {time.time() - executor.submit(wait, seconds).result(60):.2f}")
"""


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts, and never says a word."""
    server, taken = socket.create_server(("127.0.0.1", 0)), []

    def accept() -> None:
        while True:
            try:
                taken.append(server.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1]
    server.close()
    for one in taken:
        one.close()


def test_it_is_said_while_the_first_task_runs(
    loopback: Loopback, silent: int, tmp_path: Path
) -> None:
    """One line, of the cause, and no other for the second task. The next kernel knows the port."""
    loopback.broker_fault(url="amqp://{user}:{password}@127.0.0.1:" + f"{silent}/%2F")
    env = {**os.environ, **loopback.environment, "JUPYTER_DATA_DIR": str(tmp_path)}
    command = (sys.executable, "-c", TASKS, loopback.endpoint("process"))
    ran = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    lines = [line for line in ran.stderr.splitlines() if "broker" in line]
    assert len(lines) == 1, ran.stderr
    assert f"port {silent}: no answer in time" in lines[0]
    assert "A result that is asked for comes within 2.5 s of its end" in lines[0]
    kept = json.loads((tmp_path / "gc_jupyter" / "remembered.json").read_text())
    [text] = [value for name, (value, _) in kept.items() if name.endswith("amqp 127.0.0.1")]
    assert text == f"0 {silent}"
    loopback.reset()


def test_a_silent_service_was_sent_nothing(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """TCP is taken, and TLS isn't answered: a submission is no riddle, and can be sent again."""
    monkeypatch.setattr(transport, "CONNECT_S", 2.0)
    service = GlobusService(
        authorizer=globus_sdk.NullAuthorizer(), base_url=f"https://127.0.0.1:{silent}"
    )
    caught: list[BaseException] = []

    def submit() -> None:
        try:
            service.submit(SubmitRequest("endpoint", {"function": ["payload"]}))
        except ServiceUnreachable as error:
            caught.append(error)

    asking = threading.Thread(target=submit)
    asking.start()
    poll(lambda: service.connecting)
    loop = KernelLoop()
    said = Answers(loop, service)._words(submission=True)
    loop.close()
    assert "takes no connection" in said
    assert "Nothing was sent" in said
    asking.join(60)
    [error] = caught
    assert isinstance(error, ServiceUnreachable)
    assert not error.sent
    assert not service.connecting
    service.close()
