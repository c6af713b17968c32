"""globus-sdk's transport without the work that requests repeats for each request.

A short cell mostly waits for its submission. requests takes as long for it as the service and the
network together, because it prepares URL, cookies, hooks and proxies anew each time. This transport
hands JSON requests to urllib3, on which requests is built, too. Everything else (forms, query
parameters, proxies) goes through globus-sdk's own transport.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import ssl
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import globus_sdk
import requests
import urllib3
import urllib3.connection
from globus_sdk.transport import RequestCallerInfo, RequestsTransport

from gc_jupyter.errors import LoginMisconfigured
from gc_jupyter.secret import Secret
from gc_jupyter.service.tls import ca_file

if TYPE_CHECKING:
    from gc_jupyter.serialize.streamed import JSONBody

_CONNECTIONS = 16  # connections that are kept: for the gc-http threads, and for callers who wait
# The other end may have dropped an older idle connection unnoticed: a laptop slept, or a router
# forgot it. A submission on such a connection would be lost, and nobody could tell.
_STALE_S = 60.0
#: Seconds for a connection, TLS included. Some networks accept TCP and send nothing.
CONNECT_S = 15.0


def service_address(base_url: str | None, environment: str | None) -> str:
    """The service's address: the one that the client was given, else globus-sdk's."""
    return base_url or globus_sdk.config.get_service_url("compute", environment)


class DirectTransport(RequestsTransport):
    """See the module; errors and retries of refused tokens are as with the base class.

    Parameters
    ----------
    url:
        The service's address: environment variables for proxies are read once, for it.
    """

    def __init__(self, url: str) -> None:
        super().__init__(verify_ssl=ca_file())
        # by default requests reads the whole environment again for each request
        self.session.proxies = requests.utils.get_environ_proxies(url)
        self.session.trust_env = False
        self._url = url
        self._connecting: set[object] = set()
        self._ahead: deque[Future[None]] = deque()  # each is for one request
        self._pid, self._pool = os.getpid(), self._make_pool()
        self._used_at = time.time()

    def _make_pool(self) -> urllib3.HTTPConnectionPool | None:
        if self.session.proxies:
            return None
        pool = urllib3.connection_from_url(self._url, maxsize=_CONNECTIONS, **self._tls())
        if self._url.startswith("https:"):
            pool.ConnectionCls = _connection_class(self._connecting)
        return pool

    def _tls(self) -> dict[str, Any]:
        if not self._url.startswith("https:"):
            return {}
        verify = self.verify_ssl
        required = "CERT_REQUIRED" if verify else "CERT_NONE"
        return {"cert_reqs": required, "ca_certs": verify or None}

    def connect_ahead(self) -> Callable[[], None]:
        """Prepare a connection for the next request that needs one. Call the returned function on
        another thread: it connects, and blocks. If it fails, the request gets the error. With a
        proxy, nothing is prepared."""
        pool, made = self._pool, Future[None]()
        if pool is None:
            return lambda: None

        def connect() -> None:
            options: Any = {"timeout": CONNECT_S, **self._tls()}
            connection = pool.ConnectionCls(pool.host, pool.port, **options)
            try:
                connection.connect()
                _keep(pool, connection)
            except BaseException as error:  # of any kind: a request may wait for it
                made.set_exception(error)
            else:
                made.set_result(None)

        self._ahead.append(made)
        return connect

    @property
    def connecting(self) -> bool:
        """Whether a connection is being made, so that its request has not been sent yet."""
        return bool(self._connecting)

    def close(self) -> None:
        """Close all connections."""
        super().close()
        if self._pool is not None:
            self._pool.close()

    def request(
        self,
        method: str,
        url: str,
        *,
        caller_info: RequestCallerInfo,
        query_params: dict[str, Any] | None = None,
        data: dict[str, Any] | list[Any] | str | bytes | None = None,
        headers: dict[str, str] | None = None,
        encoding: str | None = None,
        allow_redirects: bool = True,  # noqa: ARG002 - no service redirects
        stream: bool = False,
    ) -> requests.Response:
        """See RequestsTransport.request."""
        # imported while the first connection is made, and not before it
        from gc_jupyter.serialize.streamed import JSONBody, json_body

        now = time.time()  # the monotonic clock stands still while a laptop sleeps
        stale, self._used_at = abs(now - self._used_at) > _STALE_S, now
        # a forked child must not write on its parent's connections either
        if stale or self._pid != os.getpid():
            self.session.close()
            self._ahead.clear()
            self._pid, self._pool = os.getpid(), self._make_pool()
        is_json = data is None or (isinstance(data, dict | list) and encoding in (None, "json"))
        body = json_body(data) if data is not None and is_json else None
        if self._pool is None or query_params or stream or not is_json:
            _authorization(caller_info)
            if isinstance(body, JSONBody):  # requests encodes all else itself
                data, encoding = b"".join(body), "text"
                headers = {**(headers or {}), "Content-Type": "application/json"}
            return super().request(
                method,
                url,
                caller_info=caller_info,
                query_params=query_params,
                data=data,
                headers=headers,
                encoding=encoding,
                allow_redirects=False,  # a redirect would send a task's body anywhere
                stream=stream,
            )
        sent = {**self.headers, **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
            sent["Content-Length"] = str(len(body))
        response = self._send(self._pool, method, url, body, sent, caller_info)
        authorizer = caller_info.authorizer
        if response.status_code == 401 and authorizer is not None:  # noqa: SIM102 - it acts
            if authorizer.handle_missing_authorization():
                response = self._send(self._pool, method, url, body, sent, caller_info)
        return response

    def _send(
        self,
        pool: urllib3.HTTPConnectionPool,
        method: str,
        url: str,
        body: bytes | JSONBody | None,
        headers: dict[str, str],
        caller_info: RequestCallerInfo,
    ) -> requests.Response:
        if authorization := _authorization(caller_info):
            headers["Authorization"] = authorization
        try:
            if (ahead := _next_of(self._ahead)) is not None:
                ahead.result()
            answer = pool.urlopen(
                method,
                urlsplit(url).path,
                body=body,
                headers=headers,
                timeout=urllib3.Timeout(
                    connect=min(CONNECT_S, self.http_timeout or CONNECT_S), read=self.http_timeout
                ),
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.ConnectTimeoutError as error:
            raise globus_sdk.GlobusConnectionTimeoutError(
                "connecting took too long", error
            ) from error
        except urllib3.exceptions.TimeoutError as error:
            raise globus_sdk.GlobusTimeoutError("no answer in time", error) from error
        except urllib3.exceptions.HTTPError as error:
            raise globus_sdk.GlobusConnectionError("the connection failed", error) from error
        response = requests.Response()
        response.status_code = answer.status
        response.reason = answer.reason or ""
        response.url = url
        response.headers = requests.structures.CaseInsensitiveDict(answer.headers)
        response.encoding = "utf-8"  # JSON is always UTF-8
        response.raw = io.BytesIO(answer.data)  # the whole body has been read
        if answer.status >= 400:  # globus-sdk's errors name the request
            response.request = requests.Request(method, url, headers=headers).prepare()
        return response


def _authorization(caller_info: RequestCallerInfo) -> Secret:
    """The Authorization header, or empty text.

    Raises
    ------
    LoginMisconfigured
        The header has characters that no request can carry. (http.client's own error would show the
        token, and doesn't say that nothing was sent.)
    """
    authorizer = caller_info.authorizer
    found = Secret((None if authorizer is None else authorizer.get_authorization_header()) or "")
    if not (found.isascii() and found.isprintable()):
        raise LoginMisconfigured(
            "The access token holds a line break, or another character that no request can carry."
            " Nothing was sent.",
            next_step="Give the token anew, as it was issued.",
        )
    return found


def _next_of(ahead: deque[Future[None]]) -> Future[None] | None:
    try:
        return ahead.popleft()
    except IndexError:
        return None


def _keep(pool: urllib3.HTTPConnectionPool, connection: Any) -> None:
    """Put a connection where the pool looks first, in place of one that isn't made yet."""
    kept, idle = pool.pool, [connection]
    if kept is not None:  # else the pool was closed
        with contextlib.suppress(queue.Empty):
            while (one := kept.get_nowait()) is not None:
                idle.insert(0, one)
    for one in idle:
        try:
            if kept is not None:
                kept.put_nowait(one)
                continue
        except queue.Full:
            pass
        one.close()


def _has_tickets_only(connection: Any) -> bool:
    """Whether an idle TLS connection has only received session tickets, which follow the handshake.
    urllib3 would take them for the connection's end."""
    if not isinstance(connection, ssl.SSLSocket):
        return False
    before = connection.gettimeout()
    try:
        connection.settimeout(0)
        connection.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    else:
        return False  # the connection's end, or a reply without a request
    finally:
        with contextlib.suppress(OSError):
            connection.settimeout(before)


def _connection_class(connecting: set[object]) -> type[urllib3.connection.HTTPSConnection]:
    """A class of connections that are in `connecting` while they are made, survive session tickets,
    and report that nothing was sent if the handshake fails. (urllib3 raises the same error for a
    failed reply.)"""

    class TicketConnection(urllib3.connection.HTTPSConnection):
        @property
        def is_connected(self) -> bool:
            return super().is_connected or _has_tickets_only(self.sock)

        def connect(self) -> None:
            connecting.add(self)
            try:
                super().connect()
            except TimeoutError as error:
                raise urllib3.exceptions.ConnectTimeoutError(self, "no TLS in time") from error
            except (OSError, urllib3.exceptions.SSLError) as error:  # the request comes after it
                raise urllib3.exceptions.NewConnectionError(self, "no TLS") from error
            finally:
                connecting.discard(self)

    return TicketConnection
