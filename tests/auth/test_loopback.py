"""The loopback Globus Auth itself: what the browser tests and the hub's tests rely on."""

from __future__ import annotations

import html.parser
import urllib.error
import urllib.parse
import urllib.request

import globus_sdk
import pytest

from gc_jupyter.auth import resolve
from tests.service.globus_auth import GlobusAuth
from tests.service.globus_tokens import COMPUTE_SCOPE, NATIVE_CLIENT_ID


class Form(html.parser.HTMLParser):
    """What a browser would send, and the text of the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v or "" for k, v in attrs}
        if tag == "form":
            self.action = given["action"]
        elif tag == "input":
            self.fields[given["name"]] = given["value"]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def fetch(url: str, form: dict[str, str] | None = None) -> tuple[str, str]:
    """The page after redirects, and its address."""
    data = urllib.parse.urlencode(form).encode() if form is not None else None
    with urllib.request.urlopen(url, data, timeout=60) as reply:
        return reply.read().decode(), reply.geturl()


def test_a_browser_can_log_in(globus_auth: GlobusAuth) -> None:
    login = resolve()
    flow = login.flow()
    assert flow is not None
    page, address = fetch(flow.start())
    form = Form(page)
    assert COMPUTE_SCOPE in form.words
    target = urllib.parse.urljoin(address, form.action)
    page, address = fetch(target, {**form.fields, "decision": "allow"})
    [code] = [word for word in Form(page).words if f"code={word}" in address]
    flow.finish(code)
    assert not login.required
    assert globus_auth.seen("/v2/web/auth-code", code=code)


def test_denied(globus_auth: GlobusAuth) -> None:
    flow = resolve().flow()
    assert flow is not None
    form = Form(fetch(flow.start())[0])
    target = urllib.parse.urljoin(globus_auth.url, form.action)
    page, address = fetch(target, {**form.fields, "decision": "deny"})
    assert "error=access_denied" in address
    assert "No code was given." in page


def test_the_page_escapes_what_it_is_given(globus_auth: GlobusAuth) -> None:
    query = {
        "client_id": "<script>",
        "redirect_uri": f"{globus_auth.url}/v2/web/auth-code",
        "scope": "<b>openid</b>",
        "response_type": "code",
        "session_message": "<i>hello</i>",
    }
    page, _ = fetch(f"{globus_auth.url}/v2/oauth2/authorize?{urllib.parse.urlencode(query)}")
    assert not {"<script>", "<b>", "<i>"} & set(page.replace(">", "> ").split())


@pytest.mark.parametrize("missing", ["client_id", "scope", "redirect_uri"])
def test_an_incomplete_request(globus_auth: GlobusAuth, missing: str) -> None:
    query = {"client_id": "x", "redirect_uri": "y", "scope": "openid", "response_type": "code"}
    del query[missing]
    with pytest.raises(urllib.error.HTTPError) as caught:
        fetch(f"{globus_auth.url}/v2/oauth2/authorize?{urllib.parse.urlencode(query)}")
    assert caught.value.code == 400
    caught.value.close()


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "another verifier than the one that was hashed"},
        {"redirect_uri": "http://127.0.0.1/elsewhere"},
        {"client_id": "somebody-else"},
        {"code": "another"},
        {"grant_type": "password"},
    ],
)
def test_what_does_not_fit_is_refused(globus_auth: GlobusAuth, change: dict[str, str]) -> None:
    with globus_sdk.NativeAppAuthClient(NATIVE_CLIENT_ID) as client:
        flow = client.oauth2_start_flow(COMPUTE_SCOPE)
        code = globus_auth.approve(client.oauth2_get_authorize_url())
        form = {
            "client_id": NATIVE_CLIENT_ID,
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": flow.verifier,
            "redirect_uri": flow.redirect_uri,
        }
        with pytest.raises(globus_sdk.AuthAPIError) as refused:
            client.oauth2_token({**form, **change})
        assert refused.value.http_status == 400


def test_a_confidential_client(globus_auth: GlobusAuth) -> None:
    """The web-application flow that a hub uses: no PKCE, a secret instead."""
    globus_auth.add_client("the-hub", "the secret")
    with globus_sdk.ConfidentialAppAuthClient("the-hub", "the secret") as client:
        client.oauth2_start_flow(
            "http://127.0.0.1/callback",
            f"openid profile email {COMPUTE_SCOPE}",
            refresh_tokens=True,
        )
        reply = client.oauth2_exchange_code_for_tokens(
            globus_auth.approve(client.oauth2_get_authorize_url())
        )
        tokens = reply.by_resource_server
        assert set(tokens) == {"auth.globus.org", "funcx_service"}
        assert reply.decode_id_token()["sub"] == globus_auth.person.sub
        compute = tokens["funcx_service"]["access_token"]
        found = client.oauth2_token_introspect(compute)
        assert (found["active"], found["scope"]) == (True, COMPUTE_SCOPE)
        client.oauth2_revoke_token(compute)
        assert client.oauth2_token_introspect(compute)["active"] is False
        assert not globus_auth.is_active(compute)
    authorizer = globus_sdk.AccessTokenAuthorizer(tokens["auth.globus.org"]["access_token"])
    with globus_sdk.AuthClient(authorizer=authorizer) as user:
        assert user.userinfo()["email"] == "ada@example.org"
