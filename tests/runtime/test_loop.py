"""The kernel's loop and its pools of daemon threads."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from gc_jupyter.runtime import loop as loops
from gc_jupyter.runtime.loop import DaemonPool, KernelLoop, close_kernel_loop, kernel_loop

TIMEOUT = 30


@pytest.fixture
def loop() -> Iterator[KernelLoop]:
    made = KernelLoop()
    yield made
    made.close()


def test_ask_returns_or_raises(loop: KernelLoop) -> None:
    assert loop.ask(lambda: threading.current_thread().name) == "gc-loop"
    assert loop.ask(lambda: loop.ask(lambda: loop.here)) is True  # from the loop itself
    assert not loop.here
    with pytest.raises(ZeroDivisionError):
        loop.ask(lambda: 1 // 0)


def test_calls_keep_their_order(loop: KernelLoop) -> None:
    seen: list[int] = []
    for number in range(100):
        loop.call(seen.append, number)
    loop.ask(lambda: None)
    assert seen == list(range(100))


def test_one_loop_a_process() -> None:
    close_kernel_loop()
    assert not loops._current  # nothing starts by itself
    start = threading.Barrier(10)
    found = []

    def use() -> None:
        start.wait(TIMEOUT)
        found.append(kernel_loop())

    threads = [threading.Thread(target=use) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert len(found) == 10
    assert len(set(found)) == 1
    close_kernel_loop()
    assert not found[0].usable
    assert kernel_loop() is not found[0]
    close_kernel_loop()
    close_kernel_loop()


def test_what_runs_on_it_ends_with_it() -> None:
    """Nothing is left for the garbage collector to complain of."""
    loop, ended = KernelLoop(), []

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    def start() -> asyncio.Task[None]:
        return loop.aio.create_task(wait_for_ever())

    waiting = loop.ask(start)
    loop.ask(lambda: None)  # it has begun
    loop.close()
    assert waiting.cancelled()
    assert ended == [True]


def test_names_are_resolved_on_daemon_threads(
    loop: KernelLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncio's own pool would hold the interpreter's exit up while a resolver waits."""
    thread = []

    def getaddrinfo(*_args: object, **_kwargs: object) -> list[object]:
        thread.append(threading.current_thread())
        return []

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    asyncio.run_coroutine_threadsafe(loop.aio.getaddrinfo("name.invalid", 1), loop.aio).result(
        TIMEOUT
    )
    assert thread[0].daemon
    assert thread[0].name == "gc-http"


def test_pool_runs_in_order_on_as_few_threads_as_needed() -> None:
    pool = DaemonPool("few", 3)
    names = [pool.submit(lambda: threading.current_thread().name).result(TIMEOUT)]
    gate = threading.Event()
    waiting = [pool.submit(gate.wait, TIMEOUT) for _ in range(5)]
    running = [thread for thread in threading.enumerate() if thread.name == "few"]
    assert len(running) <= 3
    assert all(thread.daemon for thread in running)
    gate.set()
    assert [future.result(TIMEOUT) for future in waiting] == [True] * 5
    assert names == ["few"]
    one = DaemonPool("one", 1)
    seen: list[int] = []
    last = [one.submit(seen.append, number) for number in range(200)][-1]
    last.result(TIMEOUT)
    assert seen == list(range(200))
    for ended in (pool, one):
        ended.shutdown()
    for thread in running:
        thread.join(TIMEOUT)
        assert not thread.is_alive()


def test_pool_passes_errors_on() -> None:
    pool = DaemonPool("errors", 1)
    with pytest.raises(SystemExit):
        pool.submit(exit_).result(TIMEOUT)
    assert pool.submit(int, "7").result(TIMEOUT) == 7  # its thread lives on
    pool.shutdown()


def exit_() -> None:
    raise SystemExit("as a library might")
