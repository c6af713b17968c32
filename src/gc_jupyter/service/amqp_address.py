"""The broker's address, as the service gave it, and its ports, which are tried in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pika

from gc_jupyter.errors import StreamError
from gc_jupyter.service.amqp_failures import (
    POLLED_TOO,
    REFUSED_CREDENTIALS,
    SILENT,
    no_connection,
    why,
)
from gc_jupyter.service.tls import tls_context
from gc_jupyter.unencrypted import how_to_allow, refused_host

#: The ports of the service's broker (docs/protocol.md, "AMQP").
PORTS = (443, 5671, 5672)
_SCHEMES = ("amqp", "amqps")
_HANDSHAKES = 2.0  # the limit with TLS and AMQP, as a multiple of TCP's


@dataclass(frozen=True, slots=True)
class AmqpAddress:
    """The address of the result queues. The URL has a password, so no repr shows it."""

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
            How long to wait for the TCP connection, in seconds; a broker may take twice as long.

        Raises
        ------
        StreamError
            The address can't be read, or is none of AMQP's.
        """
        try:
            if urlsplit(self.url).scheme not in _SCHEMES:  # pika accepts other schemes, too
                raise ValueError
            # a query can name files of this machine, and is read as Python
            parameters = pika.URLParameters(self.url.partition("?")[0])
        except Exception as error:  # its text holds the password
            raise StreamError(
                f"The service gave an AMQP address that can't be read ({type(error).__name__})."
            ) from None
        parameters.connection_attempts = 1
        parameters.socket_timeout = connect_s
        parameters.stack_timeout = _HANDSHAKES * connect_s  # some accept TCP and send nothing
        if port is not None:
            parameters.port = port
        if self.encrypted:
            # without a name given here, pika checks the certificate for the address's host
            parameters.ssl_options = pika.SSLOptions(tls_context())
        return parameters

    def check_encrypted(self) -> None:
        """Check that the connection is encrypted, unless the broker is on this machine.

        Raises
        ------
        StreamError
            It isn't encrypted: the broker's password and results, which are code, could be read.
        """
        self.parameters(connect_s=1)  # it can be read
        if host := refused_host(self.url):
            raise StreamError(
                f"The service gave an AMQP address without TLS ({host}): results could be read on"
                " the way, and changed into ones that run code here.",
                next_step=f"{how_to_allow(host)} {POLLED_TOO}",
            )

    @property
    def host(self) -> str:
        """The broker's."""
        return str(self.parameters(connect_s=1).host)

    def ports(self) -> list[int]:
        """The ports to try: the service's own choice first."""
        return list(dict.fromkeys((self.parameters(connect_s=1).port, *PORTS)))


class KnownPorts:
    """A record of brokers' ports: which one worked, and which ones don't answer.

    It belongs to the streams of one service, on their loop; `recall` and `keep` block.

    Parameters
    ----------
    recall:
        What an earlier kernel has kept of a host, or None.
    keep:
        Keeps a text about a host for the next kernel.
    """

    def __init__(
        self,
        recall: Callable[[str], str | None] = lambda _host: None,
        keep: Callable[[str, str], None] = lambda _host, _text: None,
    ) -> None:
        self._recall = recall
        self._keep = keep
        self.worked: dict[str, int] = {}
        self.silent: dict[str, tuple[int, ...]] = {}
        self._kept: dict[str, str] = {}

    def recall(self, host: str) -> None:
        """Take over an earlier kernel's record for hosts that this kernel has not tried. Blocks."""
        if host in self._kept:
            return
        self._kept[host] = text = self._recall(host) or ""
        numbers = [int(word) for word in text.split() if word.isascii() and word.isdigit()]
        served = [number for number in numbers if 0 < number < 65536]
        if numbers and numbers[0] in served:
            self.worked.setdefault(host, served.pop(0))
        self.silent.setdefault(host, tuple(served))

    def changed(self, host: str) -> bool:
        """Whether the record has changed since it was kept."""
        return self._kept.get(host, "") != self._text(host)

    def keep(self, host: str) -> None:
        """Keep the record for the next kernel. Blocks."""
        self._kept[host] = text = self._text(host)
        self._keep(host, text)

    def _text(self, host: str) -> str:
        if host not in self.worked and not self.silent.get(host):
            return ""
        return " ".join(map(str, (self.worked.get(host, 0), *self.silent.get(host, ()))))


class PortTrial:
    """One address, and its ports tried one after the other until a broker answers.

    The networks of hubs and Binder often let only port 443 out, and drop other packets silently.

    Parameters
    ----------
    address:
        As fetched; its password is good for every port.
    chosen:
        The only port to try, where the user named one.
    known:
        The record of ports, which is kept up to date. The port that worked last is tried first,
        silent ones last.
    """

    def __init__(self, address: AmqpAddress, chosen: int | None, known: KnownPorts) -> None:
        self.address = address
        self._known = known
        self.host = address.host
        worked = [known.worked[self.host]] if self.host in known.worked else []
        self._own = {*worked, address.ports()[0]}  # the service's broker is there
        silent = known.silent.get(self.host, ())
        ports = sorted(address.ports(), key=lambda port: port in silent)
        self._left = list(dict.fromkeys([chosen] if chosen is not None else [*worked, *ports]))
        self._port = self._left[0]
        self._tried: dict[int, str] = {}

    def next(self, *, connect_s: float) -> pika.URLParameters:
        """How to connect to the next port; see `AmqpAddress.parameters`."""
        self._port = self._left.pop(0)
        return self.address.parameters(self._port, connect_s=connect_s)

    def opened(self) -> None:
        """The broker answers at this port."""
        self._known.worked[self.host] = self._port
        self._note_silent()

    def failed(self, reason: object) -> bool:
        """Note why this port can't be used; whether to try another."""
        words = why(reason, own=self._port in self._own)
        self._tried[self._port] = words
        self._note_silent()
        # the port is right and the password is wrong: another address is needed
        return bool(self._left) and words != REFUSED_CREDENTIALS

    def _note_silent(self) -> None:
        """Update the silent ports: those tried now, and for others what was known."""
        before = set(self._known.silent.get(self.host, ())) - {*self._tried, self._port}
        now = {port for port, words in self._tried.items() if words == SILENT}
        self._known.silent[self.host] = tuple(sorted(before | now))

    @property
    def first(self) -> bool:
        """Whether only one port was tried so far."""
        return len(self._tried) == 1

    @property
    def error(self) -> StreamError:
        """The error that says what each port did."""
        return no_connection(self._tried)
