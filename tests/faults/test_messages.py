"""Messages that are wrong in every way: no spin, no growth, no stuck future.

`tests/test_executor_results.py` has duplicates, other orders, early and foreign ones;
`tests/runtime/test_collector.py` what is acknowledged.
"""

from __future__ import annotations

import gc
import json
import random
import threading
import time
import uuid

import pytest

from gc_jupyter import Executor
from gc_jupyter.protocol.messages import ResultMessage, pack_result
from tests.executors import sent
from tests.faults.storm import double
from tests.service.handle import Loopback

TIMEOUT = 60


def test_every_cut_of_a_message(executor: Executor, loopback: Loopback) -> None:
    """A result that was cut anywhere is dropped; the whole one is used."""
    endpoint_id = loopback.new_endpoint("offline")
    executor.endpoint_id = endpoint_id
    future = executor.submit(double, 4)
    other = executor.submit(double, 5)
    sent(executor.client, [future, other])
    whole = pack_result(ResultMessage(str(future.task_id), executor.serializer.serialize("whole")))
    group = str(executor.task_group_id)
    for end in range(0, len(whole), 3):
        loopback.publish(group, whole[:end])
    loopback.publish(group, whole)
    assert future.result(TIMEOUT) == "whole"
    loopback.bring_online(endpoint_id)
    assert other.result(TIMEOUT) == 10
    runtime = executor.client.dispatcher("")
    assert runtime.collector.feed.unreadable == len(range(0, len(whole), 3))


@pytest.mark.parametrize("size", [11_000_000, 24_000_000])
def test_an_oversized_message(executor: Executor, loopback: Loopback, size: int) -> None:
    """More than the service lets through; a foreign one is dropped, an own one decoded."""
    group = str(executor.task_group_id)
    foreign = pack_result(ResultMessage(str(uuid.uuid4()), "x" * size))
    loopback.publish(group, foreign)
    loopback.publish(group, b"\x01" + b"[" * size)
    assert executor.submit(double, 21).result(TIMEOUT) == 42
    assert executor.client.dispatcher("").collector.feed.unreadable == 1


def test_a_flood_of_foreign_messages(executor: Executor, loopback: Loopback) -> None:
    """None of them is kept, while submissions are under way or not, and nothing spins after."""
    group = str(executor.task_group_id)
    generator = random.Random(7)
    runtime = executor.client.dispatcher("")
    for round_ in range(5):
        loopback.fault(path=r"/v3/endpoints/.*/submit", delay_s=0.3)
        late = executor.submit(double, round_)
        for _ in range(100):
            body = generator.choice(
                [
                    pack_result(ResultMessage(str(uuid.UUID(int=generator.getrandbits(128))), "x")),
                    b"\x01" + json.dumps({"message_type": "result", "data": []}).encode(),
                    generator.randbytes(50),
                ]
            )
            loopback.publish(group, body)
        assert late.result(TIMEOUT) == 2 * round_
    assert executor.submit(double, 21).result(TIMEOUT) == 42
    book = runtime.collector.book
    assert runtime.loop.ask(lambda: (len(book), book.early)) == (0, 0)
    gc.collect()
    used, begun = _loop_time(executor), time.monotonic()
    threading.Event().wait(1.0)
    used, took = _loop_time(executor) - used, time.monotonic() - begun
    assert used < 0.2 * took


def _loop_time(executor: Executor) -> float:
    """Processor seconds of the loop's thread."""
    loop = executor.client.dispatcher("").loop
    return loop.ask(time.thread_time)
