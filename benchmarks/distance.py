"""The same work at a distance: a proxy holds back what goes to the service and to its broker.

    python -m benchmarks.distance [--ms 25 100 200] [--rows calls40 ...] [--no-official]

Each row is a process of its own for each contestant, with a home of its own. The physical limit is
what the way itself takes: one round trip for a submission and its result, another for each question
that needs its answer, and 10 s where the service's limit of 20 submissions in 10 s is reached. The
first cells of a kernel come before its queue can be heard (AMQP takes seven round trips from the
question for its address on): their results are asked for, which takes the second trip. A TCP
connection costs a round trip more, beside the imports, and isn't part of the limit; there is no
TLS.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.service import handle

ROOT = Path(__file__).parents[1]
WINDOW_S = 10.0


@dataclass(frozen=True)
class Row:
    """A figure of `benchmarks.distance_rows`: its group, its title, and the physical limit in
    seconds for a round trip of so many."""

    group: str
    name: str
    title: str
    limit: Callable[[float], float]


def in_a_row(calls: int, trip: float) -> float:
    """Seconds for calls one after another, 20 of them in 10 s from each reply on."""
    replies: list[float] = []
    now = 0.0
    for number in range(calls):
        if number >= 20:
            now = max(now, replies[number - 20] + WINDOW_S)
        now += trip
        replies.append(now)
    return now


ROWS = (
    Row("cells", "ever", "a user's first cell of all", lambda trip: 3 * trip),
    Row("cells", "first", "first cell of a kernel", lambda trip: 2 * trip),
    Row("cells", "second", "new cell right behind it", lambda trip: 2 * trip),
    Row("cells", "new", "new cell", lambda trip: trip),
    Row("cells", "again", "the same again", lambda trip: trip),
    Row("cells", "remote_1", "remote function, 1st call", lambda trip: trip),
    Row("cells", "remote_2", "remote function, 2nd call", lambda trip: trip),
    Row("calls40", "calls16", "16 calls in a row", lambda trip: 16 * trip),
    Row("calls40", "calls40", "40 calls in a row", lambda trip: in_a_row(40, trip)),
    Row("cells40", "cells40", "40 new cells in a row", lambda trip: in_a_row(40, trip)),
    Row("runs12", "runs12", "12 run + get_result", lambda trip: 24 * trip),
    Row("status20", "status20", "20 get_endpoint_status", lambda trip: 20 * trip),
    Row("executors6", "executors6", "6 cells, an Executor each", lambda trip: 6 * trip),
    Row("functions120", "functions120", "120 functions at once", lambda trip: 2 * trip),
    Row("kernels3", "kernels3", "3 kernels, 12 cells each", lambda trip: WINDOW_S + 6 * trip),
)


class Far:
    """A proxy in a process of its own, to the service and to its broker."""

    def __init__(self, loopback: handle.Loopback, way_ms: float) -> None:
        ports = [str(urlsplit(loopback.url).port), str(loopback.broker_port())]
        command = [sys.executable, "-m", "benchmarks.distance_proxy", str(way_ms), *ports]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        http, amqp = json.loads(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{http}"
        loopback.broker_fault(url="amqp://{user}:{password}@127.0.0.1:" + f"{amqp}/%2F")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def run(loopback: handle.Loopback, url: str, contestant: str, group: str) -> dict[str, float]:
    """One group's figures of one contestant."""
    python = sys.executable if contestant == "ours" else loopback.endpoint_python
    endpoint = loopback.endpoint("inline")
    with tempfile.TemporaryDirectory() as home:
        own = {
            "GLOBUS_SDK_SERVICE_URL_COMPUTE": url,
            "GLOBUS_COMPUTE_ACCESS_TOKEN": loopback.token,
            "GLOBUS_COMPUTE_USER_DIR": home,
            "JUPYTER_DATA_DIR": home,
            "JUPYTER_CONFIG_DIR": home,
        }
        done = subprocess.run(
            [python, "-m", "benchmarks.distance_rows", contestant, group, url, endpoint],
            cwd=ROOT,
            env={**os.environ, **own},
            capture_output=True,  # the official SDK tells of each delay
            check=False,
        )
    if done.returncode:
        print(f"{contestant}, {group}: {done.stderr.decode()[-2000:]}", file=sys.stderr)
        return {}
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure(
    loopback: handle.Loopback,
    way_ms: float,
    contestants: list[str],
    groups: list[str],
    at_once: int,
) -> dict[str, dict[str, float]]:
    """The figures of each contestant."""
    figures: dict[str, dict[str, float]] = {one: {} for one in contestants}
    far = Far(loopback, way_ms)
    alone = [group for group in groups if group == "kernels3"]  # what it sends is counted
    with ThreadPoolExecutor(at_once) as pool:
        jobs = [(one, group) for group in groups if group not in alone for one in contestants]
        for (one, _), found in zip(
            jobs, pool.map(lambda job: run(loopback, far.url, *job), jobs), strict=True
        ):
            figures[one] |= found
    for group in alone:
        for one in contestants:
            loopback.clear()
            loopback.limit(path=r"/v3/endpoints/.*/submit")
            figures[one] |= run(loopback, far.url, one, group)
            loopback.control("faults/limit", {"path": "none"})
            refused = sum(seen["status"] == 429 for seen in loopback.requests())
            figures[one] |= {"refused": refused, "busiest": loopback.busiest()}
    far.close()
    return figures


def show(way_ms: float, figures: dict[str, dict[str, float]]) -> None:
    """A table: seconds, and round trips of ours."""
    trip = 2 * way_ms / 1e3
    print(f"\n{way_ms:g} ms each way, s".ljust(29) + "limit".rjust(8), end="")
    print("".join(one.rjust(10) for one in figures) + "trips".rjust(8))
    for row in ROWS:
        values = [one.get(row.name) for one in figures.values()]
        if all(value is None for value in values):
            continue
        cells = "".join("—".rjust(10) if v is None else f"{v:.2f}".rjust(10) for v in values)
        ours = figures["ours"].get(row.name)
        trips = "—" if ours is None else f"{ours / trip:.1f}"
        print(f"{row.title:28}{row.limit(trip):8.2f}{cells}{trips:>8}")
    for name, title in (("refused", "429s of 3 kernels"), ("busiest", "most in 10 s")):
        counts = [one.get(name) for one in figures.values()]
        if any(count is not None for count in counts):
            cells = "".join(str("—" if c is None else int(c)).rjust(10) for c in counts)
            print(f"{title:28}{'':8}{cells}")


def main() -> None:
    """Run what the command line asks for."""
    groups = list(dict.fromkeys(row.group for row in ROWS))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ms", type=float, nargs="*", default=[25, 100, 200])
    parser.add_argument("--rows", nargs="*", choices=groups, default=groups)
    parser.add_argument("--no-official", action="store_true")
    parser.add_argument("--at-once", type=int, default=2, help="processes; they mostly wait")
    asked = parser.parse_args()
    contestants = ["ours"] if asked.no_official else ["official", "ours"]
    for way_ms in asked.ms:
        with handle.Loopback(handle.endpoint_python()) as loopback:
            show(way_ms, measure(loopback, way_ms, contestants, asked.rows, asked.at_once))


if __name__ == "__main__":
    main()
