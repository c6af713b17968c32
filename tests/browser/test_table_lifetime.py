"""What a notebook shows, saves and exports of a sweep, at each stage of it, against a record that
the tasks keep outside: pages are reloaded, closed and reopened, kernels killed and restarted."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbconvert
import nbformat
import pytest
from playwright.sync_api import Page, expect

from gc_jupyter.widgets.messages import LASTING_VIEW
from tests.browser.conftest import OpenPage
from tests.browser.jupyter import JupyterServer, NotebookPage, no_axe_findings
from tests.browser.sweep import TASKS, Record, counts_in
from tests.waiting import poll

pytestmark = pytest.mark.timeout(300)

Shot = Callable[[Any, str], None]

VIEW = "application/vnd.jupyter.widget-view+json"
HALF = {"success": 18, "failed": 2}
WHOLE = {"success": 36, "failed": 4}
WORDS = ".jp-OutputArea .gc-words"
CAPTION = ".jp-OutputArea caption"
ENDED = "The kernel has ended since. Tasks of local have ended with it."
#: Seconds from a change until a notebook has it: one, and the time of a loaded machine.
SECONDS = 15


@pytest.fixture(params=["lab", "notebook7"])
def server(request: pytest.FixtureRequest) -> JupyterServer:
    found: JupyterServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path)


def start(opened: NotebookPage, server: JupyterServer, record: Record, name: str) -> Page:
    """A notebook whose sweep has been submitted; no task has ended."""
    server.write(name, *record.cells)
    page = opened.open(name)
    for index in range(3):
        opened.run_cell(index)
    expect(page.locator(WORDS)).to_contain_text(f"0 of {TASKS} ended", timeout=60_000)
    return page


def half(page: Page, record: Record) -> None:
    record.open(0)
    expect(page.locator(WORDS)).to_contain_text(f"20 of {TASKS} ended", timeout=60_000)
    assert record.counts() == HALF


def saved(server: JupyterServer, name: str) -> dict[str, Any]:
    """The sweep's output in the file."""
    outputs = nbformat.read(server.root / name, 4).cells[2].outputs
    [table] = [one for one in outputs if "gc_jupyter" in one.get("metadata", {})]
    return dict(table.data)


def save(opened: NotebookPage, server: JupyterServer, name: str) -> dict[str, Any]:
    opened.execute("docmanager:save")
    return saved(server, name)


def until_saved(opened: NotebookPage, server: JupyterServer, name: str, record: Record) -> None:
    """Save, until the file has what has happened: that takes seconds."""
    deadline = time.time() + SECONDS
    while counts_in(save(opened, server, name)["text/plain"]) != record.counts():
        assert time.time() < deadline
        opened.page.wait_for_timeout(100)


def exported(server: JupyterServer, name: str) -> str:
    """The sweep's caption in a page that nbconvert makes of the file."""
    page, _ = nbconvert.HTMLExporter().from_filename(str(server.root / name))
    assert VIEW not in page
    found = re.search(r"<caption[^>]*>(Tasks[^<]*)</caption>", page)
    assert found is not None
    return found.group(1)


def seconds_old(text: str) -> float:
    """How long ago it says that it was true."""
    found = re.search(r"as of (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", text)
    assert found is not None, text
    then = time.strptime(found.group(1), "%Y-%m-%d %H:%M:%S")
    import calendar

    return time.time() - calendar.timegm(then)


def settle(page: Page, record: Record) -> None:
    """The rest ends; the output becomes the static table of it."""
    record.open(0)
    record.open(1)
    expect(page.locator(CAPTION)).to_have_text(
        f"Tasks: {WHOLE['failed']} failed, {WHOLE['success']} success", timeout=60_000
    )
    expect(page.locator(WORDS)).to_have_count(0)
    assert record.counts() == WHOLE


def ended_well(opened: NotebookPage, server: JupyterServer, name: str) -> None:
    """The file and its export have what happened."""
    data = save(opened, server, name)
    assert set(data) == {LASTING_VIEW, "text/html", "text/plain"}
    assert counts_in(data["text/plain"]) == WHOLE
    assert "as of" not in data["text/plain"]
    assert counts_in(exported(server, name)) == WHOLE


@pytest.mark.parametrize("stage", ["none", "half"])
def test_the_page_is_reloaded(
    server: JupyterServer, open_page: OpenPage, record: Record, stage: str
) -> None:
    opened, name = open_page(server), f"reload-{stage}.ipynb"
    page = start(opened, server, record, name)
    if stage == "half":
        half(page, record)
    data = save(opened, server, name)
    assert VIEW in data
    page.reload()
    opened.ready()
    ended = sum(record.counts().values())
    expect(page.locator(WORDS)).to_contain_text(f"{ended} of {TASKS} ended", timeout=30_000)
    settle(page, record)
    ended_well(opened, server, name)


