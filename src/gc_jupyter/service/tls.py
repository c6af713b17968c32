"""The certificate authorities that TLS trusts, for HTTPS and for AMQP."""

from __future__ import annotations

import os
import ssl

import certifi
import globus_sdk

#: The variables in which a site names its own authority; requests reads the same ones.
_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def ca_file() -> str | bool:
    """The file of certificate authorities for HTTPS; False where the user has switched checks off.

    `GLOBUS_SDK_VERIFY_SSL` (globus-sdk's), then the variables of requests, then certifi's own.
    """
    chosen = globus_sdk.config.get_ssl_verify()
    if chosen is not True:
        return chosen
    return next((os.environ[name] for name in _VARIABLES if os.environ.get(name)), certifi.where())


def tls_context() -> ssl.SSLContext:
    """The context by which an AMQP connection checks its broker: authority, dates and host name.

    Beside the authorities for HTTPS it trusts those of the machine, or of `SSL_CERT_FILE`.
    """
    context = ssl.create_default_context()
    if isinstance(authorities := ca_file(), str):
        directory = os.path.isdir(authorities)
        context.load_verify_locations(
            **{"capath" if directory else "cafile": authorities}  # as requests does
        )
    return context
