"""The official SDK on the same service; runs in the endpoint's environment.

Its executor delays the fifth small call within 16 s by 4 s, so single calls are few here. Each one
waits for a poll of 0.5 s anyway.
"""

from __future__ import annotations

import concurrent.futures

import globus_compute_sdk.sdk.client
import globus_sdk
from globus_compute_sdk import Client, Executor

from benchmarks.work import arguments, measure


def nothing() -> None:
    """The task; an instant worker doesn't even run it."""


if __name__ == "__main__":
    asked = arguments()
    # it has an environment variable for its own addresses only
    globus_compute_sdk.sdk.client.get_web_service_url = lambda *_: asked.url
    authorizer = globus_sdk.AccessTokenAuthorizer(asked.token)
    client = Client(authorizer=authorizer, do_version_check=False)
    with Executor(asked.endpoint, client, batch_size=1000) as executor:

        def fan_out(count: int) -> None:
            concurrent.futures.wait([executor.submit(nothing) for _ in range(count)])

        measure(asked, lambda: executor.submit(nothing).result(), fan_out)
