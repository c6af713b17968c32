"""The same calls through the official SDK and through this package: what arrives at the service
is compared field by field. The differences allowed are listed here, each with its reason."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gc_jupyter.serialize import ComputeSerializer
from tests.official.scripts import run_official, run_ours
from tests.service.handle import Loopback

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Not compared: the clock, and the length, which follows from the body compared.
_PASSING = ("at", "size")
_DOUBLE = """
def double(x, *, plus=0):
    "Twice."
    return 2 * x + plus

"""


def seen(loopback: Loopback) -> dict[str, list[dict[str, Any]]]:
    """What was recorded, by method and path, with ids numbered in the order they appear."""
    numbers: dict[str, str] = {}

    def number(match: re.Match[str]) -> str:
        return numbers.setdefault(match.group(), f"<id {len(numbers)}>")

    # The address of the results, and states, may be asked for earlier or later.
    late = re.compile("amqp|batch_status")
    recorded = sorted(loopback.requests(), key=lambda one: late.search(one["path"]) is not None)
    by_call: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(_UUID.sub(number, json.dumps(recorded))):
        for name in _PASSING:
            del one[name]
        one["headers"].pop("Content-Length", None)
        by_call.setdefault(f"{one['method']} {one['path']}", []).append(one)
    return by_call


def both(
    loopback: Loopback, directory: Path, body: str, given: object = None
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, list[dict[str, Any]]]]:
    """Run `body` with each SDK; returns the requests of the official one and of this one."""
    endpoint_id = loopback.endpoint("inline")
    recorded = []
    reports = []
    for run in (run_official, run_ours):
        loopback.clear()
        reports.append(run(loopback, directory, endpoint_id, body, given))
        recorded.append(seen(loopback))
    assert reports[0] == reports[1]
    return recorded[0], recorded[1]


def settle(
    official: dict[str, list[dict[str, Any]]], ours: dict[str, list[dict[str, Any]]]
) -> None:
    """Check and remove the differences that are meant."""
    # Asked once an endpoint: which Python it has, so that no bytecode goes to one that can't read
    # it. The endpoint's id is the first in every call that names it.
    if "GET /v2/endpoints/<id 0>" not in official and (
        questions := ours.pop("GET /v2/endpoints/<id 0>", [])
    ):
        (asked,) = questions
        assert "POST /v3/functions" in ours
        assert (asked["query"], asked["body"]) == ({}, None)
    # Asked once a process: whether the service takes this version.
    version = "GET /v2/version"
    official[version] = official.get(version, [])[: len(ours.get(version, []))]
    # Asked while the broker isn't connected yet, so that a first result doesn't wait for it.
    states = "POST /v2/batch_status"
    asked = ours.pop(states, [])
    early = len(asked) - len(official.get(states, []))
    assert all(one["body"].keys() == {"task_ids"} for one in asked[:early])
    if states in official:
        ours[states] = asked[early:]
    for one, other in zip(
        [one for calls in official.values() for one in calls],
        [one for calls in ours.values() for one in calls],
        strict=True,
    ):
        # The service and the endpoints' templates read the official part; the rest is our name.
        agent = one["headers"].pop("User-Agent")
        assert re.fullmatch(
            re.escape(agent) + r"/gc_jupyter-[\d.]+", other["headers"].pop("User-Agent")
        )
        if one["path"] == "/v3/functions" and one["body"]["serialized"]:
            # The pickled function names its line, and ours carries the globals that it uses. The
            # results compared above show that both are the same function; here, that the
            # buffers have the same form.
            codes = [side["body"].pop("function_code") for side in (one, other)]
            heads = [code.partition("\n")[2][:3] for code in codes]
            sizes = [int(code.partition("\n")[0]) for code in codes]
            assert heads == ["01\n", "01\n"]
            assert sizes == [len(code.partition("\n")[2]) for code in codes]
        if one["path"].endswith("/submit"):
            # dill names types in a way of its own: the same values, strategy by strategy
            for side in (one, other):
                for payloads in side["body"]["tasks"].values():
                    payloads[:] = [read(payload) for payload in payloads]


def read(payload: str) -> list[tuple[str, Any]]:
    """The buffers of packed arguments: strategy and value."""
    buffers = ComputeSerializer.unpack_buffers(payload)
    return [(buffer[:3], ComputeSerializer().deserialize(buffer)) for buffer in buffers]


CALLS = {
    "submit": (
        _DOUBLE
        + """
with Executor(endpoint_id=endpoint, client=client()) as executor:
    report["result"] = executor.submit(double, 4, plus=1).result(30)
"""
    ),
    "no arguments": """
def word():
    return "said"

with Executor(endpoint_id=endpoint, client=client()) as executor:
    report["result"] = executor.submit(word).result(30)
""",
    "a second task in the same group": (
        _DOUBLE
        + """
