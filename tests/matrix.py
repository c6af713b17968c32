"""Cells, the Executor and the wire with the oldest and the newest allowed versions of the
dependencies, on each Python that is found: `make matrix`.

Each environment is made by uv under .venv-matrix. The oldest has the lower bounds of
pyproject.toml themselves, and the newest of everything that these need.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".venv-matrix"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
#: What the tests themselves import, in today's versions.
TOOLS = (
    *("aiohttp", "hypothesis", "ipykernel", "jupyter_server", "matplotlib", "nbclient", "nbformat"),
    *("numpy", "pandas", "pyjwt[crypto]", "pytest", "pytest-rerunfailures", "pytest-timeout"),
)
CELLS = tuple(f"tests/capture/test_{one}.py" for one in ("cell", "worker_errors", "worker_side"))
KERNEL = ("tests/magics/test_gcrun.py",)
EXECUTOR = ("tests/test_executor.py", "tests/local/test_service.py")
WIRE = ("tests/protocol", "tests/serialize")


def found() -> Iterator[tuple[str, str]]:
    """The Pythons of this machine: version and interpreter."""
    for version in PYTHONS:
        done = subprocess.run(
            [uv(), "python", "find", "--no-python-downloads", "--system", version],
            capture_output=True,
            text=True,
            check=False,
        )
        candidates = [done.stdout.strip()] if done.returncode == 0 else []
        candidates += map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        if candidates:
            yield version, candidates[0]


def uv() -> str:
    """The program uv, which this environment or the machine has."""
    beside = Path(sys.executable).parent / "uv"
    program = str(beside) if beside.exists() else shutil.which("uv")
    if program is None:
        raise SystemExit("there is no uv: run `make matrix`, which installs it")
    return program


def environment(version: str, python: str, resolution: str) -> Path:
    """An environment's interpreter; made where there is none for today's pyproject.toml."""
    folder = FOLDER / f"{version}-{resolution}"
    stamp = folder / "made-of"
    text = (ROOT / "pyproject.toml").read_bytes() + repr(TOOLS).encode()
    made_of = hashlib.sha256(text).hexdigest()
    inner = folder / "bin/python"
    if stamp.exists() and stamp.read_text() == made_of:
        return inner
    subprocess.run([uv(), "venv", "-q", "--clear", "--python", python, str(folder)], check=True)
    install = [uv(), "pip", "install", "-q", "--python", str(inner)]
    oldest = ["--resolution", "lowest-direct"] if resolution == "oldest" else []
    constraints = folder / "versions.txt"
    compiled = subprocess.run(
        [uv(), "pip", "compile", "-q", "--python", str(inner), *oldest, "pyproject.toml"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    versions = direct(compiled.stdout) if oldest else compiled.stdout
    constraints.write_text(versions)
    subprocess.run([*install, "-c", str(constraints), "-e", str(ROOT), *TOOLS], check=True)
    stamp.write_text(made_of)
    return inner


def direct(compiled: str) -> str:
    """The lines of our own requirements: the tests' tools may need newer ones of the others."""
    blocks = re.split(r"\n(?=\S)", compiled)
    return "\n".join(block.splitlines()[0] for block in blocks if "gc-jupyter" in block)


def run(inner: Path, tests: Sequence[str], arguments: Sequence[str]) -> str:
    """How these tests end, in pytest's own words; all of them are in the environment's folder."""
    done = subprocess.run(
        [str(inner), "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, *tests],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    output = inner.parents[1] / "output.txt"
    output.write_text(done.stdout + done.stderr, "utf-8")
    ended = re.findall(r"^\d+ \w+.* in [\d.]+s", done.stdout, re.MULTILINE)
    if not ended:
        return f"failed with exit code {done.returncode}: {output}"
    return re.sub(r" in [\d.]+s", "", ended[-1]) + (f": {output}" if done.returncode else "")


def main() -> int:
    """Run everything and print one line for each environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", action="append", choices=PYTHONS, help="only this one")
    parser.add_argument("--quick", action="store_true", help="without kernels and the broker")
    arguments = parser.parse_args()
    failed = 0
    for version, python in found():
        if arguments.python and version not in arguments.python:
            continue
        for resolution in ("oldest", "newest"):
            inner = environment(version, python, resolution)
            tests = [*CELLS, *WIRE] if arguments.quick else [*CELLS, *KERNEL, *EXECUTOR, *WIRE]
            said = run(inner, tests, ["-m", "quick"] if arguments.quick else [])
            failed += "passed" not in said or "failed" in said or "error" in said
            print(f"Python {version}, {resolution}: {said}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
