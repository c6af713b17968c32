from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.auth.conftest import FOREIGN
from tests.service.handle import Loopback
from tests.service.known_auth import KnownAuth


@pytest.fixture
def early(loopback: Loopback) -> Loopback:
    """The loopback, where every task has ended when its submission is answered."""
    loopback.result_fault(early=True)
    return loopback


@pytest.fixture
def person(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[KnownAuth]:
    """Somebody who has to log in by hand, with the loopback as Globus Compute."""
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(tmp_path / "compute"))
    monkeypatch.setenv("GLOBUS_SDK_SERVICE_URL_COMPUTE", loopback.url)
    with KnownAuth(loopback) as auth:
        for name, value in auth.environ.items():
            monkeypatch.setenv(name, value)
        auth.sit_down(monkeypatch)
        yield auth
