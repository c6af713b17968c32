"""Runs Python as a user's script: a process of its own, its environment naming the loopback."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.service.handle import Loopback

TIME_LIMIT_S = 100


def start(
    loopback: Loopback, directory: Path, source: str, *arguments: str, name: str = "script.py"
) -> subprocess.Popen[str]:
    """Start `source` as the script `name` in `directory`."""
    script = directory / name
    script.write_text(textwrap.dedent(source), encoding="utf-8")
    # unbuffered: what a script prints before it is killed must arrive
    own = {"GLOBUS_COMPUTE_USER_DIR": str(directory / "home"), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        cwd=directory,
        env=os.environ | loopback.environment | own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    loopback: Loopback, directory: Path, source: str, *arguments: str, code: int = 0
) -> tuple[str, str]:
    """Run `source` to its end, which must come with this exit code; returns what it printed to
    stdout and stderr."""
    process = start(loopback, directory, source, *arguments)
    try:
        out, err = process.communicate(timeout=TIME_LIMIT_S)
    finally:
        process.kill()
    assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{err}"
    return out, err
