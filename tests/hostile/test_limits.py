"""What a result may be read by is kept with its task and with its endpoint: a pickle that was
refused once runs nowhere, in no later kernel either."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.errors import ComputeError, DeserializationError
from gc_jupyter.protocol.messages import ResultMessage, pack_result
from gc_jupyter.serialize import (
    AllDataStrategies,
    DillCode,
    DillDataBase64,
    JSONData,
    PureSourceTextInspect,
)
from gc_jupyter.serialize.limits import both, check_result, limit_of
from gc_jupyter.session import Session
from gc_jupyter.settings import SettingsError, files
from gc_jupyter.settings import known as decisions
from gc_jupyter.settings.known import known
from tests.hostile.test_pickles import PAYLOADS, add, nothing, submitted
from tests.magics.conftest import Kernel, kernels
from tests.magics.restarts import Start, start
from tests.service.handle import Loopback

__all__ = ["kernels", "start"]

TIMEOUT = 60


@pytest.mark.parametrize(
    ("allowed", "asked", "limit"),
    [
        ((), None, ""),
        ((), [JSONData], "JSONData"),
        ((), ["globus_compute_sdk.serialize.JSONData"], "JSONData"),
        ((), [JSONData, DillDataBase64], ""),
        ((JSONData, PureSourceTextInspect), None, "JSONData"),
        ((JSONData, PureSourceTextInspect), [DillDataBase64], "JSONData"),
        ((DillDataBase64, DillCode), [JSONData], "DillCode,DillDataBase64"),
        ((AllDataStrategies, DillCode), None, "AllDataStrategies,DillCode"),
    ],
)
def test_the_limit_of_who_submits(allowed: Any, asked: Any, limit: str) -> None:
    assert limit_of(allowed, asked) == limit


@pytest.mark.parametrize("name", PAYLOADS)
def test_a_limit_is_held_before_anything_is_read(name: str, tmp_path: Path) -> None:
    payload = PAYLOADS[name](tmp_path / "made")
    for limit in ("JSONData", "DillCode,DillDataBase64;JSONData", "made up", ";JSONData"):
        with pytest.raises(DeserializationError) as caught:
            check_result(payload, limit)
        assert caught.value.next_step
    check_result(payload, "")
    check_result("11\n1", "JSONData")
    assert both("", "a", "", "b", "a") == "a;b"


# --- an Executor's own list, in this kernel and in later ones ---------------------------------

JSON_ONLY = """
from gc_jupyter import Client, Executor
from gc_jupyter.serialize import ComputeSerializer, JSONData, PureSourceTextInspect
def nothing(): pass
limited = ComputeSerializer(
    strategy_data=JSONData, allowed_deserializer_types=[JSONData, PureSourceTextInspect]
)
"""
LISTS = {
    "an allow-list": "serializer=limited",
    "asked for": "result_serializers=[JSONData]",
    "both": "serializer=limited, result_serializers=[JSONData]",
}


def submit(kernel: Kernel, endpoint: str, options: str = "") -> tuple[str, str]:
    """A task that the service has; its id and its group's."""
    kernel.ok(f"future = Executor({endpoint!r}, {options}).submit(nothing)")
    kernel.wait_for_ids("[future]")
    shown = kernel.ok("print(future.task_id, future.info.task_group_id)").stream("stdout")
    task_id, group = shown.split()
    return task_id, group


@pytest.mark.parametrize("given", LISTS)
def test_what_was_refused_runs_in_no_later_kernel(
    loopback: Loopback, start: Start, tmp_path: Path, given: str
) -> None:
    made = tmp_path / "made"
    endpoint, payload = loopback.new_endpoint("offline"), PAYLOADS["data"](made)
    kernel = start()
    kernel.ok("%load_ext gc_jupyter")
    kernel.ok(JSON_ONLY)
    first, group = submit(kernel, endpoint, LISTS[given])
    loopback.publish(group, pack_result(ResultMessage(first, payload)))
    assert kernel.ok("type(future.exception(60)).__name__").text == "'DeserializationError'"
    second, _ = submit(kernel, endpoint, LISTS[given])
    third, _ = submit(kernel, endpoint, LISTS[given])
    for task_id in (first, second):
        loopback.change_task(task_id, status="success", result=payload)
    for line in (f"%gc result {first}", f"%gc attach {first}", "%gc attach"):
        kernel.run(line)
        assert not made.exists()
    shown = kernel.run(f"Client(do_version_check=False).get_result({second!r})")
    assert "The result isn't read" in shown.error["evalue"]
    kernel.kill()

    later = start()
    later.ok("%load_ext gc_jupyter")
    assert "The result isn't read" in later.run(f"%gc result {second}").traceback
    later.run("%gc attach")
    later.run(f"%gc attach {group}")
    loopback.publish(group, pack_result(ResultMessage(third, payload)))
    loopback.change_task(third, status="success", result=payload)  # as the service knows it then
    later.ok("from gc_jupyter import Executor, Client")
    adopted = f"Executor({endpoint!r}).reload_tasks({group!r})"
    found = later.ok(f"[type(f.exception(60)).__name__ for f in {adopted}]").text
    assert set(found.strip("[]").split(", ")) == {"'DeserializationError'"}
    for task_id in (first, second, third):
        later.run(f"%gc result {task_id}")
        later.run(f"Client(do_version_check=False).get_result({task_id!r})")
    assert not made.exists()


