"""The lab extension's panels in a real browser, on a real server with a journal of many kernels."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.fan_out import MARKUP, TABLE
from tests.browser.jupyter import JupyterServer, NotebookPage, no_axe_findings
from tests.browser.long_journal import fill_journal

pytestmark = pytest.mark.timeout(240)

Shot = Callable[[Any, str], None]

#: A task that ends when the file does exist; its label is markup.
GATED = """%%gcrun local -a --label "<img src=x onerror='window.hacked=1'> {name}"
import os, time
end = time.time() + 120
while not os.path.exists({gate!r}) and time.time() < end:
    time.sleep(0.05)
6 * 7
"""
LOAD = "%load_ext gc_jupyter"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("panels")


@pytest.fixture(scope="module")
def server(home: Path, environ: dict[str, str]) -> Iterator[JupyterServer]:
    server = JupyterServer(home, "lab", environ)
    yield server
    server.stop()


def show_runs(opened: NotebookPage) -> Locator:
    """The panel in the sidebar."""
    opened.execute("gc-jupyter:show-tasks")
    panel = opened.page.locator("#gc-jupyter-sidebar .gc-runs-panel")
    expect(panel.get_by_role("searchbox", name="Search runs")).to_be_focused()
    return panel


def run_of(panel: Locator, notebook: str) -> Locator:
    """The rows of a notebook's runs."""
    return panel.locator(".gc-runs tr", has_text=notebook)


def test_two_tabs_two_kernels_one_server(
    server: JupyterServer, open_page: OpenPage, tmp_path: Path
) -> None:
    gate = str(tmp_path / "gate")
    pages = {}
    for name in ("one", "two"):
        server.write(f"{name}.ipynb", LOAD, GATED.format(name=name, gate=gate))
        opened = open_page(server)
        opened.open(f"{name}.ipynb")
        show_runs(opened)
        pages[name] = opened
    for opened in pages.values():
        opened.run()
    for opened in pages.values():
        for name in pages:  # each sees both, without having been told to look
            row = run_of(opened.page.locator(".gc-runs-panel"), f"{name}.ipynb")
            expect(row).to_contain_text(f"window.hacked=1'> {name}", timeout=30_000)
            expect(row).to_contain_text("running · local", timeout=30_000)
            expect(row).to_contain_text(f"{name}.ipynb [2]0/1")
        expect(opened.page.locator(".gc-status")).to_have_text("Globus Compute: 2 open tasks")
    Path(gate).touch()
    for opened in pages.values():
        rows = opened.page.locator(".gc-runs tr", has_text="success")
        expect(rows).to_have_count(2, timeout=30_000)
        expect(opened.page.locator(".gc-status")).to_have_text("Globus Compute: 0 open tasks")
    pages["two"].execute("notebook:shutdown-kernel")
    panel = show_runs(pages["one"])
    run_of(panel, "two.ipynb").get_by_role("button").click()
    run = panel.locator(".gc-run")
    expect(run).to_contain_text("its kernel has ended")
    run.get_by_role("button", name="Open cell").click()  # of a notebook that isn't open here
    expect(run.locator("> .gc-note")).to_have_text("In two.ipynb.")
    assert active_source(pages["one"].page).startswith("%%gcrun local -a")
    for opened in pages.values():
        assert opened.page.evaluate("window.hacked") is None


def test_what_panels_do_in_the_notebook(
    server: JupyterServer, open_page: OpenPage, tmp_path: Path
) -> None:
    (tmp_path / "gate").touch()
    server.write("acts.ipynb", LOAD, GATED.format(name="act", gate=str(tmp_path / "gate")), "1", "")
    opened = open_page(server)
    page = opened.open("acts.ipynb")
    opened.run()
    panel = show_runs(opened)
    row = run_of(panel, "acts.ipynb").first  # the newest
    expect(row).to_contain_text("success", timeout=30_000)
    row.get_by_role("button").click()
    run = panel.locator(".gc-run")
    run.locator(".gc-tasks .gc-open").click()
    details = run.locator(".gc-details")
    expect(details.get_by_role("button", name="Result")).to_be_focused()

    details.get_by_role("button", name="Jump to cell").click()
    expect(details).to_contain_text("In acts.ipynb.")
    assert active_source(page).startswith("%%gcrun local -a")

    details.get_by_role("button", name="Result").click()
    expect(details).to_contain_text("Runs in acts.ipynb.")
    assert re.match(r"%gc result [0-9a-f-]{36}$", active_source(page))
    expect(output(page)).to_have_text("42")

    run.get_by_role("button", name="Attach").first.click()
    expect(run.locator(".gc-note", has_text="Runs in")).to_have_count(2)
    assert re.match(r"%gc attach [0-9a-f-]{36}$", active_source(page))

    run.get_by_text("The cell", exact=True).click()
    expect(run.get_by_label("Source of the cell")).to_contain_text("6 * 7")

    page.get_by_role("button", name="Insert %%gcrun: local").click()
    expect(page.locator(".gc-endpoints .gc-note")).to_have_text("Inserted into acts.ipynb.")
    assert active_source(page) == "%%gcrun local\n"

    page.get_by_role("button", name="Use in notebook: local").click()
    expect(output(page)).to_contain_text("local is the default endpoint of this kernel now")
    assert active_source(page) == "%gc use local"

    star = page.get_by_role("button", name="Favourite: local")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(
        "() => window.jupyterapp.serviceManager.settings.fetch('gc-jupyter:plugin')"
        ".then((kept) => kept.raw.includes('favourites'))"
    )


def output(page: Page) -> Locator:
    return page.locator(".jp-Cell.jp-mod-active .jp-OutputArea-output")


def active_source(page: Page) -> str:
    source: str = page.evaluate(
        "window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()"
    )
    return source


