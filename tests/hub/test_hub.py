"""Sign in to a JupyterHub with Globus, and run a cell on an endpoint without typing more."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.jupyter import NotebookPage
from tests.hub.hub import Hub, config_of_the_page
from tests.service.handle import Loopback
from tests.service.known_auth import KnownAuth

pytestmark = pytest.mark.timeout(240)

COMPUTE = "https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all"
#: On top of the page: the hub renews tokens whenever it is asked.
TESTED = "\nc.GlobusOAuthenticator.auth_refresh_age = -1\n"
#: What a server has left that may not ask the hub.
WITHOUT_ASKING = """
import os
from gc_jupyter import Client, Executor
del os.environ["JUPYTERHUB_API_TOKEN"]
client = Client()
value = Executor({endpoint!r}, client).submit(pow, 2, 5).result(60)
print(value, "by", client.login().source)
"""


@pytest.fixture(scope="module")
def globus_auth(loopback_session: Loopback) -> Iterator[KnownAuth]:
    with KnownAuth(loopback_session) as auth:
        yield auth


@pytest.fixture(scope="module")
def hubs(
    globus_auth: KnownAuth, loopback_session: Loopback, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Hub, Hub]]:
    """The hub of the administrator's page, and one without Compute's scope."""
    page = config_of_the_page()
    assert COMPUTE in page
    without = "".join(line for line in page.splitlines(True) if COMPUTE not in line)
    address = {"GLOBUS_SDK_SERVICE_URL_COMPUTE": loopback_session.url}
    hubs = tuple(
        Hub(tmp_path_factory.mktemp("hub"), config, globus_auth, address)
        for config in (page + TESTED, without)
    )
    try:
        for hub in hubs:
            hub.wait()
        yield hubs
    finally:
        for hub in hubs:
            hub.end()
        for hub in hubs:
            hub.wait_for_end()


@pytest.fixture
def visit(browser: Browser, globus_auth: KnownAuth) -> Iterator[Callable[[Hub, str], NotebookPage]]:
    """Somebody signs in to a hub, with Globus, and opens their notebook."""
    opened: list[NotebookPage] = []

    def visit(hub: Hub, user: str) -> NotebookPage:
        person = f"{user}@example.org"
        globus_auth.person = dataclasses.replace(
            globus_auth.person,
            sub=f"00000000-0000-4000-8000-{len(user):012}",
            preferred_username=person,
        )
        made = NotebookPage(hub, browser, allowed=globus_auth.url)
        opened.append(made)
        made.page.goto(f"{hub.url}/hub/spawn")
        made.page.get_by_role("button", name="Sign in with Globus").click()
        made.page.get_by_role("button", name="Allow").click()
        made.page.wait_for_url(f"{hub.url}/user/{user}/lab**", timeout=90_000)
        made.open(user)
        return made

    yield visit
    for one in opened:
        one.close()


def shown(page: Page, text: str) -> None:
    expect(page.locator(".jp-OutputArea-output").get_by_text(text).first).to_be_visible(
        timeout=60_000
    )


def test_nothing_to_type(
    hubs: tuple[Hub, Hub],
    visit: Callable[[Hub, str], NotebookPage],
    loopback: Loopback,
    globus_auth: KnownAuth,
) -> None:
    """The hub's auth state gives the token, and a fresh one when that is refused; GLOBUS_DATA
    has one too."""
    hub, endpoint = hubs[0], loopback.endpoint("process")
    cell = f"%%gcrun {endpoint}\n'by a worker: ' + str(6 * 7)"
    without_asking = WITHOUT_ASKING.format(endpoint=endpoint)
    hub.write("ada", "%load_ext gc_jupyter", cell, "%gc whoami", without_asking)
    lab = visit(hub, "ada")
    loopback.fault(method="POST", path=".*/submit", status=401)
    lab.run()
    shown(lab.page, "'by a worker: 42'")
    shown(lab.page, "Signed in as ada@example.org (Ada Example), by JupyterHub's login.")
    shown(lab.page, "32 by JupyterHub's GLOBUS_DATA")
    assert not lab.page.locator(".gc-login").count()
    lab.execute("gc-jupyter:show-tasks")
    row = lab.page.get_by_role("row", name="cell success")
    expect(row).to_contain_text("work.ipynb", timeout=60_000)
    assert lab.strangers == []
    asked = [one["headers"]["Authorization"] for one in loopback.requests("POST", "/submit")]
    tokens = [text.removeprefix("Bearer ") for text in asked]
    assert len(tokens) == 3
    assert tokens[0] != tokens[1]  # asked for again after a 401
    assert all(globus_auth.is_active(token) for token in tokens)
    # the hub alone has asked for them: people sign in there, and its tokens are renewed there
    assert {globus_auth.tokens[token].client_id for token in tokens} == {hub.client_id}


def test_a_hub_without_the_scope(
    hubs: tuple[Hub, Hub],
    visit: Callable[[Hub, str], NotebookPage],
    loopback: Loopback,
    globus_auth: KnownAuth,
) -> None:
    """The reason, a link and a field for the code; then it works."""
    hub = hubs[1]
    cell = f"%%gcrun {loopback.endpoint('process')}\n'by a worker: ' + str(6 * 7)"
    hub.write("ada", "%load_ext gc_jupyter", cell)
    lab = visit(hub, "ada")
    lab.run_cell(0)
    lab.run_cell(1)
    widget = lab.page.locator(".gc-login")
    expect(widget).to_contain_text(
        "JupyterHub gives this server no Globus Compute token. "
        "GLOBUS_DATA has no Globus Compute token."
    )
    with lab.page.expect_popup() as popup:
        widget.get_by_role("link").click()
    popup.value.get_by_role("button", name="Allow").click()
    code = popup.value.locator("#auth-code").inner_text()
    popup.value.close()
    widget.get_by_role("textbox").fill(code)
    widget.get_by_role("textbox").press("Enter")
    shown(lab.page, f"Signed in as {globus_auth.person.preferred_username}")
    lab.run_cell(1)
    shown(lab.page, "'by a worker: 42'")
