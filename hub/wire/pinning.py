"""urllib3 connections that go only to checked addresses and die at their deadline."""

from __future__ import annotations

import contextlib
import socket
import ssl
from contextvars import ContextVar
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse

from hub.wire.deadline import Deadline, Watchdog
from hub.wire.policy import NetworkPolicy, open_socket, resolve


class Exchange:
    """One request and its reply: their common deadline, and the watchdog on the socket they use.

    The watchdog covers what read time-outs cannot: a server that drips its headers, or its body, byte by byte.
    """

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self._watchdog: Watchdog | None = None

    def watch(self, sock: socket.socket) -> None:
        self.end()
        self._watchdog = Watchdog(self.deadline, lambda: _shut(sock))

    def end(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()


# requests hands no argument of ours down to the connection; the exchange of the running call travels here.
CURRENT: ContextVar[Exchange | None] = ContextVar("hub_wire_exchange", default=None)


def _shut(sock: socket.socket) -> None:
    # socket.socket's own method: SSLSocket's would drop the TLS state under the reading thread.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _connect(host: str, port: int, policy: NetworkPolicy) -> socket.socket:
    exchange = CURRENT.get()
    deadline = exchange.deadline if exchange else Deadline(policy.total_seconds)
    pinned = resolve(host, port, policy, deadline=deadline)
    return open_socket(pinned, deadline.bound(policy.connect_seconds))


def _watch(sock: socket.socket | None) -> None:
    exchange = CURRENT.get()
    if exchange is not None and sock is not None:
        exchange.watch(sock)


def _pools(policy: NetworkPolicy) -> dict[str, type[HTTPConnectionPool]]:
    """Pool classes whose connections resolve, judge and pin under `policy`; Host header and SNI keep the name."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self.host, self.port or 80, policy)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            _watch(self.sock)
            return super().getresponse()

    class Tls(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self.host, self.port or 443, policy)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            _watch(self.sock)
            return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}


class PinnedAdapter(HTTPAdapter):
    """The transport adapter of a `requests.Session` that lives under a network policy."""

    def __init__(self, policy: NetworkPolicy, tls: ssl.SSLContext | None = None) -> None:
        self._pools, self._tls = _pools(policy), tls
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        if self._tls is not None:
            kwargs["ssl_context"] = self._tls
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """A context of our own knows whom it trusts; requests would add the public authorities to it."""
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        if self._tls is not None:
            conn.ca_certs = None
