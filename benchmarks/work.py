"""The work that each contestant does, and how its figures are reported."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

FAN_OUTS = 3


@dataclass
class Arguments:
    url: str
    token: str
    endpoint: str
    warm_up: int
    calls: int
    counts: list[int]


def arguments() -> Arguments:
    """What `run.py` passes to each contestant's process."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--warm-up", type=int, default=10)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--counts", type=int, nargs="*", default=[1000, 10_000])
    return Arguments(**vars(parser.parse_args()))


def measure(asked: Arguments, call: Callable[[], object], fan_out: Callable[[int], object]) -> None:
    """Time single calls and fan-outs, and print one line of JSON.

    `call` does one task and waits for it; `fan_out(n)` does n and waits for all. Of each fan-out's
    times the median counts: what else a machine does takes as long as one of them.
    """
    for _ in range(asked.warm_up):
        call()  # connections, caches
    took = []
    for _ in range(asked.calls):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    figures = {"p50_ms": statistics.median(took) * 1e3, "max_ms": max(took) * 1e3}
    for count in asked.counts:
        took = []
        for _ in range(FAN_OUTS):
            start = time.perf_counter()
            fan_out(count)
            took.append(time.perf_counter() - start)
        figures[f"tasks_{count}_s"] = statistics.median(took)
    print(json.dumps(figures), flush=True)
