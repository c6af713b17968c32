"""Output of a running cell in JupyterLab: bars, log lines and half lines, in cell, table and panel.

Each cell waits for files, so that the page is looked at while the cell is in a known place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.jupyter import JupyterServer, NotebookPage

pytestmark = pytest.mark.timeout(240)

Shot = Callable[[Any, str], None]

SEEN_S = 60_000  # ms
BEGIN = """import logging, os, sys, time
from tqdm import tqdm

def wait_for(name):
    end = time.time() + 200
    while not os.path.exists(os.path.join(gates, name)) and time.time() < end:
        time.sleep(0.02)

"""
CELL = f"""{BEGIN}for n in tqdm(range(10), desc="fit", mininterval=0):
    if n == 5:
        wait_for("half")
log = logging.getLogger("spectra")
log.handlers = [logging.StreamHandler()]
log.setLevel("INFO")
log.info("fitted %d spectra", 10)
print("half a line", end="")
wait_for("line")
print(", and the rest")
log.warning("no line in %s", "a.fits")
for n in range(3):
    print(f"step {{n}}", end="\\r")
wait_for("end")
print("done  ")
6 * 7"""
FAN_OUT = f"""%%gcrun local --map k=range(2) --progress-after 0
{BEGIN}for n in tqdm(range(10), desc=f"fit {{k}}", mininterval=0):
    if n == 3 + k:
        wait_for("tables")
print("whole", k)
k"""


def start(page: Page, index: int) -> None:
    """Run a cell, and return at once."""
    page.evaluate(
        "(index) => { window.ran = undefined;"
        " window.jupyterapp.shell.currentWidget.content.activeCellIndex = index;"
        " window.jupyterapp.commands.execute('notebook:run-cell').then(() => window.ran = true); }",
        index,
    )


def stream(cell: Locator, name: str) -> Locator:
    return cell.locator(f"[data-mime-type='application/vnd.jupyter.{name}']")


def printed(cell: Locator, name: str) -> str:
    """What a stream has come to, without the times of the bar."""
    text = "".join(one.inner_text() for one in stream(cell, name).all())
    return re.sub(r"\[.*?\]", "[]", text).strip()


def show_runs(opened: NotebookPage) -> Locator:
    opened.execute("gc-jupyter:show-tasks")
    return opened.page.locator("#gc-jupyter-sidebar .gc-runs-panel .gc-runs tr")


def test_bars_and_log_lines_are_seen_as_they_are_written(
    lab: JupyterServer, open_page: OpenPage, shot: Shot, tmp_path: Path
) -> None:
    setup = f"%load_ext gc_jupyter\ngates = {str(tmp_path)!r}"
    name = f"{tmp_path.name}.ipynb"
    lab.write(name, setup, f"%%gcrun local -q --label spectra\n{CELL}", CELL)
    opened = open_page(lab)
    page = opened.open(name)
    run = show_runs(opened).filter(has_text=name)
    opened.run_cell(0)
    start(page, 1)
    cell, plain = page.locator(".jp-Notebook-cell").nth(1), page.locator(".jp-Notebook-cell").nth(2)
    errors = stream(cell, "stderr")
    expect(errors).to_contain_text("5/10", timeout=SEEN_S, use_inner_text=True)
    assert errors.inner_text().count("fit:") == 1  # the bar is drawn over itself
    assert " 50%|" in errors.inner_text()
    begun = run.locator(".gc-fill.gc-running")
    expect(begun).to_have_attribute("style", re.compile("width: 50%"), timeout=SEEN_S)
    shot(page, "live-bar-half")

    (tmp_path / "half").touch()
    out = stream(cell, "stdout")
    expect(out).to_contain_text("half a line", timeout=SEEN_S, use_inner_text=True)
    expect(errors).to_contain_text("10/10", timeout=SEEN_S, use_inner_text=True)
    expect(errors).to_contain_text("fitted 10 spectra", timeout=SEEN_S, use_inner_text=True)
    assert errors.inner_text().count("fit:") == 1
    (tmp_path / "line").touch()
    expect(stream(cell, "stdout").last).to_contain_text(
        "step 2", timeout=SEEN_S, use_inner_text=True
    )
    assert "step 1" not in printed(cell, "stdout")
    expect(stream(cell, "stderr").last).to_contain_text(
        "no line in a.fits", timeout=SEEN_S, use_inner_text=True
    )
    assert page.evaluate("window.ran") is None
    shot(page, "live-lines")
    (tmp_path / "end").touch()
    page.wait_for_function("window.ran", timeout=SEEN_S)
    expect(cell.locator(".jp-OutputArea-executeResult")).to_contain_text("42")
    expect(run).to_contain_text("success", timeout=SEEN_S)
    shot(page, "live-ended")

    opened.run_cell(2)
    expect(plain.locator(".jp-OutputArea-executeResult")).to_contain_text("42", timeout=SEEN_S)
    for name in ("stdout", "stderr"):  # as if it had run here
        assert printed(cell, name) == printed(plain, name)
    assert printed(cell, "stdout") == "half a line, and the rest\ndone"
    assert printed(cell, "stderr").count("\n") == 2


def test_a_fan_out_shows_its_bars_in_the_table_alone(
    lab: JupyterServer, open_page: OpenPage, shot: Shot, tmp_path: Path
) -> None:
    setup = f"%load_ext gc_jupyter\ngates = {str(tmp_path)!r}"
    name = f"{tmp_path.name}.ipynb"
    lab.write(name, setup, FAN_OUT)
    opened = open_page(lab)
    page = opened.open(name)
    run = show_runs(opened).filter(has_text=name)
    opened.run_cell(0)
    start(page, 1)
    cell = page.locator(".jp-Notebook-cell").nth(1)
    bars = cell.locator("progress.gc-progress")
    for number in range(2):
        expect(bars.nth(number)).to_have_attribute("value", str(3 + number), timeout=SEEN_S)
        assert bars.nth(number).get_attribute("max") == "10"
        row = cell.locator("tr", has_text=f"k={number}")
        expect(row.locator(".gc-text")).to_contain_text(
            f"fit {number}:", timeout=SEEN_S, use_inner_text=True
        )
        expect(row.locator(".gc-text")).to_contain_text(f"{3 + number}/10", use_inner_text=True)
    width = re.compile("width: 35%")
    expect(run.locator(".gc-fill.gc-running")).to_have_attribute("style", width, timeout=SEEN_S)
    cell.get_by_role("button", name="k=1", exact=True).click()
    details = cell.locator(".gc-details")
    details.get_by_role("button", name="Output", exact=True).click()
    expect(details.locator("pre")).to_contain_text("4/10", timeout=SEEN_S, use_inner_text=True)
    shot(page, "live-table")
    assert page.evaluate("window.ran") is None
    (tmp_path / "tables").touch()
    page.wait_for_function("window.ran", timeout=SEEN_S)
    expect(details.locator("pre")).to_contain_text("whole 1", timeout=SEEN_S, use_inner_text=True)
    for text in ("fit", "whole"):
        for name in ("stdout", "stderr"):
            expect(stream(cell, name).filter(has_text=text)).to_have_count(0)
    shot(page, "live-table-ended")
