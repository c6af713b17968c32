"""Signing in from a notebook, at the Globus Auth on this machine."""

from __future__ import annotations

import stat
from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.jupyter import JupyterServer, no_axe_findings
from tests.service.globus_auth import GlobusAuth

pytestmark = pytest.mark.timeout(240)

SIGN_IN = """
from gc_jupyter.auth import resolve
from gc_jupyter.widgets import LoginWidget
login = resolve()
LoginWidget(login)
"""

LOGGED_OUT = """
%load_ext gc_jupyter
%gc logout
%gc use 11111111-2222-4333-8444-555555555555 --alias cluster
"""
FOR_A_CLUSTER = "%%gcrun cluster\nprint('on the cluster')"


def test_open_the_link_sign_in_paste_the_code(
    lab: JupyterServer,
    open_page: OpenPage,
    globus_auth: GlobusAuth,
    shot: Callable[[Any, str], None],
) -> None:
    lab.write("login.ipynb", SIGN_IN, "print('the kernel is free')", "print(login.required)")
    opened = open_page(lab, allowed=globus_auth.url)
    page = opened.open("login.ipynb")
    opened.run_cell(0)
    widget = page.locator(".jp-Cell .gc-login")
    expect(widget).to_be_visible()
    no_axe_findings(page, ".jp-Cell .gc-jupyter")
    shot(widget, "login-waiting")
    opened.run_cell(1)
    expect(page.get_by_text("the kernel is free", exact=True)).to_be_visible()

    with page.expect_popup() as popup:
        widget.get_by_role("link").click()
    popup.value.get_by_role("button", name="Allow").click()
    code = popup.value.locator("#auth-code").inner_text()
    popup.value.close()

    field = widget.get_by_role("textbox")
    field.fill("not this one")
    field.press("Enter")
    expect(widget).to_contain_text("try again", timeout=30_000)
    shot(widget, "login-failed")
    no_axe_findings(page, ".jp-Cell .gc-jupyter")
    with page.expect_popup() as popup:  # the first link is of no use any more
        widget.get_by_role("link").click()
    popup.value.get_by_role("button", name="Allow").click()
    code = popup.value.locator("#auth-code").inner_text()
    popup.value.close()
    field.fill(code)
    field.press("Enter")

    who = f"Signed in as {globus_auth.person.preferred_username}. Run the cell again."
    expect(page.get_by_text(who)).to_be_visible(timeout=30_000)
    expect(widget).to_have_count(0)
    shot(page.get_by_text(who), "login-done")
    opened.run_cell(2)
    expect(page.get_by_text("False", exact=True)).to_be_visible()

    [storage] = lab.root.parent.rglob("storage.db")
    assert stat.S_IMODE(storage.stat().st_mode) == 0o600
    opened.execute("docmanager:save")
    saved = nbformat.read(lab.root / "login.ipynb", 4)
    assert set(saved.cells[0].outputs[0].data) == {"text/html", "text/plain"}
    text = (lab.root / "login.ipynb").read_text()
    assert code not in text
    assert not any(token in text for token in globus_auth.tokens)


def test_a_cell_says_why_it_asks_and_keys_are_enough(
    lab: JupyterServer,
    open_page: OpenPage,
    globus_auth: GlobusAuth,
    shot: Callable[[Any, str], None],
) -> None:
    lab.write("why.ipynb", LOGGED_OUT, FOR_A_CLUSTER)
    opened = open_page(
        lab, allowed=globus_auth.url, permissions=["clipboard-read", "clipboard-write"]
    )
    page = opened.open("why.ipynb")
    opened.run_cell(0)
    opened.run_cell(1)
    widget = page.locator(".jp-Cell .gc-login")
    expect(widget).to_contain_text("This cell is for cluster, and endpoints run cells of people")
    expect(widget).to_contain_text("Globus asks you to allow")
    for width in (600, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        shot(widget, f"login-why-{width}")
    no_axe_findings(page, ".jp-Cell .gc-jupyter")
    link = widget.get_by_role("link", name="Sign in to Globus")
    link.focus()
    page.keyboard.press("Tab")
    expect(widget.get_by_role("button", name="Copy the link")).to_be_focused()
    page.keyboard.press("Enter")
    expect(widget.get_by_role("status")).to_contain_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == link.get_attribute("href")
    other = page.context.new_page()  # the other device
    other.goto(copied)
    other.get_by_role("button", name="Allow").click()
    code = other.locator("#auth-code").inner_text()
    other.close()
    page.keyboard.press("Tab")
    page.keyboard.type(code)
    page.keyboard.press("Tab")
    expect(widget.get_by_role("button", name="Continue")).to_be_focused()
    page.keyboard.press("Enter")
    # the cell goes on by itself
    prompt = page.locator(".jp-CodeCell").nth(1).locator(".jp-InputPrompt")
    expect(prompt).to_have_text("[3]:", timeout=90_000)
    expect(widget).to_have_count(0)
    opened.execute("apputils:change-theme", theme="JupyterLab Dark")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    opened.run_cell(0)
    opened.run_cell(1)
    expect(widget).to_be_visible()
    shot(widget, "login-why-dark")
    no_axe_findings(page, ".jp-Cell .gc-jupyter")
