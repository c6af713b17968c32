"""A short form of the fuzzing of `run.py`: any bytes, changed examples, and JSON of any shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, cell_reply, result_data, result_text, service_reply

#: Inputs for each target and each kind of input.
RUNS = 150
short = settings(
    max_examples=RUNS, deadline=None, suppress_health_check=list(HealthCheck), database=None
)

KEYS = st.sampled_from(
    [
        *("task_id", "data", "details", "error_details", "code", "user_message", "task_statuses"),
        *("timestamp", "state", "status", "result", "exception", "completion_t", "os"),
        *("version", "events", "host", "seconds", "python", "error", "out", "value", "repr"),
        *("type", "reason", "bundle", "pickle", "lines", "frames", "while", "missing", "cause"),
        *("context", "parts", "text/plain", "image/png"),
    ]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["success", "execution-start", "\ud800", "\x1b]0;x\x07", "11\n1", "00\na"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)


@st.composite
def changed(draw: Any, examples: list[bytes]) -> bytes:
    """An example with bytes changed, cut out, doubled, or put in."""
    data = bytearray(draw(st.sampled_from(examples)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.integers(0, 8)))
        what = draw(st.binary(max_size=4) | st.just(bytes(data[at:to]) * 2))
        data[at:to] = what
    return bytes(data)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_any_bytes(target: Callable[[bytes], None]) -> None:
    short(given(st.binary(max_size=300))(target))()


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_changed_examples(target: Callable[[bytes], None]) -> None:
    for example in TARGETS[target]:
        target(example)
    short(given(changed(TARGETS[target]))(target))()


@pytest.mark.parametrize("target", [result_data, service_reply, cell_reply])
def test_json_of_any_shape(target: Callable[[bytes], None]) -> None:
    short(given(JSON.map(lambda value: json.dumps(value).encode()))(target))()


_DEEP = {
    "lists": lambda depth: "[" * depth + "]" * depth,
    "objects": lambda depth: '{"a":' * depth + "1" + "}" * depth,
    "open lists": lambda depth: "[" * depth,
    "open objects": lambda depth: '{"a":' * depth,
}
#: Around Python's limit of recursion, where reading succeeds and using what was read may not.
DEPTHS = (100, 300, 480, 900, 940, 960, 970, 980, 985, 990, 995, 1000, 5000, 100_000)


@pytest.mark.parametrize("kind", _DEEP)
def test_absurd_depth(kind: str) -> None:
    for depth in DEPTHS:
        deep = _DEEP[kind](depth)
        result_text(f"11\n{deep}".encode())
        cell_reply(deep.encode())
        service_reply(f'{{"status": {deep}, "details": {deep}}}'.encode())
        for field in ("task_id", "data", "details", "error_details", "task_statuses"):
            known = {"task_id": '"t"', "data": '"11\\n1"', field: deep}
            known["error_details"] = known.get("error_details", f'{{"code": {deep}}}')
            result_data(_object(known))
        for name in ("code", "user_message"):
            result_data(
                _object({"task_id": '"t"', "data": '""', "error_details": f'{{"{name}": {deep}}}'})
            )
        states = f'[{{"timestamp": 1, "state": {deep}}}]'
        result_data(_object({"task_id": '"t"', "data": '""', "task_statuses": states}))
        details = f'{{"os": {deep}}}'
        result_data(_object({"task_id": '"t"', "data": '""', "details": details}))


def _object(fields: dict[str, str]) -> bytes:
    return ("{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}").encode()


ODD = {
    "a huge number": "9" * 5000,
    "a huge exponent": "1e999999",
    "many digits": "9" * 4000,
    "not a number": "NaN",
    "infinity": "-Infinity",
    "half a character": '"\\ud800"',
    "both halves the wrong way": '"\\udc00\\ud800"',
    "the same key twice": '{"a": 1, "a": [2]}',
    "a key of half a character": '{"\\ud800": 1}',
    "control characters": '"\\u0000\\u001b]0;x\\u0007"',
    "a huge text": '"' + "x" * 2_000_000 + '"',
}


@pytest.mark.parametrize("odd", ODD)
def test_odd_values(odd: str) -> None:
    value = ODD[odd]
    result_text(f"11\n{value}".encode())
    cell_reply(f'{{"version": 1, "events": [], "host": {value}}}'.encode())
    for field in ("status", "result", "exception", "completion_t", "details"):
        service_reply(f'{{"{field}": {value}}}'.encode())
    for field in ("task_id", "data", "details", "error_details", "task_statuses"):
        result_data(_object({"task_id": '"t"', "data": '"11\\n1"', field: value}))
    for inner in ("code", "user_message", "os"):
        wrapped = f'{{"{inner}": {value}}}'
        result_data(_object({"task_id": '"t"', "data": '""', "error_details": wrapped}))
        result_data(_object({"task_id": '"t"', "data": '""', "details": wrapped}))
    times = f'[{{"timestamp": {value}, "state": "execution-start"}}]'
    result_data(_object({"task_id": '"t"', "data": '""', "task_statuses": times}))


def test_a_key_given_twice_is_read_once() -> None:
    from gc_jupyter.protocol.messages import unpack_result

    body = b'\x01{"message_type": "result", "data": {"task_id": "a", "task_id": "b", "data": ""}}'
    assert unpack_result(body).task_id == "b"
