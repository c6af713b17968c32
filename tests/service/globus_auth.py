"""A loopback Globus Auth, so that globus-sdk's UserApp and ClientApp run for real.

::

    GET  /v2/oauth2/authorize          a page with two buttons; `Allow` yields a code
    POST /v2/oauth2/authorize          what the buttons send: back to redirect_uri
    GET  /v2/web/auth-code             the page that shows the code to copy
    POST /v2/oauth2/token              authorization_code (with PKCE), refresh_token,
                                       client_credentials
    POST /v2/oauth2/token/revoke       POST /v2/oauth2/token/introspect
    GET  /v2/oauth2/userinfo           GET  /v2/api/identities[/{id}/consents]
    GET  /.well-known/openid-configuration         GET  /jwk.json

Point globus-sdk at it with `GLOBUS_SDK_SERVICE_URL_AUTH=<url>/`. It serves from a thread of its
own and starts anywhere: ``with GlobusAuth() as auth: …``. JupyterHub's GlobusOAuthenticator can use
its authorize, token and userinfo addresses too.
"""

from __future__ import annotations

import base64
import html
import json
import threading
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn

from tests.service.globus_tokens import AUTH, Refused, Token, TokenBook


@dataclass
class Seen:
    """A request that arrived; `form` is the query or the posted form."""

    method: str
    path: str
    form: dict[str, str]
    authorization: str = ""


