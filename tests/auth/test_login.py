"""A person's login: in two steps, at the prompt, refreshed, refused, and never on other threads."""

from __future__ import annotations

import builtins
import concurrent.futures
import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import globus_sdk
import pytest
from globus_sdk.gare import GARE

from gc_jupyter.auth import Login, requirements_of, resolve
from gc_jupyter.auth.flow import may_prompt
from gc_jupyter.errors import LoginRequired, ServiceUnreachable
from tests.auth.conftest import log_in
from tests.auth.servers import ComputeServer
from tests.service.globus_auth import GlobusAuth
from tests.service.globus_tokens import COMPUTE_SCOPE, Person

Call = Callable[[Login], Any]
GARE_DOCUMENT = {
    "code": "AuthorizationRequired",
    "reason": "This endpoint wants a fresh login",
    "authorization_parameters": {
        "session_required_single_domain": ["example.org"],
        "session_required_mfa": True,
        "prompt": "login",
        "required_scopes": ["urn:globus:auth:scope:transfer.api.globus.org:all"],
    },
}


def elsewhere(function: Callable[[], Any]) -> Any:
    """Run on a background thread."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


@pytest.fixture
def browser(globus_auth: GlobusAuth, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Somebody at the keyboard, as a kernel provides one: `input` follows the printed URL.

    Returns the URLs that were opened."""
    opened: list[str] = []
    printed = io.StringIO()
    real_print = builtins.print

    def read_url(*args: Any, **options: Any) -> None:
        real_print(*args, **{**options, "file": printed})

    def type_code(_prompt: str = "") -> str:
        [url] = [line for line in printed.getvalue().split() if line.startswith("http")]
        printed.seek(0)
        printed.truncate()
        opened.append(url)
        return f"  {globus_auth.approve(url)}\n"

    monkeypatch.setattr(builtins, "print", read_url)
    monkeypatch.setattr(builtins, "input", type_code)
    return opened


def test_in_two_steps(globus_auth: GlobusAuth, call: Call) -> None:
    login = resolve()
    assert login.required
    flow = login.flow()
    assert flow is not None
    url = flow.start()
    assert globus_auth.requests == []
    assert "access_type=offline" in url
    assert "code_challenge_method=S256" in url
    elsewhere(lambda: flow.finish(f" {globus_auth.approve(url)} \n"))
    assert not login.required
    assert call(login) == "1.0.0"
    identity = login.identity()
    assert identity is not None
    assert (identity.username, identity.name) == ("ada@example.org", "Ada Example")
    asked = len(globus_auth.seen("/v2/oauth2/userinfo"))
    assert login.identity() == identity
    assert len(globus_auth.seen("/v2/oauth2/userinfo")) == asked


def test_a_bad_code_can_be_tried_again(globus_auth: GlobusAuth) -> None:
    login = resolve()
    flow = login.flow()
    assert flow is not None
    with pytest.raises(LoginRequired, match="No code was given"):
        flow.finish("  \n")
    old = globus_auth.approve(flow.start())
    code = globus_auth.approve(flow.start())
    for bad in ("made up", "\N{SNOWMAN}", old):
        with pytest.raises(LoginRequired) as caught:
            flow.finish(bad)
        assert "HTTP 400, invalid_grant" in str(caught.value)
        assert "a code works once" in caught.value.next_step
    assert login.required
    flow.finish(code)
    assert not login.required


@pytest.mark.usefixtures("no_retry_sleep")
def test_globus_auth_is_away(globus_auth: GlobusAuth) -> None:
    login = resolve()
    flow = login.flow()
    assert flow is not None
    code = globus_auth.approve(flow.start())
    globus_auth.outage = True
    with pytest.raises(ServiceUnreachable, match="HTTP 503"):
        flow.finish(code)
    globus_auth.outage = False
    flow.finish(code)
    globus_auth.stop()
    with pytest.raises(ServiceUnreachable, match="can't be reached"):
        login.identity()


def test_expiry_is_met_by_a_refresh(
    globus_auth: GlobusAuth, call: Call, compute: ComputeServer
) -> None:
    globus_auth.token_lifetime = 30  # globus-sdk refreshes a minute ahead
    login = resolve()
    log_in(login, globus_auth)
    keys = {login.token_key()}
    for _ in range(2):
        assert call(login) == "1.0.0"
    assert len(globus_auth.seen("/v2/oauth2/token", grant_type="refresh_token")) == 3
    assert len(set(compute.asked)) == 2
    assert login.token_key() not in keys


