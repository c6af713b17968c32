"""The task table in JupyterLab and Notebook 7, with real tasks on this machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import expect

from gc_jupyter.widgets.messages import LASTING_VIEW
from tests.browser.conftest import OpenPage
from tests.browser.fan_out import FAN_OUT, FINISH, KEPT, MARKUP, TABLE, live
from tests.browser.jupyter import JupyterServer, no_axe_findings

pytestmark = pytest.mark.timeout(240)

Shot = Callable[[Any, str], None]


def test_a_fan_out_from_beginning_to_static_end(
    lab: JupyterServer, open_page: OpenPage, shot: Shot
) -> None:
    opened = open_page(lab)
    page = live(opened, lab, "fan.ipynb", FAN_OUT, TABLE, FINISH)
    table = page.locator(".jp-Cell .gc-table")
    expect(page.locator(".jp-Cell .gc-words")).to_contain_text("3 failed")
    expect(table.locator("tbody .gc-state").first).to_have_text("failed")
    expect(table.locator(".gc-words")).to_contain_text(re.compile("running"))
    shot(table, "table-live")
    no_axe_findings(page, ".jp-Cell .gc-jupyter")

    table.get_by_role("button", name="fit #8", exact=True).click()
    details = page.locator(".jp-Cell .gc-details")
    details.get_by_role("button", name="Traceback", exact=True).click()
    expect(details.locator("pre")).to_contain_text("ValueError: no line stands out of the noise")
    shot(table, "table-details")
    no_axe_findings(page, ".jp-Cell .gc-jupyter")
    details.get_by_role("button", name="Close").click()

    table.get_by_role("button", name="Timeline").click()
    expect(table.locator(".gc-bar").first).to_be_visible()
    shot(table, "table-timeline")
    no_axe_findings(page, ".jp-Cell .gc-jupyter")
    table.get_by_role("button", name="Timeline").click()

    opened.run_cell(2)
    expect(page.locator(".jp-Cell .gc-words")).to_have_count(0, timeout=30_000)
    static = page.locator(".jp-OutputArea table")
    expect(static.locator("caption")).to_have_text("Spectra: 5 failed, 195 success")
    page.set_viewport_size({"width": 1280, "height": 1500})
    shot(table, "table-static")

    page.evaluate("window.jupyterapp.commands.execute('docmanager:save').then(() => null)")
    saved = nbformat.read(lab.root / "fan.ipynb", 4)
    [output] = saved.cells[1].outputs
    assert set(output.data) == {LASTING_VIEW, "text/html", "text/plain"}
    assert output.data["text/plain"].startswith("Spectra: 5 failed, 195 success")


@pytest.mark.parametrize("trusted", [True, False])
def test_a_reopened_notebook_reads_well(
    lab: JupyterServer, open_page: OpenPage, trusted: bool
) -> None:
    opened = open_page(lab)
    name = f"reopen{trusted}.ipynb"
    page = live(opened, lab, name, MARKUP, TABLE, FINISH)
    page.get_by_role("button", name="fit #8", exact=True).click()
    page.locator(".gc-details").get_by_role("button", name="Traceback", exact=True).click()
    expect(page.locator(".gc-details pre")).to_contain_text("ValueError: <img src=x onerror=")
    opened.run_cell(2)
    expect(page.locator(".jp-Cell .gc-words")).to_have_count(0, timeout=30_000)
    assert page.evaluate("window.hacked") is None
    assert page.locator("script:has-text('window.hacked')").count() == 0
    opened.execute("docmanager:save")
    opened.execute("notebook:shutdown-kernel")
    if not trusted:  # as one that came by mail
        path = lab.root / name
        text = path.read_text()
        name = f"mailed-{name}"
        (lab.root / name).write_text(text.replace("195 success", "195 success "))
    again = open_page(lab)
    page = again.open(name)
    expect(page.locator(".jp-OutputArea").get_by_text("5 failed, 195 success")).to_be_visible()
    assert page.get_by_text("model not found").count() == 0
    assert page.evaluate("window.hacked") is None


SWEEP = """%%gcrun local --map k=range(6) --future sweep
import os, pathlib, time
while not pathlib.Path(gate).exists():
    time.sleep(0.02)
if k == 3 and not pathlib.Path(mended).exists():
    raise ValueError("not yet")
