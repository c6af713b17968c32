"""What is known of a broker's ports: between two connections, and between two kernels."""

from __future__ import annotations

import asyncio

import pytest

from gc_jupyter.service.amqp import AmqpStream
from gc_jupyter.service.amqp_address import PORTS, AmqpAddress, KnownPorts, PortTrial
from tests.service.amqp_by_hand import Connection, Setup, connections, until

__all__ = ["connections"]  # the fixture

ADDRESS = AmqpAddress("results.", "amqp://user:secret@broker:443/%2F")


def order(known: KnownPorts, chosen: int | None = None) -> list[int]:
    """The ports that a new stream tries."""
    known.recall("broker")
    trial = PortTrial(ADDRESS, chosen, known)
    tried = [trial.next(connect_s=1).port]
    while trial.failed(ConnectionRefusedError()):
        tried.append(trial.next(connect_s=1).port)
    return tried


def kept_in(table: dict[str, str]) -> KnownPorts:
    return KnownPorts(table.get, table.__setitem__)


@pytest.mark.usefixtures("connections")
def test_the_next_kernel_begins_where_this_one_ended() -> None:
    """443 takes TCP and says nothing, 5671 works: the next kernel tries 5671 first, 443 last."""
    table: dict[str, str] = {}

    async def test() -> None:
        setup = Setup(lambda: ADDRESS)
        setup.stream.close()
        known = kept_in(table)
        stream = AmqpStream(
            asyncio.get_running_loop(), setup.ask, setup.sink, lambda: ADDRESS, known=known
        )
        before = len(Connection.made)
        first = await setup.connection(before + 1)
        first.lose(TimeoutError())
        (await setup.connection(before + 2)).open()
        await until(lambda: "broker" in table)
        stream.close()

    asyncio.run(test())
    assert table == {"broker": "5671 443"}
    assert order(kept_in(table)) == [5671, 5672, 443]
    assert order(kept_in(table), chosen=443) == [443]


@pytest.mark.parametrize("text", ["", "x", "0", "99999 -3 443", "٤٤٣", "443 " * 50, "0 443 5671"])
def test_whatever_was_kept(text: str) -> None:
    """It changes an order, and adds no port that the service doesn't serve but one."""
    known = kept_in({"broker": text})
    tried = order(known)
    assert sorted(tried) == sorted(PORTS)
    assert known.changed("broker") in (False, True)


def test_a_refusal_is_no_silence() -> None:
    """A broker that restarts refuses: nothing is remembered of that."""
    table = {"broker": "5672"}
    known = kept_in(table)
    assert order(known)[0] == 5672
    assert not known.changed("broker")
    assert known.worked == {"broker": 5672}
