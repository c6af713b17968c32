"""`make bench`: every contestant on the same service, and a table of what each took.

The contestants take turns, several rounds, each in a process of its own; the table gives medians.
It ends with the bars that were missed, and with status 1 then: on a machine that does nothing else,
a change has cost too much.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from tests.service import handle

ROOT = Path(__file__).parents[1]

ROWS = (
    ("p50_ms", "one call, p50", "ms"),
    ("tasks_1000_s", "1,000 no-op tasks", "s"),
    ("tasks_10000_s", "10,000 no-op tasks", "s"),
)

#: The most that this package may take, as a multiple of the floor.
BARS = {"p50_ms": 2.0, "tasks_1000_s": 1.3, "tasks_10000_s": 1.3}
LOAD_EXT_MS = 20.0
BLOCK_MS = 20.0

ENTER_ROWS = (("enter_ms", "Enter to result", "ms"),)

LOCAL = {"parallel": "ipyparallel", "pool": "process pool", "ours": "local"}
LOCAL_ROWS = (
    ("first_s", "first result", "s"),
    ("p50_ms", "one call, p50", "ms"),
    ("tasks_1000_s", "1,000 no-op tasks", "s"),
    ("array_s", "100 MB there and back", "s"),
)


def run(python: str, module: str, loopback: handle.Loopback, endpoint: str, *more: str) -> dict:
    """One contestant's figures."""
    command = [python, "-m", module, "--url", loopback.url, "--token", loopback.token]
    done = subprocess.run(
        [*command, "--endpoint", endpoint, *more],
        cwd=ROOT,
        env={**os.environ, **loopback.environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(done.stdout)


def run_local(contestant: str) -> dict:
    """One contestant's figures on this machine's own workers."""
    command = [sys.executable, "-m", "benchmarks.local", contestant]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def enter_to_result(loopback: handle.Loopback, rounds: int) -> float:
    """A trivial cell, from Enter to its result, where tasks are really executed; returns what
    `%load_ext` takes, in milliseconds.

    The floor is a cell of the same kernel that does the bare exchange by hand. Kernel, service and
    worker share the cores.
    """
    inline = loopback.endpoint("inline")
    one = ("benchmarks.cell", loopback, inline, "--counts")
    typical = medians([run(sys.executable, *one) for _ in range(rounds)])
    columns = {"plain cell": "plain_ms", "floor": "floor_ms", "local": "local_ms"}
    columns["gc_jupyter"] = "cell_ms"
    shown = {title: {"enter_ms": typical[name]} for title, name in columns.items()}
    table(ENTER_ROWS, shown, "floor")
    print(f"{'%load_ext gc_jupyter':22}{typical['load_ext_ms']:.3g} ms")
    return float(typical["load_ext_ms"])


def missed(floor: dict, ours: dict, load_ext_ms: float) -> list[str]:
    """What is over its bar, in words."""
    ratios = {title: (ours[name] / floor[name], BARS[name]) for name, title, _ in ROWS}
    found = [
        f"{title}: {ratio:.2f}x of the floor, over {bar:g}x"
        for title, (ratio, bar) in ratios.items()
        if ratio > bar
    ]
    if load_ext_ms > LOAD_EXT_MS:
        found.append(f"%load_ext gc_jupyter: {load_ext_ms:.3g} ms, over {LOAD_EXT_MS:g} ms")
    return found


def medians(rounds: list[dict]) -> dict:
    """Each figure's median over the rounds."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def table(rows: tuple[tuple[str, str, str], ...], columns: dict[str, dict], first: str) -> None:
    """Print each contestant's figures, and the last one's as a multiple of the first's."""
    *_, last = columns
    print(f"\n{'':22}{''.join(name.rjust(14) for name in columns)}{f'{last}/{first}':>22}")
    for name, title, unit in rows:
        values = [one.get(name) for one in columns.values()]
        cells = "".join("—".rjust(14) if v is None else f"{v:.3g} {unit}".rjust(14) for v in values)
        print(f"{title:22}{cells}{columns[last][name] / columns[first][name]:>21.2f}x")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-official", action="store_true")
    asked = parser.parse_args()
    python = handle.endpoint_python()
    with handle.Loopback(python) as loopback:
        instant, offline = loopback.endpoint("instant"), loopback.endpoint("offline")
        floors, ours = [], []
        for _ in range(asked.rounds):
            floors.append(run(sys.executable, "benchmarks.floor", loopback, instant))
            ours.append(run(sys.executable, "benchmarks.ours", loopback, instant))
        official = {}
        if not asked.no_official:
            few = ("--warm-up", "1", "--calls", "3", "--counts", "1000")
            official = run(python, "benchmarks.official", loopback, instant, *few)
        contestants = {
            "floor": medians(floors),
            "official SDK": official,
            "gc_jupyter": medians(ours),
        }
        table(ROWS, contestants, "floor")
        load_ext_ms = enter_to_result(loopback, asked.rounds)
        limits = run(sys.executable, "benchmarks.limits", loopback, f"{instant},{offline}")
    print("\nthis package alone")
    for name, value in limits.items():
        print(f"  {name:32}{value:12.5g}")
    local = {name: medians([run_local(name) for _ in range(asked.rounds)]) for name in LOCAL}
    table(LOCAL_ROWS, {LOCAL[name]: figures for name, figures in local.items()}, "ipyparallel")
    blocks = medians([run_local("blocks") for _ in range(asked.rounds)])
    print(
        f"The loop's longest block, 20 values of 5 MB: {blocks['there_ms']:.1f} ms there,"
        f" {blocks['back_ms']:.1f} ms back, {blocks['stopped_ms']:.1f} ms with the host stopped"
        f" (bar {BLOCK_MS:g})."
    )
    if bars := missed(contestants["floor"], contestants["gc_jupyter"], load_ext_ms):
        raise SystemExit("\n".join(["", "over the bar:", *bars]))


if __name__ == "__main__":
    main()
