"""Whom HTTPS and AMQP trust, by what the user has set."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi
import pytest

from gc_jupyter.service.tls import ca_file, tls_context
from gc_jupyter.service.transport import DirectTransport
from tests.network.certificates import Authority

NAMES = ("GLOBUS_SDK_VERIFY_SSL", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return Authority(tmp_path).path


def trusts(path: Path) -> bool:
    """Whether AMQP trusts this authority."""
    der = ssl.PEM_cert_to_DER_cert(path.read_text())
    return der in tls_context().get_ca_certs(binary_form=True)


@pytest.mark.parametrize("name", NAMES[:3])
def test_a_sites_own_authority(name: str, authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ca_file() == certifi.where()
    assert not trusts(authority)
    monkeypatch.setenv(name, str(authority))
    assert ca_file() == str(authority)
    assert DirectTransport("https://compute.example").verify_ssl == str(authority)
    assert trusts(authority)


def test_an_authority_for_amqp(authority: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    assert ca_file() == certifi.where()
    assert trusts(authority)


def test_amqp_is_always_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLOBUS_SDK_VERIFY_SSL", "false")
    assert ca_file() is False
    context = tls_context()
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
