"""An ERP on the wire: SOAP over HTTP/1.1, replies streamed in chunks while they are written. Rives d'Oise Habitat's,
unless a subclass speaks another's dialect."""

from __future__ import annotations

import logging
import select
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from hub.sandbox.faults import SoapFaults
from hub.sandbox.http_server import StoppableHttp
from hub.sandbox.model import World
from hub.sandbox.soap_envelope import Call, FaultError, envelope_texts, read_call
from hub.sandbox.soap_operations import OPERATIONS, BusinessError, Reply, answer, busy
from hub.sandbox.soap_payments import PAYMENTS, NoAnswerError
from hub.sandbox.till import Till

WSDL_FOLDER = Path(__file__).parent / "wsdl"
PATH = "/erp/ServiceLocatif"
_DOCUMENTED_HOST = "http://127.0.0.1"
_MAX_REQUEST = 1_000_000
_CHUNK = 16_384
_LOOK_SECONDS = 0.2
_log = logging.getLogger("hub.sandbox.soap")


class CutError(ConnectionError):
    """The rest of a reply is never sent."""


class SoapServer:
    """Serves one world; give it another by setting `world`. `faults` may be changed while it runs.

    Another ERP's dialect: `path`, `documents` (path and query → file of `wsdl/`), `operations`, `read_call`, `answer`,
    `texts`, and its words. `till`: where it takes payments in, if it does.
    """

    path = PATH
    documents: Mapping[tuple[str, str], str] = {
        (PATH, "wsdl"): "ServiceLocatif.wsdl",
        ("/erp/locatif.xsd", ""): "locatif.xsd",
    }
    banner = "Locatif/3.7"
    internal_error = "Erreur interne du serveur"
    till: Till | None = None

    def __init__(self, world: World, *, user: str, password: str, host: str = "127.0.0.1", port: int = 0) -> None:
        self.world, self.user, self._password = world, user, password
        self.faults = SoapFaults()
        self.stopping = Event()
        self._lock = Lock()
        self._http = StoppableHttp((host, port), partial(_Handler, self))
        self.host, self.port = host, int(self._http.server_address[1])
        self._thread = Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, name="sandbox-soap", daemon=True
        )

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}{self.path}"

    @property
    def paths(self) -> frozenset[str]:
        """Where calls are taken."""
        return frozenset([self.path])

    @property
    def wsdl_url(self) -> str:
        return f"{self.address}?wsdl"

    def start(self) -> None:
        self._http.server_activate()
        self._thread.start()

    def stop(self) -> None:
        """Close every connection, also those that hang or drip, and wait for their threads."""
        self.stopping.set()
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.close_connections()
        self._http.server_close()

    @property
    def operations(self) -> frozenset[str]:
        return frozenset(OPERATIONS) | (frozenset(PAYMENTS) if self.till else frozenset())

    def read_call(self, body: bytes) -> Call:
        """The operation and its arguments. Raises FaultError."""
        return read_call(body, user=self.user, password=self._password)

    def answer(self, world: World, call: Call) -> Reply:
        """Raises BusinessError where the ERP says so at HTTP 200, NoAnswerError where it says nothing."""
        if self.till is not None and call.operation in PAYMENTS:
            return PAYMENTS[call.operation](self.till, call.arguments)
        return answer(world, call.operation, call.arguments)

    def busy(self) -> BusinessError:
        return busy()

    def message(self, text: str) -> BusinessError:
        """A refusal in the ERP's form."""
        return BusinessError("ERREUR", "L-000", text)

    def texts(self, operation: str, reply: Reply) -> Iterator[str]:
        return envelope_texts(operation, reply)

    def reply_to(self, body: bytes) -> Iterator[str]:
        """The texts of the reply. Raises FaultError before the first of them."""
        call = self.read_call(body)
        if self.faults.fault:
            raise FaultError("soap:Server", self.internal_error)
        if call.operation not in self.operations:
            raise FaultError("soap:Client", "Operation inconnue")
        reply = self._answer(call)
        if call.operation in self.faults.mute:
            raise NoAnswerError("drop")
        texts = self.texts(call.operation, reply)
        if (edit := self.faults.edits.get(call.operation)) is not None:
            texts = map(edit, texts)
        return _cut(texts) if call.operation in self.faults.cut else texts

    def meet(self) -> None:
        """A call has come: some misbehave for so many of them."""
        with self._lock:
            self.faults.meet()

    def _answer(self, call: Call) -> Reply:
        try:
            if self._is_busy():
                raise self.busy()
            if (text := self.faults.says.get(call.operation)) is not None:
                raise self.message(text)
            return self.answer(self.faults.worlds.get(call.operation, self.world), call)
        except BusinessError as message:
            return Reply(message.xml(), iter(()), "")

    def _is_busy(self) -> bool:
        with self._lock:
            was_busy = self.faults.busy > 0
            self.faults.busy -= was_busy
        return was_busy

    def description(self, name: str) -> bytes:
        """The WSDL (with this server's address) or the schema it imports."""
        text = (WSDL_FOLDER / name).read_text("utf-8")
        return text.replace(f"{_DOCUMENTED_HOST}/", f"http://{self.host}:{self.port}/").encode()


