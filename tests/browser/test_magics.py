"""The tables that the magics show, in JupyterLab."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.jupyter import JupyterServer

pytestmark = pytest.mark.timeout(240)

WAITING = """%%gcrun local --map n=range(30) --progress-after 0
import os, time
end = time.time() + 60
while n >= 10 and not os.path.exists(gate) and time.time() < end:
    time.sleep(0.05)
n * 2
"""
GATE = """
%load_ext gc_jupyter
import pathlib, tempfile
gate = str(pathlib.Path(tempfile.mkdtemp()) / "gate")
gate
"""


def test_a_waiting_cell_shows_its_tasks(lab: JupyterServer, open_page: OpenPage) -> None:
    lab.write("map.ipynb", GATE, WAITING, "print(_[:3])")
    opened = open_page(lab)
    page = opened.open("map.ipynb")
    opened.run_cell(0)
    gate = page.locator(".jp-OutputArea-output").last.inner_text().strip().strip("'")
    opened.page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1;"
        "window.jupyterapp.commands.execute('notebook:run-cell').then(() => window.ran = true); }"
    )
    # the kernel is busy with the cell, and its table goes on
    expect(page.locator(".jp-Cell .gc-words")).to_contain_text("10 of 30 ended", timeout=60_000)
    assert page.evaluate("window.ran") is None
    table = page.locator(".jp-Cell .gc-table")
    table.get_by_label("Filter tasks by state").select_option("success")
    table.get_by_role("button", name="n=4", exact=True).click()
    details = table.locator(".gc-details")
    details.get_by_role("button", name="Result", exact=True).click()
    expect(details.locator("pre")).to_have_text("8", timeout=30_000)
    details.get_by_role("button", name="Run again").click()
    expect(table.locator(".gc-words")).to_contain_text("9 of 30 ended", timeout=30_000)
    assert page.evaluate("window.ran") is None
    with open(gate, "w", encoding="utf-8"):
        pass
    page.wait_for_function("window.ran", timeout=60_000)
    expect(page.locator(".jp-Cell .gc-words")).to_have_count(0, timeout=30_000)
    expect(page.locator(".jp-OutputArea caption")).to_contain_text("30 success")
    opened.run_cell(2)
    expect(page.get_by_text("[0, 2, 4]", exact=True)).to_be_visible()
