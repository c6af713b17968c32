from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gc_jupyter.errors import DeserializationError
from gc_jupyter.serialize import pack_buffers, unpack_buffers


@pytest.mark.parametrize(
    ("buffers", "packed"),
    [
        ([], ""),
        ([""], "0\n"),
        (["a"], "1\na"),
        (["", "ab", "c\n"], "0\n2\nab2\nc\n"),
        (["é\N{SNOWMAN}\U0001f600"], "3\né\N{SNOWMAN}\U0001f600"),  # characters, not bytes
    ],
)
def test_values(buffers: list[str], packed: str) -> None:
    assert pack_buffers(buffers) == packed
    assert unpack_buffers(packed) == buffers


@given(st.lists(st.text()))
def test_round_trip(buffers: list[str]) -> None:
    assert unpack_buffers(pack_buffers(buffers)) == buffers


@pytest.mark.parametrize(
    ("packed", "reason"),
    [
        ("5", "Missing newline"),
        ("5hello", "Missing newline"),
        ("\nabc", "Invalid length"),
        ("-1\nabc", "Invalid length"),
        ("+1\nabc", "Invalid length"),
        (" 1\nabc", "Invalid length"),
        ("1_0\nabcdefghij", "Invalid length"),
        ("1e3\nabc", "Invalid length"),
        ("²\nab", "Invalid length"),
        ("\u0663\nabc", "Invalid length"),  # a digit, but not one of ours
        ("4\nabc", "Fewer than 4"),
        ("999999999999\nabc", "Fewer than 999999999999"),
        ("9" * 5000 + "\nabc", "Missing newline"),
        ("3\nabcx", "Missing newline"),
        ("3\nabc9\nab", "Fewer than 9"),
    ],
)
def test_malformed(packed: str, reason: str) -> None:
    with pytest.raises(DeserializationError, match=reason) as caught:
        unpack_buffers(packed)
    assert caught.value.next_step


def test_many_buffers_take_linear_time() -> None:
    # Copying the rest at each buffer would move 200 GB here, and run into the test's timeout.
    buffers = ["x"] * 400_000
    assert unpack_buffers(pack_buffers(buffers)) == buffers
