"""ShellFunction and ShellResult: a command line as a function."""

from __future__ import annotations

import functools
import inspect
import keyword
from typing import Any

from gc_jupyter.functions import shell_worker
from gc_jupyter.functions.source import SourceFunction

#: The function in the source that the worker calls.
_RUN_THERE = (
    "__call__",
    "execute_cmd_line",
    "open_std_fd",
    "get_snippet",
    "get_and_close_streams",
)
_SHOWN_LINES = 10
_SHOWN_CHARACTERS = 1024

# The result's class is looked up where the command runs: workers have the official SDK alone.
_ENTRY = """

def shell_function(*args, **kwargs):
    def read_and_close(out, err):
        return [last_lines(stream, {snippet_lines!r}) for stream in (out, err)]

    command = {launcher!r} + {cmd!r}.format(*args, **kwargs)
    result = run_command(command, {options}, open_stream, read_and_close)
    if {return_dict!r}:
        return result
    try:
        from globus_compute_sdk.sdk.shell_function import ShellResult
    except ImportError:
        from gc_jupyter.functions.shell import ShellResult
    return ShellResult(**result)


shell_function.__name__ = {name!r}
"""


class ShellResult:
    """How a command ended.

    Parameters
    ----------
    cmd:
        The command line as it was run.
    stdout, stderr:
        The last lines of each (`snippet_lines` of the ShellFunction).
    returncode:
        The shell's exit status; 124 when the walltime ended it.
    exception_name:
        ``subprocess.CalledProcessError``, ``subprocess.TimeoutExpired`` or None.
    """

    def __init__(
        self,
        cmd: str,
        stdout: str,
        stderr: str,
        returncode: int,
        exception_name: str | None = None,
    ) -> None:
        self.cmd = cmd
        self.stdout = stdout
        self.stderr = stderr
        self.returncode = returncode
        self.exception_name = exception_name

    def __str__(self) -> str:
        parts = [f"exit code: {self.returncode}\n   stdout:\n{_tail(self.stdout, 'stdout')}"]
        if self.returncode != 0:
            parts.append(f"   stderr:\n{_tail(self.stderr, 'stderr')}")
            if self.exception_name:
                parts.append(f"exception: {self.exception_name}")
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        shown = ["returncode", "cmd", *(["exception_name"] if self.exception_name else [])]
        fields = (f"{name}={getattr(self, name)!r}" for name in [*shown, "stdout", "stderr"])
        return f"ShellResult({', '.join(fields)})"


