"""Where the broker is: the address that the service gave, and its ports, tried in turn."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pika

from gc_jupyter.errors import StreamError
from gc_jupyter.service.amqp_failures import POLLED_TOO, REFUSED_CREDENTIALS, no_connection, why
from gc_jupyter.service.trust import tls_context
from gc_jupyter.unencrypted import how_to_allow, refused_host

#: What the service's broker listens on (docs/protocol.md, "AMQP").
PORTS = (443, 5671, 5672)
_SCHEMES = ("amqp", "amqps")


@dataclass(frozen=True, slots=True)
class AmqpAddress:
    """Where results are; the URL holds a password, so it is in no repr."""

    queue_prefix: str
    url: str = field(repr=False)

    @property
    def encrypted(self) -> bool:
        """Whether it asks for TLS."""
        return urlsplit(self.url).scheme == "amqps"

    def parameters(self, port: int | None = None, *, connect_s: float) -> pika.URLParameters:
        """How pika connects.

        Parameters
        ----------
        port:
            In place of the address's own.
        connect_s:
            How long to wait for the TCP connection, in seconds.

        Raises
        ------
        StreamError
            The address can't be read, or is none of AMQP's.
        """
        try:
            if urlsplit(self.url).scheme not in _SCHEMES:  # pika takes others, too
                raise ValueError
            # a query can name files of this machine, and is read as Python
            parameters = pika.URLParameters(self.url.partition("?")[0])
        except Exception as error:  # its text holds the password
            raise StreamError(
                f"The service gave an AMQP address that can't be read ({type(error).__name__})."
            ) from None
        parameters.connection_attempts = 1
        parameters.socket_timeout = connect_s
        if port is not None:
            parameters.port = port
        if self.encrypted:
            # without a name given here, pika checks the certificate for the address's host
            parameters.ssl_options = pika.SSLOptions(tls_context())
        return parameters

    def check_encrypted(self) -> None:
        """Check that nothing goes to another machine in clear text.

        Raises
        ------
        StreamError
            It would: the broker's password, and results, which are code.
        """
        self.parameters(connect_s=1)  # it can be read
        if host := refused_host(self.url):
            raise StreamError(
                f"The service gave an AMQP address without TLS ({host}): results could be read on"
                " the way, and changed into ones that run code here.",
                next_step=f"{how_to_allow(host)} {POLLED_TOO}",
            )

    def ports(self) -> list[int]:
        """The ports to try: the service's own choice first."""
        return list(dict.fromkeys((self.parameters(connect_s=1).port, *PORTS)))


class PortTrial:
    """One address, and its ports tried one after the other until a broker answers.

    Hubs and Binder often let out port 443 alone, and drop the rest without an answer.

    Parameters
    ----------
    address:
        As fetched; its password is good for every port.
    chosen:
        The only port to try, where the user named one.
    answered:
        Host -> the port at which its broker answered last; kept up to date. That one is tried
        first.
    """

    def __init__(
        self, address: AmqpAddress, chosen: int | None, answered: MutableMapping[str, int]
    ) -> None:
        self.address = address
        self._answered = answered
        self._host: str = address.parameters(connect_s=1).host
        known = [answered[self._host]] if self._host in answered else []
        self._own = {*known, address.ports()[0]}  # the service's broker is there
        ports = [chosen] if chosen is not None else [*known, *address.ports()]
        self._left = list(dict.fromkeys(ports))
        self._port = self._left[0]
        self._tried: dict[int, str] = {}

    def next(self, *, connect_s: float) -> pika.URLParameters:
        """How to connect to the next port; see `AmqpAddress.parameters`."""
        self._port = self._left.pop(0)
        return self.address.parameters(self._port, connect_s=connect_s)

    def opened(self) -> None:
        """The broker answers at this port."""
        self._answered[self._host] = self._port

    def failed(self, reason: object) -> bool:
        """Note why this port can't be used; whether to try another."""
        words = why(reason, own=self._port in self._own)
        self._tried[self._port] = words
        self._answered.pop(self._host, None)
        # the right port, and the wrong password: another address is needed
        return bool(self._left) and words != REFUSED_CREDENTIALS

    @property
    def first(self) -> bool:
        """Whether one port only was tried so far."""
        return len(self._tried) == 1

    @property
    def error(self) -> StreamError:
        """What was found at each port."""
        return no_connection(self._tried)
