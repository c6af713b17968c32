"""What the tests' notebooks run."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.jupyter import JupyterServer, NotebookPage

#: 200 spectra, of which every 40th has no line. Those from the 100th on wait for a file.
FAN_OUT = """
import gc_jupyter, pathlib, tempfile
gate = pathlib.Path(tempfile.mkdtemp()) / "gate"

def fit(spectrum, gate):
    import os, time
    end = time.time() + 120
    while spectrum >= 100 and not os.path.exists(gate) and time.time() < end:
        time.sleep(0.05)
    if spectrum % 40 == 7:
        raise ValueError("no line stands out of the noise")
    return f"{656.28 + spectrum % 17 / 100:.2f} nm"

executor = gc_jupyter.Executor("local")
futures = [executor.submit(fit, n, str(gate)) for n in range(200)]
"""
#: The same where what a task says would be markup.
MARKUP = FAN_OUT.replace(
    "no line stands out of the noise", '<img src=x onerror=\\"window.hacked = 1\\"> is no number'
).replace(
    "    return f",
    '    if spectrum % 40 == 8:\n        return "<script>window.hacked = 1</script>"\n    return f',
)

TABLE = 'table = gc_jupyter.TaskTable(futures, title="Spectra", rerun=lambda f: f)\ntable'
KEPT = 'table = gc_jupyter.TaskTable(futures, title="Spectra", keep=True)\ntable'
FINISH = 'gate.write_text("open"); import concurrent.futures as c; _ = c.wait(futures, 60)'


def live(opened: NotebookPage, server: JupyterServer, name: str, *cells: str) -> Page:
    """A notebook whose first two cells have run: 100 tasks ended, 100 wait."""
    server.write(name, *cells)
    page = opened.open(name)
    opened.run_cell(0)
    opened.run_cell(1)
    expect(page.locator(".jp-Cell .gc-words")).to_contain_text("100 of 200 ended", timeout=60_000)
    return page
