"""What the doctor's probe says of servers that are no broker."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from gc_jupyter.service import amqp_probe
from gc_jupyter.service.amqp_address import AmqpAddress
from tests.plain_servers import Serve, certificate


def test_a_certificate_that_is_not_trusted(serve: Serve, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    port = serve(lambda connection: context.wrap_socket(connection, server_side=True))
    address = AmqpAddress("", f"amqps://user:password@127.0.0.1:{port}/%2F")
    why = amqp_probe.probe(address, port)
    assert "the certificate isn't trusted (self-signed certificate" in why


def test_no_tls_there(serve: Serve) -> None:
    port = serve(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    address = AmqpAddress("", f"amqps://user:password@127.0.0.1:{port}/%2F")
    assert amqp_probe.probe(address, port).startswith("no TLS")


def test_no_broker_there(serve: Serve) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    port = serve(answer)
    address = AmqpAddress("", f"amqp://user:password@127.0.0.1:{port}/%2F")
    assert "no broker" in amqp_probe.probe(address, port)


def test_nobody_answers(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(amqp_probe, "_LIMIT_S", 0.1)
    kept: list[socket.socket] = []
    port = serve(kept.append)
    address = AmqpAddress("", f"amqp://user:password@127.0.0.1:{port}/%2F")
    assert amqp_probe.probe(address, port) == "no answer in time"
