"""Arguments that are encoded while their request is sent are the same text as packed ones."""

from __future__ import annotations

import json
import os
import tracemalloc

import pytest

from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.serialize.streamed import JSONBody, StreamedArguments, json_body

OTHER = {"task": {"store": "put", "sizes": [3, 4]}, "tag": ("a", "ä" * 5000), "again": ["a"] * 3}
SIZES = (0, 1, 2, 3, 4, 786_431, 786_432, 786_433, 2_000_001)


@pytest.mark.parametrize("size", SIZES)
def test_they_are_read_as_packed_ones(size: int) -> None:
    data = os.urandom(size)
    parts = [data[: size // 3], memoryview(data)[size // 3 :]]
    streamed = StreamedArguments(parts, OTHER)
    text = str(streamed)
    assert len(streamed) == len(text)
    args, kwargs = map(ComputeSerializer().deserialize, ComputeSerializer.unpack_buffers(text))
    assert args == (data, OTHER)
    assert kwargs == {}


def test_several_of_them_are_in_one_body() -> None:
    some = [StreamedArguments([os.urandom(size)], OTHER) for size in (10, 1_000_000)]
    body = json_body({"tasks": {"f": [*some, 'plain "text"\n']}, "more": None})
    assert isinstance(body, JSONBody)
    sent = b"".join(body)
    assert len(sent) == len(body)
    assert json.loads(sent) == {
        "tasks": {"f": [*map(str, some), 'plain "text"\n']},
        "more": None,
    }


def test_other_requests_are_bytes() -> None:
    assert json_body({"a": ["b", 1]}) == b'{"a": ["b", 1]}'
    with pytest.raises(TypeError, match="object can't be sent as JSON"):
        json_body({"a": object()})


def test_little_memory_is_needed() -> None:
    data = bytes(6_500_000)
    tracemalloc.start()
    try:
        body = json_body({"tasks": {"f": [StreamedArguments([data], OTHER)]}})
        assert sum(map(len, body)) == len(body) > 8_600_000
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
