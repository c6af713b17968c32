"""`make soak`: the faults of a year in half an hour, and a day's work in ten minutes.

`python -m benchmarks.soak [--faults 50] [--tasks 10000] [--rounds 500]` prints what came of it;
docs/reliability.md keeps the figures of one run.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import globus_sdk

from gc_jupyter import Client, Executor
from tests.faults.storm import KINDS, Storm, storm
from tests.service.handle import Loopback, endpoint_python

_ROOT = Path(__file__).parents[1]
_CELLS, _TASKS = 4, 400  # of a round of a day, which also has one reconnect
_HELD = ("memory", "threads", "files", "journal")


def broker(loopback: Loopback, faults: int, tasks: int) -> Storm:
    """The broker goes away again and again, in all ways by turns."""
    os.environ.update(loopback.environment)
    authorizer = globus_sdk.AccessTokenAuthorizer(loopback.token)
    executor = Executor(
        loopback.endpoint("inline"), Client(authorizer=authorizer, do_version_check=False)
    )
    kinds = list(itertools.islice(itertools.cycle(KINDS), faults))
    return storm(executor, loopback, kinds, tasks // faults)


def day(loopback: Loopback, rounds: int) -> list[dict[str, Any]]:
    """What a notebook's process holds after each round of a day's work."""
    with tempfile.TemporaryDirectory() as home:
        own = dict.fromkeys(("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"), home)
        sizes = (rounds, _CELLS, _TASKS)
        names = (loopback.endpoint("inline"), loopback.endpoint("instant"))
        output = subprocess.check_output(
            [sys.executable, "-m", "tests.faults.day", *map(str, sizes), *names],
            env={**os.environ, **loopback.environment, **own},
            cwd=_ROOT,
            text=True,
        )
    return [json.loads(line) for line in output.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=500)
    asked = parser.parse_args()
    begun = time.monotonic()
    with Loopback(endpoint_python()) as loopback:
        seen = broker(loopback, asked.faults, asked.tasks)
    print(f"broker: {seen.row()}; {time.monotonic() - begun:.0f} s", flush=True)
    begun = time.monotonic()
    with Loopback(endpoint_python()) as loopback:
        held = day(loopback, asked.rounds)
    last = held[-1]
    print(
        f"day: {last['tasks']:,} tasks, {last['cells']:,} cells, {len(held)} reconnects,"
        f" {last['problems']} problems; {time.monotonic() - begun:.0f} s"
    )
    print("after | " + " | ".join(_HELD))
    for part in (0.1, 0.25, 0.5, 0.75, 1.0):
        row = held[max(0, round(len(held) * part) - 1)]
        print(f"{row['tasks']:,} tasks | " + " | ".join(f"{row[name]:.4g}" for name in _HELD))
    if seen.lost or seen.wrong or seen.doubled or last["problems"]:
        sys.exit("something was lost, wrong or doubled")


if __name__ == "__main__":
    main()
