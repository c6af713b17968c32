"""A service that takes connections and never answers: it is said, with what will be done."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.errors import ServiceRefused, ServiceUnreachable
from gc_jupyter.runtime import answers
from gc_jupyter.runtime.answers import Answers
from gc_jupyter.runtime.loop import KernelLoop
from tests.magics.conftest import Kernel
from tests.service.handle import Loopback

TIMEOUT = 60


class Words(logging.Handler):
    """What was said, and an event for it."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.changed = threading.Condition()

    def emit(self, record: logging.LogRecord) -> None:
        with self.changed:
            self.said.append(record.getMessage())
            self.changed.notify_all()

    def wait_for(self, count: int) -> list[str]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.said) >= count, TIMEOUT)
            return list(self.said)


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> Iterator[Words]:
    monkeypatch.setattr(answers, "SLOW_S", 0.2)
    handler = Words()
    answers.log.addHandler(handler)
    yield handler
    answers.log.removeHandler(handler)


@pytest.fixture
def loop() -> Iterator[KernelLoop]:
    made = KernelLoop()
    yield made
    made.close()


def test_said_once_until_something_answers(words: Words, loop: KernelLoop) -> None:
    """Once for all tries of a request, and again for what is asked after it was given up."""
    asked = Answers(loop, None)

    def ends_with(error: Exception, said: int = 1) -> None:
        with asked.expected(False):
            words.wait_for(said)
            raise error

    for _ in range(2):
        with pytest.raises(ServiceUnreachable):
            ends_with(ServiceUnreachable("no answer in time"))
    assert len(words.said) == 1
    with asked.expected(False):
        asked.gave_up()  # another request, beside one that is under way
    with pytest.raises(ServiceUnreachable):
        ends_with(ServiceUnreachable("no answer in time"))
    assert len(words.said) == 1
    asked.gave_up()
    with pytest.raises(ServiceUnreachable):
        ends_with(ServiceUnreachable("no answer in time"), said=2)
    with pytest.raises(ServiceRefused):
        ends_with(ServiceRefused("no", status=404), said=2)  # an answer
    with asked.expected(False):
        words.wait_for(3)


def test_what_answers_in_time_is_not_said(words: Words, loop: KernelLoop) -> None:
    asked = Answers(loop, None)
    for _ in range(100):
        with asked.expected(False):
            pass
    with asked.expected(False), asked.expected(True):
        words.wait_for(1)
    assert len(words.said) == 1


def test_a_read_and_a_submission(
    words: Words, client: Client, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = client.register_function(len)
    loopback.fault(hang=True, path="/v2/version")
    monkeypatch.setattr("gc_jupyter.protocol.pacing.READ_TRIES", 1)
    threading.Thread(target=lambda: (words.wait_for(1), loopback.reset())).start()
    with pytest.raises(ServiceUnreachable):
        client.version_check()
    assert words.said[0] == (
        f"{loopback.url} has not answered for 0 s. Waiting 60 s; then the request is sent again,"
        " up to 3 times."
    )
    client.version_check()
    loopback.fault(hang=True, path=".*/submit")
    executor = Executor(loopback.endpoint("instant"), client)
    executor.submit_to_registered_function(function, ["x"])
    assert "then its tasks fail, since nobody can tell whether they run" in words.wait_for(2)[1]
    loopback.reset()


def test_the_first_cell_of_a_kernel_says_it(loopback: Loopback, tmp_path: Path) -> None:
    """Within 5 s, in the cell."""
    kernel = Kernel(tmp_path, loopback.environment)
    endpoint = loopback.endpoint("inline")
    try:
        kernel.ok("%load_ext gc_jupyter")
        loopback.fault(hang=True, times=None)
        shown = kernel.run_until(
            f"%%gcrun {endpoint}\n1", "has not answered for 4 s", kernel.interrupt
        )
        assert shown.status == "error"
    finally:
        loopback.reset()
        kernel.close()
