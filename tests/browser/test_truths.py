"""What pages say of cells, against what has happened: where a cell ran, what failed and how, what a
future's output says before and after its end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.jupyter import JupyterServer, NotebookPage
from tests.service.handle import Loopback

pytestmark = pytest.mark.timeout(180)

Shot = Callable[[Any, str], None]

LOAD = "%load_ext gc_jupyter"
LATE = 60_000
#: A cell that writes down that it ran, once a file is there.
GATED = """%%gcrun {line}
import pathlib, time
while not pathlib.Path({gate!r}).exists():
    time.sleep(0.02)
{then}"""


@pytest.fixture(scope="module")
def own(endpoint_python: str) -> Iterator[Loopback]:
    with Loopback(endpoint_python) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, own: Loopback) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path_factory.mktemp("truths"), "lab", own.environment)
    yield server
    server.stop()


@pytest.fixture
def where(own: Loopback, tmp_path: Path) -> str:
    """An endpoint of this test alone: what waits at another holds it up no more."""
    name = re.sub(r"\W", "-", tmp_path.name)
    own.new_endpoint("inline", {"endpoint_name": name})
    return name


def start_cell(opened: NotebookPage, index: int) -> None:
    """Run a cell, and don't wait for it."""
    opened.page.evaluate(
        """(index) => {
          const app = window.jupyterapp;
          app.shell.currentWidget.content.activeCellIndex = index;
          window.ran = app.commands.execute('notebook:run-cell').then(() => true);
        }""",
        index,
    )


def ended(opened: NotebookPage) -> None:
    """The cell that was started has run."""
    assert opened.page.evaluate("window.ran")


def output(page: Page, index: int) -> Locator:
    """A code cell's outputs."""
    return page.locator(".jp-CodeCell").nth(index).locator(".jp-OutputArea-output")


def sent_to(own: Loopback) -> list[str]:
    """The endpoints of all submissions, as the service has seen them."""
    return [one["path"].rpartition("endpoints/")[2].split("/")[0] for one in submissions(own)]


def submissions(own: Loopback) -> list[dict[str, Any]]:
    return own.requests("POST", "/submit")


def test_use_in_one_notebook_moves_no_other(
    server: JupyterServer,
    open_page: OpenPage,
    own: Loopback,
    tmp_path: Path,
) -> None:
    polaris, anvil = (
        own.new_endpoint("inline", {"endpoint_name": name}) for name in ("polaris", "anvil")
    )
    gates = [tmp_path / "first", tmp_path / "second"]
    bare = [GATED.format(line="", gate=str(gate), then="'ran'") for gate in gates]
    server.write("one.ipynb", LOAD, "%gc use polaris", *bare)
    server.write("two.ipynb", LOAD, "%gc use anvil", bare[1], "%gc use anvil --default")
    server.write("three.ipynb", LOAD, bare[1])
    one, two = open_page(server), open_page(server)
    for opened, name in ((one, "one"), (two, "two")):
        opened.open(f"{name}.ipynb")
        opened.run_cell(0)
    one.run_cell(1)
    own.clear()
    start_cell(one, 2)
    own.wait_for_submissions(1)
    two.run_cell(1)  # while the other one's cell runs
    said = "anvil is the default endpoint of this kernel now"
    expect(output(two.page, 1).last).to_contain_text(said)
    gates[0].touch()
    ended(one)
    expect(output(one.page, 2).first).to_have_text(
        re.compile(r"On polaris, the default by %gc use\.")
    )
    gates[1].touch()
    one.run_cell(3)
    expect(output(one.page, 3).first).to_contain_text("On polaris, the default by %gc use.")
    two.run_cell(2)
    expect(output(two.page, 2).first).to_contain_text("On anvil, the default by %gc use.")
    two.run_cell(3)  # also of the user's file: a kernel that has said %gc use keeps to it
    one.run_cell(3)
    expect(output(one.page, 3).first).to_contain_text("On polaris, the default by %gc use.")
    expect(output(one.page, 3).last).to_have_text("'ran'")
    three = open_page(server)
    three.open("three.ipynb")
    three.run_cell(0)
    three.run_cell(1)
    expect(output(three.page, 1).first).to_have_text(
        re.compile(r"On anvil, the default by \S*gc_jupyter\.toml\.")
    )
    assert sent_to(own) == [polaris, polaris, anvil, polaris, anvil]


#: How a task fails, one level down; the last of five isn't over before a file is there.
FAILING = """import pathlib, time
def deeper(n):
    if n == 3:
        raise ValueError(f"no way for {n} <b>bold</b>")
    while n == 4 and not pathlib.Path(gate).exists():
        time.sleep(0.02)
    return n

"""
CELL_FAILS = f"%%gcrun -a --map n=range(5)\n{FAILING}deeper(n)"
FUNCTION = f"%%gcrun\n{FAILING}def step(n):\n    return deeper(n) + 1"
FUNCTIONS = """import gc_jupyter
calls = [step.submit(n) for n in range(5)]
gc_jupyter.TaskTable(calls, title="Steps")"""


