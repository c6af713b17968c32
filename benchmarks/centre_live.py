"""A hub's users with real connections: clients in a few processes, at a loopback service.

    python -m benchmarks.centre_live --users 500 --minutes 3

Each user is a client of its own: a token, a task group, an open task, a connection to the broker,
and requests by the package's own code. The tasks are as old as those that are open at the end of
the day of `benchmarks.centre`: each feed is told so. Prints what arrives at the service, beside
what `question_gap` says of the same ages; connections, as this machine counts them; and memory.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import globus_sdk

from benchmarks.centre import ages, share_mb
from gc_jupyter import Client, Executor
from gc_jupyter.protocol.pacing import question_gap
from gc_jupyter.runtime.feed import ASK_UP_S, Feed
from tests.service.handle import Loopback, endpoint_python
from tests.waiting import poll

PER_PROCESS = 100
SETTLED_S = 30.0  # from the last user to the figures
BLOCKED = "amqp://{user}:{password}@127.0.0.1:1/%2F"  # nobody listens there


def users(endpoint: str, given: Sequence[tuple[str, float]]) -> list[Executor]:
    """Clients with these tokens, each with a task that is so old, in seconds."""
    made = []
    for token, _ in given:
        authorizer = globus_sdk.AccessTokenAuthorizer(token)
        made.append(
            Executor(
                endpoint, Client(authorizer=authorizer, do_version_check=False, rate_limited=False)
            )
        )
    sent = [executor.submit(pow, 2, 3) for executor in made]
    for executor, future, (_, age) in zip(made, sent, given, strict=True):
        poll(lambda future=future: future.task_id)
        dispatcher = executor.client.shared.dispatcher(endpoint)
        dispatcher.loop.call(_grow_old, dispatcher.collector.feed, age)
    return made


def _grow_old(feed: Feed, age: float) -> None:
    for group in feed._groups.values():
        group.used_at -= age
    feed._arm(restart=True)


def work() -> None:
    """A process of users: it says its memory before and after they have come, and waits."""
    given = json.loads(sys.stdin.readline())
    before = share_mb(os.getpid())
    kept = users(given["endpoint"], given["users"])
    print(json.dumps([before, share_mb(os.getpid())]), flush=True)
    sys.stdin.read()
    del kept
    os._exit(0)  # tasks that stay open are not waited for


def established(port: int) -> int:
    """The connections of this machine to a port."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(row.split()[2].endswith(f":{port:04X}") and row.split()[3] == "01" for row in rows)


def expected(of: Sequence[float], minutes: float, *, blocked: bool) -> float:
    """How many requests a minute kernels with tasks of these ages send."""
    count = 0
    for age in of:
        at = age
        while (at := at + max(question_gap(at), 0.0 if blocked else ASK_UP_S)) < age + SETTLED_S:
            pass
        while at < age + SETTLED_S + 60 * minutes:
            count += 1
            at += max(question_gap(at), 0.0 if blocked else ASK_UP_S)
    return count / minutes


def measure(count: int, minutes: float, *, blocked: bool) -> dict[str, float]:
    """The figures of one hub."""
    of = ages(count, 8)
    with Loopback(endpoint_python()) as loopback, tempfile.TemporaryDirectory() as home:
        if blocked:
            loopback.broker_fault(url=BLOCKED)
        endpoint = loopback.new_endpoint("offline")
        given = [(secrets.token_hex(16), age) for age in of]
        for token, _ in given:
            loopback.accept_token(token)
        env = {**os.environ, **loopback.environment, "JUPYTER_DATA_DIR": home}
        processes, shares = [], []
        for first in range(0, len(given), PER_PROCESS):
            process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.centre_live", "--work"],
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL if blocked else None,  # each user is told that it is
                text=True,
            )
            processes.append(process)
            assert process.stdin is not None
            assert process.stdout is not None
            part = given[first : first + PER_PROCESS]
            process.stdin.write(json.dumps({"endpoint": endpoint, "users": part}) + "\n")
            process.stdin.flush()
            shares.append(json.loads(process.stdout.readline()))
        time.sleep(SETTLED_S)
        loopback.clear()
        time.sleep(60 * minutes)
        asked = len(loopback.requests(path="batch_status"))
        every = len(loopback.requests())
        port = urlsplit(loopback.url).port or 0
        found = {
            "kernels with an open task": len(of),
            "requests for results a minute": asked / minutes,
            "by question_gap": expected(of, minutes, blocked=blocked),
            "other requests a minute": (every - asked) / minutes,
            "connections to the broker": established(loopback.broker_port()),
            "connections to the service": established(port),
            "MB a user": sum(after - before for before, after in shares) / len(of),
        }
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in processes:
            process.wait()
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work()
        return
    for blocked in (False, True):
        print(f"| AMQP {'blocked' if blocked else 'open'} | |\n|---|---|")
        for name, figure in measure(options.users, options.minutes, blocked=blocked).items():
            print(f"| {name} | {figure:,.1f} |", flush=True)


if __name__ == "__main__":
    main()
