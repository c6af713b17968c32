"""The loopback as tests and benchmarks hold it: start it, make endpoints, set faults, look."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_STOP_LIMIT_S = 30.0


class Loopback:
    """A running loopback service, in a process of its own.

    `url` and `token` are what a client needs; `environment` is both as environment variables.
    `endpoint_python` is an interpreter that has globus-compute-endpoint; `arguments` are further
    ones of `python -m tests.service`.
    """

    def __init__(self, endpoint_python: str, *arguments: str) -> None:
        self.endpoint_python = endpoint_python
        self._endpoints: dict[str, str] = {}
        self._made: list[str] = []
        command = (sys.executable, "-m", "tests.service", "--endpoint-python", endpoint_python)
        self._process = subprocess.Popen(
            [*command, *arguments],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the loopback service did not start; its error is above")
        address = json.loads(line)
        self.url: str = address["url"]
        self.token: str = address["token"]

    def __enter__(self) -> Loopback:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What points a client in another process here."""
        return {
            "GLOBUS_SDK_SERVICE_URL_COMPUTE": self.url,
            "GLOBUS_COMPUTE_ACCESS_TOKEN": self.token,
        }

    def endpoint(self, kind: str) -> str:
        """The id of this session's endpoint of a kind, made at the first call.

        `instant` answers None at once; `inline` runs the real worker code and answers at once;
        `thread`, `process` and `parsl` are real endpoints; `offline` never answers.
        """
        if kind not in self._endpoints:
            self._endpoints[kind] = self._make_endpoint(kind)
        return self._endpoints[kind]

    def new_endpoint(self, kind: str, record: dict[str, Any] | None = None, **options: Any) -> str:
        """Another endpoint. `record` goes into what the service shows of it; `options` to the
        worker (`inline`: `count` of processes, `python` that runs them, further `environment`)."""
        endpoint_id = self._make_endpoint(kind, record, options)
        self._made.append(endpoint_id)
        return endpoint_id

    def _make_endpoint(self, kind: str, record: object = None, options: object = None) -> str:
        body = {"kind": kind, "record": record, "options": options or {}}
        return str(self.control("endpoints", body)["endpoint_id"])

    @contextmanager
    def resting_new_endpoints(self) -> Iterator[None]:
        """Afterwards, the processes end of those endpoints that `new_endpoint` made meanwhile.

        One that has a task ends after it. An `inline` endpoint starts new ones for a later task.
        """
        before = len(self._made)
        try:
            yield
        finally:
            if made := self._made[before:]:
                self.control("endpoints/rest", {"endpoint_ids": made})

    def bring_online(self, endpoint_id: str, kind: str = "inline") -> None:
        """Let an `offline` endpoint work, starting with what waited for it."""
        self.control(f"endpoints/{endpoint_id}/online", {"kind": kind})

    def requests(self, method: str = "", path: str = "") -> list[dict[str, Any]]:
        """What arrived since the last `clear`, oldest first: `at` (seconds), `method`, `path`,
        `query`, `headers`, `body` (decoded), `size` (bytes), `status`.

        Parameters
        ----------
        method, path:
            Only requests of this method, and whose path contains this text.
        """
        seen = self._call("GET", "requests")
        return [one for one in seen if method in ("", one["method"]) and path in one["path"]]

    def wait_for_submissions(self, count: int, *, answered: bool = True) -> None:
        """Wait until so many submissions have arrived since the last `clear`.

        `answered`: and were replied to.
        """
        self.wait_for_requests("/submit", count, answered=answered)

    def wait_for_requests(self, path: str, count: int = 1, *, answered: bool = True) -> None:
        """As `wait_for_submissions`, for requests whose path contains this text."""
        body = {"path": path, "count": count, "answered": answered}
        self.control("wait/requests", body)

    def wait_for_held(self) -> None:
        """Wait until a request was carried out whose answer a fault holds back."""
        self.control("wait/held")

    def release(self) -> None:
        """Give the answers that are held back."""
        self.control("release")

    def wait_for_results(self, task_ids: list[str]) -> None:
        """Wait until the service has these tasks' results."""
        self.control("wait/results", {"task_ids": task_ids})

    def busiest(self, window_s: float = 10.0, path: str = "/submit") -> int:
        """The most requests of a path that arrived within any `window_s` seconds since the last
        `clear`; submissions by default."""
        times = [one["at"] for one in self.requests(path=path)]
        return max(
            (sum(start <= at < start + window_s for at in times) for start in times), default=0
        )

    def broker_logins(self) -> int:
        """How often a user's password has reached the broker."""
        return int(self._call("GET", "broker_logins"))

    def broker_port(self) -> int:
        """Where the broker listens, on this machine."""
        return int(self._call("GET", "broker_port"))

    def clear(self) -> None:
        """Forget the recorded requests."""
        self.control("clear")

    def reset(self) -> None:
        """All faults off, recorded requests forgotten."""
        self.control("reset")

    def fault(self, **fields: Any) -> None:
        """The next matching request goes wrong: see `faults.RequestFault`."""
        self.control("faults/request", fields)

    def limit(self, **fields: Any) -> None:
        """Refuse what is too much until `reset`: see `faults.Limit`."""
        self.control("faults/limit", fields)

    def result_fault(self, **fields: Any) -> None:
        """Results are sent differently until `reset`: see `faults.ResultFaults`."""
        self.control("faults/results", fields)

    def broker_fault(self, **fields: Any) -> None:
        """The broker is hard to reach until `reset`: see `faults.BrokerFaults`."""
        self.control("faults/broker", fields)

    def publish(
        self, task_group_id: str, body: bytes, headers: dict[str, Any] | None = None
    ) -> None:
        """Put any message into a task group's queue."""
        encoded = base64.b64encode(body).decode()
        message = {"task_group_id": str(task_group_id), "body": encoded, "headers": headers}
        self.control("publish", message)

    def change_task(self, task_id: str, **fields: Any) -> None:
        """Set what the service knows of a task, for example `status="abandoned"`."""
        self.control(f"tasks/{task_id}", fields)

    def accept_token(self, token: str) -> None:
        """Let this access token in too, as one that a Globus Auth has issued."""
        self.control("tokens", {"token": token})

    def refuse_token(self, token: str) -> None:
        """Let this access token in no more, as one that has expired."""
        self.control("tokens/expired", {"token": token})

    def cut_streams(self) -> None:
        """Close every user's connection to the broker, from the broker's side."""
        self.control("cut_streams")

    def interrupt_broker(self, how: str, down_s: float = 0.0) -> None:
        """Take the broker away for some seconds: see `broker.Broker.interrupt`. Returns when
        results flow again; those that were on their way may be lost with it."""
        self.control("interrupt_broker", {"how": how, "down_s": down_s})

    def control(self, action: str, body: dict[str, Any] | None = None) -> Any:
        """POST to the service's control door; returns its JSON."""
        return self._call("POST", action, body or {})

    def _call(self, method: str, action: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_control/{action}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error).get("error", str(error))) from None

    def stop(self) -> None:
        """End the service, its workers and its broker."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def endpoint_python() -> str:
    """The interpreter of the endpoint's environment, made by `make test`."""
    default = _ROOT / ".venv-endpoint/bin/python"
    path = Path(os.environ.get("GC_JUPYTER_TEST_ENDPOINT_PYTHON", default))
    if not path.exists():
        raise RuntimeError(f"there is no {path}: run `make test`, which makes it")
    return str(path)
