"""The embedded `local` endpoint beside a bare process pool and ipyparallel, on the same work.

`python -m benchmarks.local CONTESTANT` prints one line of JSON: seconds to the first result, p50 of
single calls in ms, seconds for 1,000 tasks, and for an array of 100 MB there and back. Two workers
each. Of `blocks`: how long the loop is
held up by large values, in ms.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

WORKERS = 2
CALLS = 300


def nothing() -> None:
    """The task."""


def change(values: Any) -> Any:
    """The task with an array."""
    values = values.copy()  # what comes may be read-only
    values[0] = 1
    return values


def figures(begin: float, call: Callable[..., Any], fan_out: Callable[[], Any]) -> dict[str, float]:
    """Measure; `begin` is when the contestant's start began, `call` calls a function there."""
    import numpy as np

    call(nothing)
    first = time.perf_counter() - begin
    for _ in range(20):
        call(nothing)
    took = []
    for _ in range(CALLS):
        start = time.perf_counter()
        call(nothing)
        took.append(time.perf_counter() - start)
    fan_out()
    start = time.perf_counter()
    fan_out()
    fan_out_s = time.perf_counter() - start
    arrays = []
    for number in range(5):
        values = np.arange(12_500_000.0) + number
        start = time.perf_counter()
        call(change, values)
        arrays.append(time.perf_counter() - start)
    return {
        "first_s": first,
        "p50_ms": statistics.median(took) * 1e3,
        "tasks_1000_s": fan_out_s,
        "array_s": statistics.median(arrays),
    }


def ours() -> dict[str, float]:
    """`Executor("local")`."""
    os.environ["GC_JUPYTER_LOCAL_WORKERS"] = str(WORKERS)
    begin = time.perf_counter()
    from gc_jupyter import Executor

    with Executor("local") as executor:
        return figures(
            begin,
            lambda *call: executor.submit(*call).result(),
            lambda: concurrent.futures.wait([executor.submit(nothing) for _ in range(1000)]),
        )


def blocks() -> dict[str, float]:
    """The loop's longest blocks, in ms: while 20 tasks of 5 MB leave, while as many results come,
    and while the host of `local` is stopped."""
    os.environ["GC_JUPYTER_LOCAL_WORKERS"] = str(WORKERS)
    from gc_jupyter import Executor
    from gc_jupyter.runtime.loop import kernel_loop
    from gc_jupyter.service.local import local_service

    longest = [0.0]
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        start = time.perf_counter()
        run(handle)
        longest.append(time.perf_counter() - start)

    asyncio.Handle._run = timed  # type: ignore[method-assign]
    found = {}
    data = [os.urandom(5_000_000) for _ in range(20)]
    with Executor("local") as executor:
        executor.submit(len, b"").result()
        host = local_service(kernel_loop().aio)._host
        assert host is not None
        assert host.pid is not None

        def measured(name: str, wait: Callable[[list[Any]], object], call: Any, args: Any) -> Any:
            longest[:] = [0.0]
            futures = [executor.submit(call, one) for one in args]
            wait(futures)
            found[name] = max(longest) * 1e3
            return futures

        measured("there_ms", concurrent.futures.wait, len, data)
        measured("back_ms", concurrent.futures.wait, os.urandom, [5_000_000] * 20)
        os.kill(host.pid, signal.SIGSTOP)
        try:
            futures = measured("stopped_ms", lambda _: time.sleep(1), len, data)
        finally:
            os.kill(host.pid, signal.SIGCONT)
        concurrent.futures.wait(futures)
    return found


def pool() -> dict[str, float]:
    """A bare `ProcessPoolExecutor`."""
    begin = time.perf_counter()
    with concurrent.futures.ProcessPoolExecutor(WORKERS) as executor:
        return figures(
            begin,
            lambda *call: executor.submit(*call).result(),
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
            view.apply_sync,
            lambda: [result.get() for result in [view.apply_async(nothing) for _ in range(1000)]],
        )


if __name__ == "__main__":
    print(
        json.dumps(
            {"ours": ours, "pool": pool, "parallel": parallel, "blocks": blocks}[sys.argv[1]]()
        )
    )
