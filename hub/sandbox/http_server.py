"""The sandbox's HTTP server: a thread a connection, all of them ended when it stops."""

from __future__ import annotations

import logging
import socket
import sys
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

_log = logging.getLogger("hub.sandbox.http")


class StoppableHttp(ThreadingHTTPServer):
    """Keeps its connections, so that a stop ends them and joins their threads."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: Any) -> None:
        self._connections: set[socket.socket] = set()
        super().__init__(address, handler, bind_and_activate=False)
        try:
            self.server_bind()
        except OSError:
            self.server_close()
            raise

    def server_bind(self) -> None:
        """Without the name look-up of http.server, which takes seconds on a machine without DNS."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._connections.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller who hangs up is no news; anything else is a fault of ours."""
        if not isinstance(sys.exception(), OSError):
            _log.exception("a request could not be answered")
