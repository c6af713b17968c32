from __future__ import annotations

import base64
import codecs
import datetime
import decimal
import json
import math
import pickle
from typing import Any

import dill
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gc_jupyter.errors import DeserializationError, SerializationError
from gc_jupyter.serialize import (
    AllCodeStrategies,
    AllDataStrategies,
    CombinedCode,
    DillCode,
    DillCodeSource,
    DillCodeTextInspect,
    DillDataBase64,
    JSONData,
    PickleCode,
    PureSourceDill,
    PureSourceTextInspect,
    SerializationStrategy,
    unpack_buffers,
)

SOURCE = [PureSourceTextInspect, PureSourceDill, DillCodeTextInspect, DillCodeSource]
CODE = [*SOURCE, DillCode, CombinedCode, AllCodeStrategies]
DATA = [DillDataBase64, JSONData, AllDataStrategies]


def cube(x: int) -> int:
    return x**3


@pytest.mark.parametrize(
    ("kind", "identifier"),
    [
        (DillDataBase64, "00"),
        (DillCode, "01"),
        (PickleCode, "02"),
        (DillCodeTextInspect, "03"),
        (DillCodeSource, "04"),
        (CombinedCode, "10"),
        (JSONData, "11"),
        (AllCodeStrategies, "12"),
        (AllDataStrategies, "13"),
        (PureSourceTextInspect, "st"),
        (PureSourceDill, "sd"),
    ],
)
def test_identifiers(kind: type[SerializationStrategy], identifier: str) -> None:
    assert kind.identifier == identifier + "\n"
    assert type(SerializationStrategy.get_cached_by_id(identifier + "\n")) is kind
    assert kind.for_code == (kind not in DATA)


@pytest.mark.parametrize("kind", CODE)
def test_code_round_trip(kind: type[SerializationStrategy]) -> None:
    payload = kind().serialize(cube)
    assert payload.startswith(kind.identifier)
    assert kind().deserialize(payload)(3) == 27


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)
plain_values = st.recursive(
    json_values | st.binary() | st.complex_numbers(allow_nan=False) | st.datetimes(),
    lambda children: (
        st.lists(children)
        | st.tuples(children, children)
        | st.frozensets(st.integers() | st.text())
        | st.dictionaries(st.text() | st.integers(), children)
    ),
)


@given(json_values)
def test_json_round_trip(value: Any) -> None:
    for kind in (JSONData, AllDataStrategies):
        assert kind().deserialize(kind().serialize(value)) == value


@given(plain_values)
def test_pickle_round_trip(value: Any) -> None:
    payload = DillDataBase64().serialize(value)
    assert DillDataBase64().deserialize(payload) == value
    assert dill.loads(codecs.decode(payload[3:].encode(), "base64")) == value


@given(st.binary(max_size=400))
def test_base64_is_the_codecs_kind(value: bytes) -> None:
    body = DillDataBase64().serialize(value)[3:]
    raw = base64.b64decode(body)
    assert body == codecs.encode(raw, "base64").decode()
    assert max(map(len, body.splitlines())) <= 76


@pytest.mark.parametrize(
    "value",
    [
        (),
        (7,),
        {},
        ...,
        range(3),
        1 + 2j,
        decimal.Decimal("1.5"),
        datetime.timedelta(1),
        bytearray(b"x"),
        int,
        NotImplemented,
        ValueError("no"),
        math.inf,
    ],
    ids=repr,
)
def test_values_that_pickle(value: Any) -> None:
    copy = DillDataBase64().deserialize(DillDataBase64().serialize(value))
    assert repr(copy) == repr(value)


def test_identity_within_a_value_is_kept() -> None:
    shared = [1]
    loop: list[Any] = [shared, shared]
    loop.append(loop)
    copy = DillDataBase64().deserialize(DillDataBase64().serialize(loop))
    assert copy[0] is copy[1]
    assert copy[2] is copy


def test_arrays() -> None:
    value = np.arange(12, dtype="float32").reshape(3, 4)
    copy = DillDataBase64().deserialize(DillDataBase64().serialize({"a": value}))["a"]
    assert copy.dtype == value.dtype
    assert (copy == value).all()


def test_pickle_code_is_read_only() -> None:
    payload = "02\n" + codecs.encode(pickle.dumps(math.sqrt), "base64").decode()
    assert PickleCode().deserialize(payload)(9) == 3
    with pytest.raises(SerializationError, match="no longer supported") as caught:
        PickleCode().serialize(cube)
    assert caught.value.next_step == "Use DillCode or AllCodeStrategies."


