"""Kernels of one user at the loopback, one after the other: the fixture `start` for tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

Start = Callable[..., Kernel]


@pytest.fixture
def start(loopback: Loopback, tmp_path: Path, kernels: Callable[..., Kernel]) -> Start:
    """Starts kernels of one user, who is signed in at the loopback."""

    def make(notebook: str = "") -> Kernel:
        return kernels(tmp_path, {**loopback.environment, "JPY_SESSION_NAME": notebook})

    return make


def told(kernel: Kernel) -> str:
    """What %load_ext says. Requests then wait for the journal, however busy the machine is."""
    patient = "__import__('gc_jupyter.journal.recorder', fromlist=['_']).PATIENCE_S = 60"
    return kernel.ok(f"%load_ext gc_jupyter\n{patient}").stream("stdout").strip()
