"""A real kernel, driven as a front end drives it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

TIMEOUT = 60


@dataclass
class Shown:
    """What a cell came to: its status and its outputs, in order."""

    status: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)

    def stream(self, name: str) -> str:
        return "".join(o["text"] for o in self.outputs if o.get("name") == name)

    @property
    def order(self) -> list[str]:
        """The kinds of output, streams by their name."""
        return [output.get("name") or output["kind"] for output in self.outputs]

    @property
    def result(self) -> dict[str, Any]:
        (result,) = [o for o in self.outputs if o["kind"] == "execute_result"]
        return result

    @property
    def text(self) -> str:
        """`Out[n]` as text."""
        return str(self.result["data"]["text/plain"])

    @property
    def error(self) -> dict[str, Any]:
        (error,) = [o for o in self.outputs if o["kind"] == "error"]
        return error

    @property
    def traceback(self) -> str:
        return "\n".join(self.error["traceback"])


class Kernel:
    """An IPython kernel of this interpreter."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        self.manager = KernelManager()
        self.manager._kernel_spec = KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )
        env = {**os.environ, **(environment or {})}
        self.manager.start_kernel(extra_arguments=["--log-level=ERROR"], env=env)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)

    def send(self, code: str) -> str:
        """Start a cell; returns the request's id."""
        return str(self.client.execute(code))

    def finish(self, request: str) -> Shown:
        """Wait until a cell has ended, and collect what it showed."""
        shown = Shown()
        while True:
            message = self.client.get_iopub_msg(timeout=TIMEOUT)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind in ("stream", "display_data", "execute_result", "error"):
                shown.outputs.append({"kind": kind, **content})
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT)
            if reply["parent_header"].get("msg_id") == request:
                shown.status = reply["content"]["status"]
                return shown

    def run(self, code: str) -> Shown:
        return self.finish(self.send(code))

    def ok(self, code: str) -> Shown:
        """Run a cell that must not fail."""
        shown = self.run(code)
        assert shown.status == "ok", shown.outputs
        return shown

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    """A kernel with the extension loaded, shared by a module's tests."""
    kernel = Kernel()
    try:
        kernel.ok("%load_ext gc_jupyter")
        yield kernel
    finally:
        kernel.close()
