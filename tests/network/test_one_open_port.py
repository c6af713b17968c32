"""Whole notebooks in a network from which only ports 80 and 443 lead out."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from tests.network.certificates import Authority
from tests.network.namespace import Namespace, NoNamespace
from tests.network.proxy import Proxy
from tests.service.handle import Loopback

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "notebooks/quickstart.ipynb"
ON_A_HUB = ROOT / "notebooks/jupyterhub_and_binder.ipynb"
API, BROKER, ALIAS, PROXY = "compute.test", "amqp.test", "other.test", "proxy.test"
SILENT = "silent.test"
BY_5671 = "amqps://{user}:{password}@amqp.test:5671/%2F"

#: Two tasks, and what is said while they run.
TASKS = """
import logging, sys, time
from gc_jupyter import Executor
class Said(logging.Handler):
    def emit(self, record):
        print(f"said: {time.monotonic() - began:.1f} s: {record.getMessage()}", flush=True)
logging.getLogger("gc_jupyter").addHandler(Said())
def wait(seconds):
    import time
    time.sleep(seconds)
    return time.time()
with Executor(sys.argv[1]) as executor:
    began = time.monotonic()
    for seconds in (8, 3):
        ended = executor.submit(wait, seconds).result(100)
        print(f"result: {time.time() - ended:.1f} s after its end")
"""

pytestmark = pytest.mark.timeout(240)


@dataclass
class Inside:
    """The network, what stands at its edge, and a place for whoever works inside."""

    network: Namespace
    loopback: Loopback
    authority: Authority
    home: Path

    def start(self, notebook: Path, endpoint: str, **environment: str) -> subprocess.Popen[str]:
        """Execute a notebook inside, and then ask the doctor."""
        made = nbformat.read(notebook, as_version=4)
        made.cells.append(nbformat.v4.new_code_cell(f"%gc doctor {endpoint}"))
        path = self.home / f"{uuid.uuid4()}.ipynb"
        nbformat.write(made, path)
        script = str(ROOT / "notebooks/run.py")
        return self.python(script, str(path), "--endpoint", endpoint, **environment)

    def python(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """Run Python inside. It trusts the test authority."""
        places = ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")
        env = {
            **{name: text for name, text in os.environ.items() if "proxy" not in name.lower()},
            **{name: str(self.home / name) for name in places},
            **self.loopback.environment,
            "GLOBUS_SDK_SERVICE_URL_COMPUTE": f"https://{API}",
            "REQUESTS_CA_BUNDLE": str(self.authority.path),  # of HTTPS and AMQP
            **environment,
        }
        return self.network.start(sys.executable, *command, env=env)

    def finish(self, process: subprocess.Popen[str]) -> tuple[str, dict[str, list[str]]]:
        """What the notebook printed, and the doctor's lines by subject."""
        shown, _ = process.communicate(timeout=200)
        assert process.returncode == 0, shown
        found: dict[str, list[str]] = {}
        for line in shown.splitlines():
            if line.startswith(("✓", "✗")):
                mark, subject, *words = line.split()
                found.setdefault(subject, []).append(" ".join([mark, *words]))
        return shown, found


@pytest.fixture(scope="module")
def edge(
    endpoint_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Namespace, Loopback, Authority]]:
    """The service with TLS on port 443, for HTTPS and AMQP each at an address of its own."""
    try:
        network = Namespace(API, BROKER, PROXY, SILENT, aliases={ALIAS: BROKER})
    except NoNamespace as reason:
        pytest.skip(str(reason))
    authority = Authority(tmp_path_factory.mktemp("authority"))
    doors = (
        *("--certificate", str(authority.issue(API, BROKER))),
        *("--https", f"{network.address(API)}:443", "--amqps", f"{network.address(BROKER)}:443"),
    )
    try:
        with Loopback(endpoint_python, *doors) as loopback:
            yield network, loopback, authority
    finally:
        network.close()


