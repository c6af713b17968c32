"""Connections that are made ahead of the requests that take them."""

from __future__ import annotations

import http.server
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import globus_sdk
import pytest

from gc_jupyter.errors import ServiceUnreachable
from gc_jupyter.service.globus import GlobusService
from gc_jupyter.service.transport import DirectTransport
from tests.network.certificates import Authority


class Counting(http.server.ThreadingHTTPServer):
    """Answers every POST, and counts connections."""

    daemon_threads = True
    connections = 0
    both: threading.Barrier | None = None

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.closed = threading.Event()

    def get_request(self) -> tuple[object, object]:  # type: ignore[override]
        taken = super().get_request()
        self.connections += 1
        return taken

    def shutdown_request(self, request: object) -> None:
        super().shutdown_request(request)  # type: ignore[arg-type]
        self.closed.set()


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        assert isinstance(self.server, Counting)
        if self.server.both is not None:
            self.server.both.wait(30)  # the requests are under way together
        self.send_response(200)
        body = b'{"results": {}}'
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture(params=["http", "https"])
def server(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Counting, str]]:
    made = Counting(("127.0.0.1", 0), Answer)
    if request.param == "https":
        authority = Authority(tmp_path)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(authority.issue("localhost"))
        made.socket = context.wrap_socket(made.socket, server_side=True)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.path))
    serving = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    yield made, f"{request.param}://localhost:{made.server_address[1]}"
    made.shutdown()
    serving.join()
    made.server_close()


def service_at(url: str) -> tuple[GlobusService, DirectTransport]:
    transport = DirectTransport(url)
    authorizer = globus_sdk.NullAuthorizer()
    return GlobusService(authorizer=authorizer, base_url=url, transport=transport), transport


def test_requests_take_them(server: tuple[Counting, str]) -> None:
    """Two that leave together, while the connections are still made, make none of their own."""
    counting, url = server
    counting.both = threading.Barrier(2)
    service, transport = service_at(url)
    connect = [transport.connect_ahead() for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(service.task_statuses, ["t"]) for _ in range(2)]
        for one in connect:
            pool.submit(one)
        assert [one.result(30) for one in asking] == [{}, {}]
        assert counting.connections == 2
    counting.both = None
    assert service.task_statuses(["t"]) == {}
    assert counting.connections == 2
    service.close()


def test_both_are_kept_until_they_are_taken(server: tuple[Counting, str]) -> None:
    counting, url = server
    service, transport = service_at(url)
    for _ in range(2):
        transport.connect_ahead()()
    counting.both = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(service.task_statuses, ["t"]) for _ in range(2)]
        assert [one.result(30) for one in asking] == [{}, {}]
    assert counting.connections == 2
    service.close()


def test_one_that_fails_fails_its_request_and_no_other() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as nobody:
        port = nobody.server_address[1]
    service, transport = service_at(f"http://127.0.0.1:{port}")
    transport.connect_ahead()()
    with pytest.raises(ServiceUnreachable, match="NewConnectionError") as caught:
        service.task_statuses(["t"])
    assert not caught.value.sent
    made = Counting(("127.0.0.1", port), Answer)
    serving = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    assert service.task_statuses(["t"]) == {}
    made.shutdown()
    serving.join()
    made.server_close()
    service.close()


def test_one_that_the_service_has_closed_is_made_anew(
    server: tuple[Counting, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A submission on it would be lost, and nobody could tell."""
    counting, url = server
    monkeypatch.setattr(Answer, "timeout", 0.05)
    service, transport = service_at(url)
    transport.connect_ahead()()
    assert counting.closed.wait(60)
    monkeypatch.setattr(Answer, "timeout", 30)
    assert service.task_statuses(["t"]) == {}
    assert counting.connections == 2
    service.close()


def test_none_after_the_end(server: tuple[Counting, str]) -> None:
    """A kernel that was faster than its connections."""
    _, url = server
    transport = DirectTransport(url)
    connect = transport.connect_ahead()
    transport.close()
    connect()


FIRST_CELL = """
import sys
from IPython.core.interactiveshell import InteractiveShell
from gc_jupyter.runtime.shared import Shared

def connect(shared, real=Shared.connect):
    late = [one for one in ("capture", "session", "auth") if f"gc_jupyter.{one}" in sys.modules]
    print("before", late, flush=True)
    real(shared)

Shared.connect = connect
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "gc_jupyter")
shell.run_cell(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("line", "begun"),
    [
        ("637ccbe7-99e8-40f9-92af-d8b64dbc5e00", True),
        ("637ccbe7-99e8-40f9-92af-d8b64dbc5e00 --dry-run", False),
        ("local", False),
        ("no-such-name", False),
    ],
)
def test_a_first_cell_connects_before_it_imports(line: str, begun: bool, tmp_path: Path) -> None:
    """Its connections are made beside the imports, which take as long as a far network."""
    ran = subprocess.run(
        [sys.executable, "-c", FIRST_CELL, f"%%gcrun {line}\n1"],
        env={
            "HOME": str(tmp_path),
            "PATH": "/usr/bin:/bin",
            "GLOBUS_SDK_SERVICE_URL_COMPUTE": "http://127.0.0.1:9",
            "GLOBUS_COMPUTE_ACCESS_TOKEN": "token",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ("before []" in ran.stdout) is begun, ran.stdout + ran.stderr
    assert ("before" in ran.stdout) is begun
