"""Tasks by the thousand while the broker is taken away again and again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from gc_jupyter import Executor, TaskFuture
from tests.service.handle import Loopback

#: What happens to the broker: its users' connections closed, its application stopped, its node
#: restarted, its node killed.
KINDS = ("cut", "stop", "restart", "kill")


def double(x: int) -> int:
    return 2 * x


@dataclass
class Storm:
    """What came of it. `slowest_s`: the longest from the end of an outage until the last result
    of the tasks that it met."""

    faults: Counter[str] = field(default_factory=Counter)
    tasks: int = 0
    lost: int = 0
    wrong: int = 0
    doubled: int = 0
    slowest_s: float = 0.0

    def row(self) -> str:
        """For a table."""
        kinds = ", ".join(f"{self.faults[kind]} {kind}" for kind in KINDS if self.faults[kind])
        return (
            f"{self.faults.total()} faults ({kinds}), {self.tasks:,} tasks: {self.lost} lost,"
            f" {self.wrong} wrong, {self.doubled} doubled; slowest {self.slowest_s:.1f} s"
        )


def storm(
    executor: Executor,
    loopback: Loopback,
    faults: Sequence[str],
    tasks_each: int,
    *,
    down_s: float = 0.5,
    limit_s: float = 60.0,
) -> Storm:
    """Submit `tasks_each` around each fault: half right before, the others while it lasts.

    A task that isn't done `limit_s` seconds after the outage is lost. Returns when nothing of the
    executor is open any more, or that limit is over.
    """
    executor.submit(double, 0).result(limit_s)  # makes the task group, which needs the broker
    loopback.clear()
    told: Counter[TaskFuture] = Counter()  # written by `gc-results` alone
    seen = Storm()
    everything: list[TaskFuture] = []

    def submit(count: int) -> list[TaskFuture]:
        futures = []
        for _ in range(count):
            future = executor.submit(double, len(everything))
            future.add_done_callback(lambda done: told.update([done]))
            everything.append(future)
            futures.append(future)
        return futures

    for kind in faults:
        wave = submit(tasks_each // 2)
        fault = threading.Thread(target=_happen, args=(loopback, kind, down_s))
        fault.start()
        wave += submit(tasks_each - len(wave))
        fault.join()
        over = time.monotonic()
        for future in wave:
            try:
                future.exception(max(0.0, over + limit_s - time.monotonic()))
            except TimeoutError:
                seen.lost += 1
        seen.slowest_s = max(seen.slowest_s, time.monotonic() - over)
        seen.faults[kind] += 1
    seen.tasks = len(everything)
    done = [(n, future) for n, future in enumerate(everything) if future.done()]
    seen.wrong = sum(bool(future.exception()) or future.result() != 2 * n for n, future in done)
    seen.doubled = sum(times > 1 for times in told.values())
    sent = sum(
        len(tasks)
        for request in loopback.requests("POST", "/submit")
        for tasks in request["body"]["tasks"].values()
    )
    seen.doubled += max(0, sent - seen.tasks)
    return seen


def _happen(loopback: Loopback, kind: str, down_s: float) -> None:
    if kind == "cut":
        loopback.cut_streams()
    else:
        loopback.interrupt_broker(kind, down_s)
