"""What the tests' notebooks run."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.jupyter import JupyterServer, NotebookPage

#: 200 tasks, every 40th fails with markup for a message; what they wait for is a file.
FAN_OUT = """
import gc_jupyter, pathlib, tempfile
gate = pathlib.Path(tempfile.mkdtemp()) / "gate"

def square(number, gate):
    import os, time
    end = time.time() + 120
    while number >= 100 and not os.path.exists(gate) and time.time() < end:
        time.sleep(0.05)
    if number % 40 == 7:
        raise ValueError("<img src=x onerror=\\"window.hacked = 1\\"> is no number")
    if number % 40 == 8:
        return "<script>window.hacked = 1</script>"
    return number ** 2

executor = gc_jupyter.Executor("local")
futures = [executor.submit(square, n, str(gate)) for n in range(200)]
"""

TABLE = 'table = gc_jupyter.TaskTable(futures, title="Squares", rerun=lambda f: f)\ntable'
KEPT = 'table = gc_jupyter.TaskTable(futures, title="Squares", keep=True)\ntable'
FINISH = 'gate.write_text("open"); import concurrent.futures as c; _ = c.wait(futures, 60)'


def live(opened: NotebookPage, server: JupyterServer, name: str, *cells: str) -> Page:
    """A notebook whose first two cells have run: 100 tasks ended, 100 wait."""
    server.write(name, *cells)
    page = opened.open(name)
    opened.run_cell(0)
    opened.run_cell(1)
    expect(page.locator(".jp-Cell .gc-words")).to_contain_text("100 of 200 ended", timeout=60_000)
    return page
