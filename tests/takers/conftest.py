"""Executors for the libraries that take one: on `local`, and on a real endpoint."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gc_jupyter import Client, Executor
from tests.service.handle import Loopback


@pytest.fixture(params=["local", "process"])
def executor(
    request: pytest.FixtureRequest, client: Client, loopback: Loopback
) -> Iterator[Executor]:
    """An executor of worker processes here, or of a ProcessPoolEngine."""
    if request.param == "local":
        made = Executor("local")
    else:
        made = Executor(loopback.endpoint(request.param), client=client)
    with made:
        yield made
