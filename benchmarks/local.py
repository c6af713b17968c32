"""The embedded `local` endpoint beside a bare process pool and ipyparallel, on the same work.

`python -m benchmarks.local CONTESTANT` prints one line of JSON: seconds to the first result, p50 of
single calls in ms, seconds for 1,000 tasks. Two workers each.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

WORKERS = 2
CALLS = 300


def nothing() -> None:
    """The task."""


def figures(begin: float, call: Callable[[], Any], fan_out: Callable[[], Any]) -> dict[str, float]:
    """Measure; `begin` is when the contestant's start began."""
    call()
    first = time.perf_counter() - begin
    for _ in range(20):
        call()
    took = []
    for _ in range(CALLS):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    fan_out()
    start = time.perf_counter()
    fan_out()
    return {
        "first_s": first,
        "p50_ms": statistics.median(took) * 1e3,
        "tasks_1000_s": time.perf_counter() - start,
    }


def ours() -> dict[str, float]:
    """`Executor("local")`."""
    os.environ["GC_JUPYTER_LOCAL_WORKERS"] = str(WORKERS)
    begin = time.perf_counter()
    from gc_jupyter import Executor

    with Executor("local") as executor:
        return figures(
            begin,
            lambda: executor.submit(nothing).result(),
            lambda: concurrent.futures.wait([executor.submit(nothing) for _ in range(1000)]),
        )


def pool() -> dict[str, float]:
    """A bare `ProcessPoolExecutor`."""
    begin = time.perf_counter()
    with concurrent.futures.ProcessPoolExecutor(WORKERS) as executor:
        return figures(
            begin,
            lambda: executor.submit(nothing).result(),
            lambda: concurrent.futures.wait([executor.submit(nothing) for _ in range(1000)]),
        )


def parallel() -> dict[str, float]:
    """ipyparallel's load-balanced view."""
    begin = time.perf_counter()
    import ipyparallel

    with ipyparallel.Cluster(n=WORKERS, log_level=50) as clients:
        view = clients.load_balanced_view()
        return figures(
            begin,
            lambda: view.apply_sync(nothing),
            lambda: [result.get() for result in [view.apply_async(nothing) for _ in range(1000)]],
        )


if __name__ == "__main__":
    print(json.dumps({"ours": ours, "pool": pool, "parallel": parallel}[sys.argv[1]]()))
