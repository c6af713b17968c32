"""A submission that is encoded while it is sent: directly, by a proxy, and with a new token."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import globus_sdk
import pytest

from gc_jupyter.serialize.streamed import StreamedArguments
from gc_jupyter.service.base import SubmitRequest
from gc_jupyter.service.globus import GlobusService

GROUP = "3f0b7f0a-51a1-4b7d-9a3c-5d5c9e0f3a10"
SUBMITTED = {"task_group_id": GROUP, "endpoint_id": "e", "request_id": "r", "tasks": {"f": ["t"]}}


@contextmanager
def listening(refusals: int = 0) -> Iterator[tuple[str, list[tuple[str | None, bytes]]]]:
    """A service, or a proxy of it: its address, and the type and body of each request."""
    seen: list[tuple[str | None, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.headers["Content-Type"], body))
            reply = json.dumps(SUBMITTED).encode()
            self.send_response(401 if len(seen) <= refusals else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


class Renewing(globus_sdk.NullAuthorizer):
    def handle_missing_authorization(self) -> bool:
        return True


@pytest.mark.parametrize("by", ["", "proxy", "second token"])
def test_it_arrives_as_json(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    streamed = StreamedArguments([bytes(range(256)) * 8000], {"task": {"store": "put"}})
    with listening(1 if by == "second token" else 0) as (address, seen):
        if by == "proxy":
            monkeypatch.setenv("http_proxy", address)
            monkeypatch.setenv("no_proxy", "")
            address = "http://compute.example"
        service = GlobusService(authorizer=Renewing(), base_url=address)
        monkeypatch.setattr(service, "_in_clear", None)
        reply = service.submit(SubmitRequest("e", {"f": [streamed]}, GROUP))
        service.close()
    assert reply.tasks == {"f": ["t"]}
    assert len(seen) == (2 if by == "second token" else 1)
    for kind, body in seen:
        assert kind == "application/json"
        assert json.loads(body)["tasks"] == {"f": [str(streamed)]}
        assert json.loads(body)["task_group_id"] == GROUP
