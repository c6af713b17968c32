"""%gc doctor against the loopback: each fault is made on purpose, and its line read."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gc_jupyter import Client, Executor
from gc_jupyter.doctor import Finding, examine, findings
from gc_jupyter.journal import Journal, KernelSession
from gc_jupyter.service import amqp_probe
from gc_jupyter.service.amqp_address import AmqpAddress
from gc_jupyter.session import Session
from gc_jupyter.widgets import bundle
from tests.conftest import connect
from tests.service.handle import Loopback


@pytest.fixture
def session(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """A session of somebody signed in at the loopback."""
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    journal = Journal(tmp_path / "data/journal.sqlite", KernelSession())
    return Session(client=client, journal=journal)


def found(session: Session, subject: str, endpoint: str | None = None) -> list[Finding]:
    return [one for one in findings(session, endpoint) if one.subject == subject]


def bad(session: Session, subject: str, endpoint: str | None = None) -> Finding:
    """The one bad finding of a subject."""
    (one,) = [one for one in found(session, subject, endpoint) if not one.fine]
    assert one.line(0).partition(" → ")[2] == one.step.rstrip(".")
    return one


def test_all_is_well(session: Session, loopback: Loopback) -> None:
    report = examine(session, loopback.endpoint("inline"))
    *lines, last = report.splitlines()
    assert last == "All is well."
    assert all(line.startswith("✓") and " → " in line for line in lines)
    subjects = {line.split()[1] for line in lines}
    assert subjects == {
        *("Login", "Service", "Scopes", "AMQP", "Polling", "Endpoint"),
        *("Versions", "Journal", "Widgets", "Proxies", "Messages"),
    }
    assert loopback.token not in report


def test_it_sends_no_task(session: Session, loopback: Loopback) -> None:
    examine(session, loopback.endpoint("inline"))
    assert loopback.requests("POST", "/submit") == []
    assert len(loopback.requests()) < 10


def test_nobody_is_signed_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GLOBUS_COMPUTE_ACCESS_TOKEN", "GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    session = Session()
    assert bad(session, "Login").step == "%gc login"
    assert bad(session, "Service").step == "%gc login"


def test_a_refused_token(session: Session, loopback: Loopback) -> None:
    loopback.fault(path="/v2/version", status=401)
    assert "authorizer that has a valid token" in bad(session, "Scopes").step


def test_a_missing_consent(session: Session, loopback: Loopback) -> None:
    gare = {
        "code": "ConsentRequired",
        "authorization_parameters": {"required_scopes": ["some scope"], "session_message": "m"},
    }
    loopback.fault(path="/v2/version", status=403, error=gare)
    one = bad(session, "Scopes")
    assert "consent" in one.text
    assert "%gc login --force" in one.step


def test_no_access(session: Session, loopback: Loopback) -> None:
    loopback.fault(path="/v2/version", status=403)
    assert "ask for access" in bad(session, "Scopes").step


@pytest.mark.parametrize(
    ("fault", "text", "step"),
    [
        ({"drop": "before"}, "connection", "check the network, and the proxies"),
        ({"status": 503}, "503", "the service has a problem"),
        ({"status": 429}, "429", "wait a minute"),
        ({"body": "<html>Log in to the hotel</html>"}, "not JSON", "a proxy or a log-in page"),
    ],
)
def test_the_service(
    session: Session, loopback: Loopback, fault: dict[str, object], text: str, step: str
) -> None:
    loopback.fault(path="/v2/version", **fault)
    one = bad(session, "Service")
    assert text in one.text
    assert step in one.step


def test_an_old_version(session: Session, loopback: Loopback) -> None:
    loopback.control("versions", {"min_sdk_version": "99.1.0"})
    try:
        one = bad(session, "Protocol")
    finally:
        loopback.control("versions", {"min_sdk_version": "2.0.0"})
    assert "99.1.0" in one.text
    assert one.step == "pip install --upgrade gc-jupyter"


def test_a_blocked_port(session: Session, loopback: Loopback) -> None:
    loopback.broker_fault(refuse=True)
    (own, *others) = found(session, "AMQP")
    assert not own.fine
    assert "the service's choice: refused" in own.text
    assert "results are asked for by HTTPS" in own.step
    assert [one.text.split()[1] for one in others] == ["443:", "5671:", "5672:"]


def test_refused_credentials(session: Session, loopback: Loopback) -> None:
    loopback.broker_fault(deny=1)
    (own, *_) = found(session, "AMQP")
    assert not own.fine
    assert "refuses the credentials" in own.text


def test_no_polling(session: Session, loopback: Loopback) -> None:
    loopback.fault(path="/v2/batch_status", status=500)
    assert "results can't be asked for" in bad(session, "Polling").text


def test_an_offline_endpoint(session: Session, loopback: Loopback) -> None:
    one = bad(session, "Endpoint", loopback.endpoint("offline"))
    assert "is offline" in one.text
    assert "globus-compute-endpoint start" in one.step


def test_an_unknown_endpoint(session: Session) -> None:
    unknown = "11111111-1111-4111-8111-111111111111"
    assert "the service knows none" in bad(session, "Endpoint", unknown).text
    assert "%gc endpoints" in bad(session, "Endpoint", "nowhere").step


def test_another_python_there(session: Session, loopback: Loopback) -> None:
    endpoint = loopback.new_endpoint("instant", {"metadata": {"python_version": "3.8.1"}})
    one = bad(session, "Versions", endpoint)
    assert "Python 3.8.1" in one.text
    assert "one Python version on both sides" in one.step


def test_versions_that_a_worker_reported(session: Session, loopback: Loopback) -> None:
    endpoint = loopback.endpoint("inline")
    assert session.submit_cell("1", {}, endpoint).result(60) == 1
    examine(session, endpoint)


def test_a_damaged_journal(session: Session) -> None:
    assert session.journal is not None
    session.journal.path.parent.mkdir()
    session.journal.path.write_bytes(b"this is no database" * 100)
    one = bad(session, "Journal")
    assert "is damaged" in one.text
    assert one.step == "move it away."


def test_a_journal_that_has_no_place(session: Session) -> None:
    assert session.journal is not None
    session.journal.path.parent.write_text("a file where the directory should be")
    assert "JUPYTER_DATA_DIR" in bad(session, "Journal").step


def test_widgets_that_were_not_built(
    session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle.module_text.cache_clear()
    monkeypatch.setattr(bundle, "MODULE", tmp_path / "nothing.js")
    assert "isn't built" in bad(session, "Widgets").text


def test_proxies(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    list(findings(session))  # the client has its connections
    monkeypatch.setenv("https_proxy", "http://ada:secret@proxy.example:3128")
    (one,) = found(session, "Proxies")
    assert one.text == "https by proxy.example:3128"
    assert "AMQP takes no proxy" in one.step


def test_messages_that_cannot_be_read(session: Session, loopback: Loopback) -> None:
    with Executor(loopback.endpoint("instant"), session.client) as executor:
        executor.submit(int).result(60)
        loopback.publish(str(executor.task_group_id), b"\x01junk")
        executor.submit(int).result(60)  # comes after it
    one = bad(session, "Messages")
    assert "1 messages could not be read" in one.text
    assert "update gc-jupyter" in one.step


def test_a_stream_that_is_down(to_loopback: Loopback, tmp_path: Path) -> None:
    client = connect(to_loopback, rate_limited=False)
    session = Session(client=client, journal=Journal(tmp_path / "j", KernelSession()))
    to_loopback.broker_fault(refuse=True)
    endpoint = to_loopback.endpoint("instant")
    executor = Executor(endpoint, client)
    executor.submit(int).result(60)  # by polling
    assert "asked for by HTTPS meanwhile" in bad(session, "Stream").step
    client.close()


# --- the probe against servers that are no broker ------------------------------------------


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], object]], int]]:
    """Starts a server that does this with each connection; returns its port."""
    listeners = []

    def start(handle: Callable[[socket.socket], object]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    handle(connection)
                except OSError:
                    connection.close()

        threading.Thread(target=run, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for one in listeners:
        one.close()


def test_a_certificate_that_is_not_trusted(
    serve: Callable[[Callable[[socket.socket], object]], int], tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))
    port = serve(lambda connection: context.wrap_socket(connection, server_side=True))
    address = AmqpAddress("", f"amqps://user:password@127.0.0.1:{port}/%2F")
    why = amqp_probe.probe(address, port)
    assert "the certificate isn't trusted (self-signed certificate" in why


def test_no_tls_there(serve: Callable[[Callable[[socket.socket], object]], int]) -> None:
    port = serve(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    address = AmqpAddress("", f"amqps://user:password@127.0.0.1:{port}/%2F")
    assert amqp_probe.probe(address, port).startswith("no TLS")


def test_no_broker_there(serve: Callable[[Callable[[socket.socket], object]], int]) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    port = serve(answer)
    address = AmqpAddress("", f"amqp://user:password@127.0.0.1:{port}/%2F")
    assert "no broker" in amqp_probe.probe(address, port)


def test_nobody_answers(
    serve: Callable[[Callable[[socket.socket], object]], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amqp_probe, "_LIMIT_S", 0.1)
    kept: list[socket.socket] = []
    port = serve(kept.append)
    address = AmqpAddress("", f"amqp://user:password@127.0.0.1:{port}/%2F")
    assert amqp_probe.probe(address, port) == "no answer in time"


def _certificate(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = directory / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
