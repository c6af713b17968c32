"""The task table of endpoints of a service: AMQP, with `batch_status` behind its words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.fan_out import FAN_OUT, FINISH, TABLE, live
from tests.browser.jupyter import JupyterServer, no_axe_findings
from tests.service.handle import Loopback

pytestmark = pytest.mark.timeout(240)

#: Three tasks for an endpoint that is offline, three for one whose nodes are waited for, and more
#: for this machine than it has workers.
SUBMIT = """
%load_ext gc_jupyter
import gc_jupyter, os, pathlib, tempfile
gate = pathlib.Path(tempfile.mkdtemp()) / "gate"
names = {names!r}

def fit(spectrum, gate=None):
    import os, time
    end = time.time() + 120
    while gate and not os.path.exists(gate) and time.time() < end:
        time.sleep(0.05)
    return f"{{656.28 + spectrum % 17 / 100:.2f}} nm"

away, queued, here = (gc_jupyter.Executor(where) for where in [*names, "local"])
futures = [executor.submit(fit, n) for executor in (away, queued) for n in range(3)]
futures += [here.submit(fit, n, str(gate)) for n in range(2 * os.cpu_count())]
"""
WAITING = 'gc_jupyter.TaskTable(futures, title="Spectra", endpoint_names=names)'
CARD = "%gc status polaris"
IDS = """
from gc_jupyter.session.waiting import wait_for_ids
assert wait_for_ids(futures, 60)
print("queued:", *(future.task_id for future in futures[3:6]))
"""


@pytest.fixture(scope="module")
def own(endpoint_python: str) -> Iterator[Loopback]:
    """A service with these tests' endpoints alone: of many, the panel asks for a few states."""
    with Loopback(endpoint_python) as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, own: Loopback) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path_factory.mktemp("endpoints"), "lab", own.environment)
    yield server
    server.stop()


def test_each_waits_for_what_its_word_says(
    server: JupyterServer,
    open_page: OpenPage,
    own: Loopback,
    shot: Callable[[Any, str], None],
) -> None:
    said = {"metadata": {"python_version": "3.12.4"}}
    names = {
        own.new_endpoint("offline", said | {"endpoint_name": name}): name
        for name in ("polaris", "anvil")
    }
    polaris, anvil = names
    cells = (SUBMIT.format(names=names), IDS, WAITING, FINISH, CARD)
    server.write("spectra.ipynb", *(cell.strip() for cell in cells))
    opened = open_page(server)
    page = opened.open("spectra.ipynb")
    opened.run_cell(0)
    opened.run_cell(1)
    for task_id in page.get_by_text(re.compile("^queued: ")).inner_text().split()[1:]:
        own.change_task(task_id, status="waiting-for-nodes")
    opened.run_cell(2)
    words = page.locator(".jp-Cell .gc-words")
    expect(words).to_contain_text("3 endpoint offline", timeout=30_000)
    expect(words).to_contain_text("3 waiting for nodes", timeout=30_000)
    expect(words).to_contain_text(re.compile(r"\d running · .* · \d+ waiting for a worker"))
    table = page.locator(".jp-Cell .gc-table")
    rows = table.locator("tbody tr", has=page.locator(".gc-icon.gc-endpoint-offline:visible"))
    expect(rows).to_have_count(3)
    for row in rows.all():
        expect(row).to_contain_text("endpoint offline")
        expect(row).to_contain_text("polaris")
    opened.execute("gc-jupyter:show-tasks")
    page.get_by_role("button", name="Check status").click()
    expect(page.locator(".gc-endpoints li", has_text="polaris")).to_contain_text("offline")
    panel = page.locator(".gc-runs-panel")
    # the widgets' own style sheet, which the table brings along, leaves the panel's alone
    expect(panel.locator(".gc-runs thead").get_by_text("Tasks")).to_be_in_viewport()
    shot(page, "lab-panels")
    panel.locator(".gc-runs tr", has_text="anvil and others").get_by_role("button").click()
    for task in ("endpoint offline · polaris", "waiting for nodes · anvil", "running · local"):
        expect(panel.locator(".gc-run")).to_contain_text(task, timeout=30_000)
    rows.first.get_by_role("button").click()
    kept = "The service keeps the task until the endpoint is back."
    expect(table.locator(".gc-details")).to_contain_text(kept)
    shot(table, "table-waiting")
    no_axe_findings(page, ".jp-Cell .gc-jupyter")
    opened.execute("apputils:change-theme", theme="JupyterLab Dark")
    page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    shot(table, "table-waiting-dark")
    no_axe_findings(page, ".jp-Cell .gc-jupyter")
    opened.execute("apputils:change-theme", theme="JupyterLab Light")

    own.bring_online(polaris)
    expect(words).to_contain_text("3 success", timeout=30_000)
    expect(words).not_to_contain_text("offline")
    expect(rows).to_have_count(0)
    own.bring_online(anvil)
    opened.run_cell(3)
    expect(page.locator(".jp-OutputArea caption")).to_have_text(
        re.compile(r"^Spectra: \d+ success$"), timeout=30_000
    )
    opened.run_cell(4)
    card = page.locator(".jp-OutputArea-output", has_text="Workers")
    expect(card).to_contain_text("online")
    expect(card).to_contain_text("3.12.4")
    shot(card, "endpoint-card")


def test_a_fan_out_on_a_real_endpoint(
    server: JupyterServer,
    open_page: OpenPage,
    own: Loopback,
    shot: Callable[[Any, str], None],
) -> None:
    """Within the service's limit of requests."""
    cells = FAN_OUT.replace('"local"', repr(own.endpoint("process"))), TABLE, FINISH
    opened = open_page(server)
    page = live(opened, server, "real.ipynb", *cells, "print('id:', futures[150].task_id)")
    expect(page.locator(".jp-Cell .gc-words")).to_contain_text("100 waiting for endpoint")
    opened.run_cell(3)
    task_id = page.get_by_text(re.compile("^id: ")).inner_text().removeprefix("id: ").strip()
    own.change_task(task_id, status="running")  # as the web service says it
    expect(page.locator(".jp-Cell .gc-words")).to_contain_text("1 running", timeout=30_000)
    shot(page.locator(".jp-Cell .gc-table"), "table-endpoint")
    opened.run_cell(2)
    expect(page.locator(".jp-Cell .gc-words")).to_have_count(0, timeout=60_000)
    caption = page.locator(".jp-OutputArea caption")
    expect(caption).to_have_text("Spectra: 5 failed, 195 success")
    assert own.busiest() <= 20
    assert page.evaluate("window.hacked") is None
