"""AmqpStream and the ports of an address: tried in turn, and what is said of those that fail."""

from __future__ import annotations

import asyncio
import ssl

import pika.exceptions
import pytest
from pika.adapters.utils.connection_workflow import AMQPConnectorTransportSetupError

from gc_jupyter.service import amqp
from gc_jupyter.service.amqp_address import AmqpAddress
from gc_jupyter.service.amqp_failures import no_connection, why
from tests.service.amqp_by_hand import Connection, Setup, connections, until

__all__ = ["connections"]  # the fixture
pytestmark = pytest.mark.usefixtures("connections")


def test_ports_are_tried_in_turn() -> None:
    """A hub that lets out port 443 alone: the address's port says nothing, 443 answers."""

    async def test() -> None:
        url = "amqp://user:secret@broker:5671/%2F"
        setup = Setup(lambda: AmqpAddress("results.", url))
        setup.stream.subscribe("g")
        first = await setup.connection()
        assert (first.parameters.port, first.parameters.socket_timeout) == (5671, amqp.QUICK_S)
        first.lose(pika.exceptions.AMQPConnectionError(TimeoutError()))
        second = await setup.connection(2)
        assert second.parameters.port == 443
        assert setup.fetched == 1  # one password is good for every port
        assert setup.sink.states == [setup.sink.states[0]]
        assert setup.sink.states[0].startswith(
            "No connection to the broker (port 5671: no answer in time)."
        )
        second.open()
        assert setup.sink.states[-1] == "up"
        second.lose(pika.exceptions.StreamLostError("cut"))
        third = await setup.connection(3)
        assert third.parameters.port == 443  # what has worked comes first
        assert setup.fetched == 2
        setup.stream.close()

    asyncio.run(test())


def test_no_port_works() -> None:
    async def test() -> None:
        url = "amqp://user:secret@broker:1234/%2F"
        setup = Setup(lambda: AmqpAddress("results.", url))
        tried = []
        for number in range(1, 6):
            connection = await setup.connection(number)
            tried.append(connection.parameters.port)
            reason: Exception = ConnectionRefusedError()
            if number == 2:
                reason = pika.exceptions.IncompatibleProtocolError("HTTP/1.1")
            connection.lose(pika.exceptions.AMQPConnectionError(reason))
        assert tried == [1234, 443, 5671, 5672, 1234]
        assert connection.parameters.socket_timeout == amqp.PATIENT_S
        told, _ = setup.sink.states  # once at the first port, once after the last
        assert told.startswith("No connection to the broker (port 1234: refused).")
        assert setup.sink.states[1].startswith(
            "No connection to the broker (port 1234: refused; port 443: something answers that is"
            " no broker; port 5671: refused; port 5672: refused).\nAsk for one of the ports"
        )
        assert "secret" not in "".join(setup.sink.states)
        setup.stream.close()

    asyncio.run(test())


def test_a_port_that_the_user_chose_is_the_only_one() -> None:
    async def test() -> None:
        setup = Setup(port=5672)
        for number in (1, 2):
            connection = await setup.connection(number)
            assert connection.parameters.port == 5672
            connection.lose(pika.exceptions.AMQPConnectionError(ConnectionRefusedError()))
            await until(lambda made=number + 1: len(Connection.made) >= made)
        assert setup.fetched >= 2
        setup.stream.close()

    asyncio.run(test())


def test_refused_credentials_ask_for_new_ones_at_once() -> None:
    async def test() -> None:
        setup = Setup()
        (await setup.connection()).lose(pika.exceptions.ProbableAuthenticationError("user:secret"))
        again = await setup.connection(2)
        assert again.parameters.credentials.password == "secret2"
        assert again.parameters.port == 5672
        setup.stream.close()

    asyncio.run(test())


def test_another_broker_at_another_port_is_not_asked_twice() -> None:
    """The service's own port is shut; what answers at the next may be anybody's."""

    async def test() -> None:
        url = "amqp://user:secret@broker:1234/%2F"
        setup = Setup(lambda: AmqpAddress("results.", url))
        (await setup.connection()).lose(ConnectionRefusedError())
        foreign = await setup.connection(2)
        foreign.lose(pika.exceptions.ProbableAuthenticationError("user:secret"))
        third = await setup.connection(3)
        assert third.parameters.port == 5671
        assert setup.fetched == 1
        third.open()
        third.lose(pika.exceptions.StreamLostError("cut"))
        again = await setup.connection(4)
        assert again.parameters.port == 5671  # the service's has answered there
        again.lose(pika.exceptions.ProbableAuthenticationError("user:secret"))
        assert "port 5671: the broker refuses the credentials" in setup.sink.states[-1]
        setup.stream.close()

    asyncio.run(test())


NOT_TRUSTED = ssl.SSLCertVerificationError()
NOT_TRUSTED.verify_message = "Hostname mismatch, certificate is not valid for 'h'."


@pytest.mark.parametrize(
    ("reason", "says", "step"),
    [
        (
            pika.exceptions.ProbableAuthenticationError("user:secret"),
            "the broker refuses the credentials",
            "%gc login --force",
        ),
        (
            pika.exceptions.AMQPConnectionError(ConnectionRefusedError("amqp://user:secret@h")),
            "refused",
            "Ask for one of the ports",
        ),
        (
            AMQPConnectorTransportSetupError(NOT_TRUSTED),
            "the certificate isn't trusted (Hostname mismatch, certificate is not valid for 'h')",
            "SSL_CERT_FILE",
        ),
        (pika.exceptions.StreamLostError("amqp://user:secret@h"), "no broker", "443"),
        (OSError("secret"), "OSError", "443"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_reasons_name_no_password(
    reason: Exception, says: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    error = no_connection({443: why(reason)})
    assert says in error.reason
    assert step in error.next_step
    assert "secret" not in str(error)


def test_a_proxy_is_said_to_be_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://ada:secret@proxy.example:3128")
    error = no_connection({443: "no answer in time"})
    assert "HTTPS goes through a proxy here, and AMQP can't" in error.next_step
    assert "results are asked for by HTTPS" in error.next_step
    assert "secret" not in str(error)


def test_an_address_shows_no_password() -> None:
    assert "secret" not in repr(AmqpAddress("p", "amqp://user:secret@h"))
