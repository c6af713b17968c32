"""Fuzzing with coverage, by atheris: `python -m tests.fuzz.run [--runs N] [TARGET …]`.

Each target runs in a process of its own; what makes one fail is written to the working directory,
and its name is shown. `make fuzz` runs all.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 1_000_000
_LARGEST = 4096  # bytes of an input


def fuzz(name: str, runs: int) -> None:
    """Fuzz one target in this process, which ends here."""
    import atheris

    with atheris.instrument_imports(include=["gc_jupyter", "json", "pickletools"]):
        from tests.fuzz.targets import TARGETS
    (target,) = [one for one in TARGETS if one.__name__ == name]
    with tempfile.TemporaryDirectory() as corpus:
        for number, example in enumerate(TARGETS[target]):
            Path(corpus, str(number)).write_bytes(example)
        options = [f"-runs={runs}", f"-max_len={_LARGEST}", "-timeout=20", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], *options, corpus], target)
        atheris.Fuzz()


def main() -> int:
    """Fuzz the targets one after the other; how many have failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--runs", type=int, default=RUNS, help="inputs for each target")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.here:
        fuzz(arguments.targets[0], arguments.runs)
    from tests.fuzz.targets import TARGETS

    failed = 0
    for name in arguments.targets or [one.__name__ for one in TARGETS]:
        command = [sys.executable, "-m", "tests.fuzz.run", "--here", f"--runs={arguments.runs}"]
        start = time.perf_counter()
        done = subprocess.run([*command, name], capture_output=True, text=True, check=False)
        tried = re.search(r"number_of_executed_units: (\d+)", done.stderr)
        count = int(tried[1]) if tried else 0
        took = time.perf_counter() - start
        print(f"{name:20} {count:>10,} inputs  {took:6.0f} s  exit {done.returncode}", flush=True)
        if done.returncode or count < arguments.runs:
            failed += 1
            print(done.stderr[-4000:])
    return failed


if __name__ == "__main__":
    sys.exit(main())
