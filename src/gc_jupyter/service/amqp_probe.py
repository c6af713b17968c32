"""Try once to open the result stream at a port, and describe the outcome."""

from __future__ import annotations

import pika

from gc_jupyter.service.amqp_address import AmqpAddress
from gc_jupyter.service.amqp_failures import why

_LIMIT_S = 5.0


def probe(address: AmqpAddress, port: int) -> str:
    """Why the broker can't be used at this port; empty text if it can.

    Tries name, connection, TLS, greeting and credentials in this order. Blocks for some seconds at
    most.
    """
    parameters = address.parameters(port, connect_s=_LIMIT_S)
    parameters.blocked_connection_timeout = _LIMIT_S
    parameters.stack_timeout = 2 * _LIMIT_S
    try:
        pika.BlockingConnection(parameters).close()
    except Exception as error:  # any error is the answer
        return why(error, own=port == address.ports()[0])
    return ""
