"""What travels with a function or a value to a worker that has none of its modules."""

from __future__ import annotations

import functools
import io
import json
import math
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

import gc_jupyter
from gc_jupyter.errors import DeserializationError, SerializationError
from gc_jupyter.serialize import ComputeSerializer, DillCode, DillDataBase64
from gc_jupyter.serialize.pickles import dump_by_value, dumps_by_value
from tests.serialize import sample, sample_helpers
from tests.serialize.conftest import Official

SERIALIZER = ComputeSerializer()


@pytest.mark.parametrize(
    ("function", "args", "expected"),
    [
        pytest.param(sample.scale, (2.5,), 12, id="imports, globals, defaults"),
        pytest.param(sample.is_even, (5,), False, id="functions that call each other"),
        pytest.param(sample.shared_globals, (), (2, 2, 2), id="global statements"),
        pytest.param(sample.attribute_named_like_a_global, (1,), "17", id="attribute names"),
        pytest.param(sample.uses_submodules, (), ("a", "ThreadPoolExecutor"), id="submodules"),
        pytest.param(sample.uses_helpers, (5,), (2.5, 3.0, 10), id="local modules"),
        pytest.param(sample.make_power(3), (2,), 8, id="closure that calls itself"),
        pytest.param(sample.make_module_user(), (9,), 4.5, id="closure over a module"),
        pytest.param(sample.uses_enums, (), ["GREEN", 4, "GREEN", 2, "FAST", 3], id="enums"),
        pytest.param(
            sample.uses_classes,
            (),
            ["Derived", ["Derived", "Point"], True, True, {"left": 1, "right": 2}],
            id="classes",
        ),
        pytest.param(sample.uses_typing, (), [[2, 2], "Jane Doe"], id="typing and locks"),
        pytest.param(lambda x: sample.add(x, 1), (8,), 9, id="lambda"),
        pytest.param(functools.partial(sample.add, 1, b=4), (), 5, id="partial"),
        pytest.param(sample.Machine().run, (1,), 6, id="method"),
        pytest.param(sample.Machine(), (3,), 15, id="callable instance"),
        pytest.param(sample.cached_add, (1, 2), 3, id="decorated"),
        pytest.param(math.sqrt, (9,), 3.0, id="C function"),
        pytest.param(json.dumps, ([1],), "[1]", id="installed function"),
    ],
)
def test_functions_run_on_a_worker(
    official: Official, function: Any, args: tuple[Any, ...], expected: Any
) -> None:
    assert official.run(SERIALIZER.serialize(function), *args) == expected


def worker_python() -> list[int]:
    return list(sys.version_info[:2])


def test_only_what_is_used_travels() -> None:
    for function in (sample.scale, sample.attribute_named_like_a_global):
        assert len(SERIALIZER.serialize(function)) < 12_000  # most of it is what reads it
    assert len(SERIALIZER.serialize(json.dumps)) < 100  # installed: by reference


def test_values_of_local_classes_go_and_come_back_as_themselves(official: Official) -> None:
    if sys.version_info[:2] != tuple(official.run(SERIALIZER.serialize(worker_python))):
        pytest.skip("the worker's dill names parts of dataclasses that this Python lacks")
    points = [sample.Point(1, ["a"]), sample.Point(2, ["b"])]
    total = official.run(SERIALIZER.serialize(sample.add_points), *points)
    assert type(total) is sample.Point
    assert total == sample.Point(3, ["a", "b"])
    things = official.run(SERIALIZER.serialize(sample.things))
    assert things == [sample.Point(3), [sample_helpers.Thing(4)], {"pair": sample.Pair(1, 2)}]
    assert type(things[0]) is sample.Point


def test_enum_members_in_arguments(official: Official) -> None:
    code = SERIALIZER.serialize(lambda colors: [color.square for color in colors])
    assert official.run(code, [sample.Color.GREEN]) == [4]


def test_a_class_of_a_function_is_not_taken_for_a_module_class() -> None:
    class Point:
        def only_here(self) -> int:
            return 1

    value = SERIALIZER.deserialize(SERIALIZER.serialize([Point()]))[0]
    assert type(value) is not sample.Point
    assert value.only_here() == 1


def test_remote_failure_keeps_its_traceback(official: Official) -> None:
    message = official.execute(SERIALIZER.serialize(sample.fails), 4)
    assert message.error_code == "RemoteExecutionError"
    assert "ZeroDivisionError" in message.data
    message = official.execute(SERIALIZER.serialize(sample.raises_own))
    assert "OwnError: no luck" in message.data


def test_serializing_changes_nothing_here() -> None:
    modules = (sample, sample_helpers)
    before = [dict(vars(module)) for module in modules]
    SERIALIZER.serialize(sample.shared_globals)
    assert [dict(vars(module)) for module in modules] == before
    assert sample.shared_globals.__module__ == "tests.serialize.sample"


