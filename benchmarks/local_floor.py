"""How fast the embedded `local` endpoint is, beside a bare `ProcessPoolExecutor`.

Drives the service alone, without an executor: what is left is the way to a worker and back. Run it
with `python benchmarks/local_floor.py`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.service.base import FunctionRegistration, SubmitRequest
from gc_jupyter.service.local import LocalService

CALLS = 300


class _Counter:
    """A stream's sink that counts, acknowledges, and tells when the expected number is there."""

    def __init__(self, service: LocalService) -> None:
        self.loop = service._loop
        self.expected, self.seen = 0, 0
        self.complete = threading.Event()
        self.stream = self.ask(service.open_stream, self.loop, _never_asked, self)

    def ask(self, call: Callable[..., Any], *args: Any) -> Any:
        """Run it on the loop."""

        async def run() -> Any:
            return call(*args)

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result()

    def on_message(self, body: bytes, tag: object, *, by_reference: bool = False) -> None:
        assert body
        assert not by_reference
        self.seen += 1
        self.stream.ack([tag])
        if self.seen == self.expected:
            self.complete.set()

    def on_message_of(self, task_id: str, message: bytes) -> None:
        """Not needed."""

    def on_stream_up(self) -> None:
        pass

    def on_group_up(self, task_group_id: str) -> None:
        """Not needed."""

    def on_group_down(self, task_group_id: str, error: Exception) -> None:
        """Not needed."""

    def on_stream_down(self, error: Exception) -> None:
        raise error


def _never_asked(call: Callable[[], Any], *, repeatable: bool = True) -> Any:
    raise AssertionError((call, repeatable))  # a local stream makes no blocking calls


def measure_local(workers: int = 2) -> dict[str, float]:
    """Seconds: `first` result of a new service, `p50` of one call, `1,000` and `10,000` tasks."""
    serializer = ComputeSerializer()
    payload = serializer.pack_buffers([serializer.serialize((1,)), serializer.serialize({})])
    figures: dict[str, float] = {}
    begin = time.perf_counter()
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    service = LocalService(loop, workers)
    counter = _Counter(service)
    registration = FunctionRegistration("f", "def f(x):\n    return x\n", serialized=False)
    function = counter.ask(service.register_function, registration)
    group: str | None = None

    def run(count: int) -> None:
        nonlocal group
        counter.expected = counter.seen + count
        counter.complete.clear()
        request = SubmitRequest("local", {function: [payload] * count}, group)
        reply = counter.ask(service.submit, request)
        if group is None:
            group = reply.task_group_id
            counter.ask(counter.stream.subscribe, group)
        counter.complete.wait()

    run(1)
    figures["first"] = time.perf_counter() - begin
    run(200)
    figures["p50"] = _p50(lambda: run(1))
    for count in (1_000, 10_000):
        begin = time.perf_counter()
        run(count)
        figures[f"{count:,}"] = time.perf_counter() - begin
    host = service._host
    assert host is not None
    counter.ask(service.end)
    asyncio.run_coroutine_threadsafe(asyncio.wait([host._running]), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    return figures


def measure_pool(workers: int = 2) -> dict[str, float]:
    """The same of a `ProcessPoolExecutor`, whose tasks are plain pickles of a function's name."""
    figures: dict[str, float] = {}
    begin = time.perf_counter()
    context = multiprocessing.get_context("forkserver")
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        pool.submit(abs, 1).result()
        figures["first"] = time.perf_counter() - begin
        concurrent.futures.wait([pool.submit(abs, 1) for _ in range(200)])
        figures["p50"] = _p50(lambda: pool.submit(abs, 1).result())
        for count in (1_000, 10_000):
            begin = time.perf_counter()
            concurrent.futures.wait([pool.submit(abs, 1) for _ in range(count)])
            figures[f"{count:,}"] = time.perf_counter() - begin
    return figures


def _p50(call: Callable[[], object]) -> float:
    times = []
    for _ in range(CALLS):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def main() -> None:
    """Print both rows, in milliseconds."""
    for name, figures in (("pool", measure_pool()), ("local", measure_local())):
        print(name.ljust(6), *(f"{key}: {1000 * value:.2f} ms" for key, value in figures.items()))


if __name__ == "__main__":
    main()
