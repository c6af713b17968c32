"""Describe a failed AMQP connection, without its address, which holds a password."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from urllib.request import getproxies

import pika.exceptions
from pika.adapters.utils.connection_workflow import AMQPConnectorStackTimeout

from gc_jupyter.errors import StreamError
from gc_jupyter.protocol.failures import CLOSE_FILES, TOO_MANY_FILES, too_many_files

_POLLED = "ntil then results are asked for by HTTPS"
POLLED, POLLED_TOO = f"u{_POLLED}", f"U{_POLLED}."
REFUSED_CREDENTIALS = "the broker refuses the credentials"
REFUSED_ACCESS = "the broker takes the credentials, and refuses access"
ANOTHER_BROKER = "a broker refuses the credentials; it may not be the service's"
SILENT = "no answer in time"
UNTRUSTED = "the certificate isn't trusted"
_DENIED = (403, 530)  # ACCESS_REFUSED and NOT_ALLOWED: the user may not, or there is no such vhost
#: pika's errors for a broker that takes too long; the last one comes after TCP was accepted.
_LATE = (TimeoutError, AMQPConnectorStackTimeout, pika.exceptions.ConnectionOpenAborted)


def why(error: object, *, own: bool = True) -> str:
    """The cause of a failed connection to a port, in a few words.

    Parameters
    ----------
    error:
        An error of pika.
    own:
        Whether the service named this port, or its broker has answered there before. Any other port
        may belong to another broker.
    """
    found = (words for one in _causes(error) if (words := _known(one)))
    words = next(found, type(error).__name__)
    return ANOTHER_BROKER if not own and words in (REFUSED_CREDENTIALS, REFUSED_ACCESS) else words


def no_connection(tried: Mapping[int, str]) -> StreamError:
    """The error if no port reaches the broker: it says what each port did, and what to do."""
    found = "; ".join(f"port {port}: {words}" for port, words in tried.items())
    return StreamError(f"No connection to the broker ({found}).", next_step=advice(tried))


def advice(tried: Mapping[int, str]) -> str:
    """The next step if no port works.

    Parameters
    ----------
    tried:
        Port -> the words of `why`.
    """
    said = " ".join(tried.values())
    if TOO_MANY_FILES in said:
        return CLOSE_FILES
    if REFUSED_CREDENTIALS in said:
        return "Wait: each reconnect fetches new ones. If it stays, %gc login --force."
    if REFUSED_ACCESS in said:
        return (
            f"Tell whoever runs the service: it gives an address that can't be used. {POLLED_TOO}"
        )
    if UNTRUSTED in said:
        return (
            "If your site has its own certificate authority, name its file in SSL_CERT_FILE;"
            f" otherwise ask who is between here and the broker. {POLLED_TOO}"
        )
    if "https" in getproxies():
        return (
            "HTTPS goes through a proxy here, and AMQP can't: ask for port 443 to be opened"
            f" without the proxy; {POLLED}."
        )
    if len(tried) == 1 and ANOTHER_BROKER in said:
        step = "Leave amqp_port out, so that a port is found (%gc config amqp_port none)."
        return f"{step} {POLLED_TOO}"
    return f"Ask for one of the ports 443, 5671 and 5672 to be let out of your network; {POLLED}."


def _known(error: BaseException) -> str:
    if isinstance(
        error,
        (pika.exceptions.ProbableAuthenticationError, pika.exceptions.AuthenticationError),
    ):
        return REFUSED_CREDENTIALS
    if isinstance(error, pika.exceptions.ProbableAccessDeniedError) or (
        isinstance(error, pika.exceptions.ConnectionClosedByBroker) and error.reply_code in _DENIED
    ):
        return REFUSED_ACCESS
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{UNTRUSTED} ({error.verify_message.rstrip('.')})"
    if isinstance(error, ssl.SSLError):
        return f"no TLS ({error.reason or type(error).__name__})"
    if too_many_files(error):
        return TOO_MANY_FILES
    if isinstance(error, socket.gaierror):
        return "the name isn't known"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, _LATE):
        return SILENT
    if isinstance(
        error, (pika.exceptions.IncompatibleProtocolError, pika.exceptions.StreamLostError)
    ):
        return "something answers that is no broker"
    return ""


def _causes(error: object) -> Iterator[BaseException]:
    """An error and the errors that pika has wrapped in it, innermost first."""
    if not isinstance(error, BaseException):
        return
    inner = getattr(error, "exception", None) or next(iter(getattr(error, "exceptions", ())), None)
    yield from _causes(inner or next(iter(error.args), None))
    yield error
