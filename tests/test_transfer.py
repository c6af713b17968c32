"""A transfer of parts: what it says of itself, how many requests it has, and how it stops."""

from __future__ import annotations

import types
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from gc_jupyter.errors import WorkerLost
from gc_jupyter.session import transfer
from gc_jupyter.session.transfer import Stopped, Transfer

SIZES = {f"part {at}": 6_500_000 for at in range(10)}


class Wire:
    """The requests of a transfer; each is answered by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, here: Sequence[str] = ()) -> None:
        self.requests: list[tuple[Sequence[str], Future[Any]]] = []
        self.now = 100.0
        clock = types.SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr(transfer, "time", clock)
        self.transfer = Transfer("Sending df", SIZES, self.start, lambda *_: None)
        monkeypatch.setattr(self.transfer, "prepare", lambda: here)
        self.transfer.begin()

    def start(self, names: Sequence[str]) -> Future[Any]:
        future: Future[Any] = Future()
        self.requests.append((names, future))
        return future

    def answer(self, at: int) -> None:
        self.requests[at][1].set_result(None)


def test_how_far_how_fast_and_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(monkeypatch)
    assert wire.transfer.text() == "Sending df: 0 B of 65.0 MB, 0 of 10 parts"
    assert len(wire.requests) == 5
    wire.now += 2.0
    wire.answer(1)
    wire.answer(0)
    assert len(wire.requests) == 7
    assert wire.transfer.text() == (
        "Sending df: 13.0 MB of 65.0 MB, 2 of 10 parts, 6.5 MB/s, 8 s left"
    )
    for at in range(2, 10):
        wire.answer(at)
    assert wire.transfer.over.result(0) is None
    assert len(wire.requests) == 10


def test_what_is_there_is_not_sent_and_not_counted_as_speed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wire = Wire(monkeypatch, here=[*SIZES][:6])
    wire.now += 1.0
    wire.answer(0)
    assert wire.transfer.text() == (
        "Sending df: 45.5 MB of 65.0 MB, 7 of 10 parts, 6.5 MB/s, 3 s left"
    )
    assert [names for names, _ in wire.requests] == [[one] for one in [*SIZES][6:]]


def test_stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(monkeypatch)
    wire.answer(0)
    wire.transfer.stop()
    with pytest.raises(Stopped, match="1 of 10 parts are done"):
        wire.transfer.over.result(0)
    assert all(one.cancelled() for _, one in wire.requests[1:])
    assert len(wire.requests) == 6


def test_a_part_is_tried_four_times(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(monkeypatch, here=[*SIZES][1:])
    for at in range(4):
        assert not wire.transfer.over.done()
        wire.requests[at][1].set_exception(WorkerLost("gone"))
    with pytest.raises(WorkerLost):
        wire.transfer.over.result(0)
    assert len(wire.requests) == 4