def test_a_401_is_met_by_a_refresh(globus_auth: GlobusAuth, call: Call) -> None:
    login = resolve()
    log_in(login, globus_auth)
    globus_auth.rotate_refresh_tokens = True
    for _ in range(2):
        globus_auth.revoke_all(refresh_tokens=False)
        assert elsewhere(lambda: call(login)) == "1.0.0"
    # The new refresh token was stored: another kernel goes on with it.
    globus_auth.revoke_all(refresh_tokens=False)
    assert call(resolve()) == "1.0.0"


def test_a_revoked_login(globus_auth: GlobusAuth, call: Call, browser: list[str]) -> None:
    """A clear error with the way on, on any thread; `renew` on the main thread is that way."""
    login = resolve()
    log_in(login, globus_auth)
    globus_auth.revoke_all()
    for run in (lambda: call(login), lambda: elsewhere(lambda: call(login))):
        with pytest.raises(LoginRequired) as caught:
            run()
        assert "HTTP 400, invalid_grant" in str(caught.value)
        assert "%gc login" in caught.value.next_step
    assert browser == []
    login.renew()
    assert call(login) == "1.0.0"
    assert len(browser) == 1


def test_refused_refresh(globus_auth: GlobusAuth, call: Call) -> None:
    globus_auth.token_lifetime = 30
    login = resolve()
    log_in(login, globus_auth)
    globus_auth.refuse_refresh = True
    with pytest.raises(LoginRequired, match="invalid_grant"):
        call(login)


def test_ensure_asks_at_the_prompt_once(browser: list[str], call: Call) -> None:
    login = resolve()
    login.ensure()
    login.ensure()
    assert len(browser) == 1
    assert call(login) == "1.0.0"
    resolve().ensure()
    assert len(browser) == 1


@pytest.mark.parametrize(
    "absent", [EOFError(), OSError("pytest reads nothing"), NotImplementedError("no stdin")]
)
def test_nobody_at_the_keyboard_after_all(
    globus_auth: GlobusAuth, monkeypatch: pytest.MonkeyPatch, absent: Exception
) -> None:
    def input_without_anybody(_prompt: str = "") -> str:
        raise absent

    monkeypatch.setattr(builtins, "input", input_without_anybody)
    with pytest.raises(LoginRequired) as caught:
        resolve().ensure()
    assert "GLOBUS_COMPUTE_CLIENT_ID" in caught.value.next_step
    assert globus_auth.seen("/v2/oauth2/token") == []


