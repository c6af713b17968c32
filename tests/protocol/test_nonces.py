"""Nonces: what a reply begins with, read without unpickling anything."""

from __future__ import annotations

import pytest

from gc_jupyter.protocol.nonces import new_run, nonce_in, nonce_of, place_of, run_of
from gc_jupyter.serialize import (
    AllDataStrategies,
    ComputeSerializer,
    DillDataBase64,
    JSONData,
    SerializationStrategy,
)

RUN = new_run()


def test_a_nonce_has_its_run_and_its_place() -> None:
    assert new_run() != RUN
    one, other = nonce_of(RUN), nonce_of(RUN, 300)
    assert one != other
    assert len(one) == len(other)  # none is the beginning of another
    assert run_of(one) == run_of(other) == RUN
    assert (place_of(one), place_of(other), place_of("")) == (0, 300, 0)


@pytest.mark.parametrize("kind", [DillDataBase64, JSONData, AllDataStrategies])
@pytest.mark.parametrize("large", [False, True])
def test_a_reply_of_any_strategy(kind: type[SerializationStrategy], large: bool) -> None:
    tag = {"nonce": nonce_of(RUN, 7), "kind": "cell", "label": "x" * 500 * large}
    reply = {"tag": tag, "version": 1, "value": "é" * 300_000 * large}
    assert nonce_in(ComputeSerializer(strategy_data=kind()).serialize(reply)) == tag["nonce"]


@pytest.mark.parametrize(
    "value", [None, 1, "text", b"\x00" * 5000, {"tag": None}, {"a": {"tag": "gcj-1"}}, ["0" * 9999]]
)
def test_what_is_no_reply_has_none(value: object) -> None:
    assert nonce_in(ComputeSerializer().serialize(value)) == ""


@pytest.mark.parametrize("text", ["", "00\n", "00\n!!!!", "gcj-", "00\nAAAAA", "é" * 5000])
def test_what_cant_be_read_has_none(text: str) -> None:
    assert nonce_in(text) == ""


def test_nonces_further_inside_are_not_the_replys() -> None:
    """A cell may return what it has read in a journal."""
    inside = {"tag": {"nonce": nonce_of(RUN, 1)}, "value": [nonce_of(RUN, at) for at in range(9)]}
    assert nonce_in(ComputeSerializer().serialize(inside)) == nonce_of(RUN, 1)
