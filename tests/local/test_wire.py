"""Frames between the kernel and the host, cut anywhere."""

from __future__ import annotations

import pytest

from gc_jupyter.service.local_wire import (
    Ended,
    EndTasks,
    Frames,
    RunTasks,
    Said,
    Started,
    Surroundings,
    frame,
)

VALUES = [
    EndTasks(("a",)),
    RunTasks([("a", "f", "x" * 300)], Surroundings("/", ("",)), ("s",)),
    [Started("a", 1.5), Said("a", b"x"), Ended("b", b"", True)],
    [],
]


@pytest.mark.parametrize("size", [1, 7, 8, 9, 100, 10_000])
def test_values_survive_any_cut(size: int) -> None:
    data = b"".join(map(frame, VALUES))
    frames = Frames()
    chunks = [data[i : i + size] for i in range(0, len(data), size)]
    assert [value for chunk in chunks for value in frames.feed(chunk)] == VALUES


def test_many_values_in_one_chunk_come_at_once() -> None:
    frames = Frames()
    data = b"".join(map(frame, VALUES))
    assert frames.feed(data + data[:5]) == VALUES
    assert frames.feed(data[5:]) == VALUES


def test_a_reader_that_asks_what_is_missing_reads_no_byte_more() -> None:
    data, frames, values = frame(VALUES[1]) + frame(VALUES[0]), Frames(), []
    while not values:
        chunk, data = data[: frames.missing], data[frames.missing :]
        values = frames.feed(chunk)
    assert values == VALUES[1:2]
    assert data == frame(VALUES[0])
