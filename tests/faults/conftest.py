"""An executor whose stream is up before the fault is made, and notebooks as quick processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from gc_jupyter import Client, Executor
from tests.faults.notebooks import NOTEBOOKS
from tests.faults.storm import double
from tests.service.handle import Loopback

TIMEOUT = 60


@pytest.fixture
def executor(client: Client, loopback: Loopback) -> Executor:
    made = Executor(loopback.endpoint("inline"), client=client)
    assert made.submit(double, 0).result(TIMEOUT) == 0
    return made


@pytest.fixture(scope="module")
def notebooks(
    loopback_session: Loopback, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where a connection is a notebook's process."""
    directory = tmp_path_factory.mktemp("notebooks")
    address = str(directory / "listens")
    script = directory / "notebooks.py"
    script.write_text(NOTEBOOKS, encoding="utf-8")
    own = {"GLOBUS_COMPUTE_USER_DIR": str(directory / "home"), "IPYTHONDIR": str(directory)}
    with subprocess.Popen(
        [sys.executable, str(script), address],
        cwd=directory,
        env=os.environ | loopback_session.environment | own,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline(), "its error is above"
        yield address
        process.kill()
