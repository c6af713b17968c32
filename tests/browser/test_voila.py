"""Voilà: a page of outputs without a notebook around them."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.fan_out import MARKUP, TABLE
from tests.browser.jupyter import JupyterServer, no_axe_findings

OPEN = "gate.write_text('open')"


def test_a_table_lives_and_stays(lab: JupyterServer, open_page: OpenPage) -> None:
    opened = open_page(lab, allowed="https://cdn")  # its template's icons and formulas
    lab.write("voila.ipynb", MARKUP, OPEN, TABLE)
    page = opened.page
    page.goto(f"{lab.url}/voila/render/voila.ipynb", timeout=60_000)
    expect(page.locator(".gc-headline")).to_contain_text("5 of 200 tasks failed", timeout=60_000)
    expect(page.locator("tbody .gc-state").first).to_have_text("failed")
    page.locator(".gc-open").first.click()
    page.get_by_role("button", name="Traceback", exact=True).click()
    expect(page.locator(".gc-details pre")).to_contain_text("<img src=x onerror")
    assert page.evaluate("window.hacked") is None
    no_axe_findings(page, ".gc-jupyter")
    # it starts JupyterLab's extensions, and Notebook's own needs a package that it hasn't got
    its_own = ("ERR_NAME_NOT_RESOLVED", "labextensions/@jupyter-notebook/")
    opened.problems[:] = [
        text for text in opened.problems if not any(part in text for part in its_own)
    ]
