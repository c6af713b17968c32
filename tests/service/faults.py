"""The switches: what goes wrong with the next requests and the next results."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields
from typing import Any

from aiohttp import web

from tests.service.errors import INTERNAL_ERROR, UNKNOWN, Refusal

Handler = Callable[[], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class RequestFault:
    """What happens to a request whose method and path match; the first live fault wins.

    `times` counts down (None: until reset). One of: `status` (an error instead of an answer, with
    `headers` and the fields of `error` in its body), `body` (a 200 that isn't JSON), `drop`
    ("before" or "after" the request was carried out, or "midway" in the answer), `hang` (no answer
    until reset). `late_s`: a 504 at once, and the request is carried out so much later.
    `garble`: carried out, and half of its JSON is the whole answer.
    `hold`: carried out, and answered, or with `drop` cut, after `release`.
    `delay_s` holds the answer back, alone or before any of them.
    """

    path: str = ".*"
    method: str = ""
    times: int | None = 1
    delay_s: float = 0.0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    error: dict[str, Any] = field(default_factory=dict)
    body: str | None = None
    drop: str = ""
    hang: bool = False
    late_s: float = 0.0
    garble: bool = False
    hold: bool = False

    def takes(self, request: web.Request) -> bool:
        """Whether this request is one of those meant; counts it if so."""
        if self.times == 0 or (self.method and self.method != request.method):
            return False
        if not re.fullmatch(self.path, request.path):
            return False
        if self.times is not None:
            self.times -= 1
        return True

    async def apply(
        self, request: web.Request, handler: Handler, faults: Faults
    ) -> web.StreamResponse:
        """Answer `request` in the faulty way."""
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if self.hang:
            await faults.released.wait()
            return _cut(request)
        if self.hold:
            answer = await handler()
            released = faults.released
            faults.held.set()
            await released.wait()
            return _cut(request) if self.drop else answer
        if self.late_s:
            await request.read()
            asyncio.get_running_loop().call_later(self.late_s, _carry_out, handler)
            return web.Response(status=504, text="the gateway gave up")
        if self.garble:
            answer = await handler()
            assert isinstance(answer, web.Response)
            assert isinstance(answer.body, bytes)
            half = answer.body[: len(answer.body) // 2]
            return web.Response(body=half, content_type="application/json")
        if self.drop == "before":
            return _cut(request)
        if self.drop == "after":
            await handler()
            return _cut(request)
        if self.drop == "midway":
            return await _cut_midway(request, await handler())
        if self.body is not None:
            return web.Response(text=self.body, content_type="text/html", headers=self.headers)
        if self.status:
            code = INTERNAL_ERROR if self.status >= 500 else UNKNOWN
            body = Refusal(self.status, code, f"Told to answer {self.status}").body() | self.error
            return web.json_response(body, status=self.status, headers=self.headers)
        return await handler()


def _carry_out(handler: Handler) -> None:
    task = asyncio.ensure_future(handler())
    _LATE.add(task)
    task.add_done_callback(_LATE.discard)


_LATE: set[asyncio.Future[Any]] = set()


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _cut_midway(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """Half of the answer arrives."""
    assert isinstance(answer, web.Response)
    assert isinstance(answer.body, bytes)
    half = web.StreamResponse(headers={"Content-Length": str(len(answer.body))})
    await half.prepare(request)
    await half.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()  # once that has left
    return half


@dataclass(slots=True)
class Limit:
    """The service's own limit: of the requests that match, `count` in any `window_s` are taken, and
    the others are answered 429, with `headers`."""

    path: str
    count: int = 20
    window_s: float = 10.0
    headers: dict[str, str] = field(default_factory=dict)
    _taken: deque[float] = field(default_factory=deque)

    def refuses(self, request: web.Request) -> bool:
        """Whether this request is one too many; counts it if not."""
        if not re.fullmatch(self.path, request.path):
            return False
        now = time.monotonic()
        while self._taken and now - self._taken[0] >= self.window_s:
            self._taken.popleft()
        if len(self._taken) >= self.count:
            return True
        self._taken.append(now)
        return False


@dataclass(slots=True)
class ResultFaults:
    """How results leave the service; every field off by default.

    `duplicates`: extra copies of each. `reorder`: this many are collected, then sent in reverse.
    `early`: before the submit reply. `by_reference`: as for high assurance, without their data.
    `listed`: how a group lists its tasks, "reversed" or as they came.
    `lose`: so many next results are stored but never sent. `delay_s`: later.
    """

    duplicates: int = 0
    reorder: int = 0
    early: bool = False
    by_reference: bool = False
    lose: int = 0
    delay_s: float = 0.0
    listed: str = ""


@dataclass(slots=True)
class BrokerFaults:
    """How the broker is reached. `deny`: so many next logins fail; `refuse`: the address given
    is one where nobody listens; `url`: the address given, with places for `{user}` and
    `{password}`."""

    deny: int = 0
    refuse: bool = False
    url: str = ""


class Faults:
    """All switches of the service."""

    def __init__(self) -> None:
        self.requests: list[RequestFault] = []
        self.limit: Limit | None = None
        self.results = ResultFaults()
        self.broker = BrokerFaults()
        self.held = asyncio.Event()  # a request was carried out, and its answer waits
        self.released = asyncio.Event()

    def reset(self) -> None:
        """Everything off; hanging requests are cut."""
        self.requests.clear()
        self.limit = None
        self.results = ResultFaults()
        self.broker = BrokerFaults()
        self.release()

    def release(self) -> None:
        """Give the answers that are held back."""
        self.held = asyncio.Event()
        self.released.set()
        self.released = asyncio.Event()

    def for_request(self, request: web.Request) -> RequestFault | None:
        """The fault that this request meets, if any."""
        if self.limit is not None and self.limit.refuses(request):
            return RequestFault(status=429, headers=self.limit.headers)
        return next((one for one in self.requests if one.takes(request)), None)


def update(target: object, values: dict[str, Any]) -> None:
    """Set fields of a faults object by name; an unknown name is an error."""
    known = {one.name for one in fields(target)}  # type: ignore[arg-type]
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"no such fault: {name}; there are {sorted(known)}")
        setattr(target, name, value)
