"""A day of use, compressed: what a notebook's process holds levels off.

The long form (200,000 tasks, 2,000 cells, 500 reconnects) is a part of `make soak`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.handle import Loopback

ROUNDS, CELLS, TASKS = 10, 3, 500
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_a_process_holds_levels_off(loopback: Loopback, tmp_path: Path) -> None:
    own = dict.fromkeys(("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"), str(tmp_path))
    names = (loopback.endpoint("inline"), loopback.endpoint("instant"))
    output = subprocess.check_output(
        [sys.executable, "-m", "tests.faults.day", *map(str, (ROUNDS, CELLS, TASKS)), *names],
        env={**os.environ, **loopback.environment, **own},
        cwd=ROOT,
        text=True,
    )
    held = [json.loads(line) for line in output.splitlines()]
    early, last = held[ROUNDS // 2 - 1], held[-1]
    assert (last["tasks"], last["cells"], last["problems"]) == (5000, 30, 0)
    assert last["threads"] <= early["threads"] + 2
    assert last["files"] <= early["files"] + 4
    assert last["memory"] <= early["memory"] + 4  # MB; 2,500 tasks that are kept take 7
    assert last["journal"] * 1e6 <= 600 * (5000 + 30)  # bytes for each task
