"""A stranger's notebook with widget state that runs script, opened in a real browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.jupyter import JupyterServer, NotebookPage

pytestmark = pytest.mark.timeout(240)

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
REPORT = Path(__file__).parents[2] / "docs/upstream-saved-widget-state.md"
SCRIPT = "export default { initialize() { window.hacked = 1; } }"
ROWS = "<table><caption>Squares: 3 success</caption></table>"
TEXT = "TaskTable(3 tasks)"
#: After ipywidgets has restored what it restores, one that is made anew runs its script.
HONEST = """import anywidget
class Honest(anywidget.AnyWidget):
    _esm = "export default { render({ el }) { el.textContent = 'honest'; } }"
Honest()"""
RESTORED = """async (mime) => {
  const { rendermime } = window.jupyterapp.shell.currentWidget.content;
  const deadline = Date.now() + 60000;
  for (;;) {
    const manager = await rendermime.createRenderer(mime)._manager.promise;
    if (manager.restoredStatus) { return Object.keys(manager._models).length; }
    if (Date.now() > deadline) { throw new Error('nothing was restored'); }
    await new Promise((next) => setTimeout(next, 50));
  }
}"""


def saved(model: ipywidgets.Widget, **state: Any) -> dict[str, Any]:
    """A model as ipywidgets saves it."""
    names = ("_model_module", "_model_module_version", "_model_name")
    names += ("_view_module", "_view_module_version", "_view_name")
    kept = {name: getattr(model, name) for name in names} | state
    return {name.strip("_"): kept[name] for name in names[:3]} | {"state": kept}


def state() -> dict[str, Any]:
    """A task table whose script is another, a label with a handler, and a slider."""
    layout = {name: "IPY_MODEL_layout" for name in ("layout",)}
    models = {
        "table": saved(anywidget.AnyWidget(), _esm=SCRIPT, kind="task_table", **layout),
        "label": saved(ipywidgets.HTML(), value="<img src=x onerror='window.hacked=1'>", **layout),
        "slider": saved(ipywidgets.IntSlider(), value=7, style="IPY_MODEL_style", **layout),
        "style": saved(ipywidgets.IntSlider().style),
        "layout": saved(ipywidgets.Layout()),
    }
    return {STATE: {"version_major": 2, "version_minor": 0, "state": models}}


def shown(model_id: str, **more: str) -> nbformat.NotebookNode:
    """A code cell whose output shows a model."""
    view = {"model_id": model_id, "version_major": 2, "version_minor": 0}
    data = {VIEW: view, "text/plain": TEXT, **more}
    output = nbformat.v4.new_output("display_data", data=data)
    return nbformat.v4.new_code_cell("shown", outputs=[output], metadata={"trusted": True})


CELLS = {
    "shown": lambda: [shown("table", **{"text/html": ROWS}), shown("slider")],
    "no code": lambda: [nbformat.v4.new_markdown_cell("# Hello")],
    "no cells": lambda: [],
    "nothing shown": lambda: [nbformat.v4.new_code_cell("1", metadata={"trusted": True})],
}


def write(server: JupyterServer, name: str, cells: list[nbformat.NotebookNode]) -> None:
    path = server.write(name)
    notebook = nbformat.read(path, 4)
    notebook.cells, notebook.metadata["widgets"] = cells, state()
    nbformat.write(notebook, path)


def widgets_of(server: JupyterServer, name: str) -> Any:
    return json.loads((server.root / name).read_text(encoding="utf-8"))["metadata"].get("widgets")


@pytest.fixture(params=["lab", "notebook7"])
def server(request: pytest.FixtureRequest) -> JupyterServer:
    made: JupyterServer = request.getfixturevalue(request.param)
    return made


def settled(opened: NotebookPage) -> Page:
    """Everything that is restored is there, and scripts have had their time."""
    page = opened.page
    page.evaluate(RESTORED, VIEW)
    opened.execute("notebook:move-cursor-down")
    opened.execute("notebook:insert-cell-below")
    page.evaluate(
        "(source) => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel"
        ".setSource(source)",
        HONEST,
    )
    opened.execute("notebook:run-cell")
    expect(page.get_by_text("honest", exact=True)).to_be_visible(timeout=30_000)
    return page


def trust(opened: NotebookPage) -> None:
    opened.page.evaluate("() => void window.jupyterapp.commands.execute('notebook:trust')")
    opened.page.locator(".jp-Dialog .jp-mod-warn").click()


@pytest.fixture(scope="module")
def unheld(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> Iterator[JupyterServer]:
    """A JupyterLab where this package's half of it is switched off."""
    home = tmp_path_factory.mktemp("unheld")
    config = home / "config/labconfig"
    config.mkdir(parents=True)
    off = {"disabledExtensions": {"gc-jupyter:saved-widgets": True}}
    (config / "page_config.json").write_text(json.dumps(off))
    server = JupyterServer(home, "lab", environ)
    yield server
    server.stop()


