"""An executor whose stream is up before the fault is made."""

from __future__ import annotations

import pytest

from gc_jupyter import Client, Executor
from tests.faults.storm import double
from tests.service.handle import Loopback

TIMEOUT = 60


@pytest.fixture
def executor(client: Client, loopback: Loopback) -> Executor:
    made = Executor(loopback.endpoint("inline"), client=client)
    assert made.submit(double, 0).result(TIMEOUT) == 0
    return made
