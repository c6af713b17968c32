"""Fixtures of the tests of what travels."""

from __future__ import annotations

from pathlib import Path

import pytest

from gc_jupyter.travel.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store whose folder isn't there yet."""
    return Store(str(tmp_path / "made" / "store"))
