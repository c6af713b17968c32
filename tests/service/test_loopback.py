"""The loopback's own promises: its switches do what they say, and what it records is what came."""

from __future__ import annotations

import http.client
import json
import os
import threading
import uuid
from typing import Any

import pika
import pytest

from gc_jupyter import Client, Executor
from tests.service.handle import Loopback
from tests.waiting import poll

NOTHING = "3\n00\n"  # one packed buffer; the instant worker reads none


class Wire:
    """A bare client: one keep-alive HTTP connection, and one consumer at a time."""

    def __init__(self, loopback: Loopback) -> None:
        self._http = http.client.HTTPConnection(loopback.url.removeprefix("http://"), timeout=60)
        self._token = loopback.token

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self._token}"}
        self._http.request(method, path, None if body is None else json.dumps(body), headers)
        reply = self._http.getresponse()
        return reply.status, json.loads(reply.read())

    def register(self) -> str:
        body = {"function_name": "f", "function_code": NOTHING}
        return str(self.call("POST", "/v3/functions", body)[1]["function_uuid"])

    def submit(
        self, endpoint_id: str, function_id: str, count: int = 1, group: str | None = None
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"tasks": {function_id: [NOTHING] * count}, "create_queue": True}
        if group:
            body["task_group_id"] = group
        status, reply = self.call("POST", f"/v3/endpoints/{endpoint_id}/submit", body)
        assert status == 200, reply
        return dict(reply)

    def url(self) -> dict[str, str]:
        return dict(self.call("GET", "/v2/get_amqp_result_connection_url")[1])

    def messages(self, group: str, count: int, wait_s: float = 10.0) -> list[tuple[Any, bytes]]:
        """The next messages of a group's queue, at most `count`: properties and body."""
        stream = self.url()
        got: list[tuple[Any, bytes]] = []
        with pika.BlockingConnection(pika.URLParameters(stream["connection_url"])) as connection:
            channel = connection.channel()
            queue = stream["queue_prefix"] + group
            for deliver, properties, body in channel.consume(queue, inactivity_timeout=wait_s):
                if deliver is None:
                    break
                channel.basic_ack(deliver.delivery_tag)
                got.append((properties, body))
                if len(got) == count:
                    break
        return got


@pytest.fixture
def wire(loopback: Loopback) -> Wire:
    return Wire(loopback)


@pytest.fixture
def instant(loopback: Loopback) -> str:
    return loopback.endpoint("instant")


def ids(messages: list[tuple[Any, bytes]]) -> list[str]:
    return [json.loads(body[1:])["data"]["task_id"] for _, body in messages]


def test_results_are_streamed_and_kept(wire: Wire, instant: str) -> None:
    function_id = wire.register()
    reply = wire.submit(instant, function_id, 50)
    task_ids = reply["tasks"][function_id]
    assert ids(wire.messages(reply["task_group_id"], 50)) == task_ids
    results = wire.call("POST", "/v2/batch_status", {"task_ids": task_ids})[1]["results"]
    assert {one["status"] for one in results.values()} == {"success"}
    group = wire.call("GET", f"/v2/taskgroup/{reply['task_group_id']}")[1]
    assert [one["id"] for one in group["tasks"]] == task_ids


def test_each_stream_address_has_a_new_password(wire: Wire) -> None:
    first, second = wire.url(), wire.url()
    with pika.BlockingConnection(pika.URLParameters(second["connection_url"])) as live:
        with pytest.raises(pika.exceptions.ProbableAuthenticationError):
            pika.BlockingConnection(pika.URLParameters(first["connection_url"]))
        wire.url()
        assert live.channel().is_open


def test_a_user_may_only_read_results(wire: Wire) -> None:
    with pika.BlockingConnection(pika.URLParameters(wire.url()["connection_url"])) as connection:
        with pytest.raises(pika.exceptions.ChannelClosedByBroker) as refused:
            connection.channel().queue_declare("mine")
        assert refused.value.reply_code == 403


def test_denied_and_refused_logins(loopback: Loopback, wire: Wire) -> None:
    loopback.broker_fault(deny=1)
    url = wire.url()["connection_url"]
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        pika.BlockingConnection(pika.URLParameters(url))
    pika.BlockingConnection(pika.URLParameters(url)).close()
    loopback.broker_fault(refuse=True)
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(pika.URLParameters(wire.url()["connection_url"]))


