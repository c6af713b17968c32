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


_RUN_ALL = """
import os, pickle, sys, threading
given = pickle.load(sys.stdin.buffer)
sys.stdin.close()
out = os.dup(1)
probes, results = {}, []

def run(one):
    if isinstance(one, list):  # at the same time, as threads of this process
        done = [None] * len(one)
        def work(at):
            try:
                done[at] = run(one[at])
            except BaseException as error:
                done[at] = repr(error)
        threads = [threading.Thread(target=work, args=(at,)) for at in range(len(one))]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        return done
    if isinstance(one, str):
        namespace = {"__name__": "probe"}
        exec(one, namespace)
        return namespace["probe"]()
    source, name, arguments = one
    namespace = {}
    exec(source, namespace)
    return namespace[name](*arguments)

results = [run(one) for one in given]
with os.fdopen(out, "wb") as stream:
    stream.write(pickle.dumps(results, 4))
"""


def run_all(
    python: str, given: list[Any], directory: Path, path: list[Path] | None = None
) -> list[Any]:
    """What one worker process gives for these, in order.

    Parameters
    ----------
    python:
        Has dill.
    given:
        A `Captured` gives its reply; a text, what its function `probe` returns; a list, what its
        items give when they run as threads at the same time.
    directory:
        Where it runs.
    path:
        What it finds modules in, beside its own.
    """

    def plain(one: Any) -> Any:
        if isinstance(one, list):
            return [plain(inner) for inner in one]
        if isinstance(one, Captured):
            return (one.function.source, one.function.name, one.arguments())
        return one

    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    done = subprocess.run(
        [python, "-c", _RUN_ALL],
        input=pickle.dumps(plain(given)),
        capture_output=True,
        timeout=120,
        check=False,
        cwd=directory,
        env={**environment, "PYTHONPATH": os.pathsep.join(map(str, path or ()))},
    )
    assert done.returncode == 0, done.stderr.decode()
    results: list[Any] = pickle.loads(done.stdout)
    return results


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