@pytest.mark.parametrize("kind", ["cell", "function"])
def test_traceback_in_the_table_is_the_remote_one(
    server: JupyterServer,
    open_page: OpenPage,
    where: str,
    tmp_path: Path,
    kind: str,
    shot: Shot,
) -> None:
    cells = (CELL_FAILS,) if kind == "cell" else (FUNCTION, FUNCTIONS)
    gate = tmp_path / "gate"
    server.write(f"fails-{kind}.ipynb", f"{LOAD}\n%gc use {where}\ngate = {str(gate)!r}", *cells)
    opened = open_page(server)
    page = opened.open(f"fails-{kind}.ipynb")
    for index in range(len(cells) + 1):
        opened.run_cell(index)
    table = output(page, len(cells)).last
    expect(table).to_contain_text("1 failed", timeout=LATE)
    table.get_by_role("row").filter(has_text="ValueError").get_by_role("button").first.click()
    table.get_by_role("button", name="Traceback", exact=True).click()
    text = table.locator("pre").filter(has_text="no way for 3")
    expect(text).to_contain_text("ValueError: no way for 3 <b>bold</b>", timeout=LATE)
    shot(table, f"traceback-{kind}")
    shown = text.inner_text()
    assert re.match(r"ValueError on [^\n]*\nTraceback", shown)
    assert "in deeper" in shown
    assert 'raise ValueError(f"no way for {n} <b>bold</b>")' in shown
    assert "gc_jupyter/" not in shown  # no frames of our own
    gate.touch()
    expect(table).to_contain_text("4 success", timeout=LATE)


ONE = "%%gcrun {line} -a --future {name}"
#: What says in one output that a task is over, and that it isn't.
OVER = re.compile(r"\bsuccess\b|\bfailed\b|✓|✗|\btasks? · \d")
NOT_OVER = re.compile(r"\brunning\b|not over|waiting for|\bunsent\b|not confirmed")


@pytest.mark.parametrize("kind", ["one", "many"])
def test_a_future_shows_one_state_at_a_time(
    server: JupyterServer,
    open_page: OpenPage,
    where: str,
    tmp_path: Path,
    kind: str,
    shot: Shot,
) -> None:
    """Its output lives: it says that it isn't over while it isn't, and never both."""
    gate = tmp_path / "gate"
    line = f"{where} -a --future kept" + (" --map n=range(3)" if kind == "many" else "")
    cell = GATED.format(line=line, gate=str(gate), then="'its value'")
    server.write(f"repr-{kind}.ipynb", LOAD, cell, "kept", "print('now', repr(kept))", "kept")
    opened = open_page(server)
    page = opened.open(f"repr-{kind}.ipynb")
    for index in range(4):
        opened.run_cell(index)
    for index in (1, 2):
        text = output(page, index)
        expect(text.filter(has_text=NOT_OVER).first).to_be_visible(timeout=LATE)
        assert not text.filter(has_text=OVER).count()
    printed = output(page, 3)
    expect(printed).to_contain_text("not over")
    shot(output(page, 2).first, f"future-open-{kind}")
    gate.touch()
    for index in (1, 2):
        expect(output(page, index).filter(has_text=OVER).first).to_be_visible(timeout=LATE)
        for shown in output(page, index).all():  # what is seen: a folded table has more text
            expect(shown).not_to_contain_text(NOT_OVER, timeout=LATE, use_inner_text=True)
    shot(output(page, 2).first, f"future-ended-{kind}")
    opened.run_cell(3)
    expect(printed).to_contain_text(OVER)
    expect(printed).not_to_contain_text("not over")
    opened.run_cell(4)  # shown for the first time after its end
    expect(output(page, 4).filter(has_text=OVER).first).to_be_visible(timeout=LATE)
    assert not any(NOT_OVER.search(text) for text in output(page, 4).all_inner_texts())
    opened.execute("docmanager:save")
    for written in file_outputs(server, f"repr-{kind}.ipynb", (1, 2, 4)):
        assert OVER.search(written)
        assert not NOT_OVER.search(written)


def file_outputs(server: JupyterServer, name: str, cells: tuple[int, ...]) -> list[str]:
    """The plain text of these cells' outputs in the file."""
    found = nbformat.read(server.root / name, 4).cells
    return [
        "\n".join(str(one.get("data", {}).get("text/plain", "")) for one in found[index].outputs)
        for index in cells
    ]


def test_a_page_is_reloaded_while_a_cell_waits(
    server: JupyterServer, open_page: OpenPage, where: str, tmp_path: Path
) -> None:
    """What the cell comes to is lost with the page; `%gc attach` shows it again."""
    gate, name = tmp_path / "gate", "waits.ipynb"
    cell = GATED.format(line=f"{where} -q", gate=str(gate), then="print('said')\n'its value'")
    server.write(name, LOAD, cell, "%gc attach")
    opened = open_page(server)
    page = opened.open(name)
    opened.run_cell(0)
    start_cell(opened, 1)
    expect(page.locator(".jp-CodeCell").nth(1)).to_contain_text("[*]")
    page.reload()
    gate.touch()
    opened.ready()
    opened.run_cell(2)
    shown = output(page, 2)
    expect(shown.first).to_contain_text("said", timeout=LATE)
    expect(shown.last).to_have_text("'its value'")


LOST = """%%gcrun {where}
import os, signal
{how}
"""


@pytest.mark.parametrize("at", ["local", "delta"])
def test_a_lost_worker_is_told_in_the_first_line(
    server: JupyterServer,
    open_page: OpenPage,
    own: Loopback,
    at: str,
    shot: Shot,
) -> None:
    load = LOAD
    if at != "local":
        load += f"\n%gc use {own.new_endpoint('process')} --alias {at}"
    cell = LOST.format(where=at, how="os.kill(os.getpid(), signal.SIGKILL)")
    server.write(f"lost-{at}.ipynb", load, cell)
    opened = open_page(server)
    page = opened.open(f"lost-{at}.ipynb")
    opened.run_cell(0)
    opened.run_cell(1)
    error = output(page, 1).last
    expect(error).to_contain_text("WorkerLost", timeout=LATE)
    shot(error, f"worker-lost-{at}")
    first = error.inner_text().strip().partition("\n")[0]
    assert re.match(rf"WorkerLost on {at}: [A-Z][\w ,.']+", first), first
    assert not re.search(r"[+=-]{4}", error.inner_text())
