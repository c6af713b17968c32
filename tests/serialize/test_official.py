"""The wire is right: what is written here is read by the official SDK, and the other way round."""

from __future__ import annotations

import subprocess
import sys
import types
from typing import Any

import pytest

from gc_jupyter import errors, serialize
from gc_jupyter.serialize import ComputeSerializer
from gc_jupyter.serialize import official as official_classes
from tests.serialize.conftest import HERE, Official
from tests.serialize.official_functions import label, scale

SERIALIZER = ComputeSerializer()
CODE = [kind.__name__ for kind in serialize.SELECTABLE_CODE_STRATEGIES]
DATA = [kind.__name__ for kind in serialize.SELECTABLE_DATA_STRATEGIES]


def echo(*args: Any, **kwargs: Any) -> list[Any]:
    return [list(args), kwargs]


@pytest.mark.parametrize("strategy", CODE)
def test_our_code_is_read(official: Official, strategy: str) -> None:
    serializer = ComputeSerializer(strategy_code=f"gc_jupyter.serialize.{strategy}")
    assert official.run(serializer.serialize(scale), 2, factor=5) == 10
    assert official.run(serializer.serialize(label), 4) == "sqrt: 2.0"


@pytest.mark.parametrize("strategy", CODE)
def test_their_code_is_read(
    official: Official, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(HERE)  # their DillCode names the module
    function = SERIALIZER.deserialize(official.ask("function", name="label", strategy=strategy))
    assert function(9) == "sqrt: 3.0"


def test_their_bytecode_is_read(official: Official, endpoint_python: str) -> None:
    ask = [endpoint_python, "-c", "import sys; print(*sys.version_info[:2])"]
    theirs = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.split()
    if theirs != [str(part) for part in sys.version_info[:2]]:
        pytest.skip("another Python's bytecode")
    expression = "lambda x: [x, __import__('math').pi]"
    payload = official.ask("encode", expression=expression, strategy="DillCode")
    assert SERIALIZER.deserialize(payload)(1)[1] > 3


def test_their_pickled_code_is_read(official: Official) -> None:
    payload = official.ask("encode", expression="__import__('math').sqrt", strategy="DillCode")
    assert SERIALIZER.deserialize(payload)(9) == 3
    assert SERIALIZER.deserialize("02\n" + payload[3:])(9) == 3


@pytest.mark.parametrize("strategy", DATA)
@pytest.mark.parametrize(
    "values",
    [[], [None, True, 1, -1.5, "é\N{SNOWMAN}\n"], [[1, [2]], {"a": {"b": []}}], ["x" * 100_000]],
    ids=["nothing", "scalars", "containers", "long"],
)
def test_data_both_ways(official: Official, strategy: str, values: list[Any]) -> None:
    ours = ComputeSerializer(strategy_data=f"gc_jupyter.serialize.{strategy}")
    buffers = [ours.serialize(part) for part in (echo, values, {"key": values})]
    reply = official.ask("call", buffers=ours.pack_buffers(buffers), strategy=strategy)
    assert reply[:3] == ours.data_serializer.identifier
    assert ours.deserialize(reply) == [values, {"key": values}]


@pytest.mark.parametrize(
    "expression",
    ["(1, 'a', None)", "{1: (2.5,)}", "[b'x' * 200]", "{'a': [1, 2, {'b': ()}]}", "''"],
)
def test_data_of_plain_values_is_text_for_text_the_same_value(
    official: Official, expression: str
) -> None:
    theirs = official.ask("encode", expression=expression, strategy="DillDataBase64")
    value = eval(expression)
    assert SERIALIZER.deserialize(theirs) == value
    assert official.run(SERIALIZER.serialize(echo), value) == [[value], {}]


def test_json_and_pure_source_are_byte_for_byte_the_same(official: Official) -> None:
    theirs = official.ask("encode", expression="{'a': [1, None]}", strategy="JSONData")
    assert theirs == ComputeSerializer(strategy_data=serialize.JSONData).serialize({"a": [1, None]})
    for strategy in ("PureSourceTextInspect", "PureSourceDill"):
        theirs = official.ask("function", name="scale", strategy=strategy)
        ours = ComputeSerializer(strategy_code=getattr(serialize, strategy))
        assert ours.serialize(scale) == theirs


def test_their_errors_are_ours_here(official: Official) -> None:
    expression = "__import__('globus_compute_sdk').errors.TaskPending('waiting')"
    theirs = SERIALIZER.deserialize(
        official.ask("encode", expression=expression, strategy="DillDataBase64")
    )
    assert type(theirs) is errors.TaskPending
    assert theirs.reason == "waiting"
    assert str(theirs) == "The task has no result yet: waiting."
    for name in ("SerializationError('no')", "TaskExecutionFailed('no')", "VersionMismatch('no')"):
        expression = f"__import__('globus_compute_sdk').errors.{name}"
        payload = official.ask("encode", expression=expression, strategy="DillDataBase64")
        assert "no" in repr(SERIALIZER.deserialize(payload))


def test_exceptions_are_values_too(official: Official) -> None:
    def caught() -> Exception:
        try:
            return ValueError(1 / 0)
        except ZeroDivisionError as exc:
            return exc

    error = official.run(SERIALIZER.serialize(caught))
    assert type(error) is ZeroDivisionError
    assert error.__traceback__.tb_frame.f_code.co_name == "caught"


def test_our_errors_are_theirs_there(official: Official) -> None:
    code = SERIALIZER.serialize(lambda error: [type(error).__module__, error.reason])
    error = errors.DeserializationError("no luck", next_step="try again")
    assert official.run(code, error) == ["globus_compute_sdk.errors.error_types", "no luck"]


def test_classes_named_by_the_official_path(
    official: Official, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("gc_jupyter.functions.shell")
    source = "class ShellResult:\n    pass\nclass ShellFunction:\n    pass"
    exec(source, vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    expression = (
        "[__import__('globus_compute_sdk').ShellResult('ls', 'out', '', 0), "
        "__import__('globus_compute_sdk').ShellFunction('echo {x}')]"
    )
    theirs = SERIALIZER.deserialize(
        official.ask("encode", expression=expression, strategy="DillDataBase64")
    )
    assert [type(value) for value in theirs] == [module.ShellResult, module.ShellFunction]
    assert vars(theirs[0])["stdout"] == "out"

    code = SERIALIZER.serialize(lambda values: [values[0].stdout, values[1](x=5).stdout])
    assert official.run(code, theirs) == ["out", "5\n"]


def test_every_official_class_of_the_table_exists(official: Official) -> None:
    for module, name in official_classes.OFFICIAL_CLASSES:
        found = official.ask(
            "encode",
            expression=f"__import__({module!r}, None, None, ['x']).{name}.__qualname__",
            strategy="JSONData",
        )
        assert SERIALIZER.deserialize(found) == name