with Executor(endpoint_id=endpoint, client=client()) as executor:
    report["results"] = [executor.submit(double, n).result(30) for n in (1, 2)]
"""
    ),
    "arguments of many kinds": """
def kinds(*args, **kwargs):
    return [type(one).__name__ for one in (*args, *kwargs.values())]

with Executor(endpoint_id=endpoint, client=client()) as executor:
    future = executor.submit(
        kinds, None, 1.5, "täxt\\n", b"bytes", [1, {2: (3,)}], {"a"}, 2**70, key=True, other=1j
    )
    report["result"] = future.result(30)
""",
    "options": (
        _DOUBLE
        + """
with Executor(
    endpoint_id=endpoint,
    client=client(),
    resource_specification={"num_nodes": 1, "ranks_per_node": 2},
    user_endpoint_config={"queue": "debug", "nested": {"walltime": "00:10"}},
    result_serializers=[JSONData()],
) as executor:
    report["result"] = executor.submit(double, 1).result(30)
"""
    ),
    "a task group given": (
        _DOUBLE
        + """
with Executor(endpoint_id=endpoint, client=client(), task_group_id=given) as executor:
    report["result"] = executor.submit(double, 1).result(30)
"""
    ),
    "a registered function": (
        _DOUBLE
        + """
with Executor(endpoint_id=endpoint, client=client()) as executor:
    function_id = executor.register_function(double)
    future = executor.submit_to_registered_function(function_id, args=(3,), kwargs={"plus": 2})
    report["result"] = future.result(30)
"""
    ),
    "register with everything": (
        _DOUBLE
        + """
id = client().register_function(
    double,
    description="Other words.",
    public=True,
    group="8e0f4a5e-0000-4000-8000-000000000001",
)
report["length"] = len(str(id))
"""
    ),
    "an exception": """
def fail():
    raise ValueError("on purpose")

with Executor(endpoint_id=endpoint, client=client()) as executor:
    try:
        executor.submit(fail).result(30)
    except TaskExecutionFailed as error:
        report["error"] = str(error).strip().splitlines()[-1].strip()
""",
    "reload_tasks": """
executor = Executor(endpoint_id=endpoint, client=client(), task_group_id=given)
report["results"] = sorted(future.result(30) for future in executor.reload_tasks())
executor.shutdown()
""",
}

CALLS |= {
    "client: a batch": (
        _DOUBLE
        + """
gc = client()
function_id = gc.register_function(double)
batch = gc.create_batch(
    resource_specification={"num_nodes": 2},
    user_endpoint_config={"queue": "debug"},
    result_serializers=["globus_compute_sdk.serialize.concretes.JSONData"],
)
batch.add(function_id, (1,), {"plus": 1})
batch.add(function_id, (2,))
reply = gc.batch_run(endpoint, batch)
report["count"] = len(reply["tasks"][function_id])
"""
    ),
    "client: run": (
        _DOUBLE
        + """
gc = client()
function_id = str(gc.register_function(double))
report["length"] = len(str(gc.run(5, plus=1, endpoint_id=endpoint, function_id=function_id)))
"""
    ),
    "client: results": """
gc = client()
report["one"] = gc.get_result(given)
report["pending"] = gc.get_task(given)["pending"]
again = client()
report["many"] = again.get_batch_result([given])[given]["result"]
""",
    "client: functions": (
        _DOUBLE
        + """
gc = client()
function_id = gc.register_function(double)
report["name"] = gc.get_function(function_id)["function_name"]
gc.delete_function(function_id)
source = gc.register_source_code("def two():\\n    return 2\\n", "two", description="Two.")
"""
    ),
    "client: endpoints": """
gc = client()
report["name"] = gc.get_endpoint_metadata(endpoint)["name"]
report["status"] = gc.get_endpoint_status(endpoint)["status"]
report["all"] = len(gc.get_endpoints()) == len(gc.get_endpoints(role="any"))
report["allowed"] = gc.get_allowed_functions(endpoint)["functions"]
""",
}


@pytest.mark.parametrize("name", CALLS)
def test_requests_agree(loopback: Loopback, tmp_path: Path, name: str) -> None:
    given = None
    if "given" in CALLS[name]:
        # A finished task in a group, made by a run of its own.
        body = (
            _DOUBLE
            + """
with Executor(endpoint_id=endpoint, client=client()) as executor:
    future = executor.submit(double, 21)
    report["result"] = future.result(30)
    report["group"], report["task"] = str(executor.task_group_id), future.task_id
"""
        )
        made = run_official(loopback, tmp_path, loopback.endpoint("inline"), body)
        given = made["task" if name.startswith("client") else "group"]
    official, ours = both(loopback, tmp_path, CALLS[name], given)
    settle(official, ours)
    assert list(ours) == list(official)
    assert ours == official
