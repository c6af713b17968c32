"""The floor: one keep-alive HTTP connection and one event-driven consumer, and nothing else.

No futures, no serialization (the payload is a constant), no rate limit, no reconnect: what the wire
itself costs on this machine.
"""

from __future__ import annotations

import http.client
import json
import queue
import threading
from typing import Any
from urllib.parse import urlsplit

import pika

from benchmarks.work import arguments, measure

# Pickles in base64 of () and of {}, packed: what a call without arguments carries.
PAYLOAD = "12\n00\ngAQpLg==\n12\n00\ngAR9lC4=\n"
FUNCTION = "30\nst\nf:def f():\n    return None\n"


class Wire:
    """Submits by HTTP and receives by AMQP."""

    def __init__(self, url: str, token: str, endpoint: str) -> None:
        parts = urlsplit(url)
        self._http = http.client.HTTPConnection(parts.hostname or "", parts.port)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._endpoint = endpoint
        self._group: str | None = None
        self._arrived: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._function = self._ask(
            "POST",
            "/v3/functions",
            {"function_name": "f", "function_code": FUNCTION, "serialized": True, "meta": None},
        )["function_uuid"]
        self.submit(1)
        self._consume()
        self.wait(1)

    def submit(self, count: int) -> None:
        """Send `count` tasks in one request."""
        body: dict[str, Any] = {
            "create_queue": True,
            "tasks": {self._function: [PAYLOAD] * count},
        }
        if self._group:
            body["task_group_id"] = self._group
        reply = self._ask("POST", f"/v3/endpoints/{self._endpoint}/submit", body)
        self._group = reply["task_group_id"]

    def wait(self, count: int) -> None:
        """Wait for `count` results."""
        while count > 0:
            count -= self._arrived.get()

    def do(self, count: int) -> None:
        """Submit and wait; several requests where one would be over the service's 10 MB."""
        for start in range(0, count, 10_000):
            self.submit(min(10_000, count - start))
        self.wait(count)

    def _consume(self) -> None:
        address = self._ask("GET", "/v2/get_amqp_result_connection_url")
        name = f"{address['queue_prefix']}{self._group}"

        def received(channel: Any, deliver: Any, _properties: Any, body: bytes) -> None:
            json.loads(body[1:])
            channel.basic_ack(deliver.delivery_tag)
            self._arrived.put(1)

        def opened(channel: Any) -> None:
            channel.basic_consume(name, received)

        connection = pika.SelectConnection(
            pika.URLParameters(address["connection_url"]),
            on_open_callback=lambda made: made.channel(on_open_callback=opened),
        )
        threading.Thread(target=connection.ioloop.start, daemon=True).start()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        text = None if body is None else json.dumps(body)
        self._http.request(method, path, text, self._headers)
        return json.loads(self._http.getresponse().read())


if __name__ == "__main__":
    asked = arguments()
    wire = Wire(asked.url, asked.token, asked.endpoint)
    measure(asked, lambda: wire.do(1), wire.do)
