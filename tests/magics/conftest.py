"""A real kernel, driven as a front end drives it."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import zmq
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

    def add(self, output: dict[str, Any]) -> None:
        """As a front end does: one text is one output, however the kernel has cut it."""
        last = self.outputs[-1] if self.outputs else {}
        if output["kind"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            self.outputs.append(output)

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
        """Without its colours."""
        return re.sub(r"\x1b\[[\d;]*m", "", "\n".join(self.error["traceback"]))


class Kernel:
    """An IPython kernel of this interpreter.

    `home` has its journal, settings and login; kernels of one home are one user's.
    """

    def __init__(
        self, home: Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        self.home = home
        self.environment = environment
        self.manager = KernelManager()
        self.manager._kernel_spec = KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )
        own = {
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "GLOBUS_COMPUTE_USER_DIR": str(home / "globus"),
        }
        env = {**os.environ, **own, **(environment or {})}
        options = {} if cwd is None else {"cwd": str(cwd)}
        self.manager.start_kernel(extra_arguments=["--log-level=ERROR"], env=env, **options)
        self.client = self.manager.client()
        # Where a thousand messages wait, ZeroMQ drops the next: none is lost as this reads late.
        self.client.context.setsockopt(zmq.RCVHWM, 0)
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)

    def send(self, code: str, cell_id: str = "", *, allow_stdin: bool = True) -> str:
        """Start a cell; returns the request's id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": allow_stdin,
            "stop_on_error": True,
        }
        metadata = {"cellId": cell_id} if cell_id else {}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

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
                shown.add({"kind": kind, **content})
            if self.on_output is not None:
                self.on_output(kind, content)
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT)
            if reply["parent_header"].get("msg_id") == request:
                shown.status = reply["content"]["status"]
                return shown

    #: Called with the kind and content of each message of the cell that is waited for.
    on_output: Any = None

    def run(self, code: str, cell_id: str = "", **options: Any) -> Shown:
        return self.finish(self.send(code, cell_id, **options))

    def run_until(self, code: str, text: str, act: Any) -> Shown:
        """Run a cell, and call `act` once it has shown this text."""
        shown: list[str] = []

        def look(kind: str, content: Any) -> None:
            if kind in ("stream", "display_data") and len(shown) == 0 and text in str(content):
                shown.append(text)
                act()

        self.on_output = look
        try:
            return self.run(code)
        finally:
            self.on_output = None

    def interrupt(self) -> None:
        """What the stop button does."""
        self.manager.interrupt_kernel()

    def kill(self) -> None:
        """SIGKILL, and what is left of it."""
        self.manager.signal_kernel(signal.SIGKILL)
        self.client.stop_channels()
        self.manager.cleanup_resources()

    def complete(self, code: str) -> list[str]:
        """What the kernel offers at the end of `code`."""
        return list(self._reply(self.client.complete(code, len(code)))["matches"])

    def kinds(self, code: str) -> dict[str, str]:
        """What the kernel offers at the end of `code`, and what each is."""
        metadata = self._reply(self.client.complete(code, len(code)))["metadata"]
        return {one["text"]: one["type"] for one in metadata["_jupyter_types_experimental"]}

    def inspect(self, code: str, cursor: int) -> str:
        """What Shift+Tab shows there; empty where nothing is found."""
        reply = self._reply(self.client.inspect(code, cursor))
        return str(reply["data"].get("text/plain", "")) if reply["found"] else ""

    def _reply(self, request: str) -> Any:
        while True:
            reply = self.client.get_shell_msg(timeout=TIMEOUT)
            if reply["parent_header"].get("msg_id") == request:
                return reply["content"]

    def ok(self, code: str, cell_id: str = "", **options: Any) -> Shown:
        """Run a cell that must not fail."""
        shown = self.run(code, cell_id, **options)
        assert shown.status == "ok", shown.outputs
        return shown

    def wait_for_ids(self, futures: str) -> None:
        """Wait until the service has accepted the tasks of this expression, a list of futures, and
        the journal, if there is one, has their ids: the kernel may be killed then."""
        waiting = "__import__('gc_jupyter.session.waiting', fromlist=['_'])"
        loop = "__import__('gc_jupyter.runtime.loop', fromlist=['_']).kernel_loop()"
        core = "__import__('sys').modules.get('gc_jupyter.session.core')"
        journal = f"getattr(getattr({core}, '_current', None), 'journal', None)"
        written = f"(lambda journal: not journal or journal.ask(lambda _: True, True))({journal})"
        known = f"{waiting}.wait_for_ids({futures}, {TIMEOUT})"
        assert self.ok(f"{known} and {loop}.ask(lambda: True) and {written}").text == "True"

    def wait_for_callbacks(self) -> None:
        """Wait until the callbacks of the tasks that have ended so far have run."""
        loop = "__import__('gc_jupyter.runtime.loop', fromlist=['_']).kernel_loop()"
        self.ok(f"{loop}.results.submit(int).result({TIMEOUT})")

    def attach(self, what: str = "") -> Shown:
        """`%gc attach`, and wait until all that it gives is here, however long that takes."""
        shown = self.ok(f"%gc attach {what}")
        session = "__import__('gc_jupyter.session', fromlist=['_']).current_session()"
        self.ok(f"for one in list({session}.tasks.values()): one.exception({TIMEOUT})")
        self.wait_for_callbacks()
        return shown

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernels() -> Iterator[Callable[..., Kernel]]:
    """Starts kernels, with the arguments of `Kernel`; at the end it ends those that still run."""
    started: list[Kernel] = []

    def start(*arguments: Any, **options: Any) -> Kernel:
        started.append(Kernel(*arguments, **options))
        return started[-1]

    yield start
    for kernel in started:
        if kernel.manager.has_kernel:
            kernel.close()


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel with the extension loaded, shared by a module's tests."""
    home = tmp_path_factory.mktemp("home")
    kernel = Kernel(home, cwd=home)
    try:
        kernel.ok("%load_ext gc_jupyter")
        yield kernel
    finally:
        kernel.close()