def test_streams_can_be_cut(loopback: Loopback, wire: Wire) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(wire.url()["connection_url"]))
    loopback.cut_streams()
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker):
        connection.process_data_events(time_limit=20)


def test_error_statuses_are_counted_down(loopback: Loopback, wire: Wire) -> None:
    loopback.fault(path="/v2/version", status=429, times=2, headers={"Retry-After": "7"})
    answers = [wire.call("GET", "/v2/version?service=all") for _ in range(3)]
    assert [status for status, _ in answers] == [429, 429, 200]
    assert answers[0][1]["http_status_code"] == 429
    assert [one["status"] for one in loopback.requests()] == [429, 429, 200]


def test_dropped_replies(loopback: Loopback, instant: str) -> None:
    wire = Wire(loopback)
    function_id = wire.register()
    group = wire.submit(instant, function_id)["task_group_id"]

    def tasks() -> int:
        return len(Wire(loopback).call("GET", f"/v2/taskgroup/{group}")[1]["tasks"])

    for moment, expected in (("before", 1), ("after", 2)):
        loopback.fault(path=".*/submit", drop=moment)
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            wire.submit(instant, function_id, group=group)
        assert tasks() == expected
        wire = Wire(loopback)


def test_a_reply_that_is_not_json(loopback: Loopback, wire: Wire) -> None:
    loopback.fault(path="/v2/version", body="<html>Bad gateway</html>")
    with pytest.raises(json.JSONDecodeError):
        wire.call("GET", "/v2/version?service=all")


def test_a_hanging_request_is_cut_by_reset(loopback: Loopback, wire: Wire) -> None:
    loopback.fault(path="/v2/version", hang=True)
    outcome: list[Exception] = []

    def ask() -> None:
        try:
            wire.call("GET", "/v2/version?service=all")
        except Exception as error:
            outcome.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    asking.join(0.3)
    assert asking.is_alive()
    loopback.reset()
    asking.join(60)
    assert isinstance(outcome[0], (http.client.RemoteDisconnected, ConnectionError))


def test_results_duplicated_reordered_lost(loopback: Loopback, wire: Wire, instant: str) -> None:
    function_id = wire.register()
    loopback.result_fault(duplicates=1)
    reply = wire.submit(instant, function_id, 2)
    first, second = reply["tasks"][function_id]
    assert ids(wire.messages(reply["task_group_id"], 4)) == [first, first, second, second]

    loopback.reset()
    loopback.result_fault(reorder=3)
    reply = wire.submit(instant, function_id, 3)
    assert ids(wire.messages(reply["task_group_id"], 3)) == reply["tasks"][function_id][::-1]

    loopback.reset()
    loopback.result_fault(lose=1)
    reply = wire.submit(instant, function_id, 2)
    lost, sent = reply["tasks"][function_id]
    assert ids(wire.messages(reply["task_group_id"], 1)) == [sent]
    assert wire.call("GET", f"/v2/tasks/{lost}")[1]["status"] == "success"


def test_results_before_the_reply(loopback: Loopback, wire: Wire) -> None:
    function_id = wire.register()
    inline = loopback.endpoint("inline")
    loopback.result_fault(early=True)
    reply = wire.submit(inline, function_id)
    (task_id,) = reply["tasks"][function_id]
    assert wire.call("GET", f"/v2/tasks/{task_id}")[1]["status"] == "failed"


def test_results_by_reference(loopback: Loopback, wire: Wire, instant: str) -> None:
    function_id = wire.register()
    loopback.result_fault(by_reference=True)
    reply = wire.submit(instant, function_id)
    ((properties, body),) = wire.messages(reply["task_group_id"], 1)
    assert properties.headers["high_assurance"]
    assert json.loads(body[1:])["data"]["data"] == ""


def test_a_high_assurance_endpoint_warns(loopback: Loopback, wire: Wire) -> None:
    endpoint_id = loopback.new_endpoint("instant", {"high_assurance": True})
    assert "high assurance" in wire.submit(endpoint_id, wire.register())["ha_warning"]


