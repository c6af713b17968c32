"""Sign in to a JupyterHub with Globus, and run a cell on an endpoint without typing more."""

from __future__ import annotations

import base64
import dataclasses
import json
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
#: What anything in a server can find: its variables, and what the hub says of its user.
EVERYTHING = """
import json, os, urllib.request
url = f"{os.environ['JUPYTERHUB_API_URL']}/users/{os.environ['JUPYTERHUB_USER']}"
asked = urllib.request.Request(
    url, headers={"Authorization": f"token {os.environ['JUPYTERHUB_API_TOKEN']}"}
)
hub = json.load(urllib.request.urlopen(asked))
with open("everything.json", "w") as file:
    json.dump([dict(os.environ), hub], file)
print("written")
"""


@pytest.fixture(scope="module")
def globus_auth(loopback_session: Loopback) -> Iterator[KnownAuth]:
    with KnownAuth(loopback_session) as auth:
        yield auth


@pytest.fixture(scope="module")
def hubs(
    globus_auth: KnownAuth, loopback_session: Loopback, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Hub]]:
    """The hub of the administrator's page, that for servers that run for long, one with
    GlobusOAuthenticator as it is, and one without Compute's scope."""
    page, added = config_of_the_page()
    assert COMPUTE in page
    assert (page + added).count("ComputeTokenAlone") == 3
    configs = {
        "page": page,
        "long": page + added + TESTED,
        "as it is": page.replace("= ComputeTokenAlone", "= GlobusOAuthenticator"),
        "without": "".join(line for line in (page + added).splitlines(True) if COMPUTE not in line),
    }
    address = {"GLOBUS_SDK_SERVICE_URL_COMPUTE": loopback_session.url}
    hubs = {
        name: Hub(tmp_path_factory.mktemp("hub"), config, globus_auth, address)
        for name, config in configs.items()
    }
    try:
        for hub in hubs.values():
            hub.wait()
        yield hubs
    finally:
        for hub in hubs.values():
            hub.end()
        for hub in hubs.values():
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


def secrets_of(globus_auth: KnownAuth, hub: Hub) -> dict[str, str]:
    """Every token that Globus Auth has given the hub -> what it is for."""
    return {
        token: "refresh" if made.refreshes else made.resource_server
        for token, made in globus_auth.tokens.items()
        if made.client_id == hub.client_id
    }


@pytest.mark.parametrize("name", ["page", "as it is"])
def test_what_a_server_can_find(
    hubs: dict[str, Hub],
    visit: Callable[[Hub, str], NotebookPage],
    loopback: Loopback,
    globus_auth: KnownAuth,
    name: str,
) -> None:
    """With the page's configuration: a token for Compute, and no other of Globus. As
    GlobusOAuthenticator is, all that the hub has."""
    hub, endpoint = hubs[name], loopback.endpoint("process")
    cell = f"%%gcrun {endpoint}\n'by a worker: ' + str(6 * 7)"
    hub.write("ada", "%load_ext gc_jupyter", cell, "%gc whoami", EVERYTHING)
    lab = visit(hub, "ada")
    lab.run()
    shown(lab.page, "'by a worker: 42'")
    by = {
        "page": "by the access token in GLOBUS_COMPUTE_ACCESS_TOKEN.",
        "as it is": "by JupyterHub's GLOBUS_DATA.",
    }
    shown(lab.page, by[name])
    shown(lab.page, "written")
    everything = (hub.home / "users/ada/everything.json").read_text(encoding="utf-8")
    environ, told = json.loads(everything)
    assert told["name"] == "ada"
    assert not told.get("auth_state")
    text = everything + str(base64.b64decode(environ.get("GLOBUS_DATA", "")))
    given = secrets_of(globus_auth, hub)
    assert set(given.values()) >= {"funcx_service", "refresh"}
    found = {what for token, what in given.items() if token in text}
    assert found == ({"funcx_service"} if name == "page" else set(given.values()))


def test_a_server_that_runs_for_long(
    hubs: dict[str, Hub],
    visit: Callable[[Hub, str], NotebookPage],
    loopback: Loopback,
    globus_auth: KnownAuth,
) -> None:
    """The hub's auth state gives the token, and a fresh one when that is refused."""
    hub, endpoint = hubs["long"], loopback.endpoint("process")
    cell = f"%%gcrun {endpoint}\n'by a worker: ' + str(6 * 7)"
    hub.write("ada", "%load_ext gc_jupyter", cell, "%gc whoami")
    lab = visit(hub, "ada")
    loopback.fault(method="POST", path=".*/submit", status=401)
    lab.run()
    shown(lab.page, "'by a worker: 42'")
    shown(lab.page, "Signed in as ada@example.org (Ada Example), by JupyterHub's login.")
    assert not lab.page.locator(".gc-login").count()
    lab.execute("gc-jupyter:show-tasks")
    row = lab.page.locator(".gc-runs tr", has_text="work.ipynb")
    expect(row).to_contain_text("success", timeout=60_000)
    assert lab.strangers == []
    asked = [one["headers"]["Authorization"] for one in loopback.requests("POST", "/submit")]
    tokens = [text.removeprefix("Bearer ") for text in asked]
    assert len(tokens) == 2
    assert tokens[0] != tokens[1]  # asked for again after a 401
    assert all(globus_auth.is_active(token) for token in tokens)
    # the hub alone has asked for them: people sign in there, and its tokens are renewed there
    assert {globus_auth.tokens[token].client_id for token in tokens} == {hub.client_id}


def test_a_hub_without_the_scope(
    hubs: dict[str, Hub],
    visit: Callable[[Hub, str], NotebookPage],
    loopback: Loopback,
) -> None:
    """The reason, a link and a field for the code; then the cell runs again by itself."""
    hub = hubs["without"]
    cell = f"%%gcrun {loopback.endpoint('process')}\n'by a worker: ' + str(6 * 7)"
    hub.write("ada", "%load_ext gc_jupyter", cell)
    lab = visit(hub, "ada")
    lab.run_cell(0)
    lab.run_cell(1)
    widget = lab.page.locator(".gc-login")
    expect(widget).to_contain_text("JupyterHub gives this server no Globus Compute token.")
    with lab.page.expect_popup() as popup:
        widget.get_by_role("link").click()
    popup.value.get_by_role("button", name="Allow").click()
    code = popup.value.locator("#auth-code").inner_text()
    popup.value.close()
    widget.get_by_role("textbox").fill(code)
    widget.get_by_role("textbox").press("Enter")
    shown(lab.page, "'by a worker: 42'")
