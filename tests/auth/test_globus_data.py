"""GLOBUS_DATA is a pickle from the environment: it must not be able to run anything."""

from __future__ import annotations

import base64
import collections
import datetime
import os
import pickle
import pickletools
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gc_jupyter.auth.globus_data import MAX_BYTES, decode_globus_data
from gc_jupyter.errors import LoginMisconfigured

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
    max_leaves=8,
)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), PLAIN, max_size=4), st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data_of_every_protocol(state: dict[str, Any], protocol: int) -> None:
    assert decode_globus_data(encoded(pickle.dumps(state, protocol))) == state


class Command:
    """Pickles as a call that would leave a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_call_never_runs(protocol: int, tmp_path: Path) -> None:
    made = tmp_path / "made"
    for state in (Command(made), {"tokens": Command(made)}, {"a": [({"b": Command(made)},)]}):
        with pytest.raises(LoginMisconfigured, match="Nothing in it was run"):
            decode_globus_data(encoded(pickle.dumps(state, protocol)))
    assert not made.exists()
    pickle.loads(pickle.dumps(Command(made), protocol))  # the same bytes do run elsewhere
    assert made.exists()


HAND_MADE = {
    "inst": b"(S'true'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'true'\no.",
    "global": b"cos\nsystem\n.",
    "stack global": b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    "reduce": b"cos\nsystem\n(S'true'\ntR.",
    "build": b"}}b.",
    "newobj": b"\x80\x02c__builtin__\nobject\n)\x81.",
    "extension": b"\x80\x02\x82\x01.",
    "persistent id": b"Pwhat\n.",
    "binary persistent id": b"\x80\x02}Q.",
    "buffer": b"\x80\x05\x97.",
    "bytes": pickle.dumps({"a": b"bytes"}),
    "bytearray": pickle.dumps({"a": bytearray(b"x")}),
    "set": pickle.dumps({"a": {1}}),
    "datetime": pickle.dumps({"a": datetime.datetime(2026, 1, 1)}),
    "ordered dict": pickle.dumps(collections.OrderedDict(a=1)),
    "function": pickle.dumps({"a": os.getcwd}),
    "not a dict": pickle.dumps(["tokens"]),
    "nothing": b"",
    "truncated": pickle.dumps({"tokens": {"funcx_service": "x"}})[:-5],
    "no stop": pickle.dumps({"a": 1}, 2)[:-1],
    "stack underflow": b"\x80\x02s.",
    "append to a str": b"\x80\x02X\x01\x00\x00\x00aX\x01\x00\x00\x00ba.",
    "unhashable key": b"\x80\x02}]K\x01s.",
    "unknown memo": b"\x80\x02h\x07.",
    "text": b"hello, world",
    "long frame": b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"}.",
    "long text": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"a.",
    "future protocol": b"\x80\xff}.",
    "huge integer": b"I" + b"9" * 100_000 + b"\n.",
}


@pytest.mark.parametrize("data", HAND_MADE.values(), ids=HAND_MADE.keys())
def test_refused(data: bytes) -> None:
    with pytest.raises(LoginMisconfigured) as caught:
        decode_globus_data(encoded(data))
    assert "GLOBUS_DATA" in str(caught.value)
    assert 'del os.environ["GLOBUS_DATA"]' in caught.value.next_step


@pytest.mark.parametrize("put", [b"r" + struct.pack("<I", 2**32 - 1), b"p4000000000\n"])
def test_a_huge_memo_index_claims_no_memory(put: bytes) -> None:
    """In C the memo is an array: an index of 2**32 would make it 64 GB long."""
    tracemalloc.start()
    try:
        with pytest.raises(LoginMisconfigured, match="memo"):
            decode_globus_data(encoded(b"\x80\x02}" + put + b"."))
        assert tracemalloc.get_traced_memory()[1] < 10 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", ["not base64!", "é", "AAA", " " * 10])
def test_not_base64(text: str) -> None:
    with pytest.raises(LoginMisconfigured):
        decode_globus_data(text)


def test_too_long() -> None:
    longest = {"a": "x" * (MAX_BYTES - 200)}
    assert decode_globus_data(encoded(pickle.dumps(longest))) == longest
    with pytest.raises(LoginMisconfigured, match="longer than 256 KiB"):
        decode_globus_data(encoded(pickle.dumps({"a": "x" * MAX_BYTES})))


@given(st.binary(max_size=200))
def test_any_bytes_give_a_dict_or_the_error(data: bytes) -> None:
    try:
        value = decode_globus_data(encoded(data))
    except LoginMisconfigured:
        return
    assert isinstance(value, dict)


@given(st.lists(st.sampled_from(pickletools.opcodes), max_size=12), st.data())
def test_any_opcodes_give_a_dict_or_the_error(opcodes: list[Any], data: st.DataObject) -> None:
    parts = [o.code.encode("latin-1") + data.draw(st.binary(max_size=9)) for o in opcodes]
    test_any_bytes_give_a_dict_or_the_error.hypothesis.inner_test(b"".join(parts) + b".")
