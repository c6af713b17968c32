"""What the other contestants' figures don't show: many tasks, memory, requests on the wire.

Prints one line of JSON: cost per task at 1,000 and 100,000 tasks, memory for each pending task, and
the most requests in any 10 s while the limit is on.
"""

from __future__ import annotations

import concurrent.futures
import gc
import json
import time
import tracemalloc
import urllib.request
from typing import Any

import globus_sdk

from benchmarks.work import arguments
from gc_jupyter import Client, Executor


def nothing() -> None:
    """The task."""


def per_task_us(executor: Executor, count: int, times: int) -> float:
    """Microseconds a task, the best of several fan-outs."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        concurrent.futures.wait([executor.submit(nothing) for _ in range(count)])
        best = min(best, time.perf_counter() - start)
    return best / count * 1e6


def pending_bytes(executor: Executor, count: int) -> float:
    """Bytes of this process for each task that waits for its result."""
    executor.submit(nothing)
    until(lambda: executor.task_count_submitted >= 1)
    gc.collect()
    tracemalloc.start()
    futures = [executor.submit(nothing) for _ in range(count)]
    until(lambda: executor.task_count_submitted >= count + 1)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] / len(futures)
    tracemalloc.stop()
    return used


def until(true: Any) -> None:
    """Wait without an event: task_count_submitted has none (Executor user guide polls it too)."""
    while not true():
        time.sleep(0.01)


def control(url: str, action: str, body: dict[str, str]) -> None:
    """Have the loopback service do something."""
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/_control/{action}", data=data, method="POST")
    urllib.request.urlopen(request).close()


def most_in_10_s(url: str) -> tuple[int, int]:
    """The most requests that the service saw in any 10 s, and how many there were."""
    with urllib.request.urlopen(f"{url}/_control/requests") as reply:
        times = sorted(request["at"] for request in json.load(reply))
    most = max((sum(at <= other < at + 10 for other in times) for at in times), default=0)
    return most, len(times)


if __name__ == "__main__":
    asked = arguments()
    instant, offline = asked.endpoint.split(",")
    authorizer = globus_sdk.AccessTokenAuthorizer(asked.token)
    figures: dict[str, float] = {}
    free = Client(authorizer=authorizer, rate_limited=False)
    with Executor(instant, free) as executor:
        executor.submit(nothing).result()
        figures["us_per_task_at_1000"] = per_task_us(executor, 1000, 5)
        figures["us_per_task_at_100000"] = per_task_us(executor, 100_000, 1)
    waiting = Executor(offline, free)
    figures["bytes_per_pending_task"] = pending_bytes(waiting, 20_000)
    control(asked.url, f"endpoints/{offline}/online", {"kind": "instant"})
    waiting.shutdown()  # nothing is left at the endpoint
    free.close()

    control(asked.url, "clear", {})
    with Executor(instant, Client(authorizer=authorizer)) as executor:
        start = time.perf_counter()
        futures = [executor.submit(nothing) for _ in range(10_000)]
        concurrent.futures.wait(futures)
        figures["limited_10000_s"] = time.perf_counter() - start
        start = time.perf_counter()
        executor.submit(nothing).result()
        figures["limited_next_call_s"] = time.perf_counter() - start
        for _ in range(30):  # as somebody who runs a small cell again and again
            executor.submit(nothing).result()
    most, total = most_in_10_s(asked.url)
    figures["limited_most_requests_in_10_s"] = most
    figures["limited_requests"] = total
    print(json.dumps(figures), flush=True)
