"""The table's stop buttons in JupyterLab, by keys alone, while a cell waits for its tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.jupyter import JupyterServer, no_axe_findings

pytestmark = pytest.mark.timeout(240)

SLEEPS = """%%gcrun local --map k=range(4) --future sweep --progress-after 0
import time
print("task", k)
time.sleep(600)"""


def test_stopping_one_task_and_then_all(
    lab: JupyterServer, open_page: OpenPage, shot: Callable[[Any, str], None]
) -> None:
    lab.write("stop.ipynb", "%load_ext gc_jupyter", SLEEPS, "[one.cancelled() for one in sweep]")
    opened = open_page(lab)
    page = opened.open("stop.ipynb")
    opened.run_cell(0)
    page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1;"
        " window.ran = window.jupyterapp.commands.execute('notebook:run-cell'); }"
    )
    table = page.locator(".jp-Cell .gc-table")
    expect(table.locator("tbody .gc-state").first).to_contain_text("running", timeout=60_000)

    table.get_by_role("button", name="k=0", exact=True).press("Enter")
    details = page.locator(".jp-Cell .gc-details")
    details.get_by_role("button", name="Stop…").press("Enter")
    question = details.locator(".gc-stop")
    expect(question).to_contain_text(
        "Stop this task? It ends now, without a result.", timeout=30_000, use_inner_text=True
    )
    focused = page.locator("*:focus")
    expect(focused).to_have_text("Don't stop")
    shot(table, "table-stop-question")
    no_axe_findings(page, ".jp-Cell .gc-jupyter")
    question.get_by_role("button", name="Stop it").press("Enter")
    expect(question).to_contain_text("is stopped.", timeout=30_000, use_inner_text=True)
    expect(focused).to_have_text("OK")
    shot(table, "table-stopped-one")
    focused.press("Enter")
    expect(table.locator("tbody .gc-state").first).to_contain_text("cancelled")
    expect(focused).to_have_text("Close")  # the button that was pressed is gone

    table.get_by_role("button", name="Stop all…").press("Enter")
    every = table.locator(".gc-stop").first
    expect(every).to_contain_text("Stop 3 tasks?", timeout=30_000, use_inner_text=True)
    every.get_by_role("button", name="Stop 3 tasks").press("Enter")
    page.evaluate("() => window.ran.then(() => null)")  # the cell that has waited is over
    expect(table.locator("tbody .gc-state")).to_have_text(["cancelled"] * 4, timeout=30_000)
    shot(page.locator(".jp-Cell").nth(1), "table-stopped-all")
    opened.run_cell(2)
    expect(page.locator(".jp-OutputArea").last).to_contain_text("[True, True, True, True]")