k * k"""


def test_the_table_stays_alive_after_its_end(
    lab: JupyterServer, open_page: OpenPage, tmp_path: Path
) -> None:
    gate, mended = tmp_path / "gate", tmp_path / "mended"
    where = f"%load_ext gc_jupyter\ngate, mended = {str(gate)!r}, {str(mended)!r}"
    lab.write("alive.ipynb", where, SWEEP.replace("sweep\n", "sweep -a\n"), "sweep.values()")
    opened = open_page(lab)
    page = opened.open("alive.ipynb")
    opened.run_cell(0)
    opened.run_cell(1)
    table = page.locator(".jp-Cell .gc-table")
    words, headline = table.locator(".gc-words"), table.locator(".gc-headline")
    expect(words).to_contain_text("0 of 6 ended", timeout=60_000)
    table.get_by_role("button", name="k=3", exact=True).press("Enter")
    focused = page.locator("*:focus")
    expect(focused).to_have_text("Result")
    gate.touch()
    expect(headline).to_contain_text("1 of 6 tasks failed", timeout=60_000)
    expect(focused).to_have_text("Traceback")  # focus and details survive the end
    expect(table.locator("tr.gc-chosen")).to_contain_text("k=3")
    no_axe_findings(page, ".jp-Cell .gc-jupyter")
    opened.execute("docmanager:save")
    output = nbformat.read(lab.root / "alive.ipynb", 4).cells[1].outputs[-1]
    assert set(output.data) == {LASTING_VIEW, "text/html", "text/plain"}

    page.reload()  # the kernel still has it
    opened.ready()
    table.get_by_role("button", name="k=3", exact=True).click(timeout=60_000)
    details = table.locator(".gc-details")
    details.get_by_role("button", name="Traceback", exact=True).click()
    expect(details.locator("pre")).to_contain_text("ValueError: not yet")
    mended.touch()
    details.get_by_role("button", name="Run again").click()
    expect(headline).to_contain_text("6 tasks", timeout=60_000)
    details.get_by_role("button", name="Result", exact=True).click()
    expect(details.locator("pre")).to_have_text("9", timeout=30_000)
    opened.run_cell(2)
    expect(page.get_by_text("[0, 1, 4, 9, 16, 25]")).to_be_visible()

    headline.press("Enter")  # folded by the keyboard
    expect(details).to_be_hidden()
    expect(headline).to_have_attribute("aria-expanded", "false")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    expect(table).to_have_count(0)
    expect(page.locator(".jp-OutputArea summary")).to_contain_text("✓ 6 tasks")
    opened.execute("docmanager:save")
    output = nbformat.read(lab.root / "alive.ipynb", 4).cells[1].outputs[-1]
    assert set(output.data) == {"text/html", "text/plain"}


def test_several_views_and_a_reloaded_page(lab: JupyterServer, open_page: OpenPage) -> None:
    opened = open_page(lab)
    page = live(opened, lab, "views.ipynb", FAN_OUT, KEPT, "table", FINISH)
    opened.run_cell(2)
    expect(page.locator(".jp-Cell .gc-words")).to_have_count(2)
    opened.execute("docmanager:save")
    page.reload()
    opened.ready()
    expect(page.locator(".jp-Cell .gc-words").first).to_contain_text(
        "100 of 200 ended", timeout=30_000
    )
    opened.run_cell(3)
    for view in range(2):
        expect(page.locator(".jp-Cell .gc-headline").nth(view)).to_contain_text(
            "5 of 200 tasks failed", timeout=30_000
        )


def test_keyboard_only(lab: JupyterServer, open_page: OpenPage) -> None:
    opened = open_page(lab)
    page = live(opened, lab, "keys.ipynb", FAN_OUT, KEPT)
    search = page.get_by_role("searchbox", name="Filter tasks by text")
    search.focus()
    page.keyboard.type("fit #1")
    expect(page.locator(".jp-Cell .gc-table table")).to_have_attribute("aria-rowcount", "112")
    for _ in range(5):  # states, timeline, copy, stop all, rows
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "gc-scroll"
    page.keyboard.press("ArrowDown")
    first = page.evaluate("document.activeElement.textContent")
    assert first.startswith("fit #1")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") != first
    page.keyboard.press("End")
    expect(page.locator("*:focus")).to_have_text("fit #100")
    page.keyboard.press("Enter")
    expect(page.locator("*:focus")).to_have_text("Result")
    page.keyboard.press("Escape")
    expect(page.locator("*:focus")).to_have_text("fit #100")
    assert page.evaluate("window.jupyterapp.shell.currentWidget.content.widgets.length") == 2


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Dark High Contrast"])
def test_dark(lab: JupyterServer, open_page: OpenPage, shot: Shot, theme: str) -> None:
    opened = open_page(lab)
    page = live(opened, lab, f"{theme[-4:]}.ipynb", FAN_OUT, KEPT)
    opened.execute("apputils:change-theme", theme=theme)
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    page.get_by_role("button", name="fit #8", exact=True).click()
    shot(
        page.locator(".jp-Cell .gc-table"),
        "table-dark" if theme.endswith("Dark") else "table-contrast",
    )
    no_axe_findings(page, ".jp-Cell .gc-jupyter")
    opened.execute("apputils:change-theme", theme="JupyterLab Light")


def test_notebook_7(notebook7: JupyterServer, open_page: OpenPage, shot: Shot) -> None:
    opened = open_page(notebook7)
    page = live(opened, notebook7, "seven.ipynb", FAN_OUT, TABLE, FINISH)
    shot(page.locator(".jp-Cell .gc-table"), "table-notebook7")
    no_axe_findings(page, ".jp-Cell .gc-jupyter")
    opened.run_cell(2)
    expect(page.locator(".jp-Cell .gc-words")).to_have_count(0, timeout=30_000)
    expect(page.locator(".jp-OutputArea caption")).to_have_text("Spectra: 5 failed, 195 success")