# --- a setting of the endpoint ----------------------------------------------------------------


@pytest.fixture
def limited(loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An endpoint whose results this process' user wants as JSON alone."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    endpoint = loopback.new_endpoint("offline")
    known().limit_results(endpoint, "json")
    return endpoint


def test_the_setting_holds_for_plain_executors(
    client: Client, loopback: Loopback, limited: str, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    executor = Executor(limited, client=client)
    for name in ("data", "bytecode", "source"):
        future = submitted(executor)
        message = ResultMessage(future.task_id, PAYLOADS[name](made))
        loopback.publish(future.info.task_group_id, pack_result(message))
        assert isinstance(future.exception(TIMEOUT), DeserializationError)
    function = client.register_function(nothing)
    task_id = client.run(endpoint_id=limited, function_id=function)
    loopback.change_task(task_id, status="success", result=PAYLOADS["data"](made))
    with pytest.raises(DeserializationError):
        client.get_result(task_id)
    for request in loopback.requests("POST", "/submit"):
        (asked,) = request["body"]["result_serializers"]
        assert asked.endswith(".JSONData")
    executor.shutdown(wait=False, cancel_futures=True)
    assert not made.exists()


def test_the_setting_holds_for_what_was_sent_before_it(
    client: Client, loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    made = tmp_path / "made"
    executor = Executor(loopback.new_endpoint("offline"), client=client)
    future = submitted(executor)
    known().limit_results(str(executor.endpoint_id), "json")
    message = ResultMessage(future.task_id, PAYLOADS["data"](made))
    loopback.publish(future.info.task_group_id, pack_result(message))
    assert isinstance(future.exception(TIMEOUT), DeserializationError)
    assert not made.exists()
    executor.shutdown(wait=False, cancel_futures=True)


def test_a_file_that_cannot_be_read_lets_nothing_be_read(
    client: Client,
    loopback: Loopback,
    limited: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it would forbid isn't done for want of it."""
    monkeypatch.setattr(decisions, "LOOK_S", 0.0)
    made = tmp_path / "made"
    executor = Executor(limited, client=client)
    future = submitted(executor)
    (tmp_path / "config/gc_jupyter_known.toml").write_text("[")
    message = ResultMessage(future.task_id, PAYLOADS["data"](made))
    loopback.publish(future.info.task_group_id, pack_result(message))
    assert isinstance(future.exception(TIMEOUT), ComputeError)
    with pytest.raises(SettingsError):
        executor.submit(nothing)
    with Executor("local") as here:
        assert here.submit(add, 1, 2).result(TIMEOUT) == {"sum": [3]}
    executor.shutdown(wait=False, cancel_futures=True)
    assert not made.exists()


def test_a_fan_out_doesnt_look_at_the_files_for_each_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home may be on another machine; what this process changes holds at once all the same."""
    looked: list[Path] = []

    def signature(path: Path) -> tuple[int, ...] | None:
        looked.append(path)
        return files.signature(path)

    monkeypatch.setattr(decisions, "signature", signature)
    monkeypatch.setattr(decisions, "LOOK_S", 3600.0)
    endpoint = str(uuid.uuid4())
    mine, other = (decisions.Known(tmp_path / "known.toml") for _ in range(2))
    assert [mine.results() for _ in range(1000)] == [{}] * 1000
    assert len(looked) == 1
    other.limit_results(endpoint, "json")
    assert mine.results() == {endpoint: "json"}
    other.limit_results(endpoint, None)
    assert mine.results() == {}


def test_json_comes_back_from_a_real_worker(
    client: Client, loopback: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    endpoint = loopback.endpoint("inline")
    known().limit_results(endpoint.upper(), "json")
    with Executor(endpoint, client=client) as executor:
        assert executor.submit(add, 1, 2.5).result(TIMEOUT) == {"sum": [3.5]}
    session = Session(client=client)
    with pytest.raises(ComputeError, match="holds pickles") as caught:
        session.submit_cell("1", {}, endpoint)
    assert "Executor" in caught.value.next_step
    session.close()


def test_the_setting_in_a_kernel(loopback: Loopback, start: Start) -> None:
    endpoint = loopback.endpoint("inline")
    kernel = start()
    kernel.ok("%load_ext gc_jupyter")
    said = kernel.ok(f"%gc use {endpoint} --alias far --results json").stream("stdout")
    assert "Results of " in said
    assert "are read as JSON alone" in said
    loopback.clear()
    for cell in ("%%gcrun far\n1", "%%gcrun far --dry-run\n1", "%%gcshell far\ntrue"):
        assert "may be JSONData alone" in kernel.run(cell).traceback
    assert "may be JSONData alone" in kernel.run("%%gcrun far\ndef f(): return 1").traceback
    assert loopback.requests("POST", "/submit") == []
    assert "results are read as JSONData alone" in kernel.ok("%gc doctor far").stream("stdout")
    kernel.close()
    later = start()
    later.ok("%load_ext gc_jupyter")
    assert f"Results of {endpoint} are read as JSON" in later.ok("%gc use").stream("stdout")
    assert later.run("%%gcrun far\n1").status == "error"
    assert "Whose results?" in later.run("%gc use --results json").stream("stderr")
    assert "write --results json" in later.run("%gc use far --results x").stream("stderr")
    assert "may be anything" in later.ok("%gc use far --results any").stream("stdout")
    assert later.ok("%%gcrun far\n1").text == "1"
