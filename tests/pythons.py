"""The other Pythons of this machine, as workers: with dill, and without gc_jupyter."""

from __future__ import annotations

import functools
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gc_jupyter.capture import Captured

MINORS = range(9, 15)

_RUN_CELL = """
import pickle, sys
source, name, arguments = pickle.load(sys.stdin.buffer)
namespace = {}
exec(source, namespace)
reply = namespace[name](*arguments)
assert "gc_jupyter" not in sys.modules
sys.stdout.buffer.write(pickle.dumps(reply, 4))
"""
_DUMP = """
import base64, dill, platform, sys
exec(sys.stdin.read())
body = base64.encodebytes(dill.dumps(result())).decode()
sys.stdout.write(platform.python_version() + "\\n" + body)
"""


@functools.cache
def others() -> dict[str, str]:
    """``"3.12"`` -> the interpreter, for each minor version that isn't this one's."""
    found = {}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for minor in MINORS:
        if minor == sys.version_info.minor:
            continue
        known = [shutil.which(f"python3.{minor}"), *pyenv.glob(f"3.{minor}.*/bin/python")]
        for one in known:
            if one is not None and _works(str(one), minor):
                found[f"3.{minor}"] = str(one)
                break
    return found


def _works(python: str, minor: int) -> bool:
    show = [python, "-c", "import sys; print(sys.version_info.minor)"]
    done = subprocess.run(show, capture_output=True, text=True, check=False, timeout=30)
    return done.stdout.strip() == str(minor)


@functools.cache
def _with_dill(endpoint_python: str) -> str:
    """A directory that has an endpoint's dill and nothing else, for PYTHONPATH."""
    show = [endpoint_python, "-c", "import dill; print(dill.__path__[0])"]
    done = subprocess.run(show, capture_output=True, text=True, check=True, timeout=30)
    directory = tempfile.mkdtemp()
    shutil.copytree(done.stdout.strip(), Path(directory) / "dill")
    return directory


def _ask(python: str, endpoint_python: str, program: str, said: bytes) -> bytes:
    done = subprocess.run(
        [python, "-c", program],
        input=said,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": _with_dill(endpoint_python)},
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def run_captured(
    python: str, endpoint_python: str, captured: Captured, call: int | None = None
) -> dict[str, Any]:
    """A cell's reply, from a worker of this Python with the endpoint's dill."""
    sent = (captured.function.source, captured.function.name, captured.arguments(call))
    reply: dict[str, Any] = pickle.loads(
        _ask(python, endpoint_python, _RUN_CELL, pickle.dumps(sent))
    )
    return reply


def official_result(python: str, endpoint_python: str, program: str) -> tuple[str, str]:
    """What an official worker of this Python sends: its version, and the payload of what the
    function `result` of `program` returns."""
    said = _ask(python, endpoint_python, _DUMP, program.encode()).decode()
    version, _, body = said.partition("\n")
    return version, "00\n" + body
