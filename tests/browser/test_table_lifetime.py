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
from playwright.sync_api import Locator, Page, expect

from gc_jupyter.widgets.messages import LASTING_VIEW
from tests.browser.conftest import OpenPage
from tests.browser.jupyter import JupyterServer, NotebookPage, no_axe_findings
from tests.browser.sweep import STAGES, TASKS, Record, counts_in
from tests.waiting import poll

pytestmark = pytest.mark.timeout(300)

Shot = Callable[[Any, str], None]

VIEW = "application/vnd.jupyter.widget-view+json"
HALF, WHOLE = STAGES["half"][1], STAGES["whole"][1]
WORDS = ".jp-OutputArea .gc-words"
CAPTION = ".jp-OutputArea caption"
ENDED = "The kernel has ended since. Tasks of local have ended with it."
#: Milliseconds in which a busy machine shows what has happened.
LATE = 60_000
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
    expect(page.locator(WORDS)).to_contain_text(f"0 of {TASKS} ended", timeout=LATE)
    return page


def reach(page: Page, record: Record, stage: str) -> None:
    """Let the sweep come to this stage, and the page show it."""
    gates, counts = STAGES[stage]
    for gate in range(gates):
        record.open(gate)
    poll(lambda: record.counts() == counts)
    shows(page, record, stage)


def shows(page: Page, record: Record, stage: str) -> None:
    """What is seen of the sweep is what has happened: live, or once all has ended, as a static
    table."""
    counts = STAGES[stage][1]
    assert record.counts() == counts
    if stage == "whole":
        expect(page.locator(CAPTION)).to_have_text("Tasks: 4 failed, 36 success", timeout=LATE)
        expect(page.locator(WORDS)).to_have_count(0)
        return
    text = page.locator(WORDS)
    expect(text).to_contain_text(f"{sum(counts.values())} of {TASKS} ended", timeout=LATE)
    failed = re.compile(rf"\b{counts.get('failed', 0)} failed\b")
    if "failed" in counts:
        expect(text).to_contain_text(failed, timeout=LATE, use_inner_text=True)
    else:
        expect(text).not_to_contain_text("failed", use_inner_text=True)


def at_stages(*stages: str) -> pytest.MarkDecorator:
    """Runs a test at these stages in JupyterLab, and at two of them in Notebook 7, which has the
    same extension."""
    every = [("lab", stage) for stage in stages]
    every += [("notebook7", stage) for stage in stages if stage in ("half", "whole")]
    return pytest.mark.parametrize(("server", "stage"), every, indirect=["server"])


def saved(server: JupyterServer, name: str) -> dict[str, Any]:
    """The sweep's output in the file."""
    outputs = nbformat.read(server.root / name, 4).cells[2].outputs
    [table] = [one for one in outputs if "gc_jupyter" in one.get("metadata", {})]
    return dict(table.data)


def save(opened: NotebookPage, server: JupyterServer, name: str) -> dict[str, Any]:
    opened.execute("docmanager:save")
    return saved(server, name)


def until_saved(opened: NotebookPage, server: JupyterServer, name: str, record: Record) -> None:
    """Save, until the file has what has happened: that takes seconds. Its HTML and what nbconvert
    makes of it have the same; what may still change says as of when it is."""
    deadline = time.time() + SECONDS
    while counts_in(save(opened, server, name)["text/plain"]) != record.counts():
        assert time.time() < deadline
        opened.page.wait_for_timeout(100)
    data, page = saved(server, name), exported(server, name)
    assert counts_in(data["text/html"]) == counts_in(page) == record.counts()
    for text in (data["text/plain"], data["text/html"], page):
        assert ("as of" in text) == (record.counts() != WHOLE)
        if "as of" in text:
            assert seconds_old(text) < SECONDS


def saved_as(opened: NotebookPage, server: JupyterServer, name: str, *kinds: str) -> dict[str, Any]:
    """Save, until the output has these MIME types: what is seen may come a moment earlier."""
    deadline = time.time() + LATE / 1000
    while set(data := save(opened, server, name)) != set(kinds):
        assert time.time() < deadline, sorted(data)
        opened.page.wait_for_timeout(100)
    return data


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


def ended_well(opened: NotebookPage, server: JupyterServer, name: str) -> None:
    """The file and its export have what happened."""
    data = saved_as(opened, server, name, LASTING_VIEW, "text/html", "text/plain")
    assert counts_in(data["text/plain"]) == WHOLE
    assert "as of" not in data["text/plain"]
    assert counts_in(exported(server, name)) == WHOLE


@at_stages(*STAGES)
def test_the_page_is_reloaded(
    server: JupyterServer, open_page: OpenPage, record: Record, stage: str
) -> None:
    opened, name = open_page(server), f"reload-{stage}.ipynb"
    page = start(opened, server, record, name)
    reach(page, record, stage)
    until_saved(opened, server, name, record)
    page.reload()
    opened.ready()
    shows(page, record, stage)
    until_saved(opened, server, name, record)
    reach(page, record, "whole")
    ended_well(opened, server, name)


@at_stages(*STAGES)
def test_the_page_is_closed_and_reopened(
    server: JupyterServer, open_page: OpenPage, record: Record, stage: str
) -> None:
    """Nothing has ended meanwhile."""
    opened, name = open_page(server), f"reopen-{stage}.ipynb"
    page = start(opened, server, record, name)
    reach(page, record, stage)
    until_saved(opened, server, name, record)
    opened.leave()
    page = opened.open(name)
    shows(page, record, stage)
    until_saved(opened, server, name, record)
    reach(page, record, "whole")
    ended_well(opened, server, name)


