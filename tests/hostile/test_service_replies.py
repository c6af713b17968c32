"""Replies to requests that are JSON of a kind nobody expects: an error of ours, at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import globus_sdk
import pytest
import requests

from gc_jupyter.errors import ServiceError
from gc_jupyter.remote_text import harmless
from gc_jupyter.service.base import SubmitRequest
from gc_jupyter.service.globus import GlobusService

BODIES = {
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"results":' * 100_000,
    "a huge number": b"9" * 5000,
    "no number": b"NaN",
    "a list": b"[]",
    "no text": b"\xff\xfe",
    "nothing": b"",
    "null": b"null",
    "others' fields": b'{"results": [1], "taskgroup_id": 7, "queue_prefix": [], "tasks": "x"}',
}
CODES = b'{"reason": "\\u001b]0;title\\u0007\\n\\ud800 no", "code": "X"}'


@pytest.fixture
def service() -> GlobusService:
    return GlobusService(
        authorizer=globus_sdk.AccessTokenAuthorizer("token"), base_url="http://127.0.0.1:9"
    )


def answers(service: GlobusService, monkeypatch: Any, status: int, body: bytes) -> None:
    """Have every request answered so."""

    def request(method: str, url: str, **_: Any) -> requests.Response:
        response = requests.Response()
        response.status_code, response._content, response.url = status, body, url
        response.headers["Content-Type"] = "application/json"
        response.encoding = "utf-8"
        response.request = requests.Request(method, url).prepare()
        return response

    monkeypatch.setattr(service._transport, "request", request)


CALLS: dict[str, Callable[[GlobusService], object]] = {
    "task_statuses": lambda service: service.task_statuses(["t"]),
    "task_group": lambda service: service.task_group("g"),
    "amqp_address": lambda service: service.amqp_address(),
    "submit": lambda service: service.submit(SubmitRequest("e", {"f": ["payload"]})),
}


@pytest.mark.parametrize("status", [200, 400, 429, 500])
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("call", CALLS)
def test_odd_replies(
    service: GlobusService, monkeypatch: pytest.MonkeyPatch, call: str, body: str, status: int
) -> None:
    answers(service, monkeypatch, status, BODIES[body])
    with pytest.raises(ServiceError) as caught:
        CALLS[call](service)
    assert len(str(caught.value)) < 2500


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500])
def test_what_a_refusal_says_is_harmless(
    service: GlobusService, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    answers(service, monkeypatch, status, CODES)
    with pytest.raises(ServiceError) as caught:
        service.task_group("g")
    assert "]0;title no" in caught.value.reason
    assert str(caught.value) == harmless(str(caught.value))
