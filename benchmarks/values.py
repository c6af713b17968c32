"""`python -m benchmarks.values`: values of 10, 100 and 1,000 MB, there and back, in a real kernel.

The limit is what the request budget lets through: a part in each of 20 submissions in 10 s. Each
transfer and each row of cells begins with a budget that nobody has used.

The real endpoint publishes results every 0.5 s (`ResultPublisher.poll_period_s`), so a cell takes
up to that much longer than its work. Cells that follow one another are all as late: each begins
right after a look, and waits for the next one. So each cell here begins at another point of that
half second, and what a row takes is the mean. A transfer's time is that of the cell, less what its
other tasks take: the question what is there, and the cell itself, each as long as a cell without a
value.

The second cell can't be faster than its floor: hashing the value's bytes here (a value that was
changed in place has to be noticed), and a cell that reads as many bytes from a file there and
hashes them (what is damaged has to be noticed). Both are measured beside it. Memory is the most
that the kernel has had while the value travelled, the value with it, less what it had before.

A large size takes minutes: ``--ways there back second`` chooses what is measured.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time

from benchmarks.cell import Kernel
from benchmarks.work import Arguments
from gc_jupyter.protocol.pacing import SUBMISSIONS, WINDOW_S
from gc_jupyter.travel.store import PART
from tests.service import handle

LIMIT = SUBMISSIONS / WINDOW_S * PART  # bytes a second
SPEED_BAR = 0.8  # of the limit
SECOND_BAR = 1.2  # of a cell without the value
MEMORY_BAR = 1.3  # of the value
CELLS = 4  # of each kind: four kinds of them fit into the budget
LOOK_S = 0.5  # between two looks of the endpoint for results
WAYS = ("there", "second", "back")

SETUP = """
%load_ext gc_jupyter
%gc config fetch_mb 100000
import concurrent.futures, gc, hashlib, os, time, numpy as np
from gc_jupyter.travel.store import slices
def status(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))
def begin():
    gc.collect()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak is what there is now
    return status("VmRSS")
def hashed(value):
    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda part: hashlib.sha256(part).digest(), slices(value)))
    return time.perf_counter() - start
"""
PURGE = "import os, shutil\nshutil.rmtree(os.path.expanduser('~/.gc_jupyter/store'))\n1"
FILE = "os.path.expanduser('~/.gc_jupyter/floor')"
WRITE = f"import os, numpy as np\nnp.arange({{count}}.0).tofile({FILE})\n1"
READ = f"""import concurrent.futures, hashlib, os, numpy as np
read = np.fromfile({FILE})
view = memoryview(read).cast("B")
def checked(at):
    return hashlib.sha256(view[at : at + {PART}]).digest()
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    list(pool.map(checked, range(0, len(view), {PART})))
read.nbytes"""


def measure(kernel: Kernel, endpoint: str, size_mb: int, ways: list[str]) -> dict[str, float]:
    """One size's figures."""
    count, size = size_mb * 125_000, size_mb * 1e6
    cell = f"%%gcrun {endpoint} -q\n"
    found: dict[str, float] = {}
    without_s = statistics.mean(_cells(kernel, [cell + "1"]))
    found["without_s"] = without_s
    if "there" in ways or "second" in ways:
        kernel.run(f"value = None; before = begin(); value = np.arange({count}.0) + {size_mb}")
        time.sleep(WINDOW_S)
        found["there"] = size / (kernel.run(f"{cell}value.nbytes") - 2 * without_s)
        found["there_memory"] = memory(kernel) / size
    if "second" in ways:
        kernel.run(f"{cell}{WRITE.format(count=count)}")
        time.sleep(WINDOW_S)
        rows = _cells(kernel, [cell + "value.nbytes", cell + "1", cell + READ])
        names = ("second_s", "without_s", "read_s")
        found |= {name: statistics.mean(rows[at::3]) for at, name in enumerate(names)}
        found["hash_s"] = min(kernel.value("hashed(value)") for _ in range(3))
    if "back" in ways:
        time.sleep(WINDOW_S)
        kernel.run("value = None; before = begin()")
        back_s = kernel.run(
            f"{cell.strip()} --out value\n"
            f"import numpy as np\nvalue = np.arange({count}.0) - {size_mb}\nvalue.nbytes"
        )
        found["back"] = size / (back_s - without_s)
        found["back_memory"] = memory(kernel) / size
    kernel.run(f"{cell.strip()} --no-capture\n{PURGE}")
    return found


def _cells(kernel: Kernel, texts: list[str]) -> list[float]:
    """Seconds of these cells in turn, each begun at several points between two looks."""
    took = []
    for at in range(CELLS):
        for text in texts:
            time.sleep(LOOK_S * at / CELLS)  # the last one has ended at a look
            took.append(kernel.run(text))
    return took


def memory(kernel: Kernel) -> float:
    """Bytes that the kernel had at its peak since `begin`."""
    return kernel.value("status('VmHWM') - before")


def compared(found: dict[str, float]) -> list[tuple[str, bool]]:
    """Each figure beside its bar, and whether it is over it."""
    lines = []
    for way in ("there", "back"):
        if way not in found:
            continue
        speed, used = found[way], found[f"{way}_memory"]
        said = f"{way}: {speed / 1e6:.1f} MB/s, {speed / LIMIT:.0%} of the limit"
        lines.append((f"{said} (at least {SPEED_BAR:.0%})", speed < SPEED_BAR * LIMIT))
        said = f"{way}: memory {used:.2f}x the value (at most {MEMORY_BAR:g}x)"
        lines.append((said, used > MEMORY_BAR))
    if "second_s" in found:
        second, without, read = (found[f"{one}_s"] for one in ("second", "without", "read"))
        ratio, floor = second / without, found["hash_s"] + max(read, without)
        said = f"second cell: {second * 1e3:.0f} ms, without the value {without * 1e3:.0f} ms"
        lines.append((f"{said}, {ratio:.2f}x (at most {SECOND_BAR:g}x)", ratio > SECOND_BAR))
        said = f"its floor {floor * 1e3:.0f} ms: read and hashed there {read * 1e3:.0f} ms, here"
        said = f"{said} {found['hash_s'] * 1e3:.0f} ms; {second / floor:.2f}x of that"
        lines.append((f"{said} (at most {SECOND_BAR:g}x)", second > SECOND_BAR * floor))
    return lines


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10, 100, 1000], help="in MB")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=list(WAYS))
    asked = parser.parse_args()
    over = 0
    print(f"limit: {LIMIT / 1e6:.1f} MB/s")
    with handle.Loopback(handle.endpoint_python()) as loopback, tempfile.TemporaryDirectory() as at:
        endpoint = loopback.endpoint("process")
        kernel = Kernel(Arguments(loopback.url, loopback.token, endpoint, 0, 0, []), at)
        try:
            kernel.run(SETUP)
            for text in ("import numpy\n1", "small.nbytes", "small"):  # both ways, and imports
                kernel.run("small = np.zeros(250_000)\nNone")
                kernel.run(f"%%gcrun {endpoint} -q\n{text}")
            for size_mb in asked.sizes:
                time.sleep(WINDOW_S * (size_mb != asked.sizes[0]))  # the last transfer's budget
                for line, is_over in compared(measure(kernel, endpoint, size_mb, asked.ways)):
                    print(f"{'over' if is_over else 'pass'}  {size_mb:,} MB {line}", flush=True)
                    over += is_over
        finally:
            kernel.close()
    if over:
        raise SystemExit(f"{over} over the bar")


if __name__ == "__main__":
    main()
