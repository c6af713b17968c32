"""What every test may ask for: the loopback service, and the endpoint's own Python."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import globus_sdk
import hypothesis
import pytest

from gc_jupyter import Client
from gc_jupyter.own_files import data_directory
from gc_jupyter.runtime.loop import close_kernel_loop
from gc_jupyter.runtime.shared import registry
from gc_jupyter.service import amqp_address
from tests import reruns
from tests.plain_servers import Serve, serving
from tests.service import handle
from tests.waiting import held_port, number_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# What it logs of connections that tests cut would bury the failure that it is printed with.
logging.getLogger("pika").setLevel(logging.CRITICAL)

# Where a change is judged, the same examples for all; at a desk, new ones each time. No example has
# a deadline: how long one takes says what else the machine does.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "desk")


#: They take a Debian package, another environment, a kernel or a server: not in `make check`.
SLOW_FIXTURES = {"endpoint_python", "loopback_session", "broker", "browser", "kernel"}
SLOW_FOLDERS = {
    *("binder", "faults", "fuzz", "hub", "local", "magics", "network", "notebooks", "official"),
    *("seeds", "server", "takers"),
}
SLOW_FILES = {
    *("test_corpus.py", "test_generated.py", "test_histories.py", "test_installing.py"),
    *("test_kernel.py", "test_much_output.py", "test_saved.py", "test_wheel.py"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the quick tests, and those that may run again."""
    for item in items:
        if reruns.reason(item.nodeid):
            item.add_marker(pytest.mark.flaky(reruns=reruns.AGAIN))
        fixtures = getattr(item, "fixturenames", ())
        if (
            SLOW_FIXTURES.isdisjoint(fixtures)
            and SLOW_FOLDERS.isdisjoint(item.path.parts)
            and item.path.name not in SLOW_FILES
        ):
            item.add_marker(pytest.mark.quick)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Name the tests that ran again: a run that needed it is not the same as one that didn't."""
    again = [report.nodeid for report in terminalreporter.stats.get("rerun", [])]
    if again:
        terminalreporter.section("tests that ran again")
        for line in reruns.lines(again):
            terminalreporter.write_line(line)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "quick: needs no endpoint, broker, browser or kernel")


@pytest.fixture(scope="session", autouse=True)
def own_directories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Journal and settings of this run, in place of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium; not longer than its module, since playwright keeps a loop running."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # ms; a busy machine takes longer than 5 s for a page

    from tests.browser.jupyter import CHROMIUM, FLAGS

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a server that is neither the service nor a broker."""
    yield from serving()


@pytest.fixture(scope="session")
def endpoint_python() -> str:
    """An interpreter with globus-compute-endpoint and -sdk, and no gc_jupyter."""
    return handle.endpoint_python()


@pytest.fixture(scope="session")
def running_loopback(endpoint_python: str) -> Iterator[handle.Loopback]:
    """The one loopback service of this run; use `loopback`."""
    with handle.Loopback(endpoint_python) as running:
        yield running


@pytest.fixture(scope="module")
def loopback_session(running_loopback: handle.Loopback) -> Iterator[handle.Loopback]:
    """The loopback service for fixtures of a module, whose endpoints' processes end with it."""
    with running_loopback.resting_new_endpoints():
        yield running_loopback


@pytest.fixture(autouse=True)
def resting_endpoints(request: pytest.FixtureRequest) -> Iterator[None]:
    """The processes of endpoints that a test makes end with it: each has 80 MB."""
    with contextlib.ExitStack() as stack:
        if "loopback_session" in request.fixturenames:
            loopback: handle.Loopback = request.getfixturevalue("loopback_session")
            stack.enter_context(loopback.resting_new_endpoints())
        yield


@pytest.fixture(scope="session")
def shut_ports() -> Iterator[tuple[int, ...]]:
    """Three ports of this machine that refuse: stand-ins for 443, 5671 and 5672, which have
    servers of their own on many machines."""
    with held_port() as one, held_port() as two, held_port() as three:
        yield tuple(map(number_of, (one, two, three)))


@pytest.fixture
def loopback(
    loopback_session: handle.Loopback,
    shut_ports: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[handle.Loopback]:
    """A loopback Globus Compute with no fault set and nothing recorded."""
    monkeypatch.setattr(amqp_address, "PORTS", shut_ports)
    loopback_session.reset()
    close_kernel_loop()  # a new one: no budget spent, no stream of the test before
    registry.forget()  # nothing remembered of a test with the same token
    (data_directory() / "remembered.json").unlink(missing_ok=True)
    yield loopback_session
    loopback_session.reset()


@pytest.fixture
def to_loopback(loopback: handle.Loopback, monkeypatch: pytest.MonkeyPatch) -> handle.Loopback:
    """The loopback, with this process's environment pointing at it."""
    for name, value in loopback.environment.items():
        monkeypatch.setenv(name, value)
    return loopback


@pytest.fixture
def client(to_loopback: handle.Loopback) -> Iterator[Client]:
    """A client of the loopback, without the limit of requests, which tests would wait for."""
    made = connect(to_loopback, rate_limited=False)
    yield made
    made.close()


class OwnLogin(globus_sdk.AccessTokenAuthorizer):
    """One that is told apart from others with the same token."""


def connect(loopback: handle.Loopback, **options: Any) -> Client:
    """A client of the loopback with these options, which shares nothing with others; it asks
    nothing before its first use."""
    authorizer = OwnLogin(loopback.token)
    return Client(authorizer=authorizer, do_version_check=False, **options)
