"""The widgets in the bundle with which VS Code's Jupyter extension renders ipywidgets.

VS Code itself is not here: `vscode/page.js` does what its extension does around that bundle.
"""

from __future__ import annotations

import calendar
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenPage
from tests.browser.fan_out import FAN_OUT, FINISH, MARKUP, TABLE
from tests.browser.jupyter import JupyterServer, no_axe_findings
from tests.browser.test_login import SIGN_IN
from tests.service.globus_auth import GlobusAuth

pytestmark = pytest.mark.timeout(240)

HERE = Path(__file__).parent / "vscode"
FRONT_END = Path(__file__).parents[2] / "labextension"
SHARED = Path(sys.prefix) / "share" / "jupyter"
#: The page is answered by the test: its requests to the server beside it need leave.
NEAR = ["local-network-access"]
BUNDLE = "node_modules/@vscode/jupyter-ipywidgets8/dist/ipywidgets.js"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """page.js in one file, with JupyterLab's client of kernels."""
    made = tmp_path_factory.mktemp("vscode") / "page.js"
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # node
    build = ("--bundle", "--format=esm", "--external:/vscode/*", f"--outfile={made}")
    subprocess.run(
        [FRONT_END / "node_modules/.bin/esbuild", HERE / "page.js", *build, "--log-level=error"],
        env=os.environ | {"NODE_PATH": str(FRONT_END / "node_modules"), "PATH": path},
        check=True,
    )
    return made


@pytest.fixture
def page(
    lab: JupyterServer, open_page: OpenPage, globus_auth: GlobusAuth, script: Path
) -> Iterator[Page]:
    """The page, at the address of a Jupyter server whose kernels it uses."""
    files = {
        "/vscode/": HERE / "page.html",
        "/vscode/page.js": script,
        "/vscode/ipywidgets.js": HERE / BUNDLE,
        "/vscode/require.js": SHARED / "voila/templates/base/static/require.min.js",
        "/nbextensions/anywidget/index.js": SHARED / "nbextensions/anywidget/index.js",
    }

    def answer(route: Route) -> None:
        route.fulfill(path=files[route.request.url.removeprefix(lab.url)])

    page = open_page(lab, allowed=globus_auth.url, permissions=NEAR).page
    for path in files:
        page.route(lab.url + path, answer)
    page.request.get(f"{lab.url}/lab")  # for the server's cookie against forgery
    page.goto(f"{lab.url}/vscode/")
    page.evaluate("window.started")
    yield page
    page.evaluate("window.shutdown()")


def run(page: Page, code: str) -> None:
    assert page.evaluate("(code) => window.run(code)", code) == "ok"


def colours(page: Page, selector: str) -> list[str]:
    return page.locator(selector).evaluate(
        "(one) => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor]"
    )


def test_the_table(page: Page, shot: Callable[[Any, str], None]) -> None:
    run(page, FAN_OUT)
    run(page, TABLE)
    words = page.locator(".gc-words")
    expect(words).to_contain_text("100 of 200 ended", timeout=60_000)
    for theme in ("light", "dark"):
        page.evaluate("(theme) => { document.body.className = `vscode-${theme}`; }", theme)
        assert colours(page, ".gc-jupyter") == colours(page, "body")
        shot(page.locator(".gc-table"), f"table-vscode-{theme}")
        no_axe_findings(page, ".gc-jupyter")
    page.get_by_role("searchbox").fill("fit #8")
    expect(page.locator(".gc-table table")).to_have_attribute("aria-rowcount", "12")
    page.get_by_role("button", name="fit #8", exact=True).click()
    page.locator(".gc-details").get_by_role("button", name="Traceback", exact=True).click()
    expect(page.locator(".gc-details pre")).to_contain_text("ValueError: no line stands out")
    run(page, FINISH)
    expect(page.locator(".gc-jupyter")).to_have_count(0, timeout=30_000)
    expect(page.locator("caption")).to_have_text("Spectra: 5 failed, 195 success")


def test_what_tasks_say_is_no_markup(page: Page) -> None:
    run(page, MARKUP)
    run(page, TABLE)
    expect(page.locator(".gc-words")).to_contain_text("100 of 200 ended", timeout=60_000)
    page.get_by_role("button", name="fit #8", exact=True).click()
    page.locator(".gc-details").get_by_role("button", name="Traceback", exact=True).click()
    expect(page.locator(".gc-details pre")).to_contain_text("ValueError: <img src=x onerror=")
    run(page, FINISH)
    expect(page.locator(".gc-jupyter")).to_have_count(0, timeout=30_000)
    expect(page.locator("caption")).to_have_text("Spectra: 5 failed, 195 success")
    assert page.evaluate("window.hacked") is None


def test_what_is_saved_is_seconds_old(page: Page) -> None:
    """The kernel brings what VS Code saves up to date while tasks run, and it says of when it is;
    the table that is drawn stays as it is."""
    run(page, FAN_OUT)
    run(page, TABLE)
    page.get_by_role("searchbox").fill("fit")
    expect(page.locator(".gc-words")).to_contain_text("100 of 200 ended", timeout=60_000)
    page.wait_for_function(
        """() => {
          const counts = window.saved()[0]["text/plain"].match(/\\d+ (success|failed)/g) ?? [];
          return counts.map(parseFloat).reduce((one, other) => one + other, 0) === 100;
        }""",
        timeout=30_000,
    )
    (data,) = page.evaluate("window.saved()")
    for kind in ("text/plain", "text/html"):
        caption = next(line for line in data[kind].splitlines() if "Spectra" in line)
        found = re.search(r"as of (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", caption)
        assert found is not None, caption
        assert time.time() - calendar.timegm(time.strptime(found[1], "%Y-%m-%d %H:%M:%S")) < 300
    assert "application/vnd.jupyter.widget-view+json" in data
    expect(page.get_by_role("searchbox")).to_have_value("fit")
    run(page, FINISH)
    expect(page.locator("caption")).to_have_text("Spectra: 5 failed, 195 success", timeout=30_000)
    (data,) = page.evaluate("window.saved()")
    assert "application/vnd.jupyter.widget-view+json" not in data
    assert data["text/plain"].splitlines()[0] == "Spectra: 5 failed, 195 success"


def test_the_login(page: Page) -> None:
    run(page, SIGN_IN)
    widget = page.locator(".gc-login")
    with page.expect_popup() as popup:
        widget.get_by_role("link").click()
    popup.value.get_by_role("button", name="Allow").click()
    code = popup.value.locator("#auth-code").inner_text()
    popup.value.close()
    widget.get_by_role("textbox").fill(code)
    widget.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Signed in as")).to_be_visible(timeout=30_000)
