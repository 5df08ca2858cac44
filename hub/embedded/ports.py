"""Choosing a TCP port before a process is started on it."""

from __future__ import annotations

import errno
import socket

from hub.errors import SetupError


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now. SetupError when the host is none of this machine's."""
    try:
        with socket.create_server((host, port), family=_family(host)):
            return True
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise SetupError(f"{host} is no address of this machine", hint="choose another --host") from error
        return False


def require_port(host: str, port: int) -> int:
    """The port, when it is free. SetupError names `--port` otherwise."""
    if not is_free(host, port):
        raise SetupError(
            f"port {port} of {host} is taken by another program",
            hint=f"stop that program, or choose another port: --port {next_free(host, port)}",
        )
    return port


def next_free(host: str, port: int, *, tries: int = 100) -> int:
    """The first free port from `port` on. SetupError when `tries` of them are taken."""
    for candidate in range(port, min(port + tries, 65536)):
        if is_free(host, candidate):
            return candidate
    raise SetupError(f"ports {port} to {port + tries - 1} of {host} are all taken", hint="choose another --port")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
