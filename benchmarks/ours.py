"""This package on the loopback service, without the rate limit: `Executor.submit` and `result`."""

from __future__ import annotations

import concurrent.futures

import globus_sdk

from benchmarks.work import arguments, measure
from gc_jupyter import Client, Executor


def nothing() -> None:
    """The task; an instant worker doesn't even run it."""


if __name__ == "__main__":
    asked = arguments()
    authorizer = globus_sdk.AccessTokenAuthorizer(asked.token)
    client = Client(authorizer=authorizer, rate_limited=False)
    with Executor(asked.endpoint, client) as executor:

        def fan_out(count: int) -> None:
            concurrent.futures.wait([executor.submit(nothing) for _ in range(count)])

        measure(asked, lambda: executor.submit(nothing).result(), fan_out)
