"""Programs that import `globus_compute_sdk` or `funcx`, run on this package unchanged.

``python -m gc_jupyter.compat program.py arguments…`` runs one. In a notebook or program of your
own, call `install` before the first such import.
"""

from __future__ import annotations

import os
import runpy
import sys

from gc_jupyter.sdk import ImportPath, register

_TOP = {
    "Client": "gc_jupyter.client",
    "Executor": "gc_jupyter.executor",
    "MPIFunction": "gc_jupyter.functions.shell",
    "ShellFunction": "gc_jupyter.functions.shell",
    "ShellResult": "gc_jupyter.functions.shell",
    "FuncXClient": "gc_jupyter.client",
    "FuncXExecutor": "gc_jupyter.sdk.programs",
    "__version__": "gc_jupyter.sdk.programs:OFFICIAL_VERSION",
}
_PACKAGES = ("globus_compute_sdk", "funcx")
_USAGE = "usage: python -m gc_jupyter.compat program.py [arguments…]"


def install() -> None:
    """From now on, `import globus_compute_sdk` and `import funcx` give this package's classes.

    This holds for this process, whether the official SDK is installed or not. What was imported
    from the official SDK before stays what it was.
    """
    for package in _PACKAGES:
        sys.modules[package] = ImportPath(package, _TOP)
        register(package)


def main(arguments: list[str]) -> int:
    """Run a program as ``python program.py arguments…`` does, on this package.

    Parameters
    ----------
    arguments:
        The program's path, and its arguments.

    Returns
    -------
    int
        2 where no program is named; else 0. What the program raises is raised.
    """
    if not arguments or arguments[0].startswith("-"):
        print(_USAGE, file=sys.stderr)
        return 2
    install()
    from gc_jupyter import __version__

    program = arguments[0]
    print(f"globus_compute_sdk is gc_jupyter {__version__} in this run.", file=sys.stderr)
    sys.argv = arguments
    sys.path[0] = os.path.dirname(os.path.abspath(program))
    runpy.run_path(program, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
