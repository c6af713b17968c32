"""Two small loopback services: a Compute that checks tokens, and JupyterHub's user API."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.service.globus_auth import GlobusAuth


class _Server:
    def __init__(self) -> None:
        owner = self
        self.asked: list[str] = []  # the Authorization header of each request

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                token = self.headers.get("Authorization", "")
                owner.asked.append(token)
                status, body = owner.answer(self.path, token)
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, path: str, token: str) -> tuple[int, Any]:
        raise NotImplementedError

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


class ComputeServer(_Server):
    """Says the version to whoever has an active Compute token; else 401, with the token echoed."""

    def __init__(self, auth: GlobusAuth) -> None:
        super().__init__()
        self._auth = auth
        self.gare: dict[str, Any] | None = None

    def answer(self, path: str, token: str) -> tuple[int, Any]:  # noqa: ARG002
        if not self._auth.is_active(token.removeprefix("Bearer ")):
            return 401, {"code": "USER_UNAUTHENTICATED", "reason": f"{token} is no good"}
        if self.gare is not None:
            return 403, self.gare
        return 200, {"min_sdk_version": "1.0.0"}


class HubServer(_Server):
    """JupyterHub's `GET /users/ada`, asked by ada's server.

    `state` is the auth state. Without it, or without the right to see it, there is no such field;
    `GET /user` has the field, and it is always None.
    """

    api_token = "hub-api-token-canary"

    def __init__(self) -> None:
        super().__init__()
        self.state: dict[str, Any] | None = None
        self.body: Any = None

    def answer(self, path: str, token: str) -> tuple[int, Any]:
        if token != f"token {self.api_token}":
            return 403, {"message": f"{token} is not a token"}
        if self.body is not None:
            return 200, self.body
        if path == "/user":
            return 200, {"name": "ada", "auth_state": None}
        if path != "/users/ada":
            return 404, {"message": "Not Found"}
        state = {} if self.state is None else {"auth_state": self.state}
        return 200, {"name": "ada", **state}

    @property
    def environ(self) -> dict[str, str]:
        return {
            "JUPYTERHUB_API_URL": self.url,
            "JUPYTERHUB_API_TOKEN": self.api_token,
            "JUPYTERHUB_USER": "ada",
        }
