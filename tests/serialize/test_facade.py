from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from gc_jupyter import serialize
from gc_jupyter.errors import DeserializationError, SerdeError, SerializationError
from gc_jupyter.serialize import (
    SELECTABLE_STRATEGIES,
    AllCodeStrategies,
    AllowlistWildcard,
    ComputeSerializer,
    DillCode,
    DillDataBase64,
    JSONData,
    PickleCode,
    PureSourceTextInspect,
    SerializationStrategy,
    remote_path,
    validate_strategylike,
)

OFFICIAL = "globus_compute_sdk.serialize"


def add(x: int, y: int = 0) -> int:
    return x + y


def test_defaults() -> None:
    serializer = ComputeSerializer()
    assert type(serializer.code_serializer) is DillCode
    assert type(serializer.data_serializer) is DillDataBase64
    assert serializer.serialize(add).startswith("01\n")
    assert serializer.serialize((1,)).startswith("00\n")
    assert serializer.serialize(int).startswith("01\n")  # callable


@pytest.mark.parametrize(
    "value",
    [
        JSONData,
        JSONData(),
        f"{OFFICIAL}.JSONData",
        f"{OFFICIAL}.concretes.JSONData",
        "gc_jupyter.serialize.JSONData",
        "gc_jupyter.serialize.concretes.JSONData",
    ],
)
def test_strategylike(value: Any) -> None:
    validated = validate_strategylike(value, for_code=False)
    assert validated.type_ is JSONData
    assert type(validated.instance) is JSONData
    assert validated.import_path == remote_path(value) == f"{OFFICIAL}.concretes.JSONData"
    assert ComputeSerializer(strategy_data=value).serialize([1]) == "11\n[1]"


def test_path_of_an_instance() -> None:
    assert remote_path(f"{OFFICIAL}.DEFAULT_STRATEGY_CODE") == f"{OFFICIAL}.concretes.DillCode"


def test_class_of_the_official_sdk() -> None:
    official = type("DillCode", (), {"__module__": f"{OFFICIAL}.concretes"})
    assert validate_strategylike(official()).type_ is DillCode  # type: ignore[arg-type]


def test_paths_do_not_import_the_official_sdk() -> None:
    code = (
        "import sys; from gc_jupyter.serialize import ComputeSerializer as C;"
        "C('globus_compute_sdk.serialize.DillCode');"
        "C(allowed_deserializer_types=['globus_compute_sdk.*Code', 'globus_compute_sdk.*Data']);"
        "assert not [m for m in sys.modules if m.startswith('globus_compute')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Unknown(SerializationStrategy):
    """A strategy without an identifier."""


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("nonsense", "Invalid strategy-like 'nonsense'"),
        ("", "Invalid strategy-like"),
        ("no.such.module.Strategy", "Invalid strategy-like"),
        (f"{OFFICIAL}.Nothing", "Invalid strategy-like"),
        ("json.dumps", "Invalid strategy-like"),
        (3, "Invalid strategy-like '3'"),
        (object, "Invalid strategy-like"),
        (PickleCode, "PickleCode is not a known serialization strategy"),
        (Unknown, "Unknown is not a known serialization strategy"),
        (f"{OFFICIAL}.base.SerializationStrategy", "Invalid strategy-like"),
    ],
)
def test_bad_strategylike(value: Any, reason: str) -> None:
    with pytest.raises(SerdeError, match=reason) as caught:
        ComputeSerializer(strategy_code=value)
    assert "DillCode" in caught.value.next_step


def test_wrong_kind() -> None:
    with pytest.raises(SerdeError, match=r"JSONData is a data .* expected a code strategy"):
        ComputeSerializer(strategy_code=JSONData)
    with pytest.raises(SerdeError, match=r"DillCode is a code .* expected a data strategy") as err:
        ComputeSerializer(strategy_data=DillCode)
    assert "JSONData" in err.value.next_step


@pytest.mark.parametrize("payload", ["", "0", "zz\nabc", "hello", "00", None, b"00\n", 7])
def test_not_a_payload(payload: Any) -> None:
    with pytest.raises(DeserializationError) as caught:
        ComputeSerializer().deserialize(payload)
    assert caught.value.next_step