@dataclass
class _Reply:
    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class GlobusAuth(TokenBook):
    """The server. Its attributes, and `TokenBook`'s, are switches: change them while it runs.

    `outage` makes every request a 503; `echoes` puts what was sent into every refusal, as careless
    servers do; `requests` is what arrived.
    """

    def __init__(self, token_lifetime: int = 172800) -> None:
        super().__init__(token_lifetime)
        self.outage = False
        self.echoes = False
        self.requests: list[Seen] = []
        self._server: ThreadingHTTPServer | None = None
        self.url = ""

    def start(self, port: int = 0) -> GlobusAuth:
        """Serve on the loopback address; `url` has no slash at its end."""
        owner = self

        class Handler(_Handler):
            auth = owner

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.issuer = self.url
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> GlobusAuth:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    @property
    def environ(self) -> dict[str, str]:
        """The variables that bring globus-sdk here."""
        return {"GLOBUS_SDK_SERVICE_URL_AUTH": self.url + "/"}

    def seen(self, path: str, **form: str) -> list[Seen]:
        """The requests of this path whose form has these values."""
        return [
            one
            for one in self.requests
            if one.path == path and all(one.form.get(k) == v for k, v in form.items())
        ]

    def approve(self, authorize_url: str) -> str:
        """Press `Allow` for whoever opened this URL; the code that they would copy."""
        query = urllib.parse.urlsplit(authorize_url).query
        return self.new_code(dict(urllib.parse.parse_qsl(query)))

    def handle(self, seen: Seen) -> _Reply:
        """Answer one request."""
        if self.outage:
            raise Refused(503, "temporarily_unavailable")
        route = (seen.method, seen.path)
        if route == ("GET", "/v2/oauth2/authorize"):
            return self._authorize_page(seen.form)
        if route == ("POST", "/v2/oauth2/authorize"):
            return self._decide(seen.form)
        if route == ("GET", "/v2/web/auth-code"):
            return self._code_page(seen.form)
        if route == ("POST", "/v2/oauth2/token"):
            return _json(self._token(seen))
        if route == ("POST", "/v2/oauth2/token/revoke"):
            token = self.tokens.get(seen.form.get("token", ""))
            if token is not None:
                token.revoked = True
            return _json({"active": False})
        if route == ("POST", "/v2/oauth2/token/introspect"):
            self._client(seen)
            return _json(self.introspect(seen.form.get("token", "")))
        if route == ("GET", "/v2/oauth2/userinfo"):
            return _json(self._userinfo(self._bearer(seen)))
        if route == ("GET", "/v2/api/identities"):
            self._bearer(seen)
            return _json({"identities": self._identities(seen.form.get("ids", ""))})
        if seen.path.startswith("/v2/api/identities/") and seen.path.endswith("/consents"):
            self._bearer(seen)
            return _json({"consents": []})
        if route == ("GET", "/.well-known/openid-configuration"):
            return _json(self._openid_configuration())
        if route == ("GET", "/jwk.json"):
            return _json({"keys": [self.jwk()]})
        raise Refused(404, "not_found")

    # The person's half: page, decision, code.

    def _authorize_page(self, form: dict[str, str]) -> _Reply:
        for name in ("client_id", "redirect_uri", "scope", "response_type"):
            if not form.get(name):
                raise Refused(400, "invalid_request", f"{name} is missing")
        hidden = "".join(
            f'<input type="hidden" name="{html.escape(k)}" value="{html.escape(v)}">'
            for k, v in form.items()
        )
        scopes = "".join(f"<li>{html.escape(s)}</li>" for s in form["scope"].split())
        message = html.escape(form.get("session_message", ""))
        return _page(
            "Allow access",
            f"<p>{html.escape(self.person.preferred_username)}</p><p>{message}</p>"
            f"<ul>{scopes}</ul>"
            f'<form method="post" action="/v2/oauth2/authorize">{hidden}'
            '<button name="decision" value="allow">Allow</button>'
            '<button name="decision" value="deny">Deny</button></form>',
        )

    def _decide(self, form: dict[str, str]) -> _Reply:
        answer = {"state": form["state"]} if "state" in form else {}
        if form.get("decision") == "allow":
            answer["code"] = self.new_code(form)
        else:
            answer["error"] = "access_denied"
        mark = "&" if "?" in form["redirect_uri"] else "?"
        target = form["redirect_uri"] + mark + urllib.parse.urlencode(answer)
        return _Reply(b"", 302, "text/plain", {"Location": target})

    def _code_page(self, form: dict[str, str]) -> _Reply:
        if "code" not in form:
            return _page("Access denied", "<p>No code was given.</p>")
        code = html.escape(form["code"])
        return _page("Authorization code", f'<p><code id="auth-code">{code}</code></p>')

    # The client's half: tokens and what they open.

    def _token(self, seen: Seen) -> dict[str, Any]:
        grant = seen.form.get("grant_type")
        client_id = self._client(seen)
        if grant == "authorization_code":
            return self.exchange(client_id, seen.form)
        if grant == "refresh_token":
            return self.refresh(client_id, seen.form.get("refresh_token", ""))
        if grant == "client_credentials":
            if client_id not in self.client_secrets:
                raise Refused(401, "invalid_client")
            scopes = seen.form.get("scope", "")
            return self.issue(scopes, client_id=client_id, sub=client_id, refresh=False)
        raise Refused(400, "unsupported_grant_type")

    def _client(self, seen: Seen) -> str:
        """The client that speaks: by basic authentication, or a native one by its id alone."""
        if seen.authorization.startswith("Basic "):
            pair = base64.b64decode(seen.authorization[len("Basic ") :]).decode()
            client_id, _, secret = pair.partition(":")
        else:
            client_id = seen.form.get("client_id", "")
            secret = seen.form.get("client_secret", "")
        expected = self.client_secrets.get(client_id)
        if not client_id or (expected is not None and expected != secret):
            raise Refused(401, "invalid_client")
        if expected is None and secret:
            raise Refused(401, "invalid_client")
        return client_id

    def _bearer(self, seen: Seen) -> Token:
        text = seen.authorization.removeprefix("Bearer ")
        if not self.is_active(text, AUTH):
            raise Refused(401, "invalid_token")
        return self.tokens[text]

    def _userinfo(self, token: Token) -> dict[str, Any]:
        if "openid" not in token.scopes:
            raise Refused(403, "insufficient_scope")
        [person] = self._identities(token.sub)
        info: dict[str, Any] = {"sub": token.sub}
        if "profile" in token.scopes:
            info |= {"preferred_username": person["username"], "name": person["name"]}
        if "email" in token.scopes:
            info["email"] = person["email"]
        return info

    def _identities(self, ids: str) -> list[dict[str, Any]]:
        found = []
        for sub in ids.split(","):
            if sub in self.people:
                person = self.people[sub]
                names = (person.preferred_username, person.name, person.email)
            elif sub in self.client_secrets:
                names = (f"{sub}@clients.auth.globus.org", "A service account", None)
            else:
                continue
            username, name, email = names
            found.append({"id": sub, "username": username, "name": name, "email": email})
        return found

    def _openid_configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/v2/oauth2/authorize",
            "token_endpoint": f"{self.url}/v2/oauth2/token",
            "userinfo_endpoint": f"{self.url}/v2/oauth2/userinfo",
            "revocation_endpoint": f"{self.url}/v2/oauth2/token/revoke",
            "jwks_uri": f"{self.url}/jwk.json",
            "id_token_signing_alg_values_supported": ["RS512"],
        }


class _Handler(BaseHTTPRequestHandler):
    auth: GlobusAuth

    def do_GET(self) -> None:
        self._answer(urllib.parse.urlsplit(self.path).query)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def _answer(self, form: str) -> None:
        seen = Seen(
            method=self.command,
            path=urllib.parse.urlsplit(self.path).path,
            form=dict(urllib.parse.parse_qsl(form)),
            authorization=self.headers.get("Authorization", ""),
        )
        self.auth.requests.append(seen)
        try:
            reply = self.auth.handle(seen)
        except Refused as refused:
            echo = {"echo": vars(seen)} if self.auth.echoes else {}
            reply = _json({**refused.body, **echo})
            reply.status = refused.status
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: `requests` is the record."""


def _json(body: Any) -> _Reply:
    return _Reply(json.dumps(body).encode())


def _page(title: str, body: str) -> _Reply:
    text = f'<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1>{body}</html>'
    return _Reply(text.encode(), content_type="text/html; charset=utf-8")


def main() -> NoReturn:
    """Run as a process of its own, and print the address as JSON."""
    auth = GlobusAuth().start()
    print(json.dumps({"url": auth.url}), flush=True)
    threading.Event().wait()
    raise SystemExit


if __name__ == "__main__":
    main()