@pytest.mark.parametrize("stage", ["none", "half"])
def test_it_ends_while_no_page_is_open(
    server: JupyterServer, open_page: OpenPage, record: Record, stage: str
) -> None:
    opened, name = open_page(server), f"closed-{stage}.ipynb"
    page = start(opened, server, record, name)
    if stage == "half":
        half(page, record)
    save(opened, server, name)
    opened.leave()
    record.open(0)
    record.open(1)
    poll(lambda: record.counts() == WHOLE)
    page = opened.open(name)
    expect(page.locator(CAPTION)).to_have_text("Tasks: 4 failed, 36 success", timeout=30_000)
    expect(page.locator(WORDS)).to_have_count(0)
    ended_well(opened, server, name)


def test_what_is_saved_is_seconds_old(
    server: JupyterServer, open_page: OpenPage, record: Record
) -> None:
    opened, name = open_page(server), "saved.ipynb"
    page = start(opened, server, record, name)
    data = save(opened, server, name)
    assert counts_in(data["text/plain"]) == {}
    assert seconds_old(data["text/plain"]) < SECONDS

    page.locator(".jp-Cell").get_by_role("searchbox").fill(
        "n=1"
    )  # what the widget has of the user stays
    half(page, record)
    until_saved(opened, server, name, record)
    data = saved(server, name)
    assert counts_in(data["text/html"]) == counts_in(exported(server, name)) == HALF
    for text in (data["text/plain"], data["text/html"], exported(server, name)):
        assert seconds_old(text) < SECONDS
    assert VIEW in data
    expect(page.locator(".jp-Cell").get_by_role("searchbox")).to_have_value("n=1")

    page.wait_for_timeout(3000)  # nothing happens, and a save says so of its own time
    data = save(opened, server, name)
    assert seconds_old(data["text/plain"]) < 3
    settle(page, record)
    ended_well(opened, server, name)


@pytest.mark.parametrize("how", ["killed", "restarted", "shut down"])
def test_the_kernel_ends_before_the_sweep(
    server: JupyterServer, open_page: OpenPage, record: Record, how: str, shot: Shot
) -> None:
    opened, name = open_page(server), f"{how.replace(' ', '-')}.ipynb"
    page = start(opened, server, record, name)
    half(page, record)
    until_saved(opened, server, name, record)
    pid = kernel_pid(opened)
    if how == "killed":
        os.kill(pid, signal.SIGKILL)
    elif how == "restarted":
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    else:
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    expect(page.locator(CAPTION)).to_contain_text("2 failed", timeout=60_000)
    expect(page.locator(WORDS)).to_have_count(0)
    output = page.locator(".jp-OutputArea-output").filter(has_text="2 failed")
    expect(output).to_contain_text(ENDED)
    shot(output, f"table-kernel-{how.replace(' ', '-')}-{server.app}")
    no_axe_findings(page, ".jp-OutputArea-output")
    data = save(opened, server, name)
    assert set(data) == {"text/html", "text/plain"}
    assert counts_in(data["text/plain"]) == HALF
    assert data["text/plain"].endswith(ENDED)
    assert counts_in(exported(server, name)) == HALF
    seconds_old(data["text/plain"])


def test_a_notebook_whose_kernel_ended_while_no_page_was_open(
    server: JupyterServer, open_page: OpenPage, record: Record, shot: Shot
) -> None:
    opened, name = open_page(server), "gone.ipynb"
    page = start(opened, server, record, name)
    half(page, record)
    until_saved(opened, server, name, record)
    pid = kernel_pid(opened)
    opened.leave()
    os.kill(pid, signal.SIGKILL)
    page = opened.open(name)
    expect(page.locator(CAPTION)).to_contain_text("2 failed", timeout=60_000)
    output = page.locator(".jp-OutputArea-output").filter(has_text="2 failed")
    expect(output).to_contain_text(ENDED)
    assert page.get_by_text("model not found").count() == 0
    shot(output, f"table-kernel-gone-{server.app}")
    data = save(opened, server, name)
    assert counts_in(data["text/plain"]) == counts_in(exported(server, name)) == HALF


def kernel_pid(opened: NotebookPage) -> int:
    """The process of this page's kernel."""
    asked = opened.page.evaluate(
        """async () => {
          const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
          const asked = kernel.requestExecute({
            code: "", silent: true, user_expressions: { pid: "__import__('os').getpid()" },
          });
          return (await asked.done).content.user_expressions.pid.data["text/plain"];
        }"""
    )
    return int(asked)