@pytest.mark.parametrize("kind", [PureSourceTextInspect, PureSourceDill])
def test_pure_source_is_readable_text(kind: type[SerializationStrategy]) -> None:
    assert kind().serialize(cube) == (
        f"{kind.identifier}cube:def cube(x: int) -> int:\n    return x**3\n"
    )


def test_combined_code_reads_sources_with_colons() -> None:
    source = "def f(x):\n    return {1: x}[1:][0] if x else {0: 'a:b'}\n"
    payload = f"10\n04\n:broken::st\n:f:{source}"
    assert CombinedCode().deserialize(payload)(0) == {0: "a:b"}


def test_combined_code_writes_all_five() -> None:
    payload = CombinedCode().serialize(cube)
    for identifier in ("04\n", ":01\n:", ":03\n:", ":sd\n:", ":st\n:"):
        assert identifier in payload


def test_combo_leaves_out_what_fails() -> None:
    outside = 3
    bytecode_only = unpack_buffers(AllCodeStrategies().serialize(lambda: outside)[3:])
    assert [buffer[:2] for buffer in bytecode_only] == ["01"]
    pickle_only = unpack_buffers(AllDataStrategies().serialize({1j})[3:])
    assert [buffer[:2] for buffer in pickle_only] == ["00"]


def test_combo_reads_the_first_that_can_be_read() -> None:
    good = DillCode().serialize(cube)
    payload = "12\n" + "".join(f"{len(b)}\n{b}" for b in ("zz\n???", "", "st\nf:def (", good))
    assert AllCodeStrategies().deserialize(payload)(2) == 8


def test_combo_errors_list_every_attempt() -> None:
    with pytest.raises(SerializationError) as caught:
        AllDataStrategies().serialize([(i for i in "ab")])
    assert "JSONData" in str(caught.value)
    assert "DillDataBase64" in str(caught.value)
    assert caught.value.next_step
    with pytest.raises(DeserializationError, match="Invalid strategy identifier: 'zz"):
        AllDataStrategies().deserialize("13\n4\nzz\na")
    with pytest.raises(DeserializationError, match="nothing to try"):
        AllDataStrategies().deserialize("13\n")
    with pytest.raises(DeserializationError, match=r"AllDataStrategies.*Malformed"):
        AllDataStrategies().deserialize("13\n99\nab")


@pytest.mark.parametrize(
    ("payload", "cause"),
    [
        ("00\nnot base64!", Exception),
        ("00\n", EOFError),
        ("00\n" + base64.encodebytes(b"\x80\x04garbage").decode(), pickle.UnpicklingError),
        ("01\n" + base64.encodebytes(pickle.dumps(1)[:-1]).decode(), EOFError),
        ("02\n" + base64.encodebytes(b"cnowhere\nthing\n.").decode(), ModuleNotFoundError),
        ("03\n" + base64.encodebytes(pickle.dumps(("f", "1/0"))).decode(), ZeroDivisionError),
        ("04\n" + base64.encodebytes(pickle.dumps(3)).decode(), TypeError),
        ("10\nxx\n:body", DeserializationError),
        ("11\n{", json.JSONDecodeError),
        ("12\n1\na", DeserializationError),
        ("13\n1\na", DeserializationError),
        ("st\nno colon", DeserializationError),
        ("st\nf:def f(:", SyntaxError),
        ("sd\nf:g = 1", DeserializationError),
    ],
)
def test_undecodable(payload: str, cause: type[Exception]) -> None:
    strategy = SerializationStrategy.get_cached_by_id(payload[:3])
    assert strategy is not None
    with pytest.raises(DeserializationError) as caught:
        strategy.deserialize(payload)
    assert type(strategy).__name__ in caught.value.reason
    assert caught.value.next_step
    assert isinstance(caught.value.__cause__, cause)


def test_wrong_identifier() -> None:
    with pytest.raises(DeserializationError, match="does not start with the identifier '01"):
        DillCode().deserialize(JSONData().serialize(1))


class Grumpy:
    def __reduce__(self) -> Any:
        return _grumble, ()


def _grumble() -> None:
    raise RuntimeError("I stay pickled")


def test_what_users_code_raises_is_chained() -> None:
    payload = DillDataBase64().serialize(Grumpy())
    with pytest.raises(DeserializationError, match="RuntimeError: I stay pickled") as caught:
        DillDataBase64().deserialize(payload)
    assert type(caught.value.__cause__) is RuntimeError


@pytest.mark.parametrize("identifier", ["x\n", "xyz", "00\n"])
def test_bad_identifiers_are_refused(identifier: str) -> None:
    with pytest.raises(ValueError, match="dentifier"):
        type("Mine", (SerializationStrategy,), {"identifier": identifier, "for_code": True})
