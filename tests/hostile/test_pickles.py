"""A list of allowed strategies holds wherever a result is read: what it leaves out never runs."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.capture import Captured, CellFuture
from gc_jupyter.errors import BadReply, ComputeError, DeserializationError, TaskExecutionFailed
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.journal import Journal, KernelSession
from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.serialize import (
    AllDataStrategies,
    ComputeSerializer,
    DillCode,
    DillDataBase64,
    JSONData,
    PureSourceTextInspect,
    pack_buffers,
)
from gc_jupyter.session import Session
from gc_jupyter.session.attach import attach
from tests.conftest import connect
from tests.journal.test_journal import entry
from tests.service.handle import Loopback

TIMEOUT = 60
JSON_ONLY = ComputeSerializer(
    strategy_data=JSONData,
    allowed_deserializer_types=[JSONData, PureSourceTextInspect],
)


class Command:
    """Pickles as a call that leaves a directory behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


def encoded(value: Any) -> str:
    return base64.encodebytes(pickle.dumps(value)).decode()


#: How a sender may wrap a pickle or a source, given the path that running it makes.
PAYLOADS: dict[str, Callable[[Path], str]] = {
    "data": lambda made: "00\n" + encoded(Command(made)),
    "nested data": lambda made: "00\n" + encoded({"a": [({"b": Command(made)},)]}),
    "bytecode": lambda made: "01\n" + encoded(Command(made)),
    "old code": lambda made: "02\n" + encoded(Command(made)),
    "pickled source": lambda made: "03\n" + encoded(("f", Command(made))),
    "other pickled source": lambda made: "04\n" + encoded(("f", source(made))),
    "source": lambda made: f"st\nf:{source(made)}",
    "other source": lambda made: f"sd\nf:{source(made)}",
    "old combination": lambda made: f"10\nst\n:f:{source(made)}",
    "combination": lambda made: "12\n" + pack_buffers([f"st\nf:{source(made)}"]),
    "data combination": lambda made: "13\n" + pack_buffers(["00\n" + encoded(Command(made))]),
    "code in data": lambda made: "13\n" + pack_buffers([f"st\nf:{source(made)}"]),
    "data in code": lambda made: "12\n" + pack_buffers(["00\n" + encoded(Command(made))]),
    "within itself": lambda made: nested("00\n" + encoded(Command(made)), 200),
}


def source(made: Path) -> str:
    return f"import os\nos.mkdir({str(made)!r})\ndef f(): pass"


def nested(payload: str, depth: int) -> str:
    for _ in range(depth):
        payload = "13\n" + pack_buffers([payload])
    return payload


@pytest.mark.parametrize("name", PAYLOADS)
def test_nothing_runs_under_json_only(name: str, tmp_path: Path) -> None:
    made = tmp_path / "made"
    payload = PAYLOADS[name](made)
    with pytest.raises(DeserializationError) as caught:
        JSON_ONLY.deserialize_result(payload)
    assert caught.value.next_step
    assert not made.exists()
    if name not in ("code in data", "data in code", "within itself"):
        with contextlib.suppress(DeserializationError):
            ComputeSerializer().deserialize_result(payload)
        assert made.exists()  # the same text does run where all is allowed


def test_a_combination_holds_its_own_kind_only(tmp_path: Path) -> None:
    lists = ([AllDataStrategies, DillCode], [DillDataBase64, DillCode], None)
    for name in ("code in data", "data in code", "within itself"):
        for allowed in lists:
            serializer = ComputeSerializer(allowed_deserializer_types=allowed)
            with pytest.raises(DeserializationError):
                serializer.deserialize_result(PAYLOADS[name](tmp_path / "made"))
    assert not (tmp_path / "made").exists()


def test_a_list_that_allows_pickles_allows_functions_too() -> None:
    serializer = ComputeSerializer(allowed_deserializer_types=[DillDataBase64, DillCode])
    assert serializer.deserialize_result(ComputeSerializer().serialize(len)) is len


def test_a_cells_reply_as_json_decodes_no_pickle(tmp_path: Path) -> None:
    """Under JSON-only, a worker's reply can be JSON that is shaped like a cell's."""
    made = tmp_path / "made"
    data = pickle.dumps(Command(made))
    for disguised in (base64.b64encode(data).decode(), list(data), data.decode("latin-1")):
        value = {"repr": "r", "type": "t", "reason": "", "pickle": disguised}
        error = {"type": "E", "lines": "E", "frames": [], "while": "", "missing": None}
        error |= {"cause": None, "context": None, "pickle": disguised, "parts": disguised}
        reply = {"version": 1, "events": [], "host": "", "seconds": 1, "python": "", "out": {}}
        for changes in ({"error": None, "value": value}, {"error": error, "value": None}):
            text = "11\n" + json.dumps({**reply, **changes, "out": {"x": value}})
            future = CellFuture(Captured(SourceFunction("c", ""), b"", {}, {}, {}), "polaris")
            try:
                future.decode(JSON_ONLY.deserialize_result(text))
            except (BadReply, TaskExecutionFailed):
                pass
            else:
                assert future.undecoded.keys() == {"", "x"}
    assert not made.exists()


