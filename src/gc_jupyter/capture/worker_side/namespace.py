"""Provide the names in a cell's namespace on the worker that IPython provides in a notebook."""

from __future__ import annotations

import types
from typing import Any

from gc_jupyter.capture.worker_side.commands import Shell
from gc_jupyter.capture.worker_side.displays import display


def no_input(_prompt: Any = "") -> str:
    raise EOFError("input() has no keyboard on an endpoint; put the answer into a variable")


def leave(code: Any = None) -> None:
    raise SystemExit if code is None else SystemExit(code)


def make_namespace(
    main: types.ModuleType, shell: Shell, builtins: types.ModuleType
) -> dict[str, Any]:
    namespace = main.__dict__
    shell.user_ns = namespace
    namespace.update(
        get_ipython=lambda: shell,
        __builtins__=builtins,
        display=display,
        input=no_input,
        exit=leave,
        quit=leave,
    )
    return namespace
