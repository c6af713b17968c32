"""What tests of executors share: two of them, functions, and what the service was sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gc_jupyter import Client, Executor, TaskFuture
from tests.conftest import connect
from tests.service.handle import Loopback

TIMEOUT = 60


def double(x: int, *, plus: int = 0) -> int:
    """Twice x."""
    return 2 * x + plus


def fail(word: str) -> None:
    raise ValueError(f"on purpose: {word}")


@pytest.fixture
def executor(client: Client, loopback: Loopback) -> Iterator[Executor]:
    with Executor(loopback.endpoint("inline"), client=client) as made:
        yield made


@pytest.fixture
def instant(client: Client, loopback: Loopback) -> Iterator[Executor]:
    """An executor whose every task returns None at once."""
    with Executor(loopback.endpoint("instant"), client=client) as made:
        yield made


def submits(loopback: Loopback) -> list[dict[str, Any]]:
    """The bodies of the submissions that arrived."""
    return [one["body"] for one in loopback.requests("POST", "/submit")]


def tasks_in(body: dict[str, Any]) -> int:
    return sum(len(tasks) for tasks in body["tasks"].values())


def another(loopback: Loopback) -> Client:
    """A client that shares nothing with `client`."""
    return connect(loopback, rate_limited=False)


def sent(client: Client, futures: list[TaskFuture]) -> None:
    """Return once the service has accepted these."""
    everything = threading.Event()

    def look(_events: object = None) -> None:
        if all(future.task_id for future in futures):
            everything.set()

    runtime = client.dispatcher("")
    runtime.loop.ask(runtime.collector.listeners.append, look)
    runtime.loop.call(look)  # perhaps it has happened already
    assert everything.wait(TIMEOUT)


def wait_for_stream(client: Client, amqp_port: int | None = None) -> None:
    """Return once the stream of results is up."""
    dispatcher = client.dispatcher("", amqp_port)
    feed: Any = dispatcher.collector.feed
    up = threading.Event()

    def look() -> None:
        real = feed.on_stream_up
        feed.on_stream_up = lambda: (real(), up.set())
        if feed.up:
            up.set()

    dispatcher.loop.ask(look)
    assert up.wait(TIMEOUT)