# --- the same from the broker and from the service -------------------------------------------


def nothing() -> None:
    """Never runs: the endpoint is another program."""


@pytest.fixture
def executor(client: Client, loopback: Loopback) -> Iterator[Executor]:
    made = Executor(
        loopback.new_endpoint("offline"),
        client=client,
        serializer=JSON_ONLY,
        result_serializers=[JSONData],
    )
    yield made
    made.shutdown(wait=False, cancel_futures=True)


def submitted(executor: Executor) -> Any:
    """A task that the service has accepted."""
    future = executor.submit(nothing)
    known = threading.Event()
    executor._dispatcher().watch(lambda _events: future.task_id and known.set())
    assert future.task_id or known.wait(TIMEOUT)
    return future


def test_results_of_a_hostile_endpoint(
    executor: Executor, loopback: Loopback, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    for payload in ("data", "nested data", "bytecode", "source", "data combination"):
        future = submitted(executor)
        message = ResultMessage(future.task_id, PAYLOADS[payload](made))
        loopback.publish(future.info.task_group_id, pack_result(message))
        assert isinstance(future.exception(TIMEOUT), DeserializationError)
    assert not made.exists()


def test_errors_and_details_are_never_decoded(
    executor: Executor, loopback: Loopback, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    payload = PAYLOADS["data"](made)
    details = {"python_version": payload, "os": {"a": payload}, "dill_version": [payload] * 9}
    for code in ("RemoteExecutionError", "MaxResultSizeExceeded", payload):
        future = submitted(executor)
        message = ResultMessage(future.task_id, payload, details, code, payload)
        loopback.publish(future.info.task_group_id, pack_result(message))
        error = future.exception(TIMEOUT)
        assert isinstance(error, TaskExecutionFailed)
        assert payload[3:40] in str(error)  # text
    assert not made.exists()


def test_a_result_that_is_asked_for(to_loopback: Loopback, tmp_path: Path) -> None:
    made = tmp_path / "made"
    mine = connect(to_loopback, rate_limited=False, serializer=JSON_ONLY)
    with contextlib.closing(mine) as client:
        function = client.register_function(nothing)
        for name in ("data", "bytecode", "source"):
            task_id = client.run(endpoint_id=to_loopback.endpoint("offline"), function_id=function)
            to_loopback.change_task(task_id, status="success", result=PAYLOADS[name](made))
            with pytest.raises(ComputeError):
                client.get_result(task_id)
    assert not made.exists()


def test_what_is_attached_to(client: Client, to_loopback: Loopback, tmp_path: Path) -> None:
    """A result that an earlier kernel has left at the service, or the server in the journal."""
    made = tmp_path / "made"
    executor = Executor(to_loopback.endpoint("offline"), client=client)
    future = submitted(executor)
    executor.shutdown(wait=False, cancel_futures=True)
    client.close()  # the earlier kernel, whose own futures may be of anything
    result = PAYLOADS["data"](made)
    to_loopback.change_task(future.task_id, status="success", result=result)
    mine = connect(to_loopback, rate_limited=False, serializer=JSON_ONLY)
    journal = Journal(tmp_path / "j/journal.sqlite", KernelSession.here())
    session = Session(client=mine, journal=journal)
    known = {"group_id": future.info.task_group_id, "endpoint_id": future.info.endpoint_id}
    try:
        for kind in ("cell", "shell", ""):
            found = attach(session, [entry(task_id=future.task_id, kind=kind, **known)], {})
            (again,) = found.futures
            assert isinstance(again.exception(TIMEOUT), DeserializationError)
    finally:
        session.close()
        mine.close()
    assert not made.exists()


# --- JSON-only in use ------------------------------------------------------------------------


def add(a: float, b: float) -> dict[str, list[float]]:
    return {"sum": [a + b]}


def test_json_only_works(client: Client, loopback: Loopback) -> None:
    """As docs/security.md shows it, on the worker code of the official SDK."""
    with Executor(
        loopback.endpoint("inline"),
        client=client,
        serializer=JSON_ONLY,
        result_serializers=[JSONData],
    ) as executor:
        assert executor.submit(add, 1, 2.5).result(TIMEOUT) == {"sum": [3.5]}
        error = executor.submit(add, "a", 1).exception(TIMEOUT)
    assert isinstance(error, TaskExecutionFailed)
    assert "TypeError" in str(error)


def test_cells_need_pickles_and_say_so(client: Client, loopback: Loopback) -> None:
    mine = ComputeSerializer(allowed_deserializer_types=[JSONData, PureSourceTextInspect])
    client.fx_serializer = mine
    session = Session(client=client)
    future = session.submit_cell("1 + 1", {}, loopback.endpoint("inline"))
    with pytest.raises(DeserializationError, match="DillDataBase64 disabled"):
        future.result(TIMEOUT)
    session.close()
