"""What `benchmarks.distance` measures, in a process of its own; prints JSON, in seconds.

    python -m benchmarks.distance_rows ours|official GROUP URL ENDPOINT

What is a cell for this package is a call of an Executor for the official SDK.
"""

from __future__ import annotations

import concurrent.futures
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CONTESTANT, GROUP, URL, ENDPOINT = sys.argv[1:]
OURS = CONTESTANT == "ours"

if OURS:
    from gc_jupyter import Client, Executor
else:
    import globus_compute_sdk.sdk.client
    import globus_sdk
    from globus_compute_sdk import Client, Executor

    # it has an environment variable for its own addresses only
    globus_compute_sdk.sdk.client.get_web_service_url = lambda *_: URL


def client() -> Any:
    """A client that checks versions, as by default."""
    if OURS:
        return Client()
    token = os.environ["GLOBUS_COMPUTE_ACCESS_TOKEN"]
    return Client(authorizer=globus_sdk.AccessTokenAuthorizer(token))


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def double(x: int) -> int:
    """A call."""
    return 2 * x


def function(number: int) -> Callable[[], int]:
    """A function of its own; for this package in a file, as a user's is."""
    if not OURS:  # which sends one of a file by its name
        names: dict[str, Any] = {}
        exec(f"def f_{number}():\n    return {number}", names)
        return names[f"f_{number}"]  # type: ignore[no-any-return]
    name = f"own_function_{number}"
    folder = Path(os.environ["JUPYTER_DATA_DIR"])
    (folder / f"{name}.py").write_text(f"def f_{number}():\n    return {number}\n")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    made: Callable[[], int] = getattr(importlib.import_module(name), f"f_{number}")
    return made


#: So many cells, and a kernel's queue is heard.
_UNTIL_HEARD = 5


def cells() -> dict[str, float]:
    """A kernel's first cell, and what comes after. What the first kernel of all has registered, the
    next one knows; a cell right behind the first comes before the broker is reached."""
    if not OURS:
        start = time.perf_counter()
        with Executor(ENDPOINT, client()) as executor:
            executor.submit(double, 1).result()
            figures = {"first": time.perf_counter() - start}
            figures["new"] = seconds(lambda: executor.submit(function(1)).result())
            figures["again"] = seconds(lambda: executor.submit(double, 1).result())
        return figures
    cell = f"%%gcrun {ENDPOINT}\n"
    with _Kernel() as kernel:
        figures = {"ever": kernel.run(f"{cell}0")}
    with _Kernel() as kernel:
        figures["first"] = kernel.run(f"{cell}1")
        figures["second"] = kernel.run(f"{cell}2")
        for number in range(_UNTIL_HEARD):
            kernel.run(f"{cell}{number} - 1")
        figures["new"] = kernel.run(f"{cell}1 + 1")
        figures["again"] = kernel.run(f"{cell}1 + 1")
        kernel.run(f"{cell}def double(x):\n    return 2 * x")
        figures["remote_1"] = kernel.run("double(1)")
        figures["remote_2"] = kernel.run("double(2)")
    return figures


def _Kernel() -> Any:
    from contextlib import closing
    from types import SimpleNamespace

    from benchmarks.cell import Kernel

    asked: Any = SimpleNamespace(url=URL, token=os.environ["GLOBUS_COMPUTE_ACCESS_TOKEN"])
    kernel = Kernel(asked, os.environ["JUPYTER_DATA_DIR"])
    kernel.run("%load_ext gc_jupyter")
    return closing(kernel)


def cells40() -> dict[str, float]:
    """Run All of 40 different cells; their first costs what `cells` says."""
    if not OURS:
        with Executor(ENDPOINT, client()) as executor:
            executor.submit(double, 1).result()
            return {
                "cells40": seconds(
                    lambda: [executor.submit(function(one)).result() for one in range(40)]
                )
            }
    with _Kernel() as kernel:
        kernel.run(f"%%gcrun {ENDPOINT}\n'first'")
        time.sleep(10.5)  # of the limit, nothing is used
        return {"cells40": sum(kernel.run(f"%%gcrun {ENDPOINT}\n{one}") for one in range(40))}


def calls40() -> dict[str, float]:
    """Calls of one function on one Executor."""
    with Executor(ENDPOINT, client()) as executor:
        executor.submit(double, 1).result()
        time.sleep(10.5 if OURS else 16.5)  # of each one's limit, nothing is used
        start = time.perf_counter()
        figures = {}
        for number in range(40):
            executor.submit(double, number).result()
            figures[f"calls{number + 1}"] = time.perf_counter() - start
    return {name: figures[name] for name in ("calls16", "calls40")}


def runs12() -> dict[str, float]:
    """One after another, as a script does."""
    made = client()
    registered = made.register_function(double)

    def once(number: int) -> None:
        task = made.run(number, endpoint_id=ENDPOINT, function_id=registered)
        while True:
            try:
                made.get_result(task)
                return
            except Exception as error:
                if "pending" not in str(type(error)).lower():
                    raise

    return {"runs12": seconds(lambda: [once(number) for number in range(12)])}


def status20() -> dict[str, float]:
    """Questions one after another."""
    made = client()
    made.get_endpoint_status(ENDPOINT)
    return {"status20": seconds(lambda: [made.get_endpoint_status(ENDPOINT) for _ in range(20)])}


def executors6() -> dict[str, float]:
    """A notebook that writes `with Executor(…)` in each cell."""

    def cell(number: int) -> None:
        with Executor(ENDPOINT, None if OURS else client()) as executor:
            executor.submit(double, number).result()

    return {"executors6": seconds(lambda: [cell(number) for number in range(6)])}


def functions120() -> dict[str, float]:
    """Many different functions at once."""
    functions = [function(number) for number in range(120)]
    with Executor(ENDPOINT, client()) as executor:
        executor.submit(double, 1).result()
        return {
            "functions120": seconds(
                lambda: concurrent.futures.wait([executor.submit(one) for one in functions])
            )
        }


def kernels3() -> dict[str, float]:
    """Three processes of one user, 12 calls in a row each."""
    command = [sys.executable, "-m", "benchmarks.distance_rows", CONTESTANT, "calls12"]

    def all_three() -> None:
        running = [
            subprocess.Popen([*command, URL, ENDPOINT], stdout=subprocess.DEVNULL) for _ in range(3)
        ]
        if any([one.wait() for one in running]):
            raise SystemExit("a kernel has failed")

    return {"kernels3": seconds(all_three)}


def calls12() -> dict[str, float]:
    """What each of them does."""
    with Executor(ENDPOINT, client()) as executor:
        return {
            "calls12": seconds(lambda: [executor.submit(double, one).result() for one in range(12)])
        }


if __name__ == "__main__":
    import json

    print(json.dumps(globals()[GROUP]()), flush=True)
