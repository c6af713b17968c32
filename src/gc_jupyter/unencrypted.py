"""The hosts that may be reached without TLS: this machine, and those that the user has named."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from gc_jupyter.settings import Settings

#: Of URLs that ask for TLS.
_ENCRYPTED = ("https", "amqps")
#: The hosts that can be written into a command which a user is told to run.
_PLAIN = re.compile(r"[a-z0-9.:_-]+")


def refused_host(url: str) -> str:
    """The host that this URL would reach without TLS and without leave; empty if it may be used.

    Parameters
    ----------
    url:
        The URL of a service or a broker.

    Raises
    ------
    ValueError
        It is no URL.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme in _ENCRYPTED or _is_here(host):
        return ""
    named = Settings(projects=False).get("unencrypted") or ""
    if host in named.lower().replace(",", " ").split():
        return ""
    return host if _PLAIN.fullmatch(host) else "no host's name"


def how_to_allow(host: str) -> str:
    """The next step where a host was refused."""
    ask = "Ask whoever runs it for an address with TLS."
    if not _PLAIN.fullmatch(host):
        return ask
    return (
        f"{ask} If everything between here and there is yours: %gc config unencrypted {host}, then"
        " restart the kernel."
    )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
