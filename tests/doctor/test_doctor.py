"""%gc doctor against the loopback: each fault is made on purpose, and its line read."""

from __future__ import annotations

import re
import ssl
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from gc_jupyter import Client, Executor, unencrypted
from gc_jupyter.doctor import Finding, examine, findings, report
from gc_jupyter.errors import SEE_DOCTOR
from gc_jupyter.journal import Journal, KernelSession
from gc_jupyter.session import Session
from gc_jupyter.widgets import bundle
from tests.conftest import connect
from tests.plain_servers import Serve, certificate
from tests.service.globus_auth import GlobusAuth
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
    assert one.line().endswith(f" → {one.step.rstrip('.')}") or SEE_DOCTOR in one.step
    return one


def test_all_is_well(session: Session, loopback: Loopback) -> None:
    report = examine(session, loopback.endpoint("inline"))
    *lines, last = report.splitlines()
    assert last == "All is well."
    assert all(line.startswith("✓") and "nothing to do" not in line for line in lines)
    subjects = {line.split()[1] for line in lines}
    assert subjects == {
        *("Login", "Service", "Scopes", "Results", "Polling", "Endpoint"),
        *("Versions", "Journal", "Widgets", "Proxies", "Messages"),
    }
    assert loopback.token not in report


def test_it_sends_no_task(session: Session, loopback: Loopback) -> None:
    examine(session, loopback.endpoint("inline"))
    assert loopback.requests("POST", "/submit") == []
    assert len(loopback.requests()) < 10


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Session:
    """A session of nobody, far from any service."""
    for name in ("GLOBUS_COMPUTE_ACCESS_TOKEN", "GLOBUS_COMPUTE_CLIENT_ID", "GLOBUS_DATA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("GLOBUS_COMPUTE_USER_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    return Session()


def test_nobody_is_signed_in(nobody: Session) -> None:
    assert bad(nobody, "Login").step == "%gc login"
    for endpoint in (None, "polaris", "11111111-1111-4111-8111-111111111111"):
        assert [one.subject for one in findings(nobody, endpoint) if not one.fine] == [
            "Login",
            "Results",
        ]
    assert "%gc doctor again" in bad(nobody, "Results").step


def test_local_needs_nobody(nobody: Session) -> None:
    report = examine(nobody, "local")
    assert report.endswith("All is well.")
    assert "%gc login, before you use another endpoint" in report


def test_half_of_a_client_login(nobody: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOBUS_COMPUTE_CLIENT_ID", str(uuid.uuid4()))
    one = bad(nobody, "Login")
    assert "GLOBUS_COMPUTE_CLIENT_SECRET is not" in one.text
    assert one.step.startswith("Set both")


def test_a_login_store_that_cannot_be_read(nobody: Session, tmp_path: Path) -> None:
    (tmp_path / "storage.db").write_bytes(b"this is no database" * 100)
    (note, _) = [one for one in found(nobody, "Login") if not one.fine]
    assert "The login store" in note.text
    assert note.step != "see there"


@pytest.fixture
def person(
    nobody: Session, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Session, GlobusAuth]]:
    """A session of somebody who has signed in at a Globus Auth, for the loopback."""
    monkeypatch.setenv("GLOBUS_SDK_SERVICE_URL_COMPUTE", loopback.url)
    with GlobusAuth() as auth:
        for name, value in auth.environ.items():
            monkeypatch.setenv(name, value)
        login = nobody.client.login()
        flow = login.flow()
        assert flow is not None
        flow.finish(auth.approve(flow.start()))
        header = login.authorizer.get_authorization_header()
        assert header is not None
        loopback.accept_token(header.removeprefix("Bearer "))
        yield nobody, auth
        nobody.client.close()


def test_who_is_signed_in(person: tuple[Session, GlobusAuth]) -> None:
    session, _ = person
    (one,) = found(session, "Login")
    assert one.fine
    assert ", by the Globus login in " in one.text
    assert found(session, "Scopes")[0].fine


def test_globus_auth_is_away(person: tuple[Session, GlobusAuth]) -> None:
    session, auth = person
    auth.outage = True
    one = bad(session, "Login")
    assert "Globus Auth can't say whose it is: Globus Auth can't answer now" in one.text
    assert one.step == "check the network and the proxies below"


def test_globus_auth_refuses(person: tuple[Session, GlobusAuth]) -> None:
    session, auth = person
    auth.tokens.clear()
    one = bad(session, "Login")
    assert "Globus Auth refuses the Globus login in" in one.text
    assert one.step == "Sign in again: %gc login --force."


GARE = {
    "code": "ConsentRequired",
    "authorization_parameters": {"required_scopes": ["some scope"], "session_message": "m"},
}


def test_a_missing_consent(person: tuple[Session, GlobusAuth], loopback: Loopback) -> None:
    session, _ = person
    loopback.fault(path="/v2/version", status=403, error=GARE)
    one = bad(session, "Scopes")
    assert one.text.startswith("a consent is missing")
    assert one.step == "Sign in again: %gc login --force."


@pytest.mark.parametrize("path", ["/v2/version", "/v2/endpoints"])
def test_a_refused_token(session: Session, loopback: Loopback, path: str) -> None:
    loopback.fault(path=path, status=401)
    assert "authorizer that has a valid token" in bad(session, "Scopes").step


def test_no_access(session: Session, loopback: Loopback) -> None:
    loopback.fault(path="/v2/version", status=403)
    assert "ask for access" in bad(session, "Scopes").step


@pytest.mark.parametrize(
    ("fault", "text", "step"),
    [
        ({"drop": "before"}, "connection", "Check the network and the proxy settings"),
        ({"status": 503}, "503", "the service itself has a problem"),
        ({"status": 429}, "429", "wait a minute"),
        ({"status": 404}, "404", "check that this address is right"),
        ({"status": 400}, "400", "update gc-jupyter"),
        ({"body": "<html>Log in to the hotel</html>"}, "not JSON", "a proxy or a log-in page"),
    ],
)
def test_the_service(
    session: Session, loopback: Loopback, fault: dict[str, object], text: str, step: str
) -> None:
    loopback.fault(path="/v2/version", **fault)
    report = list(findings(session, loopback.endpoint("inline")))
    (one, results) = [one for one in report if not one.fine]
    assert one.subject == "Service"
    assert text in one.text
    assert step in one.step
    assert "mend the line above" in results.step
    assert {"Endpoint", "Polling"}.isdisjoint(one.subject for one in report)


def test_no_answer(session: Session, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where packets are dropped, it goes on after a while."""
    monkeypatch.setattr(report, "_LIMIT_S", 0.5)
    loopback.fault(path="/v2/version", hang=True)
    one = bad(session, "Service")
    assert one.text == "There is no answer after 0 s."
    assert "check the network and the proxies" in one.step
    loopback.fault(path="/v./endpoints/.*", hang=True, times=None)
    assert "no answer" in bad(session, "Endpoint", loopback.endpoint("inline")).text


def test_a_service_whose_certificate_is_not_trusted(
    session: Session,
    serve: Serve,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    port = serve(lambda connection: context.wrap_socket(connection, server_side=True))
    monkeypatch.setenv("GLOBUS_SDK_SERVICE_URL_COMPUTE", f"https://127.0.0.1:{port}")
    one = bad(session, "Service")
    assert "certificate isn't trusted (self-signed certificate" in one.text
    assert "REQUESTS_CA_BUNDLE" in one.step


def test_an_old_version(session: Session, loopback: Loopback) -> None:
    loopback.control("versions", {"min_sdk_version": "99.1.0"})
    try:
        one = bad(session, "Protocol")
    finally:
        loopback.control("versions", {"min_sdk_version": "2.0.0"})
    assert "99.1.0" in one.text
    assert one.step == "pip install --upgrade gc-jupyter"


def refused(ports: tuple[int, ...]) -> str:
    return "; ".join(f"port {one}: refused" for one in ports)


def test_which_port_is_used(session: Session, shut_ports: tuple[int, ...]) -> None:
    (one,) = found(session, "Results")
    assert re.fullmatch(
        r"come by port \d+ \(the service's choice\), AMQP without TLS;"
        rf" {refused(shut_ports)}",
        one.text,
    )


def test_blocked_ports(session: Session, loopback: Loopback, shut_ports: tuple[int, ...]) -> None:
    loopback.broker_fault(refuse=True)
    one = bad(session, "Results")
    assert re.fullmatch(
        r"no port lets them in \(AMQP without TLS\): port \d+ \(the service's choice\): refused;"
        rf" {refused(shut_ports)}",
        one.text,
    )
    assert one.step.startswith("Ask for one of the ports 443, 5671 and 5672")
    assert "results are asked for by HTTPS" in one.step


def test_blocked_ports_beside_a_proxy(
    session: Session, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    loopback.broker_fault(refuse=True)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert "HTTPS goes through a proxy here, and AMQP can't" in bad(session, "Results").step


def test_a_port_that_the_user_has_set(session: Session, shut_ports: tuple[int, ...]) -> None:
    session.settings.set("amqp_port", shut_ports[0])
    one = bad(session, "Results")
    assert f"port {shut_ports[0]} (yours): refused" in one.text
    assert re.fullmatch(
        r"%gc config amqp_port none: port \d+ \(the service's choice\) connects", one.step
    )


def test_refused_credentials(session: Session, loopback: Loopback) -> None:
    loopback.broker_fault(deny=1)
    one = bad(session, "Results")
    assert "the broker refuses the credentials" in one.text
    assert "%gc login --force" in one.step


def test_addresses_without_tls(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the loopback were another machine."""
    session.client.globus_service()
    monkeypatch.setattr(unencrypted, "_is_here", lambda _host: False)
    one = bad(session, "Results")
    assert "an AMQP address without TLS (127.0.0.1)" in one.text
    assert "%gc config unencrypted 127.0.0.1" in one.step
    session.client.shared._services.clear()
    one = bad(session, "Service")
    assert "has no TLS: your login and your tasks could be read" in one.text


def test_no_address_of_the_broker(session: Session, loopback: Loopback) -> None:
    loopback.fault(path="/v2/get_amqp_result_connection_url", status=500)
    assert "try again" in bad(session, "Results").step


def test_no_polling(session: Session, loopback: Loopback) -> None:
    loopback.fault(path="/v2/batch_status", status=500)
    assert "results can't be asked for" in bad(session, "Polling").text


def test_an_offline_endpoint(session: Session, loopback: Loopback) -> None:
    one = bad(session, "Endpoint", loopback.endpoint("offline"))
    assert "is offline" in one.text
    assert "globus-compute-endpoint start" in one.step


def test_an_unknown_endpoint(session: Session) -> None:
    unknown = "11111111-1111-4111-8111-111111111111"
    assert f"the service knows no {unknown}" in bad(session, "Endpoint", unknown).text
    assert "%gc endpoints" in bad(session, "Endpoint", "nowhere").step


def test_no_endpoint_is_named(session: Session) -> None:
    (one,) = found(session, "Endpoint")
    assert one.fine
    assert one.step.startswith("%gc doctor NAME looks at one")


def test_an_endpoint_whose_state_is_not_told(session: Session, loopback: Loopback) -> None:
    loopback.fault(path="/v2/endpoints/.*/status", status=400)
    one = bad(session, "Endpoint", loopback.endpoint("inline"))
    assert one.step == "try again in some minutes"


def test_another_python_there(session: Session, loopback: Loopback) -> None:
    endpoint = loopback.new_endpoint("instant", {"metadata": {"python_version": "3.8.1"}})
    one = bad(session, "Versions", endpoint)
    assert "Python 3.8.1" in one.text
    assert "one Python version on both sides" in one.step


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
    assert "AMQP (see Results) takes none" in one.step


def test_a_proxy_that_does_not_answer(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    one = bad(session, "Service")
    assert "No connection to the Globus Compute service (ProxyError)" in one.text
    assert one.step.startswith("Check the network and the proxy settings")
    assert found(session, "Proxies")[0].text == "http by 127.0.0.1:9"


def test_messages_that_cannot_be_read(session: Session, loopback: Loopback) -> None:
    with Executor(loopback.endpoint("instant"), session.client) as executor:
        executor.submit(int).result(60)
        loopback.publish(str(executor.task_group_id), b"\x01junk")
        executor.submit(int).result(60)  # comes after it
    one = bad(session, "Messages")
    assert "1 could not be read" in one.text
    assert "update gc-jupyter" in one.step


def test_a_stream_that_is_down(to_loopback: Loopback, tmp_path: Path) -> None:
    client = connect(to_loopback, rate_limited=False)
    session = Session(client=client, journal=Journal(tmp_path / "j", KernelSession()))
    to_loopback.broker_fault(refuse=True)
    endpoint = to_loopback.endpoint("instant")
    executor = Executor(endpoint, client)
    executor.submit(int).result(60)  # by polling
    assert "HTTPS does until then" in bad(session, "Stream").step
    client.close()
