"""What outlasts a kernel: function ids and versions, in a file that may be wrong or gone."""

from __future__ import annotations

import json
import os
import stat
import time
from pathlib import Path

import pytest

from gc_jupyter import Client, Executor
from gc_jupyter.errors import LoginRequired
from gc_jupyter.functions.source import SourceFunction
from gc_jupyter.runtime.loop import close_kernel_loop
from gc_jupyter.runtime.remembered import Remembered
from gc_jupyter.runtime.shared import registry
from tests.conftest import connect
from tests.service.handle import Loopback

TIMEOUT = 60
RUNNER = SourceFunction("runner", "def runner(x):\n    return x + 1\n", lasting=True)


def test_kept_for_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "own" / "remembered.json"
    known = Remembered("me", path)
    assert known.get("a") is None
    known.put("a", "1", 100)
    known.put("b", "2", 100)
    assert Remembered("me", path).get("a") == "1"
    assert Remembered("somebody else", path).get("a") is None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    known.forget("a")
    assert known.get("a") is None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 101)
    assert known.get("b") is None
    for number in range(300):
        known.put(f"{number}", "x", 100)
    assert len(json.loads(path.read_text())) == 200
    assert known.get("299") == "x"
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[1]",
        b"[" * 100_000,
        b'{"%s a": 7}',
        b'{"%s a": ["x"]}',
        b'{"%s a": [7, 1e12]}',
        b'{"%s a": ["x", "later"]}',
        b'{"%s a": ["' + b"x" * 1000 + b'", 1e12]}',
    ],
    ids=lambda content: repr(content[:20]),
)
def test_whatever_the_file_holds(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "remembered.json"
    known = Remembered("me", path)
    path.write_bytes(content.replace(b"%s", known._who.encode()))
    path.chmod(0o600)
    assert known.get("a") is None
    known.put("a", "1", 100)
    assert known.get("a") == "1"


@pytest.mark.parametrize("kind", ["of others", "a directory", "no home"])
def test_a_file_that_is_not_used(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "remembered.json"
    if kind == "of others":
        path.write_text("{}")
        path.chmod(0o666)
    elif kind == "a directory":
        path.mkdir()
    else:
        monkeypatch.setattr("gc_jupyter.own_files.os.open", no)
    known = Remembered("me", path)
    known.put("a", "1", 100)
    assert known.get("a") is None


def no(*_args: object, **_more: object) -> int:
    raise OSError("no")


def registered(loopback: Loopback) -> int:
    return len(loopback.requests("POST", "/v3/functions"))


def next_kernel(loopback: Loopback) -> Client:
    close_kernel_loop()
    registry.forget()
    loopback.clear()
    return connect(loopback, rate_limited=False)


def test_a_function_that_lasts_is_registered_once(to_loopback: Loopback) -> None:
    endpoint = to_loopback.endpoint("inline")
    for kernel in range(3):
        executor = Executor(endpoint, client=next_kernel(to_loopback))
        assert executor.submit(RUNNER, 1).result(TIMEOUT) == 2
        assert executor.submit(RUNNER, 2).result(TIMEOUT) == 3
        assert registered(to_loopback) == (kernel == 0)


def test_a_service_that_no_longer_knows_it_gets_it_again(to_loopback: Loopback) -> None:
    endpoint = to_loopback.endpoint("inline")
    client = next_kernel(to_loopback)
    future = Executor(endpoint, client=client).submit(RUNNER, 1)
    assert future.result(TIMEOUT) == 2
    client.delete_function(str(future.info.function_id))
    executor = Executor(endpoint, client=next_kernel(to_loopback))
    futures = [executor.submit(RUNNER, number) for number in range(3)]
    assert [one.result(TIMEOUT) for one in futures] == [1, 2, 3]
    assert registered(to_loopback) == 1
    executor = Executor(endpoint, client=next_kernel(to_loopback))
    assert executor.submit(RUNNER, 1).result(TIMEOUT) == 2
    assert registered(to_loopback) == 0


def test_an_endpoint_with_a_list_of_functions_says_so(to_loopback: Loopback) -> None:
    other = next_kernel(to_loopback).register_function(len)
    endpoint = to_loopback.new_endpoint("instant", {"allowed_functions": [other]})
    for _ in range(2):
        executor = Executor(endpoint, client=next_kernel(to_loopback))
        error = executor.submit(RUNNER, 1).exception(TIMEOUT)
        assert isinstance(error, LoginRequired)
        assert "functions of a list" in error.next_step
        assert "not permitted" in error.reason
    assert registered(to_loopback) == 0  # the same one, which may be put on the list


def test_versions_are_asked_for_once_a_day(
    to_loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "GLOBUS_COMPUTE_ACCESS_TOKEN", to_loopback.token)
    for kernel in range(2):
        close_kernel_loop()
        registry.forget()
        Client()
        Client()
        assert len(to_loopback.requests("GET", "/v2/version")) == 1, kernel
