"""What the loopback Globus Auth has given out: codes in, tokens and id tokens out."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

NATIVE_CLIENT_ID = "4cf29807-cf21-49ec-9443-ff9a3fb9f81c"
COMPUTE = "funcx_service"
AUTH = "auth.globus.org"
SEARCH = "search.api.globus.org"
COMPUTE_SCOPE = "https://auth.globus.org/scopes/facd7ccc-c5f4-42aa-916b-a0e270e2c2a9/all"


@dataclass(frozen=True)
class Person:
    """Who presses `Allow`."""

    sub: str = "6d3b9f0a-0f1c-4a53-9c0e-1f2a7d5f7a01"
    preferred_username: str = "ada@example.org"
    name: str = "Ada Example"
    email: str = "ada@example.org"


@dataclass
class Token:
    """A token that was given out. `expires_at` is seconds, monotonic."""

    text: str
    client_id: str
    sub: str
    scopes: tuple[str, ...]
    resource_server: str
    expires_at: float
    refreshes: bool = False
    revoked: bool = False

    @property
    def active(self) -> bool:
        return not self.revoked and (self.refreshes or time.monotonic() < self.expires_at)


class Refused(Exception):
    """An OAuth error reply."""

    def __init__(self, status: int, error: str, description: str = "") -> None:
        self.status = status
        self.body = {"error": error, "error_description": description}


class TokenBook:
    """Every token, and the rules by which one is given.

    `token_lifetime` is in seconds. `refuse_refresh` makes every refresh an `invalid_grant`,
    `rotate_refresh_tokens` gives a new one with each refresh. `tokens` are those given out, by
    their text; `person` is who logs in, `people` are those who did.
    """

    def __init__(self, token_lifetime: int) -> None:
        self.token_lifetime = token_lifetime
        self.refuse_refresh = False
        self.rotate_refresh_tokens = False
        self.person = Person()
        self.people: dict[str, Person] = {}
        self.client_secrets: dict[str, str] = {}
        self.tokens: dict[str, Token] = {}
        self.issuer = ""
        self._codes: dict[str, dict[str, str]] = {}
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def add_client(self, client_id: str, secret: str) -> None:
        """Register a confidential client."""
        self.client_secrets[client_id] = secret

    def is_active(self, access_token: str, resource_server: str = COMPUTE) -> bool:
        """Whether a service of this name would accept the token."""
        token = self.tokens.get(access_token)
        return (
            token is not None
            and token.active
            and not token.refreshes
            and token.resource_server == resource_server
        )

    def revoke_all(self, *, refresh_tokens: bool = True) -> None:
        """Revoke what was given out; with False the access tokens only, as if they expired."""
        for token in self.tokens.values():
            if refresh_tokens or not token.refreshes:
                token.revoked = True

    def new_code(self, request: dict[str, str]) -> str:
        """A code for this authorize request, allowed by `person`."""
        code = secrets.token_urlsafe(20)
        self.people[self.person.sub] = self.person
        self._codes[code] = {**request, "sub": self.person.sub}
        return code

    def issue(
        self,
        scopes: str = f"{COMPUTE_SCOPE} openid",
        *,
        client_id: str = NATIVE_CLIENT_ID,
        sub: str | None = None,
        refresh: bool = True,
        nonce: str | None = None,
    ) -> dict[str, Any]:
        """Tokens as the token route gives them: one a resource server, the first on top."""
        if sub is None:
            sub = self.person.sub
            self.people[sub] = self.person
        by_server: dict[str, list[str]] = {}
        for scope in scopes.split():
            by_server.setdefault(_resource_server(scope), []).append(scope)
        if not by_server:
            raise Refused(400, "invalid_scope")
        documents = [
            self._document(client_id, sub, server, tuple(names), refresh)
            for server, names in by_server.items()
        ]
        reply = {**documents[0], "other_tokens": documents[1:]}
        if "openid" in scopes.split() and sub in self.people:
            reply["id_token"] = self._id_token(client_id, sub, nonce)
        return reply

    def exchange(self, client_id: str, form: dict[str, str]) -> dict[str, Any]:
        """Tokens for a code."""
        asked = self._codes.pop(form.get("code", ""), None)  # a code works once
        if asked is None or asked["client_id"] != client_id:
            raise Refused(400, "invalid_grant", "no such code")
        if asked["redirect_uri"] != form.get("redirect_uri"):
            raise Refused(400, "invalid_grant", "another redirect_uri")
        if challenge := asked.get("code_challenge"):
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).decode().rstrip("=") != challenge:
                raise Refused(400, "invalid_grant", "the verifier doesn't match")
        elif client_id not in self.client_secrets:
            raise Refused(400, "invalid_request", "a native client needs PKCE")
        return self.issue(
            asked["scope"],
            client_id=client_id,
            sub=asked["sub"],
            refresh=asked.get("access_type") == "offline",
            nonce=asked.get("nonce"),
        )

    def refresh(self, client_id: str, text: str) -> dict[str, Any]:
        """A new access token for a refresh token."""
        old = self.tokens.get(text)
        if (
            self.refuse_refresh
            or old is None
            or not old.refreshes
            or not old.active
            or old.client_id != client_id
        ):
            raise Refused(400, "invalid_grant")
        document = self._document(client_id, old.sub, old.resource_server, old.scopes, False)
        if self.rotate_refresh_tokens:
            old.revoked = True
            document["refresh_token"] = self._new_token(old, refreshes=True).text
        else:
            document["refresh_token"] = text
        return {**document, "other_tokens": []}

    def _document(
        self, client_id: str, sub: str, server: str, scopes: tuple[str, ...], refresh: bool
    ) -> dict[str, Any]:
        blank = Token("", client_id, sub, scopes, server, 0.0)
        document = {
            "access_token": self._new_token(blank).text,
            "scope": " ".join(scopes),
            "expires_in": self.token_lifetime,
            "token_type": "Bearer",
            "resource_server": server,
        }
        if refresh:
            document["refresh_token"] = self._new_token(blank, refreshes=True).text
        return document

    def _new_token(self, like: Token, *, refreshes: bool = False) -> Token:
        token = Token(
            text="Ag" + secrets.token_urlsafe(32),
            client_id=like.client_id,
            sub=like.sub,
            scopes=like.scopes,
            resource_server=like.resource_server,
            expires_at=time.monotonic() + self.token_lifetime,
            refreshes=refreshes,
        )
        self.tokens[token.text] = token
        return token

    def _id_token(self, client_id: str, sub: str, nonce: str | None) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": client_id,
            "sub": sub,
            "iat": now,
            "exp": now + self.token_lifetime,
        }
        if nonce:
            claims["nonce"] = nonce
        return jwt.encode(claims, self._key, algorithm="RS512")

    def introspect(self, text: str) -> dict[str, Any]:
        """What Globus Auth says of a token."""
        token = self.tokens.get(text)
        if token is None or not token.active:
            return {"active": False}
        return {
            "active": True,
            "client_id": token.client_id,
            "sub": token.sub,
            "scope": " ".join(token.scopes),
            "aud": [token.resource_server],
        }

    def jwk(self) -> dict[str, Any]:
        """The public key of the id tokens."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key()))
        return {**key, "alg": "RS512", "use": "sig"}


def _resource_server(scope: str) -> str:
    if scope.startswith(COMPUTE_SCOPE.rsplit("/", 1)[0]):
        return COMPUTE
    parts = scope.split(":")
    return parts[3] if scope.startswith("urn:globus:auth:scope:") and len(parts) > 3 else AUTH
