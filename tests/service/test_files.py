"""Too many open files: said for what it is, and not as a broken network."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gc_jupyter.service.amqp_failures import no_connection, why

SCRIPT = """
import os, resource, globus_sdk
from gc_jupyter import errors
from gc_jupyter.service.globus import GlobusService

service = GlobusService(authorizer=globus_sdk.NullAuthorizer(), base_url="http://127.0.0.1:9")
try:
    service.task_group("g")  # everything that is needed is imported
except errors.ServiceUnreachable as error:
    assert "too many" not in str(error)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
try:
    service.task_group("g")
except errors.ServiceUnreachable as error:
    said, sent = str(error), error.sent
for one in held:
    os.close(one)
print(said, sent)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_the_service_can_t_be_reached_for_want_of_files() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "too many files open" in done.stdout
    assert "Check the network" not in done.stdout
    assert "ulimit -n" in done.stdout
    assert done.stdout.strip().endswith("False")  # nothing was sent


def test_the_broker_can_t_be_reached_for_want_of_files() -> None:
    said = no_connection({443: why(OSError(24, "Too many open files"))})
    assert "too many files open" in said.reason
    assert "ulimit -n" in said.next_step