@at_stages("none", "failed", "half")
def test_it_ends_while_no_page_is_open(
    server: JupyterServer, open_page: OpenPage, record: Record, stage: str
) -> None:
    opened, name = open_page(server), f"closed-{stage}.ipynb"
    page = start(opened, server, record, name)
    reach(page, record, stage)
    until_saved(opened, server, name, record)
    opened.leave()
    for gate in range(3):
        record.open(gate)
    poll(lambda: record.counts() == WHOLE)
    page = opened.open(name)
    shows(page, record, "whole")
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
    reach(page, record, "half")
    until_saved(opened, server, name, record)
    assert VIEW in saved(server, name)
    expect(page.locator(".jp-Cell").get_by_role("searchbox")).to_have_value("n=1")

    page.wait_for_timeout(3000)  # nothing happens, and a save says so of its own time
    data = save(opened, server, name)
    assert seconds_old(data["text/plain"]) < 3
    reach(page, record, "whole")
    ended_well(opened, server, name)


def stays(
    opened: NotebookPage, server: JupyterServer, name: str, stage: str, *, reopened: bool = False
) -> Locator:
    """What is seen and saved of a sweep whose kernel is gone: what had happened by then, and where
    tasks were left, that they ended with the kernel. Returns the output."""
    lasts = [LASTING_VIEW] if reopened and stage == "whole" else []  # of a model that is gone
    page, counts = opened.page, STAGES[stage][1]
    output = page.locator(".jp-OutputArea-output").filter(has=page.locator("caption"))
    expect(page.locator(CAPTION)).to_be_visible(timeout=LATE)
    if stage == "whole":
        expect(page.locator(CAPTION)).to_have_text("Tasks: 4 failed, 36 success", timeout=LATE)
        expect(output).not_to_contain_text(ENDED)
    else:
        expect(output).to_contain_text(ENDED, timeout=LATE)
    expect(page.locator(WORDS)).to_have_count(0)
    assert counts_in(page.locator(CAPTION).inner_text()) == counts
    assert page.get_by_text("model not found").count() == 0
    data = saved_as(opened, server, name, "text/html", "text/plain", *lasts)
    assert data["text/plain"].endswith(ENDED) == (stage != "whole")
    assert counts_in(data["text/plain"]) == counts_in(data["text/html"]) == counts
    assert counts_in(exported(server, name)) == counts
    assert ("as of" in data["text/plain"]) == (stage != "whole")
    return output


ENDS = [
    *(("lab", "killed", stage) for stage in STAGES),
    *(("lab", how, stage) for how in ("restarted", "shut down") for stage in ("half", "whole")),
    *(("notebook7", "killed", stage) for stage in ("half", "whole")),
]


@pytest.mark.parametrize(("server", "how", "stage"), ENDS, indirect=["server"])
def test_the_kernel_ends(
    server: JupyterServer,
    open_page: OpenPage,
    record: Record,
    how: str,
    stage: str,
    shot: Shot,
) -> None:
    opened, name = open_page(server), f"{how.replace(' ', '-')}-{stage}.ipynb"
    page = start(opened, server, record, name)
    reach(page, record, stage)
    until_saved(opened, server, name, record)
    pid = kernel_pid(opened)
    if how == "killed":
        os.kill(pid, signal.SIGKILL)
    elif how == "restarted":
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel()")
    else:
        page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    output = stays(opened, server, name, stage)
    shot(output, f"table-kernel-{how.replace(' ', '-')}-{stage}-{server.app}")
    no_axe_findings(page, ".jp-OutputArea-output")


@at_stages(*STAGES)
def test_the_kernel_ends_while_no_page_is_open(
    server: JupyterServer, open_page: OpenPage, record: Record, stage: str, shot: Shot
) -> None:
    opened, name = open_page(server), f"gone-{stage}.ipynb"
    page = start(opened, server, record, name)
    reach(page, record, stage)
    until_saved(opened, server, name, record)
    pid = kernel_pid(opened)
    opened.leave()
    os.kill(pid, signal.SIGKILL)
    opened.open(name)
    output = stays(opened, server, name, stage, reopened=True)
    shot(output, f"table-kernel-gone-{stage}-{server.app}")


@pytest.mark.parametrize("server", ["lab"], indirect=True)
def test_what_nobody_has_seen_before_the_kernel_ended(
    server: JupyterServer, open_page: OpenPage, record: Record
) -> None:
    """Tasks end after the page was closed, then the kernel: the output says as of when it is."""
    opened, name = open_page(server), "unseen.ipynb"
    page = start(opened, server, record, name)
    reach(page, record, "failed")
    until_saved(opened, server, name, record)
    then = re.search(r"as of [\d :-]+ UTC", saved(server, name)["text/plain"])
    assert then is not None
    pid = kernel_pid(opened)
    opened.leave()
    record.open(1)
    poll(lambda: record.counts() == HALF)
    os.kill(pid, signal.SIGKILL)
    page = opened.open(name)
    stays(opened, server, name, "failed", reopened=True)
    expect(page.locator(CAPTION)).to_contain_text(then[0])


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