@pytest.mark.parametrize("cells", CELLS)
def test_the_attack_works_where_nothing_holds_it(
    unheld: JupyterServer, browser: Browser, cells: str
) -> None:
    name = f"{cells}.ipynb".replace(" ", "-")
    write(unheld, name, CELLS[cells]())
    opened = NotebookPage(unheld, browser)
    opened.open(name).wait_for_function("window.hacked === 1")
    opened.close()


def test_the_reproduction_for_upstream(
    unheld: JupyterServer, lab: JupyterServer, browser: Browser
) -> None:
    report = REPORT.read_text(encoding="utf-8")
    (reproduction,) = re.findall("```json\n(.*?)```", report, flags=re.DOTALL)
    ran = "document.body.style.border !== ''"
    for server in (unheld, lab):
        (server.root / "report.ipynb").write_text(reproduction)
        opened = NotebookPage(server, browser)
        page = opened.open("report.ipynb")
        if server is unheld:
            page.wait_for_function(ran)
        else:
            assert not settled(opened).evaluate(ran)
        opened.close()


@pytest.mark.parametrize("cells", CELLS)
def test_state_of_an_untrusted_notebook_runs_nothing(
    server: JupyterServer, open_page: OpenPage, cells: str
) -> None:
    name = f"{cells}.ipynb".replace(" ", "-")
    write(server, name, CELLS[cells]())
    opened = open_page(server)
    opened.open(name)
    page = settled(opened)
    assert page.evaluate("window.hacked") is None
    if cells == "shown":
        expect(page.locator(".jp-OutputArea caption")).to_have_text("Squares: 3 success")
    opened.execute("docmanager:save")
    assert widgets_of(server, name) == state()  # nothing of it is lost
    assert page.evaluate("window.hacked") is None


def test_state_is_restored_once_the_notebook_is_trusted(
    server: JupyterServer, open_page: OpenPage
) -> None:
    name = "trusted.ipynb"
    write(server, name, CELLS["shown"]())
    opened = open_page(server)
    page = opened.open(name)
    page.evaluate(RESTORED, VIEW)
    assert page.evaluate("window.hacked") is None
    trust(opened)
    slider = page.locator(".jp-OutputArea .widget-slider")
    expect(slider).to_be_visible(timeout=30_000)
    expect(slider.locator(".widget-readout")).to_have_text("7")
    page.wait_for_function("window.hacked === 1")  # what this is all about
    assert page.get_by_text("model not found").count() == 0
    page.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
    assert widgets_of(server, name) == state()
    opened.execute("notebook:shutdown-kernel")

    again = open_page(server)  # the server knows it now
    page = again.open(name)
    expect(page.locator(".jp-OutputArea .widget-slider")).to_be_visible(timeout=30_000)
    page.wait_for_function("window.hacked === 1")


def test_cells_of_ones_own_trust_no_state_of_others(
    server: JupyterServer, open_page: OpenPage
) -> None:
    """Their outputs make the notebook a trusted one, and the server signs it."""
    name = "cleared.ipynb"
    write(server, name, CELLS["shown"]())
    opened = open_page(server)
    page = opened.open(name)
    page.evaluate(RESTORED, VIEW)
    opened.execute("notebook:delete-cell")
    opened.execute("notebook:clear-cell-output")
    settled(opened)
    opened.execute("notebook:delete-cell")
    assert all_trusted(page)
    opened.execute("docmanager:save")
    assert page.evaluate("window.hacked") is None
    opened.execute("notebook:shutdown-kernel")

    again = open_page(server)
    page = again.open(name)
    assert all_trusted(page)
    settled(again)
    assert page.evaluate("window.hacked") is None
    assert widgets_of(server, name) == state()


def all_trusted(page: Page) -> bool:
    answer: bool = page.evaluate(
        "Array.from(window.jupyterapp.shell.currentWidget.context.model.cells)"
        ".every((cell) => cell.type !== 'code' || cell.trusted)"
    )
    return answer
