"""Tasks -> batches, and a reply -> its tasks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gc_jupyter.errors import PayloadTooLarge
from gc_jupyter.protocol.batches import (
    MAX_BATCH_BYTES,
    MAX_PAYLOAD_BYTES,
    STATUS_CHUNK,
    StatusChunks,
    TaskQueue,
    check_payload_size,
    match_reply,
)

MB = 1024 * 1024


def batches(sizes: list[int], max_count: int) -> list[list[int]]:
    """The batches of tasks that are named by their place."""
    queue: TaskQueue[int] = TaskQueue()
    for place, size in enumerate(sizes):
        queue.put(place, size)
    taken = []
    while queue:
        taken.append(queue.take(max_count))
    return taken


@pytest.mark.parametrize(
    ("sizes", "max_count", "expected"),
    [
        ([], 10, []),
        ([1], 10, [[0]]),
        ([1] * 5, 2, [[0, 1], [2, 3], [4]]),
        ([1] * 3, 1, [[0], [1], [2]]),
        ([3 * MB, 2 * MB, 1], 10, [[0, 1], [2]]),  # exactly the limit of bytes fits
        ([3 * MB, 2 * MB + 1], 10, [[0], [1]]),
        ([9 * MB, 1, 1], 10, [[0], [1, 2]]),  # larger than the limit: alone
        ([1, 9 * MB, 1], 10, [[0], [1], [2]]),
        ([0] * 4, 10, [[0, 1, 2, 3]]),
    ],
)
def test_take(sizes: list[int], max_count: int, expected: list[list[int]]) -> None:
    assert batches(sizes, max_count) == expected


@given(st.lists(st.integers(0, 6 * MB), max_size=60), st.integers(1, 20))
def test_every_task_once_in_order_within_the_limits(sizes: list[int], max_count: int) -> None:
    taken = batches(sizes, max_count)
    assert [task for batch in taken for task in batch] == list(range(len(sizes)))
    for batch in taken:
        assert 1 <= len(batch) <= max_count
        assert len(batch) == 1 or sum(sizes[task] for task in batch) <= MAX_BATCH_BYTES


def test_queue_shows_what_waits() -> None:
    queue: TaskQueue[str] = TaskQueue()
    queue.put("a", 1)
    queue.put("b", 1)
    assert (len(queue), list(queue)) == (2, ["a", "b"])
    queue.take(1)
    assert list(queue) == ["b"]


@pytest.mark.parametrize(
    ("payload", "size"),
    [
        ("", 0),
        ("é", 1),  # a small text's characters are counted: far from the limit anyway
        ("x" * MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES),
        ("é" * (MAX_PAYLOAD_BYTES // 2), MAX_PAYLOAD_BYTES),
        ("\ud800" * (MAX_PAYLOAD_BYTES // 3), MAX_PAYLOAD_BYTES // 3 * 3),
    ],
)
def test_payload_within_the_limit(payload: str, size: int) -> None:
    assert check_payload_size(payload, "f") == size


@pytest.mark.parametrize(
    "payload",
    [
        "x" * (MAX_PAYLOAD_BYTES + 1),
        "é" * (MAX_PAYLOAD_BYTES // 2) + "x",
        "\U0001f600" * (MAX_PAYLOAD_BYTES // 4 + 1),
    ],
    ids=["ascii", "two bytes", "four bytes"],
)
def test_payload_over_the_limit(payload: str) -> None:
    with pytest.raises(PayloadTooLarge, match=r"arguments of simulate take 10\.5 MB") as caught:
        check_payload_size(payload, "simulate")
    assert "send its path" in caught.value.next_step


def test_match_reply_keeps_order_per_function() -> None:
    matched, unmatched = match_reply(
        {"f": ["f0", "f1"], "g": ["g0"]}, {"g": ["id-g0"], "f": ["id-f0", "id-f1"], "x": ["?"]}
    )
    assert matched == [("f", "id-f0", "f0"), ("f", "id-f1", "f1"), ("g", "id-g0", "g0")]
    assert unmatched == []


@pytest.mark.parametrize(
    "ids",
    [
        [],
        ["1"],
        ["1", "2", "3"],
        ["1", "1"],  # both futures would wait for one result
        ["1", "2", "2"],
        ["1", None],
        [1, 2],
        "12",
        None,
        {"1": 1, "2": 2},
    ],
    ids=repr,
)
def test_match_reply_with_wrong_ids(ids: Any) -> None:
    matched, unmatched = match_reply({"f": ["f0", "f1"], "g": ["g0"]}, {"f": ids, "g": ["9"]})
    assert matched == [("g", "9", "g0")]
    assert [task for task, _ in unmatched] == ["f0", "f1"]
    assert "Look at their task group" in unmatched[0][1].next_step


def test_match_reply_without_a_function() -> None:
    matched, unmatched = match_reply({"f": ["f0"]}, {})
    assert matched == []
    assert "one task id for each of the 1 tasks of function f" in str(unmatched[0][1])


def test_match_reply_with_one_id_for_two_functions() -> None:
    matched, unmatched = match_reply({"f": ["f0"], "g": ["g0"]}, {"f": ["1"], "g": ["1"]})
    assert [task for _, _, task in matched] == ["f0"]
    assert [task for task, _ in unmatched] == ["g0"]


def sizes(chunks: StatusChunks, count: int, *seen: int) -> list[int]:
    """How many of so many tasks each request names, these results being seen after the first."""
    found = []
    for number, chunk in enumerate(chunks.of([str(one) for one in range(count)])):
        found.append(len(chunk))
        if number == 0:
            chunks.saw(*seen)
    assert sum(found) == count
    return found


def test_status_requests_by_the_size_of_results() -> None:
    assert sizes(StatusChunks(), 0) == []
    assert sizes(StatusChunks(), 120) == [50, 50, 20]  # nothing is known
    assert sizes(StatusChunks(), 700, *[200] * 50) == [50, STATUS_CHUNK, STATUS_CHUNK, 150]
    assert sizes(StatusChunks(), 56, 5 * 1024 * 1024) == [50, 3, 3]
    assert sizes(StatusChunks(), 52, 10**9) == [50, 1, 1]


def test_a_large_result_among_small_ones() -> None:
    chunks = StatusChunks()
    chunks.saw(*[200] * 100)
    assert chunks.most == STATUS_CHUNK
    chunks.saw(10**7)
    assert chunks.most == 1
    chunks.saw(*[200] * 5)
    assert 1 < chunks.most < 5
    chunks.saw(*[200] * 100)
    assert chunks.most == STATUS_CHUNK
