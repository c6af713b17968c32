"""From Enter to result: a trivial cell in a real kernel, driven as a front end drives it.

    python -m benchmarks.cell --url URL --token TOKEN --endpoint ID

The endpoint is one that was used already. `floor_ms` is a cell that does the bare exchange by hand
in the same kernel (benchmarks/floor.py), `local_ms` the trivial cell on the embedded endpoint, and
`plain_ms` the cell without any magic: what the kernel and its messages cost by themselves.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from benchmarks.work import Arguments, arguments

#: The limit of 20 requests in 10 s is the service's, not the way's.
SETUP = """
%load_ext gc_jupyter
from gc_jupyter import Client
from gc_jupyter.session import current_session
current_session().use_client(Client(rate_limited=False))
"""
FLOOR = """
from benchmarks.floor import Wire
wire = Wire({url!r}, {token!r}, {endpoint!r})
"""
_LIMIT_S = 300


class Kernel:
    """An IPython kernel of this interpreter, with a home of its own."""

    def __init__(self, asked: Arguments, home: str) -> None:
        manager = self._manager = KernelManager()
        manager._kernel_spec = KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )
        own = {
            "GLOBUS_SDK_SERVICE_URL_COMPUTE": asked.url,
            "GLOBUS_COMPUTE_ACCESS_TOKEN": asked.token,
            "JUPYTER_DATA_DIR": home,
            "JUPYTER_CONFIG_DIR": home,
        }
        manager.start_kernel(extra_arguments=["--log-level=ERROR"], env={**os.environ, **own})
        self._client = manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=_LIMIT_S)

    def run(self, code: str) -> float:
        """Seconds until the cell's result is there (or its end, where it has none)."""
        start = time.perf_counter()
        request = self._client.execute(code)
        took = 0.0
        while True:
            message = self._client.get_iopub_msg(timeout=_LIMIT_S)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "error":
                raise RuntimeError("\n".join(content["traceback"]))
            if kind == "execute_result":
                took = time.perf_counter() - start
            elif kind == "status" and content["execution_state"] == "idle":
                break
        took = took or time.perf_counter() - start
        self._client.get_shell_msg(timeout=_LIMIT_S)
        return took

    def value(self, expression: str) -> float:
        """A number that the kernel has."""
        request = self._client.execute("", user_expressions={"asked": expression})
        while True:
            reply = self._client.get_shell_msg(timeout=_LIMIT_S)
            if reply["parent_header"].get("msg_id") == request:
                return float(reply["content"]["user_expressions"]["asked"]["data"]["text/plain"])

    def close(self) -> None:
        """End it."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


def median_ms(kernel: Kernel, code: str, asked: Arguments) -> float:
    """Milliseconds of a cell, after it has run a few times."""
    for _ in range(asked.warm_up):
        kernel.run(code)
    return statistics.median(kernel.run(code) for _ in range(asked.calls)) * 1e3


def main() -> None:
    """Print one line of JSON."""
    asked = arguments()
    with tempfile.TemporaryDirectory() as home:
        kernel = Kernel(asked, home)
        try:
            load_s = kernel.run("%load_ext gc_jupyter")
            kernel.run(SETUP)
            kernel.run(FLOOR.format(url=asked.url, token=asked.token, endpoint=asked.endpoint))
            figures = {
                "floor_ms": median_ms(kernel, "wire.do(1)\n1", asked),
                "cell_ms": median_ms(kernel, f"%%gcrun {asked.endpoint}\n1", asked),
                "local_ms": median_ms(kernel, "%%gcrun local\n1", asked),
                "plain_ms": median_ms(kernel, "1", asked),
                "load_ext_ms": load_s * 1e3,
            }
        finally:
            kernel.close()
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
