"""Every request that arrived, for comparison and for counting."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

_KEPT_REQUESTS = 5000
_KEPT_BODY_BYTES = 1024 * 1024


@dataclass(slots=True)
class Seen:
    at: float  # seconds, monotonic
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    status: int | None = None  # None while it is being answered, and after a dropped reply

    def as_json(self) -> dict[str, Any]:
        if len(self.body) > _KEPT_BODY_BYTES:
            body: Any = None
        else:
            try:
                body = json.loads(self.body) if self.body else None
            except ValueError:
                body = self.body.decode(errors="replace")
        return {
            "at": self.at,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": body,
            "size": len(self.body),
            "status": self.status,
        }


class Recorder:
    """The newest requests, oldest first, without the control ones."""

    def __init__(self) -> None:
        self.seen: deque[Seen] = deque(maxlen=_KEPT_REQUESTS)
        self._changed = asyncio.Event()

    def note(self, request: web.Request, body: bytes) -> Seen:
        one = Seen(
            time.monotonic(),
            request.method,
            request.path,
            dict(request.query),
            dict(request.headers),
            body,
        )
        self.seen.append(one)
        self._tell()
        return one

    def answered(self, one: Seen, status: int) -> None:
        """Note the reply to a request."""
        one.status = status
        self._tell()

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until this holds; asked after each request and reply."""
        while not condition():
            await self._changed.wait()