def test_what_is_ours_is_refused() -> None:
    with pytest.raises(SerializationError, match="gc_jupyter, which workers don't have") as caught:
        SERIALIZER.serialize(lambda: gc_jupyter.__version__)
    assert "Leave it out" in str(caught.value)
    with pytest.raises(SerializationError, match="gc_jupyter, which workers don't have"):
        SERIALIZER.serialize(lambda: SERIALIZER.serialize(1))
    with pytest.raises(SerializationError, match="gc_jupyter, which workers don't have"):
        SERIALIZER.serialize([SERIALIZER])


def test_what_cannot_be_pickled_names_the_cause() -> None:
    with pytest.raises(SerializationError, match=r"DillDataBase64 failed.*generator") as caught:
        DillDataBase64().serialize(i for i in range(3))
    assert isinstance(caught.value.__cause__, TypeError)
    assert "generators stay here" in caught.value.next_step
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    generator = iter(process for _ in range(1))
    with pytest.raises(SerializationError, match="DillCode failed"):
        DillCode().serialize(lambda: next(generator))


NOTEBOOK = """
from __future__ import annotations
import json, sys
import numpy as np
from IPython.core.interactiveshell import InteractiveShell
from gc_jupyter.serialize import ComputeSerializer
import gc_jupyter.serialize as serialize

shell = InteractiveShell.instance()
for cell in CELLS:
    shell.run_cell(cell).raise_error()
payloads = {}
for strategy, name in NAMES:
    serializer = ComputeSerializer(strategy_code=getattr(serialize, strategy))
    payloads[strategy + " " + name] = serializer.serialize(shell.user_ns[name])
print("payloads:" + json.dumps(payloads))
"""
CELLS = [
    "import os, math\nK = 4\nclass Dot:\n    def __init__(self, x): self.x = x",
    "def helper(x):\n    return math.floor(x) * K",
    "def call_helper(x):\n    return helper(x) + Dot(1).x",
    "def alone(x):\n    import math\n    return math.floor(x) + 1",
    "def outer():\n    def inner(x):\n        '''Doc\n  string'''\n        return x + 1\n"
    "    return inner\ninner = outer()",
    "def leave(x):\n    return exit if x else 3",
]
NAMES = [
    ("DillCode", "call_helper"),
    ("DillCode", "leave"),
    ("AllCodeStrategies", "call_helper"),
    ("CombinedCode", "call_helper"),
    *[
        (strategy, name)
        for strategy in (
            "PureSourceTextInspect",
            "PureSourceDill",
            "DillCodeTextInspect",
            "DillCodeSource",
            "AllCodeStrategies",
        )
        for name in ("alone", "inner")
    ],
]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Payloads made of an IPython shell's functions, by strategy and name."""
    directory = tmp_path_factory.mktemp("notebook")
    script = directory / "script.py"
    script.write_text(NOTEBOOK.replace("CELLS", repr(CELLS)).replace("NAMES", repr(NAMES)))
    ran = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "IPYTHONDIR": str(directory)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    payloads: dict[str, str] = json.loads(ran.stdout.partition("payloads:")[2])
    return payloads


@pytest.mark.parametrize(("strategy", "name"), NAMES)
def test_notebook_functions_run_on_a_worker(
    official: Official, notebook: dict[str, str], strategy: str, name: str
) -> None:
    expected = {"call_helper": 9, "leave": 3, "alone": 3, "inner": 3}[name]
    argument = 0 if name == "leave" else 2
    assert official.run(notebook[f"{strategy} {name}"], argument) == expected


def test_payload_of_a_missing_module_says_what_to_install() -> None:
    payload = DillDataBase64.identifier + "gASVEQAAAAAAAACMB25vd2hlcmWUjAFhlJOULg==\n"
    with pytest.raises(DeserializationError, match="No module named 'nowhere'") as caught:
        SERIALIZER.deserialize(payload)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert "Install 'nowhere'" in caught.value.next_step


def test_importing_the_package_loads_no_dill() -> None:
    code = (
        "import sys; from gc_jupyter.serialize import ComputeSerializer as C; "
        "s = C(); s.deserialize(s.serialize(({'a': [1]},))); assert 'dill' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=pathlib.Path(__file__).parent)


@pytest.mark.parametrize(
    "value",
    [(), {}, (1,), (1, 2.5, None, True, "x" * 1000, b"y" * 10), {"a": 1, "b": "c"}, ("a", "a")],
)
def test_plain_values_are_pickled_the_same_without_our_pickler(value: object) -> None:
    slow = io.BytesIO()
    dump_by_value(value, slow)
    assert dumps_by_value(value) == slow.getvalue()
