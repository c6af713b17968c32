"""The page of runs in JupyterLab, by keys alone: a run that is stopped, one that is told of."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.jupyter import JupyterServer, no_axe_findings

pytestmark = pytest.mark.timeout(240)

Shot = Callable[[Any, str], None]

LOAD = "%load_ext gc_jupyter"
SLEEPS = """%%gcrun local -a --map k=range(4) --label "anneal" --workers 2
import gc_jupyter, time
gc_jupyter.progress(1, 2)
time.sleep(600)"""
GATED = """%%gcrun local -a --map seed=range(4) --future sweep --label "throw darts"
import os, time
while not os.path.exists(go_on):
    time.sleep(0.05)
if seed == 2:
    raise ValueError("seed 2 is unlucky")
seed"""


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> Iterator[JupyterServer]:
    home = tmp_path_factory.mktemp("runs")
    server = JupyterServer(home, "lab", environ)
    settings = home / "settings" / "gc-jupyter"
    settings.mkdir()
    (settings / "plugin.jupyterlab-settings").write_text('{"notify": true, "notifyAfter": 0}')
    yield server
    server.stop()


def test_a_run_moves_and_is_stopped(server: JupyterServer, open_page: OpenPage, shot: Shot) -> None:
    server.write("stop.ipynb", LOAD, SLEEPS)
    opened = open_page(server)
    page = opened.open("stop.ipynb")
    opened.run()
    opened.execute("gc-jupyter:open-runs")
    runs = page.locator("#gc-jupyter-runs")
    row = runs.locator(".gc-runs tr", has_text="anneal")
    expect(row).to_contain_text("0/4", timeout=60_000)
    # half of each of the two that run, of four
    expect(row.locator(".gc-fill.gc-running")).to_have_attribute(
        "style", re.compile(r"width: 25%"), timeout=30_000
    )
    expect(page.locator("*:focus")).to_have_attribute("placeholder", "Search runs")
    for key in ("Tab", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    run = runs.locator(".gc-run")
    expect(run.locator("h3")).to_be_focused()
    expect(run.locator(".gc-tasks tbody tr", has_text="running")).to_have_count(2, timeout=30_000)
    shot(page, "lab-runs-running")
    run.get_by_role("button", name="Stop").press("Enter")
    question = page.locator(".jp-Dialog")
    expect(question).to_contain_text("Stop 4 tasks? They end now, without results.", timeout=30_000)
    shot(page, "lab-runs-stop")
    question.get_by_role("button", name="Stop 4 tasks").press("Enter")
    expect(run.locator("> .gc-note")).to_contain_text("is stopped.", timeout=30_000)
    expect(row).to_contain_text("4/4", timeout=30_000)


def test_one_notice_for_a_cell(
    server: JupyterServer, open_page: OpenPage, shot: Shot, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    server.write("darts.ipynb", f"{LOAD}\ngo_on = {str(gate)!r}", GATED, "1")
    server.write("other.ipynb", "2")
    opened = open_page(server)
    page = opened.open("darts.ipynb")
    opened.run()
    status = page.locator(".gc-status")
    expect(status).to_have_text("Globus Compute: 4 open tasks", timeout=60_000)
    opened.execute("docmanager:open", path="other.ipynb")
    gate.touch()
    expect(status).to_have_text("Globus Compute: 0 open tasks", timeout=60_000)
    opened.execute("apputils:display-notifications")
    note = page.locator(".jp-Notification-List-Item")
    expect(note).to_have_count(1, timeout=30_000)
    expect(note).to_contain_text("throw darts: 1 of 4 tasks failed, after ")
    expect(note).to_contain_text("in darts.ipynb")
    shot(page, "lab-runs-notice")
    note.get_by_role("button", name="Go to the cell").click()
    page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.content?.activeCell"
        "?.model.sharedModel.getSource().includes('throw darts')"
    )

    page.keyboard.press("Escape")
    status.press("Enter")
    runs = page.locator("#gc-jupyter-runs")
    expect(runs.get_by_role("searchbox", name="Search runs")).to_be_focused()
    page.keyboard.type("unlucky")
    expect(runs.locator(".gc-runs .gc-words")).to_contain_text("1 run found", timeout=30_000)
    for key in ("Tab", "Tab", "Tab", "Enter"):
        page.keyboard.press(key)
    run = runs.locator(".gc-run")
    expect(run.locator(".gc-errors summary")).to_have_text("ValueError: seed 2 is unlucky")
    expect(run.locator("> .gc-words")).to_contain_text("4/4 tasks · 1 failed")
    run.get_by_text("The cell", exact=True).press("Enter")
    expect(run.get_by_label("Source of the cell")).to_contain_text("raise ValueError")
    expect(run.locator(".gc-tasks .gc-open")).to_have_count(4)
    shot(page, "lab-runs")
    no_axe_findings(page, "#gc-jupyter-runs")
    opened.execute("apputils:change-theme", theme="JupyterLab Dark")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    shot(page, "lab-runs-dark")
    no_axe_findings(page, "#gc-jupyter-runs")
    page.set_viewport_size({"width": 600, "height": 900})
    page.evaluate("window.jupyterapp.shell.collapseLeft()")
    expect(runs.locator(".gc-runs")).to_be_hidden()  # there is room for one of both
    shot(page, "lab-runs-600")
    no_axe_findings(page, "#gc-jupyter-runs")
    run.get_by_role("button", name="All runs").press("Enter")
    expect(runs.locator(".gc-runs .gc-open")).to_be_focused()
    shot(page, "lab-runs-600-list")
    no_axe_findings(page, "#gc-jupyter-runs")
