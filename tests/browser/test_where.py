"""Where cells run: the picker in a notebook's toolbar, "Run on" at a cell, the launcher's cards."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Page, expect

from gc_jupyter.journal import Database, KnownEndpoint
from tests.browser.conftest import OpenPage
from tests.browser.jupyter import OF_MENUS, JupyterServer, NotebookPage, no_axe_findings

pytestmark = pytest.mark.timeout(240)

Shot = Callable[[Any, str], None]

LOAD = "%load_ext gc_jupyter"
ENDPOINTS = {
    "11111111-2222-4333-8444-555555555555": ("polaris", "online"),
    "21111111-2222-4333-8444-555555555555": ("midway", "offline"),
    "31111111-2222-4333-8444-555555555555": ("<img src=x onerror='window.hacked=1'>", "online"),
}

HUNDRED = {
    **{"signed_in": True, "who": "ada@example.org", "default": "", "next_step": ""},
    **{"problem": "The service doesn't answer.", "notice": "", "notice_link": ""},
    "endpoints": [
        {
            **{"endpoint_id": f"{number:08}-2222-4333-8444-555555555555", "alias": "", "at": 0},
            **{"name": f"cluster-{number}", "status": ("online", "offline", "")[number % 3]},
            **{"python": "", "owner": "ops@example.org"},
        }
        for number in range(100)
    ],
}


def start(home: Path, app: str, environ: dict[str, str]) -> JupyterServer:
    """A server whose journal has heard of endpoints."""
    journal = home / "data" / "gc_jupyter" / "journal.sqlite"
    journal.parent.mkdir(parents=True)
    database = Database(journal)
    with database:
        database.remember_endpoints(
            KnownEndpoint(key, name, status, "3.12.4", at=time.time())
            for key, (name, status) in ENDPOINTS.items()
        )
    database.close()
    completer = home / "settings" / "@jupyterlab" / "completer-extension"
    completer.mkdir(parents=True)
    patient = {"providerTimeout": 30_000}  # it would pass over a kernel that shares its cores
    (completer / "manager.jupyterlab-settings").write_text(json.dumps(patient))
    return JupyterServer(home, app, environ)


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> Iterator[JupyterServer]:
    server = start(tmp_path_factory.mktemp("where"), "lab", environ)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def server7(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> Iterator[JupyterServer]:
    server = start(tmp_path_factory.mktemp("where7"), "notebook", environ)
    yield server
    server.stop()


def source(page: Page, index: int) -> str:
    text: str = page.evaluate(
        "(index) => window.jupyterapp.shell.currentWidget.content.widgets[index]"
        ".model.sharedModel.getSource()",
        index,
    )
    return text


def sees_source(page: Page, index: int, expected: str) -> None:
    page.wait_for_function(
        "([index, text]) => window.jupyterapp.shell.currentWidget.content.widgets[index]"
        "?.model.sharedModel.getSource() === text",
        arg=[index, expected],
    )


def choose_by_keys(page: Page, *names: str) -> None:
    """Choose an item of the open menu; of several names, the first ones are submenus."""
    for at, name in enumerate(names):
        active = page.locator(".lm-Menu").nth(at).locator(".lm-Menu-item.lm-mod-active")
        for _ in range(20):
            page.keyboard.press("ArrowDown")
            if name in active.inner_text():
                break
        expect(active).to_contain_text(name)
        page.keyboard.press("Enter")


def dark(opened: NotebookPage) -> None:
    opened.execute("apputils:change-theme", theme="JupyterLab Dark")
    opened.page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")


@pytest.mark.parametrize("app", ["server", "server7"])
def test_the_picker_by_keyboard(
    app: str, request: pytest.FixtureRequest, open_page: OpenPage, shot: Shot
) -> None:
    server: JupyterServer = request.getfixturevalue(app)
    server.write("where.ipynb", LOAD, "1 + 1")
    opened = open_page(server)
    page = opened.open("where.ipynb")
    picker = page.locator(".gc-where")
    expect(picker).to_have_text("Runs on…▾")
    opened.run_cell(0)
    picker.focus()
    page.keyboard.press("Enter")
    menu = page.locator(".lm-Menu").first
    expect(menu).to_contain_text("Make default for this notebook")
    expect(menu).to_contain_text("polaris · online")
    expect(menu).to_contain_text("midway · offline")
    expect(menu).to_contain_text("local · online · this machine")
    shot(page, f"where-{server.app}-1280")
    no_axe_findings(page, ".lm-Menu", OF_MENUS)
    no_axe_findings(page, ".gc-where-item")
    assert page.evaluate("window.hacked") is None
    page.keyboard.press("Escape")
    expect(picker).to_be_focused()
    page.keyboard.press("Enter")
    choose_by_keys(page, "polaris · online")
    expect(picker).to_have_text("polaris▾", timeout=30_000)  # as the kernel says
    sees_source(page, 1, "%gc use polaris")
    picker.focus()
    page.keyboard.press("Enter")
    choose_by_keys(page, "local · online")
    expect(picker).to_have_text("local▾", timeout=30_000)
    sees_source(page, 1, "%gc use local")  # the same cell: one says where the notebook runs
    assert page.evaluate("window.jupyterapp.shell.currentWidget.content.widgets.length") == 3
    opened.run_cell(2)
    dark(opened)
    picker.click()
    shot(page, f"where-{server.app}-dark")
    no_axe_findings(page, ".lm-Menu", OF_MENUS)
    page.keyboard.press("Escape")


@pytest.mark.parametrize("app", ["server", "server7"])
def test_run_a_cell_elsewhere(
    app: str, request: pytest.FixtureRequest, open_page: OpenPage, shot: Shot
) -> None:
    server: JupyterServer = request.getfixturevalue(app)
    server.write("cells.ipynb", "1 + 1", "%%bash\necho here")
    opened = open_page(server)
    page = opened.open("cells.ipynb")
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.locator(".jp-Notebook .jp-Cell").first.click(button="right")
    page.locator(".lm-Menu-item", has_text="Run on").hover()
    submenu = page.locator(".lm-Menu").nth(1)
    expect(submenu).to_contain_text("polaris · online")
    shot(page, f"run-on-{server.app}-1280")
    page.locator(".lm-Menu-item", has_text="Run on").hover()  # the picture has moved the mouse
    submenu.locator(".lm-Menu-item", has_text="polaris").click()
    sees_source(page, 0, LOAD)  # which the notebook didn't have
    sees_source(page, 1, "%%gcrun polaris\n1 + 1")
    button = page.locator(".jp-Cell.jp-mod-active .gc-run-on")
    button.focus()
    page.keyboard.press("Enter")
    choose_by_keys(page, "local · online")
    sees_source(page, 1, "%%gcrun local\n1 + 1")
    expect(page.locator(".jp-InputPrompt").nth(1)).to_have_text("[ ]:")  # nothing was run
    opened.execute("gc-jupyter:run-cell-in-kernel")
    sees_source(page, 1, "1 + 1")
    opened.execute("gc-jupyter:run-cell-on", endpoint="local")
    sees_source(page, 1, "%%gcrun local\n1 + 1")
    opened.run_cell(0)
    opened.run_cell(1)
    expect(page.locator(".jp-OutputArea-executeResult")).to_contain_text("2", timeout=30_000)
    dark(opened)
    page.locator(".jp-Notebook .jp-Cell").nth(1).click()
    page.locator(".jp-Cell.jp-mod-active .gc-run-on").click()
    shot(page, f"run-on-{server.app}-dark")
    no_axe_findings(page, ".gc-run-on")
    no_axe_findings(page, ".lm-Menu", OF_MENUS)
    page.keyboard.press("Escape")


def test_several_cells_and_undo(server: JupyterServer, open_page: OpenPage) -> None:
    path = server.write("several.ipynb", LOAD, "1 + 1", "x = 1", "%%gcrun local -q\n2 + 2", "3")
    notebook = nbformat.read(path, 4)
    notebook.cells[2].metadata["editable"] = False
    notebook.cells.insert(2, nbformat.v4.new_markdown_cell("why"))
    nbformat.write(notebook, path)
    opened = open_page(server)
    page = opened.open("several.ipynb")
    page.evaluate("""() => {
      const { content } = window.jupyterapp.shell.currentWidget;
      content.activeCellIndex = 1;
      content.extendContiguousSelectionTo(4);
    }""")
    opened.execute("gc-jupyter:run-cell-on", endpoint="polaris")
    sees_source(page, 1, "%%gcrun polaris\n1 + 1")
    sees_source(page, 2, "why")
    sees_source(page, 3, "x = 1")
    sees_source(page, 4, "%%gcrun polaris -q\n2 + 2")
    sees_source(page, 5, "3")
    page.locator(".jp-Notebook .jp-Cell .cm-content").nth(4).click()
    page.keyboard.press("Control+z")
    sees_source(page, 4, "%%gcrun local -q\n2 + 2")
    sees_source(page, 1, "%%gcrun polaris\n1 + 1")


def test_the_picker_acts_in_its_own_notebook(server: JupyterServer, open_page: OpenPage) -> None:
    server.write("left.ipynb", LOAD, "1")
    server.write("right.ipynb", LOAD, "2")
    opened = open_page(server)
    opened.page.set_viewport_size({"width": 2000, "height": 700})  # wide enough for both toolbars
    page = opened.open("left.ipynb")
    opened.execute("docmanager:open", path="right.ipynb", options={"mode": "split-right"})
    opened.ready()
    opened.run_cell(0)
    left = page.locator(".jp-NotebookPanel", has=page.locator(".gc-where")).first
    page.locator(".jp-NotebookPanel").nth(0).locator(".jp-Cell").first.click()
    opened.run_cell(0)
    right = page.locator(".jp-NotebookPanel").nth(1)
    right.locator(".gc-where").click()
    choose_by_keys(page, "polaris · online")
    expect(right.locator(".gc-where")).to_have_text("polaris▾", timeout=30_000)
    expect(left.locator(".gc-where")).to_have_text("Runs on…▾")
    sees_source(page, 1, "%gc use polaris")  # of the current one, which is the right one


def test_a_kernel_of_another_language_and_none(
    server: JupyterServer, open_page: OpenPage, shot: Shot
) -> None:
    folder = server.root.parent / "data" / "kernels" / "other"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Other", "language": "R"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    path = server.write("other.ipynb", "1 + 1")
    notebook = nbformat.read(path, 4)
    notebook.metadata["kernelspec"] = {"name": "other", "display_name": "Other", "language": "R"}
    nbformat.write(notebook, path)
    opened = open_page(server)
    page = opened.open("other.ipynb")
    expect(page.locator(".gc-where")).to_be_hidden()
    page.locator(".jp-Notebook .jp-Cell").first.click(button="right")
    expect(page.locator(".lm-Menu")).to_contain_text("Delete Cell")
    expect(page.locator(".lm-Menu")).not_to_contain_text("Run on")
    page.keyboard.press("Escape")
    opened.execute("gc-jupyter:run-cell-on", endpoint="local")
    sees_source(page, 0, "1 + 1")
    opened.execute("gc-jupyter:show-endpoints")
    use = page.get_by_label("Use in notebook: polaris")
    use.click()
    expect(page.locator(".gc-endpoints")).to_contain_text("runs R: %%gcrun needs a Python kernel")
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    use.click()
    expect(page.locator(".gc-endpoints")).to_contain_text("has no kernel: choose one first")
    sees_source(page, 0, "1 + 1")
    shot(page, "no-kernel")


def test_a_hundred_endpoints_of_a_service_that_is_away(
    server: JupyterServer, open_page: OpenPage, shot: Shot
) -> None:
    server.write("hundred.ipynb", LOAD, "1")
    opened = open_page(server)
    page = opened.page
    page.route("**/gc-jupyter/endpoints*", lambda route: route.fulfill(json=HUNDRED))
    opened.open("hundred.ipynb")
    opened.run_cell(0)
    opened.execute("application:toggle-left-area")
    page.set_viewport_size({"width": 600, "height": 900})
    page.locator(".jp-NotebookPanel .jp-Toolbar-responsive-opener button").click()
    page.locator(".jp-Toolbar-responsive-popup .gc-where").click()
    menu = page.locator(".lm-Menu").first
    expect(menu).to_contain_text("The service doesn't answer.")
    expect(menu).to_contain_text("Signed in: ada@example.org")
    expect(menu.locator(".lm-Menu-item", has_text="cluster-")).to_have_count(12)
    shot(page, "hundred-600")
    choose_by_keys(page, "Find Among All 100…")
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Control+a")
    page.keyboard.type("cluster-77")
    shot(page, "find-600")
    no_axe_findings(page, ".jp-Dialog-body")
    page.keyboard.press("Enter")
    sees_source(page, 1, "%gc use cluster-77")


def test_a_card_of_the_launcher(server: JupyterServer, open_page: OpenPage, shot: Shot) -> None:
    opened = open_page(server)
    page = opened.page
    page.goto(f"{server.url}/lab?reset")
    card = page.locator(".jp-LauncherCard", has_text="polaris")
    expect(card).to_be_visible(timeout=60_000)
    expect(page.locator(".jp-LauncherCard", has_text="<img src=x")).to_be_visible()
    for width in (1280, 600):
        page.set_viewport_size({"width": width, "height": 900})
        shot(page, f"launcher-{width}")
    page.set_viewport_size({"width": 1280, "height": 900})
    card.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(2, timeout=30_000)
    opened.ready()
    sees_source(page, 0, f"{LOAD}\n%gc use polaris")
    sees_source(page, 1, "%%gcrun\n")
    expect(page.locator(".jp-InputPrompt").first).to_have_text("[ ]:")
    opened.run_cell(0)
    expect(page.locator(".gc-where")).to_have_text("polaris▾", timeout=30_000)


def test_a_panel_s_rows_have_a_menu(server: JupyterServer, open_page: OpenPage, shot: Shot) -> None:
    server.write("rows.ipynb", "1 + 1")
    opened = open_page(server)
    page = opened.open("rows.ipynb")
    opened.execute("gc-jupyter:show-endpoints")
    page.locator(".gc-endpoints li", has_text="polaris").click(button="right")
    menu = page.locator(".lm-Menu").first
    shot(page, "endpoint-menu")
    menu.locator(".lm-Menu-item", has_text="Run Chosen Cells There").click()
    sees_source(page, 1, "%%gcrun polaris\n1 + 1")
    page.locator(".gc-endpoints li", has_text="midway").click(button="right")
    menu.locator(".lm-Menu-item", has_text="Favourite").click()
    expect(page.locator(".gc-endpoints li").first).to_contain_text("midway")
    page.locator(".gc-where").click()
    expect(menu).to_contain_text("★ midway · offline")
    page.keyboard.press("Escape")


def test_a_task_s_row_has_a_menu(server: JupyterServer, open_page: OpenPage, shot: Shot) -> None:
    server.write("tasks.ipynb", LOAD, "%%gcrun local --label throws\n6 * 7")
    opened = open_page(server)
    page = opened.open("tasks.ipynb")
    opened.run_cell(0)
    opened.run_cell(1)
    opened.execute("gc-jupyter:show-tasks")
    page.locator(".gc-jupyter .gc-open", has_text="throws").first.click()
    row = page.locator(".gc-jupyter [data-gc-task]").first
    row.click(button="right")
    menu = page.locator(".lm-Menu").first
    shot(page, "task-menu")
    expect(menu.locator(".lm-Menu-item", has_text="Copy Id")).to_be_visible()
    menu.locator(".lm-Menu-item", has_text="Result").click()
    expect(page.locator(".jp-Notebook .jp-Cell")).to_have_count(3)
    assert source(page, 2).startswith("%gc result ")
    expect(page.locator(".jp-Cell").nth(2)).to_contain_text("42", timeout=30_000)


def test_completion_shows_the_state(server: JupyterServer, open_page: OpenPage, shot: Shot) -> None:
    server.write("complete.ipynb", LOAD, "%%gcrun ")
    opened = open_page(server)
    page = opened.open("complete.ipynb")
    opened.run_cell(0)
    page.locator(".jp-Notebook .jp-Cell .cm-content").nth(1).click()
    page.keyboard.press("Control+End")
    opened.execute("completer:invoke-notebook")
    completer = page.locator(".jp-Completer")
    item = completer.locator(".jp-Completer-item", has_text="polaris")
    expect(item).to_contain_text("online", timeout=30_000)
    shot(page, "completion")
    page.keyboard.press("Escape")
    page.keyboard.type("--map")
    opened.execute("tooltip:launch-notebook")
    tip = page.locator(".jp-Tooltip")
    expect(tip).to_contain_text("--map VAR=ITERABLE", timeout=30_000)
    shot(page, "tooltip")