CODE, DATA = AllowlistWildcard.CODE, AllowlistWildcard.DATA
ALL_CODE = {kind for kind in SELECTABLE_STRATEGIES if kind.for_code}
ALL_DATA = {kind for kind in SELECTABLE_STRATEGIES if not kind.for_code}


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (None, set()),
        ([], set()),
        ([DillCode, JSONData()], {DillCode, JSONData}),
        ([f"{OFFICIAL}.DillCode", DATA], {DillCode} | ALL_DATA),
        (["globus_compute_sdk.*Code", JSONData], ALL_CODE | {JSONData}),
        (iter([CODE, DATA]), ALL_CODE | ALL_DATA),
    ],
)
def test_allowlist(given: Any, allowed: set[Any]) -> None:
    serializer = ComputeSerializer(allowed_deserializer_types=given)
    assert serializer.allowed_deserializer_types == allowed


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([DillCode], "at least one code and one data"),
        ([DATA], "at least one code and one data"),
        ([CODE, DillCode, JSONData], r"Cannot mix 'globus_compute_sdk\.\*Code'"),
        ([CODE, DATA, JSONData], r"Cannot mix 'globus_compute_sdk\.\*Data'"),
        (["globus_compute_sdk.*", DATA], "Invalid strategy-like"),
        ([PickleCode, DATA], "not a known"),
    ],
)
def test_bad_allowlist(given: Any, reason: str) -> None:
    with pytest.raises(SerdeError, match=reason) as caught:
        ComputeSerializer(allowed_deserializer_types=given)
    assert caught.value.next_step


def test_allowlist_is_enforced() -> None:
    serializer = ComputeSerializer(allowed_deserializer_types=[PureSourceTextInspect, JSONData])
    assert serializer.deserialize("11\n[1]") == [1]
    with pytest.raises(
        DeserializationError, match="Data serializer DillDataBase64 disabled"
    ) as err:
        serializer.deserialize(ComputeSerializer().serialize(1))
    assert "JSONData, PureSourceTextInspect" in str(err.value)
    with pytest.raises(DeserializationError, match="Code serializer DillCode disabled"):
        serializer.deserialize(ComputeSerializer().serialize(add))
    with pytest.raises(DeserializationError, match="PickleCode disabled"):
        ComputeSerializer(allowed_deserializer_types=[CODE, DATA]).deserialize("02\nab")


def test_check_strategies() -> None:
    for code in sorted(ALL_CODE, key=str):
        serializer = ComputeSerializer(strategy_code=code)
        function, args, kwargs = serializer.check_strategies(add, 3, y=4)
        assert (args, kwargs) == ((3,), {"y": 4})
        assert function(*args, **kwargs) == 7


def test_check_strategies_says_which_way_failed() -> None:
    with pytest.raises(SerializationError, match=r"failed to serialize.*A lambda") as caught:
        ComputeSerializer(strategy_code=PureSourceTextInspect).check_strategies(lambda: 0)
    assert "def" in caught.value.next_step
    serializer = ComputeSerializer(allowed_deserializer_types=[AllCodeStrategies, JSONData])
    with pytest.raises(DeserializationError, match=r"failed to deserialize.*DillCode disabled"):
        serializer.check_strategies(add)


def test_serialize_from_list() -> None:
    from_list = ComputeSerializer.serialize_from_list
    assert from_list([1], [JSONData, DillDataBase64]).startswith("11\n")
    assert from_list({1j}, [DillCode, JSONData, DillDataBase64]).startswith("00\n")
    assert from_list((), []).startswith("00\n")
    assert from_list(add, []).startswith("01\n")
    with pytest.raises(SerializationError, match="All strategies failed") as caught:
        from_list({1j}, [JSONData, DillCode, "bad"])
    for reason in ("JSONData failed", "DillCode is a code", "Invalid strategy-like 'bad'"):
        assert reason in caught.value.reason


def test_unpack_and_deserialize_wants_three_buffers() -> None:
    serializer = ComputeSerializer()
    body = [serializer.serialize(part) for part in (add, (1,), {})]
    function, args, kwargs = serializer.unpack_and_deserialize(serializer.pack_buffers(body))
    assert function(*args, **kwargs) == 1
    for wrong in (body[:2], [*body, "11\n1"], []):
        with pytest.raises(DeserializationError, match=f"expects 3 buffers, got {len(wrong)}"):
            serializer.unpack_and_deserialize(serializer.pack_buffers(wrong))


def test_every_name_is_public() -> None:
    assert [name for name in serialize.__all__ if not hasattr(serialize, name)] == []