def test_foreign_messages(loopback: Loopback, wire: Wire, instant: str) -> None:
    group = wire.submit(instant, wire.register())["task_group_id"]
    wire.messages(group, 1)
    loopback.publish(group, b"\x02nonsense")
    assert [body for _, body in wire.messages(group, 1)] == [b"\x02nonsense"]


def test_an_offline_endpoint_comes_online(loopback: Loopback, wire: Wire) -> None:
    endpoint_id, function_id = loopback.new_endpoint("offline"), wire.register()
    reply = wire.submit(endpoint_id, function_id, 2)
    task_ids = reply["tasks"][function_id]
    status = wire.call("GET", f"/v2/endpoints/{endpoint_id}/status")[1]["status"]
    waiting = wire.call("GET", f"/v2/tasks/{task_ids[0]}")[1]["status"]
    assert (status, waiting) == ("offline", "waiting-for-ep")
    loopback.bring_online(endpoint_id, "instant")
    assert ids(wire.messages(reply["task_group_id"], 2)) == task_ids


def test_workers_end_with_the_test_that_made_them(loopback: Loopback, client: Client) -> None:
    with loopback.resting_new_endpoints():
        endpoint_id = loopback.new_endpoint("inline", count=2)
        with Executor(endpoint_id, client=client) as executor:
            pids = {executor.submit(os.getpid).result(60) for _ in range(2)}
    poll(lambda: not any(map(is_running, pids)))
    with Executor(endpoint_id, client=client) as executor:  # a later task finds another worker
        assert executor.submit(os.getpid).result(60) not in pids


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_allow_list_is_kept(loopback: Loopback, wire: Wire) -> None:
    function_id = wire.register()
    endpoint_id = loopback.new_endpoint("instant", {"allowed_functions": [str(uuid.uuid4())]})
    body = {"tasks": {function_id: [NOTHING]}}
    status, reply = wire.call("POST", f"/v3/endpoints/{endpoint_id}/submit", body)
    assert (status, reply["code"]) == (403, 10)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tasks": {}},
        {"tasks": {"FUNCTION": "text"}},
        {"tasks": {"FUNCTION": [1]}},
        {"tasks": {"FUNCTION": [NOTHING]}, "task_group": "x"},
        ["tasks"],
    ],
)
def test_malformed_submissions_are_refused(wire: Wire, instant: str, body: object) -> None:
    text = json.dumps(body).replace("FUNCTION", wire.register())
    status, reply = wire.call("POST", f"/v3/endpoints/{instant}/submit", json.loads(text))
    assert (status, reply["code"]) == (422, 17)


def test_requests_are_recorded_as_they_came(loopback: Loopback, wire: Wire, instant: str) -> None:
    function_id = wire.register()
    wire.submit(instant, function_id)
    first, second = loopback.requests()
    assert (first["method"], first["path"]) == ("POST", "/v3/functions")
    assert first["body"] == {"function_name": "f", "function_code": NOTHING}
    assert first["headers"]["Authorization"] == f"Bearer {loopback.token}"
    assert first["at"] <= second["at"]
    assert loopback.requests("POST", "/submit") == [second]
    assert loopback.busiest(path="") == 2
    assert loopback.busiest(window_s=1e-9, path="") == 1
    assert loopback.busiest() == 1
    loopback.clear()
    assert loopback.requests() == []


def test_a_limit_refuses_what_is_too_much(loopback: Loopback, wire: Wire, instant: str) -> None:
    function_id = wire.register()
    loopback.limit(path=".*/submit", count=2, window_s=60)
    body = {"tasks": {function_id: ["x"]}}
    answers = [wire.call("POST", f"/v3/endpoints/{instant}/submit", body)[0] for _ in range(4)]
    assert answers == [200, 200, 429, 429]
    wire.register()  # another path
    loopback.reset()
    assert wire.call("POST", f"/v3/endpoints/{instant}/submit", body)[0] == 200


def test_an_unknown_fault_is_an_error(loopback: Loopback) -> None:
    with pytest.raises(RuntimeError, match="no such fault"):
        loopback.result_fault(unheard_of=1)
    with pytest.raises(RuntimeError, match="unheard_of"):
        loopback.fault(unheard_of=1)
    with pytest.raises(RuntimeError, match="no such kind"):
        loopback.new_endpoint("unheard_of")
