"""The broker is taken away while tasks run: no result is lost, none comes twice.

The long form, 50 faults during 10,000 tasks, is a part of `make soak`.
"""

from __future__ import annotations

import queue
from typing import Any

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.runtime import feed
from tests.conftest import connect
from tests.executors import wait_for_stream
from tests.faults.forwarder import Forwarder
from tests.faults.storm import double, storm
from tests.service.handle import Loopback


@pytest.mark.parametrize(
    ("faults", "tasks_each"),
    [(("cut",) * 3, 150), (("stop",) * 2, 150), (("restart",), 150), (("kill",), 150)],
    ids=["cut", "stop", "restart", "kill"],
)
def test_every_result_comes_once(
    to_loopback: Loopback, faults: tuple[str, ...], tasks_each: int
) -> None:
    client = connect(to_loopback)  # with the rate limit, as users have it
    executor = Executor(to_loopback.endpoint("inline"), client=client)
    seen = storm(executor, to_loopback, faults, tasks_each)
    assert (seen.lost, seen.wrong, seen.doubled) == (0, 0, 0), seen.row()
    assert seen.slowest_s < 20, seen.row()  # two seconds; ten on a machine that is busy
    assert executor.submit(double, 21).result(60) == 42
    wait_for_stream(client)  # results came by HTTPS meanwhile
    client.close()


def test_a_connection_that_swallows_everything(
    to_loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half open: packets are dropped, and no reset comes. A question finds the result whose message
    never came; then another connection is made."""
    monkeypatch.setattr(feed, "ASK_UP_S", 0.5)
    monkeypatch.setattr(feed, "LATE_S", 0.5)
    monkeypatch.setattr(feed, "ASK_LOST_S", 0.5)
    forwarder = Forwarder(to_loopback.broker_port())
    url = "amqp://{user}:{password}@127.0.0.1:" + f"{forwarder.port}/%2F"
    to_loopback.broker_fault(url=url)
    client = connect(to_loopback, rate_limited=False)
    executor = Executor(to_loopback.endpoint("inline"), client=client)
    runtime = client.dispatcher("")
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    runtime.loop.ask(_tell_groups, runtime.collector.feed, heard)
    assert executor.submit(double, 1).result(60) == 2
    group = heard.get(timeout=60)
    forwarder.swallow()
    assert executor.submit(double, 2).result(60) == 4
    assert heard.get(timeout=60) == group  # on the new connection
    # the broker still sends every second message to the old one: these are asked for
    assert [executor.submit(double, n).result(60) for n in (3, 4, 5)] == [6, 8, 10]
    assert forwarder.accepted == 2  # one new connection, and no more
    client.close()
    forwarder.close()


def _tell_groups(owner: Any, heard: queue.SimpleQueue[str]) -> None:
    """Say which queues are heard, from now on (on the loop's thread)."""
    real = owner.on_group_up

    def on_group_up(task_group_id: str) -> None:
        real(task_group_id)
        heard.put(task_group_id)

    owner.on_group_up = on_group_up


def test_what_a_dead_broker_took_with_it(client: Client, loopback: Loopback) -> None:
    """Results that were in its queues only are asked for, all of them, once it is back."""
    executor = Executor(loopback.endpoint("inline"), client=client)
    assert executor.submit(double, 0).result(60) == 0
    loopback.result_fault(lose=1000)
    futures = [executor.submit(double, n) for n in range(1000)]
    lost = executor.submit(double, 1000)  # the last one in order, and the first that arrives
    assert lost.result(60) == 2000
    loopback.reset()
    loopback.cut_streams()
    assert [future.result(30) for future in futures] == [2 * n for n in range(1000)]