def test_ten_thousand_tasks_by_keyboard(
    home: Path, server: JupyterServer, open_page: OpenPage
) -> None:
    server.write("many.ipynb", "1")
    opened = open_page(server)
    page = opened.open("many.ipynb")
    panel = show_runs(opened)
    fill_journal(home / "data" / "gc_jupyter" / "journal.sqlite", cells=2)
    page.keyboard.type("deep")
    expect(panel.locator(".gc-words").first).to_contain_text("2 runs found", timeout=30_000)
    for key in ("Tab", "Tab", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("*:focus")).to_have_text("fit #1 …")
    words = panel.locator(".gc-run .gc-tasks .gc-words")
    expect(panel.locator(".gc-run > .gc-words")).to_contain_text("3,000/5,000 tasks")
    assert panel.locator("tbody tr").count() < 90
    no_axe_findings(page, ".gc-sidebar")

    panel.get_by_role("searchbox", name="Search tasks").focus()
    page.keyboard.type("polaris")
    page.keyboard.press("Tab")
    panel.get_by_label("State of tasks").select_option("failed")
    expect(words).to_have_text("1,000 of 5,000 tasks shown")
    for key in ("Tab", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    expect(page.locator("*:focus")).to_contain_text("fit #")
    page.keyboard.press("End")
    expect(page.locator("*:focus")).to_have_text("fit #1")
    page.keyboard.press("Enter")
    details = panel.locator(".gc-details")
    expect(details).to_contain_text("ValueError: <script>window.hacked=1</script>")
    no_axe_findings(page, ".gc-sidebar")
    page.keyboard.press("Escape")
    expect(page.locator("*:focus")).to_have_text("fit #1")
    page.keyboard.press("Escape")
    expect(page.locator("*:focus")).to_have_text("fit #1 …")
    assert page.evaluate("window.hacked") is None
    opened.execute("apputils:change-theme", theme="JupyterLab Dark")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    no_axe_findings(page, ".gc-sidebar")


def test_a_server_without_the_server_half(
    tmp_path: Path, environ: dict[str, str], browser: Browser, shot: Shot
) -> None:
    """As where server and kernel live in different environments."""
    config = tmp_path / "lab" / "config"
    config.mkdir(parents=True)
    off = {"ServerApp": {"jpserver_extensions": {"gc_jupyter.server": False}}}
    (config / "jupyter_server_config.json").write_text(json.dumps(off))
    server = JupyterServer(tmp_path / "lab", "lab", environ)
    opened = NotebookPage(server, browser)
    page = opened.page
    try:
        page.goto(f"{server.url}/lab?reset")
        page.wait_for_function("() => window.jupyterapp !== undefined", timeout=60_000)
        page.evaluate("() => window.jupyterapp.restored.then(() => null)")
        opened.execute("gc-jupyter:show-tasks")
        for panel in (".gc-endpoints", ".gc-runs-panel"):
            notice = page.locator(f"{panel} .gc-notice")
            expect(notice).to_contain_text("The Jupyter server has no gc_jupyter")
            expect(notice).to_contain_text("pip install gc-jupyter")
        expect(page.locator(".gc-status")).to_be_hidden()
        shot(page.locator(".gc-sidebar"), "lab-missing")
        no_axe_findings(page, ".gc-sidebar")
        assert [problem for problem in opened.problems if "404" not in problem] == []
    finally:
        opened.close()
        server.stop()


def test_a_table_whose_kernel_is_gone(server: JupyterServer, browser: Browser) -> None:
    """Saved while it was live, reopened later: its static rows, and not "model not found"."""
    server.write("gone.ipynb", MARKUP, TABLE)
    for visit in ("first", "later", "mailed"):
        if visit == "mailed":  # changed since it was run here: not trusted
            path = server.root / "gone.ipynb"
            path.write_text(path.read_text(encoding="utf-8").replace("Spectra: ", "Spectra : "))
        opened = NotebookPage(server, browser)
        page = opened.open("gone.ipynb")
        outputs = page.locator(".jp-Notebook .jp-OutputArea")
        if visit == "first":
            opened.run()
            expect(outputs.locator(".gc-words")).to_contain_text("of 200 ended", timeout=60_000)
            opened.execute("docmanager:save")
        else:
            expect(outputs.locator("caption")).to_contain_text("Spectra", timeout=30_000)
            assert page.get_by_text("model not found").count() == 0
            assert page.evaluate("window.hacked") is None
        opened.close()


def test_notebook_7(notebook7: JupyterServer, open_page: OpenPage, shot: Shot) -> None:
    cell = "%%gcrun local\nsum(number ** 2 for number in range(10))"
    notebook7.write("panels7.ipynb", cell)
    opened = open_page(notebook7)
    page = opened.open("panels7.ipynb")
    opened.execute("gc-jupyter:show-tasks")
    expect(page.locator(".gc-runs-panel")).to_be_visible()
    page.get_by_role("button", name="Use in notebook: local").click()
    expect(output(page).last).to_contain_text("local is the default endpoint of this kernel now")
    assert active_source(page) == "%load_ext gc_jupyter\n%gc use local"
    opened.execute("notebook:delete-cell")
    opened.run_cell(0)
    expect(page.locator(".gc-runs-panel")).to_contain_text("success · local")
    shot(page, "lab-notebook7")
    no_axe_findings(page, ".gc-sidebar")
    page.evaluate("() => void window.jupyterapp.commands.execute('gc-jupyter:insert-gcrun')")
    expect(page.locator(".jp-Dialog")).to_contain_text("Name, alias or UUID")
    page.keyboard.press("Enter")  # the first that is known
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    expect(page.locator(".jp-Cell.jp-mod-active")).to_contain_text("%%gcrun local")
