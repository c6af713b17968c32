"""How soon lines are seen: by the worker's clock, which each line has, and by the clock in the
header of the kernel's message. Both are this machine's.

On a machine that does nothing else, a line is seen after some 0.1 s on `local`, and after some 1 s
on an endpoint. The medians are held to what is promised; a single line may wait for a core.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from tests.magics.conftest import TIMEOUT, Kernel
from tests.magics.test_live import far, two
from tests.service.handle import Loopback

__all__ = ["far", "two"]

LINES = 25
CELL = f"import time\nfor _ in range({LINES}):\n    print(time.time())\n    time.sleep(0.2)"


def seen(kernel: Kernel, code: str) -> Iterator[tuple[str, float]]:
    """The lines that a cell shows, and when the kernel has told of each."""
    request = kernel.send(code)
    while True:
        message = kernel.client.get_iopub_msg(timeout=TIMEOUT)
        if message["parent_header"].get("msg_id") != request:
            continue
        kind, content = message["msg_type"], message["content"]
        assert kind != "error", content
        at = message["header"]["date"].timestamp()
        if kind == "stream":
            yield from ((line, at) for line in content["text"].splitlines())
        elif kind in ("display_data", "update_display_data"):
            yield str(content["data"].get("text/plain")), at
        if kind == "status" and content["execution_state"] == "idle":
            return


def delays(kernel: Kernel, code: str) -> list[float]:
    """Seconds from each line's printing until the kernel told of it."""
    found = [
        (float(line), at) for line, at in seen(kernel, code) if line.replace(".", "").isdigit()
    ]
    assert len(found) == LINES
    return [at - printed for printed, at in found]


def test_on_local(kernel: Kernel) -> None:
    kernel.ok("%load_ext gc_jupyter")
    kernel.ok("%%gcrun local\n1")
    found = delays(kernel, f"%%gcrun local\n{CELL}")
    assert min(found) >= 0
    assert statistics.median(found) <= 0.3
    assert max(found) <= 3


def test_on_an_endpoint_with_two_workers(far: Kernel, two: str) -> None:
    far.ok(f"%%gcrun {two}\n1")
    found = delays(far, f"%%gcrun {two} --live\n{CELL}")
    assert min(found) >= 0
    assert statistics.median(found) <= 3
    assert max(found) <= 8


def test_an_endpoint_with_one_worker_says_why_not(far: Kernel, loopback_session: Loopback) -> None:
    """Before the lines, which come at the end."""
    one = loopback_session.endpoint("inline")
    far.ok(f"%%gcrun {one}\n1")
    found = list(seen(far, f"%%gcrun {one} --live\n{CELL}"))
    said = [at for line, at in found if "it has one worker" in line]
    lines = [at for line, at in found if line.replace(".", "").isdigit()]
    assert (len(said), len(lines)) == (1, LINES)
    assert said[0] < min(lines)
    assert max(lines) - min(lines) < 1
