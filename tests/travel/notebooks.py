"""Notebooks of others, cell by cell: plainly, and by %%gcrun; what differs, by kind.

`python -m tests.travel.notebooks [--where ENDPOINT] [--limit S] FILE.ipynb...` runs each one in
three processes of this interpreter, in an empty folder: twice plainly, once with every cell by
%%gcrun before it runs plainly. A cell counts where the plain runs agree and end without an error.
What is refused before it is sent counts as different, and by itself, too. Its last lines are the
figures; --differences FILE takes what differs, as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from tests.capture.compare import Shell
from tests.travel.kernel import connect

#: What a user sees of a cell, in the order in which it is compared.
PARTS = ("error", "value", "stdout", "stderr", "displays")
REFUSALS = ("CaptureError", "PayloadTooLarge")


def read_cells(path: Path) -> list[str]:
    """The code cells of a notebook."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return [text for text in texts if text.strip()]


def run(path: Path, where: str, limit: int) -> None:
    """In a process of its own: what was seen of each cell, there (if `where`) and here."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def too_long(*_args: Any) -> None:
        raise TimeoutError("the cell took too long")

    signal.signal(signal.SIGALRM, too_long)
    shell = Shell.instance()
    if where:
        connect(shell)
    with contextlib.suppress(ImportError, UsageError):
        shell.run_line_magic("matplotlib", "inline")  # as in a kernel
    seen = []
    for text in read_cells(path):
        there = None
        if where and not text.lstrip().startswith("%%"):
            signal.alarm(limit)
            there = asdict(shell.see_remotely(text, f"{where} -q"))
        signal.alarm(limit)
        here = asdict(shell.see(text))
        for shown in here["displays"]:
            if shown["text/plain"].startswith("<Figure size"):
                shown["image/png"] = ""  # where the notebook has asked for SVG, too
        seen.append((there, here))
        signal.alarm(0)
    print(json.dumps(seen), file=answers, flush=True)


def look(path: Path, where: str, limit: int) -> list[Any]:
    """Run a notebook in a process; an empty list where that doesn't end well."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:
        paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
        command = [sys.executable, "-m", "tests.travel.notebooks", "--limit", str(limit)]
        done = subprocess.run(
            [*command, f"--run={where}", path],
            cwd=folder,
            env={
                **os.environ,
                **{"OMP_NUM_THREADS": "1", "JUPYTER_DATA_DIR": home},
                "PYTHONPATH": os.pathsep.join(paths),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limit * 10,
            check=False,
        )
    return list(json.loads(done.stdout)) if done.returncode == 0 and done.stdout else []


def compare(path: Path, where: str, limit: int, counts: Counter[str]) -> list[dict[str, Any]]:
    """What differs in one notebook; `counts` gets its figures."""
    try:
        plain = look(path, "", limit)
        again = look(path, "", limit) if plain else []
        both = look(path, where, limit) if again else []
    except subprocess.TimeoutExpired:
        both = []
    counts["notebooks" if both else "notebooks that took too long"] += 1
    different = []
    cells = zip(read_cells(path), plain, again, both, strict=False)
    for text, (_, first), (_, second), (there, here) in cells:
        if there is None:
            counts["cells with a magic of their own"] += 1
        elif here["error"] or first["error"]:
            counts["cells that fail here"] += 1
        elif any(not first[part] == second[part] == here[part] for part in PARTS):
            counts["cells that differ from run to run here"] += 1
        else:
            parts = [part for part in PARTS if there[part] != here[part]]
            counts["cells that are the same" if not parts else "cells that differ"] += 1
            counts["of them refused before sending"] += there["error"].startswith(REFUSALS)
            if parts:
                pairs = {part: [here[part], there[part]] for part in parts}
                different.append({"notebook": path.name, "cell": text, "here, there": pairs})
    return different


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--where", default="local")
    parser.add_argument("--limit", type=int, default=60, help="seconds for a cell")
    parser.add_argument("--differences", type=Path)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run is not None:
        run(arguments.notebooks[0], arguments.run, arguments.limit)
        return
    counts: Counter[str] = Counter()
    different = []
    for path in arguments.notebooks:
        before = counts["cells that are the same"]
        found = compare(path.resolve(), arguments.where, arguments.limit, counts)
        different += found
        same = counts["cells that are the same"] - before
        print(f"{path.name}: {same} the same, {len(found)} differ", flush=True)
        if arguments.differences:
            arguments.differences.write_text(json.dumps(different, indent=1))
    for name, count in counts.most_common():
        print(f"{count:6} {name}")
    same, all_of_them = counts["cells that are the same"], counts["cells that differ"]
    all_of_them += same
    print(
        f"{100 * same / max(all_of_them, 1):.2f} % of {all_of_them} determined cells are the same"
    )


if __name__ == "__main__":
    main()