class ShellFunction:
    """A command line that is formatted with the call's arguments and run by bash on the endpoint.

    Parameters
    ----------
    cmd:
        The command; ``{name}`` stands for the argument of that name.
    stdout, stderr:
        Files on the endpoint that the output is appended to; by default new ones, named after the
        task, which this user alone can read. Relative ones are in the task's working directory, or
        its sandbox. (On ``local``, new ones are removed when the task has ended.)
    walltime:
        Seconds after which the command and everything that it started is ended: SIGTERM, and two
        seconds later SIGKILL.
    snippet_lines:
        How many of the last lines of each file come back.
    name:
        The name to register under.
    return_dict:
        Give a dict of plain values instead of a ShellResult, for JSON-only endpoints.

    Raises
    ------
    ValueError
        `name` is no Python name, or the walltime or the number of lines is negative.

    Notes
    -----
    Executor user guide, "Shell Functions". A failing command doesn't fail its task: look at the
    result's `returncode`. Write literal braces twice, as for `str.format`. The function is
    registered as source, so that workers need only the official SDK.
    """

    _launcher = ""

    def __init__(
        self,
        cmd: str,
        stdout: str | None = None,
        stderr: str | None = None,
        walltime: float | None = None,
        snippet_lines: int = 1000,
        name: str | None = None,
        return_dict: bool = False,
    ) -> None:
        if walltime is not None and walltime < 0:
            raise ValueError(f"Negative walltime={walltime} is not allowed")
        if snippet_lines < 0:
            raise ValueError(f"Negative snippet_lines={snippet_lines} is not allowed")
        name = name or type(self).__name__
        self.valid_function_name(name)
        self.cmd = cmd
        self.stdout = stdout
        self.stderr = stderr
        self.walltime = walltime
        self.snippet_lines = snippet_lines
        self.__name__ = name
        self.return_dict = return_dict

    def as_source(self) -> SourceFunction:
        """The source that is registered for this function."""
        fields = ("stdout", "stderr", "walltime")
        entry = _ENTRY.format(
            name=self.__name__,
            cmd=self.cmd,
            launcher=self._launcher,
            snippet_lines=self.snippet_lines,
            options=", ".join(repr(getattr(self, field)) for field in fields),
            return_dict=self.return_dict,
        )
        return SourceFunction("shell_function", _worker_source() + entry)

    @property
    def runs_own_code(self) -> bool:
        """Whether a subclass, or this object, replaces a method that runs on the worker.

        Such a function is sent as a pickled object, any other one as source.
        """
        return any(
            name in vars(self) or getattr(type(self), name) is not getattr(ShellFunction, name)
            for name in _RUN_THERE
        )

    def valid_function_name(self, v: str) -> str:
        """The name, when it can be a function's.

        Parameters
        ----------
        v:
            The name.

        Raises
        ------
        ValueError
            It is no Python name.
        """
        if not v.isidentifier() or keyword.iskeyword(v):
            raise ValueError("Function name must be valid python name")
        return v

    # --- what runs on the worker; the official class has the same methods for subclasses ------

    def __call__(self, *args: Any, **kwargs: Any) -> ShellResult | dict[str, Any]:
        """Run the command here, as a worker would.

        Parameters
        ----------
        *args, **kwargs:
            Fill the command's ``{}`` and ``{name}``.
        """
        return self.execute_cmd_line(self._launcher + self.cmd.format(*args, **kwargs))

    def execute_cmd_line(self, cmd: str) -> ShellResult | dict[str, Any]:
        """Run a command line.

        Parameters
        ----------
        cmd:
            The command, with its arguments filled in.
        """
        result: dict[str, Any] = shell_worker.run_command(  # type: ignore[no-untyped-call]
            cmd,
            self.stdout,
            self.stderr,
            self.walltime,
            self.open_std_fd,
            self.get_and_close_streams,
        )
        return result if self.return_dict else ShellResult(**result)

    def open_std_fd(self, fname: str | None, mode: str = "a+") -> Any:
        """Open the file for the command's output or errors; None for None.

        Parameters
        ----------
        fname, mode:
            Its path, and how to open it. The folders above it are made.
        """
        return shell_worker.open_stream(fname, mode) if fname else None  # type: ignore[no-untyped-call]

    def get_snippet(self, file_obj: Any) -> str:
        """The last lines of an open file, `snippet_lines` of them.

        Parameters
        ----------
        file_obj:
            Is read from its start.
        """
        return str(shell_worker.last_lines(file_obj, self.snippet_lines))  # type: ignore[no-untyped-call]

    def get_and_close_streams(self, stdout: Any, stderr: Any) -> tuple[str, str]:
        """The last lines of both files, which are closed.

        Parameters
        ----------
        stdout, stderr:
            As `open_std_fd` gave them.
        """
        with stdout, stderr:
            return self.get_snippet(stdout), self.get_snippet(stderr)

    def __str__(self) -> str:
        fields = (("wall time", self.walltime), ("stdout", self.stdout), ("stderr", self.stderr))
        shown = [(label, repr(value)) for label, value in fields if value is not None]
        whole = self.cmd.strip()
        command = "\n".join(whole[:_SHOWN_CHARACTERS].splitlines()[:_SHOWN_LINES])
        if command != whole:
            command += "\n[... truncated; see .cmd for full script ...]"
        if "\n" in command:
            command = "\n".join(["-----", *command.strip().split("\n"), "-----"])
        shown += [("lines", repr(self.snippet_lines))]
        shown += [("command", command.replace("\n", "\n" + " " * 12))]
        return "\n".join([self.__name__, *(f"{label:>10}: {text}" for label, text in shown)])

    def __repr__(self) -> str:
        shown = [f"name={self.__name__!r}"] if self.__name__ != type(self).__name__ else []
        for name in ("walltime", "stdout", "stderr"):
            if getattr(self, name) is not None:
                shown.append(f"{name}={getattr(self, name)!r}")
        shown += [f"snippet_lines={self.snippet_lines}", f"cmd={self.cmd!r}"]
        return f"{type(self).__name__}({', '.join(shown)})"


@functools.cache
def _worker_source() -> str:
    return inspect.getsource(shell_worker)


def _tail(text: str, name: str) -> str:
    whole = text.lstrip("\n").rstrip()
    end = "\n".join(whole[-_SHOWN_CHARACTERS:].splitlines()[-_SHOWN_LINES:])
    return end if end == whole else f"[... truncated; see .{name} for full output ...]\n{end}"


class MPIFunction(ShellFunction):
    """A command line that the endpoint's MPI launcher starts on the nodes of the task.

    Parameters are those of `ShellFunction`. How many nodes and ranks is said by the executor's
    `resource_specification`, for example ``{"num_nodes": 2, "ranks_per_node": 4}``; the endpoint
    (GlobusMPIEngine) puts the launcher into ``$PARSL_MPI_PREFIX``.
    """

    _launcher = "$PARSL_MPI_PREFIX "
