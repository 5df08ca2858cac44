"""Serves hostile documents to a reader, and counts what should never happen: a call elsewhere, a file opened."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hostile_documents import CONTROL, Document, Places, documents, endless, envelope, wsdl

OUTSIDE, OWN = "127.0.0.2", "127.0.0.1"


class Listener:
    """A host nobody listed: takes every call, counts it, answers something harmless."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._socket = socket.create_server((OUTSIDE, 0), backlog=64)
        self.place = f"{OUTSIDE}:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(0.5)
                first = b""
                with contextlib.suppress(TimeoutError):
                    first = connection.recv(4096)
                self.calls.append(first.partition(b"\r\n")[0].decode("latin-1")[:80])
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\n<x/>")


class Canary:
    """A file of ours that the kernel watches: `reads` counts how often anybody opened it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_text("<canary>a secret of this machine</canary>")
        libc = ctypes.CDLL(None, use_errno=True)
        self._watch = libc.inotify_init1(os.O_NONBLOCK)
        if self._watch < 0 or libc.inotify_add_watch(self._watch, os.fsencode(path), 0x20) < 0:  # IN_OPEN
            raise OSError(ctypes.get_errno(), "the canary cannot be watched")

    def reads(self) -> int:
        """Since last asked."""
        try:
            events = os.read(self._watch, 64 * 1024)
        except BlockingIOError:
            return 0
        count, at = 0, 0
        while at < len(events):
            at, count = at + 16 + struct.unpack_from("I", events, at + 12)[0], count + 1
        return count


class Server(ThreadingHTTPServer):
    """Serves `/NAME/DOOR`, and beside it what the document points to."""

    daemon_threads = True
    request_queue_size = 64
    known: dict[str, Document]

    def handle_error(self, *_: object) -> None:
        """A reader that hangs up is what this is about."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, headers, body = self._found()
        self.send_response(status)
        for name, value in {"Content-Type": "text/xml", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815  # http.server's names

    def _found(self) -> tuple[int, dict[str, str], bytes]:
        name, _, door = self.path.partition("?")[0].strip("/").partition("/")
        if name in ("good", "good-reply", "calls"):
            own = f"http://{OWN}:{self.server.server_port}"
            return 200, {}, (wsdl(f"{own}/calls") if name == "good" else envelope("<ligne/>")).encode()
        document = self.server.known.get(name)
        if document is None:
            return 404, {}, b""
        if door.startswith("endless-"):
            return 200, {}, endless(int("".join(filter(str.isdigit, door))))
        if make := document.more.get(door):
            return 200, {}, make()
        status = 200 if door == "file" else document.status
        return status, document.headers, document.make()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def reader(kind: str, own: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The process that reads."""
    command = [sys.executable, str(Path(__file__).with_name("attack_reader.py")), kind, own, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def run(kind: str, folder: Path) -> Iterator[dict[str, Any]]:
    """Every document through every door; what the reader says, with what was counted meanwhile."""
    listener, canary, server = Listener(), Canary(folder / "canary.xml"), Server((OWN, 0), Handler)
    own = f"http://{OWN}:{server.server_port}"
    known = documents(Places(listener.place, str(canary.path), own))
    known = [document for document in known if kind == "guarded" or document.name in CONTROL]
    server.known = {document.name: document for document in known}
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    with reader(kind, own, folder) as process:
        for document in known:
            for door in document.doors:
                before = len(listener.calls)
                process.stdin.write(f"{document.name} {door}\n")
                process.stdin.flush()
                said = json.loads(process.stdout.readline() or '{"refused": "DIED"}')
                said |= {"name": document.name, "door": door}
                yield {**said, "calls": listener.calls[before:], "reads": canary.reads()}
    server.shutdown()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for one in run(sys.argv[1], Path(folder)):
            sys.stdout.write(json.dumps(one) + "\n")


if __name__ == "__main__":
    main()
