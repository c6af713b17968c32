"""The lab extension's panel and page of runs in a real JupyterLab, with a journal of 10,000 tasks.

They are of a cell each (the journal drops the oldest that have ended), and in another journal all
of one cell. Opening the panel is from the command to drawn rows, with what it knows already, by
the browser's own clock: the median and the best of nine. A run is opened from its row to its first
tasks, the server's answer included. Frames are those of `table.scroll`.

Run: ``python -m benchmarks.panels [tasks ...]``; prints two lines of JSON for each number of tasks.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect, sync_playwright

from benchmarks.table import scroll
from tests.browser.jupyter import CHROMIUM, FLAGS, JupyterServer, NotebookPage
from tests.browser.long_journal import fill_journal

TIMES = 9
FRAMES = 300

_OPEN = """async () => {
  const app = window.jupyterapp;
  app.shell.collapseLeft();
  await new Promise((next) => setTimeout(next, 500));
  const start = performance.now();
  await app.commands.execute('gc-jupyter:show-tasks');
  document.querySelector('.gc-runs tbody:nth-of-type(2)').getBoundingClientRect();
  return performance.now() - start;
}"""

_OPEN_RUN = """async () => {
  const start = performance.now();
  document.querySelector('#gc-jupyter-runs .gc-runs .gc-open').click();
  const rows = () => document.querySelector('#gc-jupyter-runs .gc-run .gc-tasks .gc-open');
  while (!rows()) { await new Promise(requestAnimationFrame); }
  return performance.now() - start;
}"""


def measure(home: Path, browser: Browser, count: int, cells: int) -> dict[str, Any]:
    """A server of its own, whose journal has so many tasks of so many cells."""
    server = JupyterServer(home)
    try:
        server.write("panels.ipynb", "1")
        opened = NotebookPage(server, browser)
        page = opened.open("panels.ipynb")
        opened.execute("gc-jupyter:show-tasks")
        fill_journal(home / "data" / "gc_jupyter" / "journal.sqlite", count, cells)
        words = page.locator("#gc-jupyter-sidebar .gc-runs-panel .gc-words").first
        expect(words).to_contain_text(re.compile(r"· [\d,]+ runs?"), timeout=60_000)
        times = [page.evaluate(_OPEN) for _ in range(TIMES)]
        frames = {}
        if cells > 1:
            frames["panel"] = scroll(page, FRAMES, "#gc-jupyter-sidebar .gc-runs .gc-scroll")
        opened.execute("gc-jupyter:open-runs")
        page.locator("#gc-jupyter-runs .gc-runs .gc-open").first.wait_for(timeout=60_000)
        if cells > 1:
            frames["page"] = scroll(page, FRAMES, "#gc-jupyter-runs .gc-runs .gc-scroll")
        opening = page.evaluate(_OPEN_RUN)
        if cells == 1:
            frames["tasks"] = scroll(page, FRAMES, "#gc-jupyter-runs .gc-tasks .gc-scroll")
        opened.close()
    finally:
        server.stop()
    return {
        "panel_tasks": count,
        "cells": cells,
        "open_ms": round(statistics.median(times), 1),
        "best_open_ms": round(min(times), 1),
        "open_run_ms": round(opening),
        **{f"{where}_frame_cpu_ms": cost for where, (cost, _) in frames.items()},
        **{f"{where}_gaps_ms": gaps for where, (_, gaps) in frames.items()},
    }


def main(counts: list[int]) -> None:
    """Print two lines for each count."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            for count in counts:
                for cells in (count, 1):
                    with tempfile.TemporaryDirectory() as home:
                        print(json.dumps(measure(Path(home), browser, count, cells)), flush=True)
        finally:
            browser.close()


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [10_000])
