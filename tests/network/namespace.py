"""A network of its own for some processes, from which only ports 80 and 443 lead out."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

_RULES = """
table inet gate {
  chain closed { }
  chain output {
    type filter hook output priority 0; policy drop;
    oif lo accept
    jump closed
    tcp dport { 80, 443 } accept
  }
}
"""


class NoNamespace(Exception):
    """This machine gives no right to make one; the text says why."""


class Namespace:
    """As on mybinder.org: what doesn't go to port 80 or 443 is dropped without an answer.

    Parameters
    ----------
    hosts:
        The names that resolve inside. Each is an address of this machine, `address(name)`.
    aliases:
        Further names of these.

    Raises
    ------
    NoNamespace
        It can't be made here.
    """

    def __init__(self, *hosts: str, aliases: Mapping[str, str] = {}) -> None:
        number = os.getpid()
        self.name = f"gcj{number}"
        self._net = f"10.{128 + number // 250 % 100}.{number % 250}"
        self._addresses = {host: f"{self._net}.{n}" for n, host in enumerate(hosts, start=1)}
        self._names = {host: host for host in hosts} | dict(aliases)
        self._etc = Path("/etc/netns") / self.name  # `ip netns exec` lays it over /etc
        for tool, package in (("ip", "iproute2"), ("nft", "nftables")):
            if shutil.which(tool) is None:
                raise NoNamespace(f"{tool} is missing (Debian: {package})")
        try:
            self._make()
        except (subprocess.CalledProcessError, OSError) as error:
            self.close()
            said = getattr(error, "stderr", "") or str(error)
            raise NoNamespace(f"no network namespace can be made here: {said.strip()}") from None

    def _make(self) -> None:
        outside, inside = f"{self.name}o", f"{self.name}i"
        _call("ip", "netns", "add", self.name)
        link = ("ip", "link", "add", outside, "type", "veth", "peer", "name", inside)
        _call(*link, "netns", self.name)
        for address in self._addresses.values():
            _call("ip", "address", "add", f"{address}/24", "dev", outside)
        _call("ip", "link", "set", outside, "up")
        within = ("ip", "-n", self.name)
        _call(*within, "address", "add", f"{self._net}.254/24", "dev", inside)
        _call(*within, "link", "set", inside, "up")
        _call(*within, "link", "set", "lo", "up")
        self._etc.mkdir(parents=True)
        names = f"127.0.0.1 localhost {socket.gethostname()}\n"
        lines = [f"{self.address(host)} {name}\n" for name, host in self._names.items()]
        # no name server could be reached: one that isn't there says so at once
        (self._etc / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        (self._etc / "hosts").write_text("".join([names, *lines]))
        self._nft("-f", "-", text=_RULES)

    def address(self, host: str) -> str:
        """Where this name leads; a server binds it outside."""
        return self._addresses[host]

    def block(self, *hosts: str) -> None:
        """Drop what goes to these hosts too; a later call replaces an earlier one."""
        self._nft("flush", "chain", "inet", "gate", "closed")
        for host in hosts:
            rule = f"add rule inet gate closed ip daddr {self.address(host)} drop"
            self._nft(*rule.split())

    def start(self, *command: str, env: Mapping[str, str]) -> subprocess.Popen[str]:
        """Run a command inside, its output in one pipe."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
        )

    def close(self) -> None:
        """Remove it with all that belongs to it."""
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True)
        # the other end went with it; unless making it had failed half way
        subprocess.run(["ip", "link", "del", f"{self.name}o"], capture_output=True)
        shutil.rmtree(self._etc, ignore_errors=True)

    def _nft(self, *arguments: str, text: str = "") -> None:
        _call("ip", "netns", "exec", self.name, "nft", *arguments, text=text)


def _call(*command: str, text: str = "") -> None:
    subprocess.run(command, input=text, capture_output=True, text=True, check=True)
