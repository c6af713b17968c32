"""What every test may ask for: the loopback service, and the endpoint's own Python."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service import handle


@pytest.fixture(scope="session")
def endpoint_python() -> str:
    """An interpreter with globus-compute-endpoint and -sdk, and no gc_jupyter."""
    return handle.endpoint_python()


@pytest.fixture(scope="session")
def loopback_session(endpoint_python: str) -> Iterator[handle.Loopback]:
    """The one loopback service of this run; use `loopback`."""
    with handle.Loopback(endpoint_python) as running:
        yield running


@pytest.fixture
def loopback(loopback_session: handle.Loopback) -> Iterator[handle.Loopback]:
    """A loopback Globus Compute with no fault set and nothing recorded."""
    loopback_session.reset()
    yield loopback_session
    loopback_session.reset()


@pytest.fixture
def to_loopback(loopback: handle.Loopback, monkeypatch: pytest.MonkeyPatch) -> handle.Loopback:
    """The loopback, with this process's environment pointing at it."""
    for name, value in loopback.environment.items():
        monkeypatch.setenv(name, value)
    return loopback
