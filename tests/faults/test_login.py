"""A token that expires in mid-run, a refused refresh, a password that another kernel changed.

`tests/auth/` has where tokens come from, and logins that are renewed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from globus_sdk.authorizers import GlobusAuthorizer

from gc_jupyter import Client, Executor
from gc_jupyter.errors import LoginRequired
from tests.conftest import connect
from tests.executors import sent
from tests.faults.storm import double
from tests.service.handle import Loopback

TIMEOUT = 60
_numbers = itertools.count()


class Refreshing(GlobusAuthorizer):
    """A token that can be refreshed, while that is granted."""

    def __init__(self, loopback: Loopback) -> None:
        self._loopback = loopback
        self.token = ""
        self.refreshed = 0
        self.granted = True
        self.handle_missing_authorization()

    def get_authorization_header(self) -> str:
        return f"Bearer {self.token}"

    def handle_missing_authorization(self) -> bool:
        if self.granted:
            token = f"refreshed-{next(_numbers)}"
            self._loopback.accept_token(token)
            self.token = token  # not before it is accepted: other threads send with it
            self.refreshed += 1
        return self.granted

    def expire(self) -> None:
        self._loopback.refuse_token(self.token)


@pytest.fixture
def tokens(to_loopback: Loopback) -> Iterator[Refreshing]:
    made = Refreshing(to_loopback)
    yield made
    made.expire()


@pytest.fixture
def client(tokens: Refreshing) -> Iterator[Client]:
    made = Client(authorizer=tokens, do_version_check=False, rate_limited=False)
    yield made
    made.close()


def test_a_token_that_expires_again_and_again(
    client: Client, tokens: Refreshing, loopback: Loopback
) -> None:
    executor = Executor(loopback.endpoint("inline"), client=client)
    futures = []
    for n in range(200):
        if n % 40 == 20:
            tokens.expire()
            loopback.cut_streams()  # its address needs a token too
        futures.append(executor.submit(double, n))
        if n % 10 == 0:
            futures[-1].result(TIMEOUT)
    assert [future.result(TIMEOUT) for future in futures] == [2 * n for n in range(200)]
    assert tokens.refreshed >= 5
    taken = [
        payload
        for one in loopback.requests("POST", "/submit")
        if one["status"] == 200
        for tasks in one["body"]["tasks"].values()
        for payload in tasks
    ]
    assert len(taken) == len(set(taken)) == 200


def test_a_refresh_that_is_refused(
    client: Client, tokens: Refreshing, loopback: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    """What is new fails and says what to do; what runs waits, and arrives after the next login."""
    offline = loopback.new_endpoint("offline")
    executor = Executor(offline, client=client)
    running = [executor.submit(double, n) for n in range(20)]
    sent(client, running)
    tokens.granted = False
    tokens.expire()
    loopback.cut_streams()
    refused = [executor.submit(double, n) for n in range(3)]
    for future in refused:
        error = future.exception(TIMEOUT)
        assert isinstance(error, LoginRequired)
        assert "valid token" in error.next_step  # of the authorizer that was given
    loopback.bring_online(offline)
    with Executor(offline, client=connect(loopback, rate_limited=False)) as other:
        other.submit(double, 1).result(TIMEOUT)  # by now the others have ended too
        other.client.close()
    assert not any(future.done() for future in running)
    tokens.granted = True  # the next login
    tokens.handle_missing_authorization()
    assert [future.result(TIMEOUT) for future in running] == [2 * n for n in range(20)]
    assert not [one for one in caplog.records if one.levelname == "WARNING"]  # no storm of words


def test_a_password_that_another_kernel_changed(client: Client, loopback: Loopback) -> None:
    """Each kernel's address ends the password before; live connections stay, new ones ask."""
    executor = Executor(loopback.endpoint("inline"), client=client)
    other = connect(loopback, rate_limited=False)
    assert executor.submit(double, 0).result(TIMEOUT) == 0
    for n in range(5):
        other.get_result_amqp_url()
        assert executor.submit(double, n).result(TIMEOUT) == 2 * n
        loopback.cut_streams()
        other.get_result_amqp_url()
        assert executor.submit(double, n).result(TIMEOUT) == 2 * n
    other.close()