def test_may_prompt(browser: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert may_prompt(None, {})  # a kernel's own input
    assert not may_prompt(None, {"GC_JUPYTER_NONINTERACTIVE": "1"})
    assert may_prompt(True, {"GC_JUPYTER_NONINTERACTIVE": "1"})
    assert not may_prompt(False, {})
    assert not elsewhere(lambda: may_prompt(True, {}))
    monkeypatch.undo()
    monkeypatch.setattr("sys.stdin", io.StringIO("a code\n"))
    assert not may_prompt(None, {})  # piped
    monkeypatch.setattr("sys.stdin", None)
    assert not may_prompt(None, {})
    assert browser == []


@pytest.mark.parametrize("renew", [True, False])
def test_never_a_prompt_on_a_background_thread(
    globus_auth: GlobusAuth, browser: list[str], call: Call, renew: bool
) -> None:
    login = resolve(interactive=True)
    action = login.renew if renew else login.ensure
    for attempt in (action, lambda: call(login), login.token_key, login.identity):
        with pytest.raises(LoginRequired):
            elsewhere(attempt)
    with pytest.raises(LoginRequired):
        call(login)  # nor from inside a request, even here
    assert browser == []
    assert globus_auth.requests == []


def test_a_users_own_app_never_prompts_from_a_request(
    globus_auth: GlobusAuth, browser: list[str], call: Call, compute: ComputeServer
) -> None:
    """Its defaults would: globus-sdk's handler of missing tokens, and `auto_redrive_gares`."""
    config = globus_sdk.GlobusAppConfig(token_storage="memory", auto_redrive_gares=True)
    with globus_sdk.UserApp("theirs", client_id="their-client", config=config) as app:
        login = resolve(app=app)
        assert login.flow() is None
        with pytest.raises(LoginRequired):
            elsewhere(lambda: call(login))
        assert browser == []

        login.ensure()
        assert call(login) == "1.0.0"
        assert "client_id=their-client" in browser[0]

        compute.gare = GARE_DOCUMENT
        with pytest.raises(globus_sdk.GlobusAPIError) as refused:
            elsewhere(lambda: call(login))
        gare = requirements_of(refused.value)
        with pytest.raises(LoginRequired) as caught:
            elsewhere(lambda: login.renew(gare))
        assert caught.value.gare == gare
        assert len(browser) == 1

        login.renew(gare)
        assert "session_required_mfa=True" in browser[1]
        globus_auth.revoke_all()
        assert len(browser) == 2


@pytest.mark.parametrize("widget", [True, False])
def test_a_gare_becomes_a_login_with_its_parameters(
    globus_auth: GlobusAuth,
    compute: ComputeServer,
    call: Call,
    browser: list[str],
    widget: bool,
) -> None:
    login = resolve()
    log_in(login, globus_auth)
    compute.gare = GARE_DOCUMENT
    with pytest.raises(globus_sdk.GlobusAPIError) as refused:
        call(login)
    gare = requirements_of(refused.value)
    assert gare is not None
    if widget:
        flow = login.flow()
        assert flow is not None
        url = flow.start(gare)
        flow.finish(globus_auth.approve(url))
    else:
        login.renew(gare)
        [url] = browser
    for part in (
        "session_required_single_domain=example.org",
        "session_required_mfa=True",
        "prompt=login",
        "session_message=This+endpoint+wants+a+fresh+login",
        "transfer.api.globus.org",
        "facd7ccc-c5f4-42aa-916b-a0e270e2c2a9",
    ):
        assert part in url
    compute.gare = None
    assert call(login) == "1.0.0"


def test_gares_of_every_form() -> None:
    assert requirements_of({"code": "ENDPOINT_NOT_FOUND", "reason": "no"}) is None
    found = requirements_of({"code": "ConsentRequired", "required_scopes": [COMPUTE_SCOPE]})
    assert found is not None
    assert found["authorization_parameters"]["required_scopes"] == [COMPUTE_SCOPE]
    again = GARE.from_dict(found)
    assert again.authorization_parameters.required_scopes == [COMPUTE_SCOPE]


def test_another_identity(globus_auth: GlobusAuth, call: Call, compute_dir: Path) -> None:
    """Refused while somebody's login is stored; fine after logging out, in the same kernel."""
    login = resolve()
    log_in(login, globus_auth)
    globus_auth.person = Person(sub="another", preferred_username="bob@example.org")
    with pytest.raises(LoginRequired, match="another identity") as caught:
        log_in(login, globus_auth)
    assert "%gc logout" in caught.value.next_step
    assert login.logout() is True
    log_in(login, globus_auth)
    assert call(login) == "1.0.0"
    identity = login.identity()
    assert identity is not None
    assert identity.username == "bob@example.org"
    assert compute_dir.exists()


def test_logout_revokes_and_forgets(globus_auth: GlobusAuth, call: Call) -> None:
    login = resolve()
    log_in(login, globus_auth)
    call(login)
    assert login.logout() is True
    assert not any(token.active for token in globus_auth.tokens.values())
    assert login.required
    with pytest.raises(LoginRequired):
        call(login)
    assert resolve().required
    assert login.logout() is True


@pytest.mark.usefixtures("no_retry_sleep")
def test_logout_without_a_network_forgets_here(globus_auth: GlobusAuth) -> None:
    login = resolve()
    log_in(login, globus_auth)
    login.token_key()
    globus_auth.stop()
    with pytest.raises(ServiceUnreachable) as caught:
        login.logout()
    assert "forgotten here, but not revoked" in str(caught.value)
    assert login.required
    with pytest.raises(LoginRequired):
        login.token_key()


def test_an_id_token_that_cannot_be_believed(globus_auth: GlobusAuth) -> None:
    """A wrong clock or a wrong key shows as an error of the JWT library."""
    login = resolve()
    flow = login.flow()
    assert flow is not None
    code = globus_auth.approve(flow.start())
    globus_auth.token_lifetime = -4000
    with pytest.raises(LoginRequired, match=r"This login can't be used \(ExpiredSignatureError\)"):
        flow.finish(code)
    assert login.required


def test_a_login_needs_one_of_both() -> None:
    with pytest.raises(TypeError):
        Login("nowhere")
    with contextlib.suppress(LoginRequired):
        resolve().authorizer.handle_missing_authorization()
