"""`python -m benchmarks.values`: values of 10, 100 and 1,000 MB, there and back, in a real kernel.

The limit is what the request budget lets through: a part in each of 20 submissions in 10 s. Each
transfer and each row of cells begins with a budget that nobody has used: a cell that waits for a
slot takes half a second whatever it does. A transfer's time is that of the cell, less what its
other tasks take: the question what is there, and the cell itself, each as long as a cell without
a value. Memory is the most that the kernel has had while the value travelled, the value with it,
less what it had before there was one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import types

from benchmarks.cell import Kernel
from benchmarks.work import Arguments
from gc_jupyter.protocol.pacing import SUBMISSIONS, WINDOW_S
from gc_jupyter.travel.store import PART
from tests.service import handle

LIMIT = SUBMISSIONS / WINDOW_S * PART  # bytes a second
SPEED_BAR = 0.8  # of the limit
SECOND_BAR = 1.2  # of a cell without the value
MEMORY_BAR = 1.3  # of the value; requests that are under way are more than that of a small one
MEMORY_FROM_MB = 1000
CELLS = 5  # of each kind: three kinds of them fit into the budget

SETUP = """
%load_ext gc_jupyter
%gc config fetch_mb 100000
import gc, numpy as np
def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))
def begin():
    gc.collect()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak is what there is now
    return status("VmRSS")
"""
PURGE = "import os, shutil\nshutil.rmtree(os.path.expanduser('~/.gc_jupyter/store'))\n1"


def measure(kernel: Kernel, endpoint: str, size_mb: int) -> dict[str, float]:
    """One size's figures."""
    count = size_mb * 125_000
    cell = f"%%gcrun {endpoint} -q\n"
    kernel.run(f"value = None; before = begin(); value = np.arange({count}.0) + {size_mb}")
    time.sleep(WINDOW_S)  # the budget of the last transfer
    there_s = kernel.run(f"{cell}value.nbytes")
    there_memory = memory(kernel)
    texts = ("value.nbytes", "1", f"import numpy as np\n(np.arange({count}.0) + {size_mb}).nbytes")
    time.sleep(WINDOW_S)
    rounds = [[kernel.run(cell + text) for text in texts] for _ in range(CELLS)]
    second_s, without_s, made_s = map(statistics.median, zip(*rounds, strict=True))
    time.sleep(WINDOW_S)
    kernel.run("value = None; before = begin()")
    back_s = kernel.run(
        f"%%gcrun {endpoint} -q --out value\n"
        f"import numpy as np\nvalue = np.arange({count}.0) - {size_mb}\nvalue.nbytes"
    )
    back_memory = memory(kernel)
    kernel.run(f"%%gcrun {endpoint} -q --no-capture\n{PURGE}")
    size = size_mb * 1e6
    return {
        "there": size / (there_s - 2 * without_s),
        "back": size / (back_s - without_s),
        "second_s": second_s,
        "without_s": without_s,
        "made_s": made_s,
        "there_memory": there_memory / size,
        "back_memory": back_memory / size,
    }


def memory(kernel: Kernel) -> float:
    """Bytes that the kernel had at its peak since `begin`."""
    return kernel.value("status('VmHWM') - before")


def compared(size_mb: int, found: types.SimpleNamespace) -> list[tuple[str, bool | None]]:
    """Each figure beside its bar, and whether it is over it; None where it has none."""
    lines: list[tuple[str, bool | None]] = []
    for way in ("there", "back"):
        speed, used = getattr(found, way), getattr(found, f"{way}_memory")
        said = f"{way}: {speed / 1e6:.1f} MB/s, {speed / LIMIT:.0%} of the limit"
        lines.append((f"{said} (at least {SPEED_BAR:.0%})", speed < SPEED_BAR * LIMIT))
        of_all = size_mb >= MEMORY_FROM_MB
        bar = f"at most {MEMORY_BAR:g}x" if of_all else f"no bar under {MEMORY_FROM_MB:,} MB"
        over = used > MEMORY_BAR if of_all else None
        lines.append((f"{way}: memory {used:.2f}x the value ({bar})", over))
    ratio = found.second_s / found.without_s
    times = f"{found.second_s * 1e3:.0f} ms, without the value {found.without_s * 1e3:.0f} ms"
    said = f"second cell: {times}, {ratio:.2f}x (at most {SECOND_BAR:g}x)"
    return [*lines, (f"{said}; made there {found.made_s * 1e3:.0f} ms", ratio > SECOND_BAR)]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10, 100, 1000], help="in MB")
    asked = parser.parse_args()
    over = 0
    print(f"limit: {LIMIT / 1e6:.1f} MB/s")
    with handle.Loopback(handle.endpoint_python()) as loopback, tempfile.TemporaryDirectory() as at:
        endpoint = loopback.endpoint("process")
        kernel = Kernel(Arguments(loopback.url, loopback.token, endpoint, 0, 0, []), at)
        try:
            kernel.run(SETUP)
            for _ in range(3):
                kernel.run(f"%%gcrun {endpoint} -q\nimport numpy\n1")
            for size_mb in asked.sizes:
                found = types.SimpleNamespace(**measure(kernel, endpoint, size_mb))
                for line, is_over in compared(size_mb, found):
                    word = {True: "over", False: "pass", None: "    "}[is_over]
                    print(f"{word}  {size_mb:,} MB {line}", flush=True)
                    over += bool(is_over)
        finally:
            kernel.close()
    if over:
        raise SystemExit(f"{over} over the bar")


if __name__ == "__main__":
    main()