def _cut(texts: Iterable[str], *, keep: float = 0.7) -> Iterator[str]:
    """The beginning of a reply, up to the middle of a row; then CutError."""
    whole = "".join(texts)
    yield from whole[: int(len(whole) * keep)].splitlines(keepends=True)
    raise CutError("the connection is cut")


class _Handler(BaseHTTPRequestHandler):
    """One connection. GET gives the WSDL and its schema, POST answers calls."""

    protocol_version = "HTTP/1.1"
    sys_version = ""
    disable_nagle_algorithm = True
    timeout = 60

    def __init__(self, soap: SoapServer, *args: Any) -> None:
        self.soap, self.server_version = soap, soap.banner
        super().__init__(*args)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        name = self.soap.documents.get((url.path, url.query.lower()))
        if name is None:
            self._send(HTTPStatus.NOT_FOUND, b"not found", kind="text/plain")
        else:
            self._send(HTTPStatus.OK, self.soap.description(name))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _MAX_REQUEST:
            self.close_connection = True
            self._send(HTTPStatus.LENGTH_REQUIRED, b"Content-Length of at most 1 MB expected", kind="text/plain")
            return
        body = self.rfile.read(int(length))
        self.soap.meet()
        if self.soap.faults.hang:
            self.close_connection = True
            self.soap.faults.hold(self.soap.stopping)
            return
        if urlsplit(self.path).path not in self.soap.paths:
            self._send(HTTPStatus.NOT_FOUND, b"not found", kind="text/plain")
            return
        try:
            texts = self.soap.reply_to(body)
        except NoAnswerError as done:
            self.close_connection = True
            if done.ends != "drop":
                self._wait_for_hang_up()
            return
        except FaultError as fault:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, fault.xml().encode())
            return
        self._stream(texts)

    def _wait_for_hang_up(self) -> None:
        """Say nothing until the caller gives up."""
        while not self.soap.stopping.is_set():
            if select.select([self.connection], [], [], _LOOK_SECONDS)[0]:
                return

    def _send(self, status: HTTPStatus, content: bytes, *, kind: str = "text/xml; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, texts: Iterable[str]) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for block in self._blocks(texts):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(block), block))
        except CutError:
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")

    def _blocks(self, texts: Iterable[str]) -> Iterator[bytes]:
        held: list[str] = []
        size = 0
        try:
            for text in texts:
                held.append(text)
                size += len(text)
                wait = self.soap.faults.drip_seconds
                if size >= _CHUNK or wait:
                    yield "".join(held).encode()
                    held, size = [], 0
                if wait and self.soap.stopping.wait(wait):
                    self.close_connection = True
                    return
        except CutError:
            yield "".join(held).encode()
            raise
        if held:
            yield "".join(held).encode()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name in the standard library
        _log.debug(format, *args)
