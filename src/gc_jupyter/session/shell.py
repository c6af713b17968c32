"""A shell script as a cell: the capture that is submitted, and the future of its exit status."""

from __future__ import annotations

import functools
import inspect
from typing import Any

from gc_jupyter.capture import Captured, capture_cell
from gc_jupyter.errors import TaskExecutionFailed
from gc_jupyter.functions.shell import ShellResult
from gc_jupyter.session import shell_worker
from gc_jupyter.session.futures import NotebookFuture

_TIMED_OUT = 124  # as timeout(1) has it


class CommandFailed(TaskExecutionFailed):
    """A script's exit status isn't 0.

    Attributes
    ----------
    shell_result:
        Output and status.
    """

    shell_result: ShellResult

    def _render_traceback_(self) -> list[str]:
        return [line for line in str(self).split("\n") if line]


class ShellFuture(NotebookFuture):
    """The future of a `%%gcshell` cell: its result is a ShellResult."""

    script = ""

    def decode(self, value: Any) -> Any:
        """Unpack the worker's reply.

        Raises
        ------
        CommandFailed
            The exit status isn't 0.
        """
        try:
            status = super().decode(value)
        except TaskExecutionFailed as halted:
            if isinstance(halted.__cause__, KeyboardInterrupt):  # the script has no frames
                lines = [f"KeyboardInterrupt: the script was ended, {self.place}."]
                halted._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
            raise
        over = status is None
        result = ShellResult(
            self.script, self.stdout, self.stderr, _TIMED_OUT if over else int(status)
        )
        if result.returncode == 0:
            return result
        result.exception_name = (
            "subprocess.TimeoutExpired" if over else "subprocess.CalledProcessError"
        )
        how = "was ended: its walltime was over" if over else f"ended with exit status {status}"
        error = CommandFailed(
            f"The script {how}, {self.place}.",
            next_step="Raise --walltime, or let it do less."
            if over
            else "`set -x` in its first line shows each command.",
        )
        error.shell_result = result
        raise error


def capture_script(script: str, walltime: float | None) -> Captured:
    """The capture of a script. The script's text is sent as data, so it is never run as Python."""
    namespace = {"script": script, "walltime": walltime}
    return capture_cell(_cell(), namespace)


@functools.cache
def _cell() -> str:
    return f"{inspect.getsource(shell_worker)}\n\nrun_script(script, walltime)"
