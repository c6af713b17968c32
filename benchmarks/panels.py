"""The lab extension's panel and page of runs in a real JupyterLab, with 10,000 and 100,000 tasks.

They are of a cell each, and in another journal all of one cell. Opening the panel is from the
command to drawn rows, with what it knows already, by the browser's own clock: the median and the
best of nine. A run is opened from its row to its first tasks, the server's answer included. Frames
are those of `table.scroll`, of the panel, the page, and a run's tasks on the page; first while
nothing changes, and then while a thousand tasks a second change their state (`changes.py`), with
how many answers with rows came a second.

Run: ``python -m benchmarks.panels [tasks ...]``; prints two lines of JSON for each number of tasks.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Response, expect, sync_playwright

from benchmarks.table import scroll
from gc_jupyter.server.messages import NAMESPACE
from tests.browser.jupyter import CHROMIUM, FLAGS, JupyterServer, NotebookPage
from tests.browser.long_journal import fill_journal

TIMES = 9
FRAMES = 300
CHANGES = 1000  # a second

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


class Frames:
    """Scrolls lists of a page, and counts the answers that they get."""

    def __init__(self, page: Page, journal: Path) -> None:
        self.found: dict[str, Any] = {}
        self._page = page
        self._journal = journal
        self._answers = 0
        page.on("response", self._heard)

    def _heard(self, response: Response) -> None:
        self._answers += f"/{NAMESPACE}/runs?" in response.url
        self._answers += f"/{NAMESPACE}/tasks?" in response.url

    def of(self, what: str, selector: str) -> None:
        """Measure one list, while nothing changes and while much does."""
        self.found[what] = scroll(self._page, FRAMES, selector)
        command = [sys.executable, "-m", "benchmarks.changes", str(self._journal), str(CHANGES)]
        changes = subprocess.Popen(command)
        try:
            with self._page.expect_response(f"**/{NAMESPACE}/*?*", timeout=60_000):
                pass  # the changes are heard of
            before, start = self._answers, time.monotonic()
            changing = scroll(self._page, 2 * FRAMES, selector)
            rate = (self._answers - before) / (time.monotonic() - start)
        finally:
            changes.kill()
            changes.wait()
        self.found[f"{what}_while_changing"] = {**changing, "answers_per_s": round(rate, 1)}


def measure(home: Path, browser: Browser, count: int, cells: int) -> dict[str, Any]:
    """A server of its own, whose journal has so many tasks of so many cells."""
    server = JupyterServer(home)
    journal = home / "data" / "gc_jupyter" / "journal.sqlite"
    try:
        server.write("panels.ipynb", "1")
        opened = NotebookPage(server, browser)
        page = opened.open("panels.ipynb")
        frames = Frames(page, journal)
        opened.execute("gc-jupyter:show-tasks")
        fill_journal(journal, count, cells, fan_outs=True)
        words = page.locator("#gc-jupyter-sidebar .gc-runs-panel .gc-words").first
        expect(words).to_contain_text(re.compile(r"· [\d,]+ runs?"), timeout=60_000)
        times = [page.evaluate(_OPEN) for _ in range(TIMES)]
        if cells > 1:
            frames.of("panel", "#gc-jupyter-sidebar .gc-runs .gc-scroll")
        opened.execute("gc-jupyter:open-runs")
        page.locator("#gc-jupyter-runs .gc-runs .gc-open").first.wait_for(timeout=60_000)
        if cells > 1:
            frames.of("page", "#gc-jupyter-runs .gc-runs .gc-scroll")
        opening = page.evaluate(_OPEN_RUN)
        if cells == 1:
            frames.of("tasks", "#gc-jupyter-runs .gc-tasks .gc-scroll")
        opened.close()
    finally:
        server.stop()
    return {
        "panel_tasks": count,
        "cells": cells,
        "open_ms": round(statistics.median(times), 1),
        "best_open_ms": round(min(times), 1),
        "open_run_ms": round(opening),
        **frames.found,
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
    main([int(text) for text in sys.argv[1:]] or [10_000, 100_000])
