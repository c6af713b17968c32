"""The lab extension's tasks panel in a real JupyterLab, with a journal of 10,000 tasks.

Opening is from the command to drawn rows, with what the panel knows already, by the browser's own
clock: the median and the best of nine.

Run: ``python -m benchmarks.panels [tasks ...]``; prints one line of JSON for each number of tasks.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.jupyter import CHROMIUM, FLAGS, JupyterServer, NotebookPage
from tests.browser.long_journal import fill_journal

TIMES = 9

_OPEN = """async () => {
  const app = window.jupyterapp;
  app.shell.collapseLeft();
  await new Promise((next) => setTimeout(next, 500));
  const start = performance.now();
  await app.commands.execute('gc-jupyter:show-tasks');
  document.querySelector('.gc-tasks tbody:nth-of-type(2)').getBoundingClientRect();
  return performance.now() - start;
}"""


def measure(home: Path, browser: Browser, count: int) -> dict[str, Any]:
    """A server of its own, whose journal has this many tasks."""
    server = JupyterServer(home)
    try:
        server.write("panels.ipynb", "1")
        opened = NotebookPage(server, browser)
        page = opened.open("panels.ipynb")
        opened.execute("gc-jupyter:show-tasks")
        fill_journal(home / "data" / "gc_jupyter" / "journal.sqlite", count)
        words = page.locator(".gc-tasks .gc-words")
        expect(words).to_contain_text(f"{count:,}", timeout=30_000)
        times = [page.evaluate(_OPEN) for _ in range(TIMES)]
        opened.close()
    finally:
        server.stop()
    return {
        "panel_tasks": count,
        "open_ms": round(statistics.median(times), 1),
        "best_open_ms": round(min(times), 1),
    }


def main(counts: list[int]) -> None:
    """Print a line for each count."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            for count in counts:
                with tempfile.TemporaryDirectory() as home:
                    print(json.dumps(measure(Path(home), browser, count)), flush=True)
        finally:
            browser.close()


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [10_000])
