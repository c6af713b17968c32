"""Real brokers that aren't the service's, or no longer know its password: what is said of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator

import pytest

from gc_jupyter.service import amqp_address
from gc_jupyter.service.amqp import AmqpStream
from gc_jupyter.service.amqp_address import AmqpAddress
from gc_jupyter.service.amqp_failures import advice
from gc_jupyter.service.amqp_probe import probe
from tests.service.amqp_by_hand import TIMEOUT, Sink
from tests.service.broker import ADMIN, ADMIN_PASSWORD, Broker
from tests.waiting import held_port, number_of

LOGIN = "%gc login"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """One that asks nobody who may connect: only its own user may."""
    nobody = held_port()
    made = Broker(f"http://127.0.0.1:{number_of(nobody)}")
    loop = asyncio.new_event_loop()  # it waits for the node's end
    loop.run_until_complete(made.start())
    yield made
    made.stop()
    nobody.close()
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


@pytest.fixture
def shut() -> Iterator[int]:
    """A port at which nobody listens."""
    with held_port() as held:
        yield number_of(held)


def address(
    port: int, user: str = "user", password: str = "secret", vhost: str = ""
) -> AmqpAddress:
    return AmqpAddress("results.", f"amqp://{user}:{password}@127.0.0.1:{port}/{vhost}")


def first_words(of: AmqpAddress, port: int | None = None) -> str:
    """What the stream says when it has tried every port once."""
    tried = 1 if port is not None else len(of.ports())

    async def test() -> str:
        said: asyncio.Queue[str] = asyncio.Queue()

        class Told(Sink):
            def on_stream_down(self, error: Exception) -> None:
                said.put_nowait(str(error))

        async def ask(fetch: Callable[[], AmqpAddress]) -> AmqpAddress:
            return fetch()

        stream = AmqpStream(asyncio.get_running_loop(), ask, Told(), lambda: of, port)
        text = ""
        while len(re.findall(r"port \d+:", text)) < tried:
            text = await asyncio.wait_for(said.get(), TIMEOUT)
        stream.close()
        return text

    return asyncio.run(test())


CASES = [
    pytest.param("user", "secret", "%2F", id="a password that it doesn't know"),
    pytest.param(ADMIN, ADMIN_PASSWORD, "elsewhere", id="a virtual host that it doesn't have"),
]


@pytest.mark.parametrize(("user", "password", "vhost"), CASES)
def test_at_another_port_nobody_has_to_log_in(
    broker: Broker,
    shut: int,
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    password: str,
    vhost: str,
) -> None:
    monkeypatch.setattr(amqp_address, "PORTS", (broker.port,))
    given = address(shut, user, password, vhost)
    said = first_words(given)
    assert f"port {shut}: refused; port {broker.port}: a broker refuses the credentials" in said
    assert "it may not be the service's" in said
    assert "Ask for one of the ports" in said
    assert LOGIN not in said
    assert "may not be the service's" in probe(given, broker.port)


def test_at_a_port_that_the_user_chose(broker: Broker, shut: int) -> None:
    said = first_words(address(shut), broker.port)
    assert "it may not be the service's" in said
    assert "%gc config amqp_port none" in said
    assert LOGIN not in said


def test_at_the_services_own_port(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amqp_address, "PORTS", ())
    said = first_words(address(broker.port, vhost="%2F"))
    assert f"port {broker.port}: the broker refuses the credentials" in said
    assert LOGIN in said
    said = first_words(address(broker.port, ADMIN, ADMIN_PASSWORD, "elsewhere"))
    assert "takes the credentials, and refuses access" in said
    assert LOGIN not in said
    assert probe(address(broker.port, ADMIN, ADMIN_PASSWORD, "%2F"), broker.port) == ""
    assert LOGIN in advice({broker.port: probe(address(broker.port, vhost="%2F"), broker.port)})
