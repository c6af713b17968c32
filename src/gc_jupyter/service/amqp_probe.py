"""One attempt to open the result stream at a port, and in words what came of it."""

from __future__ import annotations

import socket
import ssl

import pika
import pika.exceptions
from pika.adapters.utils.connection_workflow import AMQPConnectorStackTimeout

from gc_jupyter.service.amqp import AmqpAddress

#: What the service's broker listens on.
PORTS = (443, 5671, 5672)
_LIMIT_S = 5.0


def ports(address: AmqpAddress) -> list[int]:
    """The ports to try: the service's own choice first."""
    own = pika.URLParameters(address.url).port
    return list(dict.fromkeys((own, *PORTS)))


def probe(address: AmqpAddress, port: int) -> str:
    """Why the broker can't be used at this port; empty where it can.

    Name, connection, TLS, greeting and credentials are tried, one after the other. Blocks for some
    seconds at most.
    """
    parameters = pika.URLParameters(address.url)
    parameters.port = port
    parameters.socket_timeout = parameters.blocked_connection_timeout = _LIMIT_S
    parameters.stack_timeout = 2 * _LIMIT_S
    parameters.connection_attempts = 1
    try:
        pika.BlockingConnection(parameters).close()
    except Exception as error:  # whatever it is, it is the answer
        return _why(error)
    return ""


def encrypted(address: AmqpAddress) -> bool:
    """Whether the address asks for TLS."""
    return address.url.startswith("amqps:")


def _why(error: object) -> str:
    """A failure in a few words, without the address (it holds a password)."""
    if isinstance(
        error,
        (pika.exceptions.ProbableAuthenticationError, pika.exceptions.AuthenticationError),
    ):
        return "the broker refuses the credentials"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate isn't trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return f"no TLS ({error.reason or type(error).__name__})"
    if isinstance(error, socket.gaierror):
        return "the name isn't known"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (TimeoutError, AMQPConnectorStackTimeout)):
        return f"no answer in {_LIMIT_S:g} s"
    inner = getattr(error, "exception", None) or next(iter(getattr(error, "exceptions", ())), None)
    if isinstance(inner, BaseException):
        return _why(inner)
    arguments = getattr(error, "args", ())
    if arguments and isinstance(arguments[0], BaseException):
        return _why(arguments[0])
    if isinstance(
        error, (pika.exceptions.IncompatibleProtocolError, pika.exceptions.StreamLostError)
    ):
        return "something answers that is no broker"
    return type(error).__name__