@pytest.fixture
def inside(edge: tuple[Namespace, Loopback, Authority], tmp_path: Path) -> Inside:
    network, loopback, authority = edge
    network.block()
    loopback.reset()
    loopback.broker_fault(url=BY_5671)
    return Inside(network, loopback, authority, tmp_path)


def test_amqp_on_443_without_being_told(inside: Inside) -> None:
    """The address names port 5671, which is dropped; polling brings nothing here."""
    inside.loopback.fault(path="/v2/batch_status", times=None, status=500)
    endpoint = inside.loopback.endpoint("process")
    shown, doctor = inside.finish(inside.start(QUICKSTART, endpoint))
    for text in ("[image/png]", "(2, 997)", "division by zero", "every cell ran"):
        assert text in shown
    assert doctor["Results"] == [
        "✓ come by port 443, AMQP with TLS; port 5671 (the service's choice): no answer in time;"
        " port 5672: no answer in time"
    ]


def test_amqp_blocked_altogether_and_https_by_a_proxy(inside: Inside) -> None:
    """Nothing leaves but to the proxy: results are polled, and it is said why."""
    proxy = Proxy((inside.network.address(PROXY), 80), {API: inside.network.address(API)})
    try:
        inside.network.block(API, BROKER)
        endpoint = inside.loopback.endpoint("process")
        running = inside.start(ON_A_HUB, endpoint, HTTPS_PROXY=f"http://{PROXY}:80")
        shown, doctor = inside.finish(running)
    finally:
        proxy.stop()
    assert "'a Linux machine runs this'" in shown
    assert inside.loopback.requests("POST", "/v2/batch_status")
    assert set(proxy.asked) == {f"{API}:443"}
    assert "HTTPS goes through a proxy here, and AMQP can't" in doctor["Results"][0]
    assert doctor["Proxies"][0].startswith("✓ https by proxy.test:80")


def test_a_port_443_that_says_nothing(inside: Inside) -> None:
    """It takes connections; no other port leads out. That is said once, while the first task runs,
    and the results come by HTTPS."""
    inside.loopback.broker_fault(url=BY_5671.replace(BROKER, SILENT).replace("5671", "443"))
    endpoint = inside.loopback.endpoint("process")
    with socket.create_server((inside.network.address(SILENT), 443), backlog=100):
        # connections that nobody accepts are established all the same
        process = inside.python("-c", TASKS, endpoint)
        shown, _ = process.communicate(timeout=200)
    assert process.returncode == 0, shown
    lines = [line for line in shown.splitlines() if line.startswith(("said: ", "result: "))]
    told = [at for at, line in enumerate(lines) if "results are asked for by HTTPS" in line]
    assert len(told) == 1, shown
    assert told[0] < lines.index(next(one for one in lines if one.startswith("result: ")))
    assert shown.count("result: ") == 2
    assert inside.loopback.requests("POST", "/v2/batch_status")


def test_a_certificate_is_refused(inside: Inside) -> None:
    """No password leaves, results are polled, and it is said what is wrong."""
    inside.loopback.broker_fault(url=BY_5671.replace(BROKER, ALIAS).replace("5671", "443"))
    before = inside.loopback.broker_logins()
    endpoint = inside.loopback.endpoint("process")
    # checks of HTTPS switched off: AMQP's never are
    unknown = {"GLOBUS_SDK_VERIFY_SSL": "false", "SSL_CERT_FILE": "/dev/null"}
    started = [inside.start(ON_A_HUB, endpoint, **env) for env in ({}, unknown)]
    says = (
        "Hostname mismatch, certificate is not valid for 'other.test'",
        "unable to get local issuer certificate",
    )
    for process, text in zip(started, says, strict=True):
        shown, doctor = inside.finish(process)
        assert "'a Linux machine runs this'" in shown
        [results] = doctor["Results"]
        assert results.startswith(
            "✗ no port lets them in (AMQP with TLS): port 443 (the service's choice):"
            f" the certificate isn't trusted ({text})"
        )
        assert "SSL_CERT_FILE" in results
        assert f"the certificate isn't trusted ({text})" in doctor["Stream"][0]
    assert inside.loopback.broker_logins() == before
