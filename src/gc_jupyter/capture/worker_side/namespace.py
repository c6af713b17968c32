"""What a cell finds in its namespace on the worker, in place of IPython's names."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from typing import Any

from gc_jupyter.capture.worker_side.displays import display


class Shell:
    """What `get_ipython()` gives a remote cell: `!command`."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace

    def expand(self, command: str) -> str:
        """`{expression}` and `$name` in a command, as IPython fills them in."""

        def fill(match: Any) -> str:
            if match.group(0) in ("$$", "{{", "}}"):
                return str(match.group(0)[0])
            expression = match.group(1) or match.group(2)
            try:
                return str(eval(expression, self.namespace))
            except Exception:
                return str(match.group(0))  # left alone, as IPython leaves it: shell variables

        return re.sub(r"\$\$|\{\{|\}\}|\{([^{}]+)\}|\$([A-Za-z_][\w.]*)", fill, command)

    def system(self, command: str) -> None:
        process = subprocess.Popen(
            self.expand(command),
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        for line in io.TextIOWrapper(process.stdout, "utf-8", "replace"):
            sys.stdout.write(line)
        self.namespace["_exit_code"] = process.wait()

    def getoutput(self, command: str) -> list[str]:
        done = subprocess.run(
            self.expand(command),
            shell=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.namespace["_exit_code"] = done.returncode
        return done.stdout.decode("utf-8", "replace").splitlines()


def no_input(_prompt: Any = "") -> str:
    raise EOFError("input() has no keyboard on an endpoint; put the answer into a variable")


def leave(code: Any = None) -> None:
    raise SystemExit if code is None else SystemExit(code)


def make_namespace() -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    shell = Shell(namespace)
    namespace.update(
        get_ipython=lambda: shell,
        display=display,
        input=no_input,
        exit=leave,
        quit=leave,
    )
    return namespace
