from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from hub.errors import (
    DeadlineError,
    ForbiddenError,
    HubError,
    InputRefusedError,
    MisconfiguredError,
    RetryableError,
    SettingsError,
    TerminalError,
)
from hub.wire import (
    BasicAuth,
    Deadline,
    Fault,
    HttpSession,
    SoapClient,
    UsernameToken,
    VendoredWsdl,
    iter_elements,
    vendor_wsdl,
)

Start = Callable[[Callable[[BaseHTTPRequestHandler], None]], str]

XSD = """<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:erp"
  elementFormDefault="qualified">
 <xsd:element name="ListeEcritures"><xsd:complexType><xsd:sequence>
  <xsd:element name="Page" type="xsd:int"/>
  <xsd:element name="Depuis" type="xsd:date" minOccurs="0"/>
  <xsd:element name="Site" type="xsd:string" minOccurs="0" maxOccurs="unbounded"/>
 </xsd:sequence></xsd:complexType></xsd:element>
 <xsd:element name="ListeEcrituresReponse"><xsd:complexType><xsd:sequence>
  <xsd:any processContents="lax"/></xsd:sequence></xsd:complexType></xsd:element>
</xsd:schema>"""

WSDL = """<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
  xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:erp" targetNamespace="urn:erp">
 <wsdl:types><xsd:schema><xsd:import namespace="urn:erp" schemaLocation="%(schema)s"/></xsd:schema></wsdl:types>
 <wsdl:message name="In"><wsdl:part name="parameters" element="t:ListeEcritures"/></wsdl:message>
 <wsdl:message name="Out"><wsdl:part name="parameters" element="t:ListeEcrituresReponse"/></wsdl:message>
 <wsdl:portType name="Erp"><wsdl:operation name="ListeEcritures">
  <wsdl:input message="t:In"/><wsdl:output message="t:Out"/></wsdl:operation></wsdl:portType>
 %(binding)s %(service)s
</wsdl:definitions>"""

BINDING = """<wsdl:binding name="ErpSoap" type="t:Erp">
 <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
 <wsdl:operation name="ListeEcritures"><soap:operation soapAction="urn:erp/ListeEcritures"/>
 <wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output>
 </wsdl:operation></wsdl:binding>"""
SERVICE = """<wsdl:service name="S"><wsdl:port name="P" binding="t:ErpSoap">
 <soap:address location="http://erp.example/ws"/></wsdl:port></wsdl:service>"""

ENVELOPE = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Header/><e:Body>%s</e:Body></e:Envelope>'
ROWS = ENVELOPE % ("<x><ligne>1</ligne><ligne>2</ligne></x>")


class Erp:
    """A SOAP server: documents to GET, one reply to POST, and what it was sent."""

    def __init__(self) -> None:
        self.documents: dict[str, str] = {"/ws?wsdl": self.wsdl(), "/erp.xsd": XSD}
        self.status, self.type, self.reply = 200, "text/xml; charset=utf-8", ROWS
        self.posted: list[etree._Element] = []
        self.headers: list[dict[str, str]] = []
        self.fetched: list[str] = []

    def wsdl(self, schema: str = "erp.xsd", binding: str = BINDING, service: str = SERVICE) -> str:
        return WSDL % {"schema": schema, "binding": binding, "service": service}

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        status, kind, body = self.status, self.type, self.reply
        if handler.command == "GET":
            self.fetched.append(handler.path)
            document = self.documents.get(handler.path)
            status, kind, body = (200, "text/xml", document) if document else (404, "text/plain", "no")
        else:
            self.posted.append(etree.fromstring(handler.rfile.read(int(handler.headers["Content-Length"]))))
            self.headers.append(dict(handler.headers))
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body.encode())))
        handler.end_headers()
        handler.wfile.write(body.encode())


@pytest.fixture
def erp() -> Erp:
    return Erp()


@pytest.fixture
def base(erp: Erp, http_server: Start) -> str:
    return http_server(erp)


@pytest.fixture
def wsdl(base: str, tmp_path: Path, http_session: HttpSession) -> VendoredWsdl:
    return vendor_wsdl(base + "/ws?wsdl", tmp_path / "wsdl", http_session)


def client(wsdl: VendoredWsdl, session: HttpSession, base: str, **options: Any) -> SoapClient:
    return SoapClient(wsdl, session, address=base + "/ws", **options)


def test_a_wsdl_is_fetched_once_and_read_from_its_folder_ever_after(
    erp: Erp, base: str, wsdl: VendoredWsdl, http_session: HttpSession
) -> None:
    assert erp.fetched == ["/ws?wsdl", "/erp.xsd"]
    soap = client(wsdl, http_session, base)
    assert list(soap.operations()) == ["ListeEcritures"]
    assert SoapClient(wsdl.folder, http_session, address="http://erp.example/ws").address == "http://erp.example/ws"
    assert VendoredWsdl.open(wsdl.folder).digest == wsdl.digest
    assert erp.fetched == ["/ws?wsdl", "/erp.xsd"]


def test_calls_go_to_another_host_only_when_the_settings_say_so(wsdl: VendoredWsdl, http_session: HttpSession) -> None:
    with pytest.raises(SettingsError, match=r"came from 127\.0\.0\.1, but sends calls to erp\.example"):
        SoapClient(wsdl, http_session)


def test_a_call_sends_its_arguments_and_gives_the_raw_reply(
    erp: Erp, base: str, wsdl: VendoredWsdl, http_session: HttpSession
) -> None:
    soap = client(wsdl, http_session, base)
    with soap.call("ListeEcritures", {"Page": 3, "Site": ["A", "B"]}) as reply:
        assert [row.text for row in iter_elements(reply, "ligne", what="the reply")] == ["1", "2"]
    with soap.call("ListeEcritures", {"Page": "4"}) as reply:
        assert reply.read() == ROWS.encode()
    sent = erp.posted[0].find(".//{urn:erp}ListeEcritures")
    assert sent is not None
    assert [(etree.QName(child).localname, child.text) for child in sent] == [
        ("Page", "3"),
        ("Site", "A"),
        ("Site", "B"),
    ]
    assert erp.headers[0]["SOAPAction"] == '"urn:erp/ListeEcritures"'


@pytest.mark.parametrize(
    ("auth", "header", "token"),
    [
        (None, None, []),
        (BasicAuth("hub", "pw"), "Basic aHViOnB3", []),
        (UsernameToken("hub", "pw"), None, ["hub", "pw"]),
        (UsernameToken("hub", "pw", digest=True), None, ["hub"]),
    ],
)
def test_each_kind_of_login_reaches_the_server(
    erp: Erp, base: str, wsdl: VendoredWsdl, http_session: HttpSession, auth: Any, header: str | None, token: list[str]
) -> None:
    client(wsdl, http_session, base, auth=auth).call("ListeEcritures", {"Page": 1}).close()
    assert erp.headers[0].get("Authorization") == header
    texts = erp.posted[0].xpath("//*[local-name()='UsernameToken']/*/text()")
    assert texts[: len(token)] == token
    assert (len(texts) > 2) == (isinstance(auth, UsernameToken) and auth.digest)
    assert "pw" not in repr(auth)


@pytest.mark.parametrize(
    ("operation", "arguments", "message", "hint"),
    [
        ("ListeEcriture", {}, "no operation 'ListeEcriture'", "did you mean ListeEcritures"),
        ("ListeEcritures", {"Page": 1, "Pag": 2}, "unexpected keyword argument 'Pag'", "Page: xsd:int"),
        ("ListeEcritures", {}, "Missing element Page", "Page: xsd:int"),
        ("ListeEcritures", {"Page": "abc"}, "ListeEcritures.Page must be of the type int", "template"),
        ("ListeEcritures", {"Page": 1, "Depuis": "31/02/2024"}, "Depuis must be of the type date", "template"),
    ],
)
def test_wrong_arguments_are_named_before_anything_is_sent(
    erp: Erp,
    base: str,
    wsdl: VendoredWsdl,
    http_session: HttpSession,
    operation: str,
    arguments: dict[str, Any],
    message: str,
    hint: str,
) -> None:
    with pytest.raises(SettingsError) as caught:
        client(wsdl, http_session, base).call(operation, arguments)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert not erp.posted


FAULT_11 = ENVELOPE % "<e:Fault><faultcode>%s</faultcode><faultstring>%s</faultstring><detail>%s</detail></e:Fault>"
FAULT_12 = """<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body><e:Fault><e:Code><e:Value>e:%s</e:Value>
 <e:Subcode><e:Value>q:%s</e:Value></e:Subcode></e:Code><e:Reason><e:Text>%s</e:Text></e:Reason></e:Fault></e:Body></e:Envelope>"""


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (FAULT_11 % ("wsse:FailedAuthentication", "no", ""), MisconfiguredError),
        (FAULT_11 % ("e:Client", "mot de passe incorrect", ""), MisconfiguredError),
        (FAULT_11 % ("e:Client", "page inconnue", ""), TerminalError),
        (FAULT_11 % ("e:Server", "surcharge", ""), RetryableError),
        (FAULT_12 % ("Sender", "InvalidSecurity", "non"), MisconfiguredError),
        (FAULT_12 % ("Receiver", "Occupe", "plus tard"), RetryableError),
    ],
)
@pytest.mark.parametrize("status", [200, 500])
def test_a_fault_is_classed_and_carries_code_and_text(
    erp: Erp, base: str, wsdl: VendoredWsdl, http_session: HttpSession, fault: str, error: type[HubError], status: int
) -> None:
    erp.reply, erp.status = fault, status
    with pytest.raises(error, match="ListeEcritures answered with a fault: "):
        client(wsdl, http_session, base).call("ListeEcritures", {"Page": 1})


def test_a_fault_never_repeats_a_secret_or_its_detail(
    erp: Erp, base: str, wsdl: VendoredWsdl, http_session: HttpSession
) -> None:
    erp.reply, erp.status = FAULT_11 % ("e:Client", "user hub / pw9 / licence L-77", "<x>DUPONT</x>"), 500
    soap = client(wsdl, http_session, base, auth=BasicAuth("hub", "pw9"), secrets=["L-77"])
    with pytest.raises(HubError, match=r"user hub / \*\*\* / licence \*\*\*") as caught:
        soap.call("ListeEcritures", {"Page": 1})
    assert "DUPONT" not in str(caught.value)


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ("<x:Refus xmlns:x='urn:x'><code>P5</code><libelle>DUPONT</libelle></x:Refus>", ("Refus", "P5")),
        ("<Refus><code>DUPONT Jean, 12 rue des Lilas</code></Refus>", ("Refus", "")),
        ("", ("", "")),
    ],
)
def test_of_a_faults_detail_its_name_and_short_code_are_told(
    erp: Erp, base: str, wsdl: VendoredWsdl, http_session: HttpSession, detail: str, told: tuple[str, str]
) -> None:
    seen: list[Fault] = []

    def on_fault(fault: Fault, operation: str) -> HubError:
        seen.append(fault)
        return TerminalError(operation)

    erp.reply, erp.status = FAULT_11 % ("e:Server", "non", detail), 500
    with pytest.raises(TerminalError):
        client(wsdl, http_session, base, on_fault=on_fault).call("ListeEcritures", {"Page": 1})
    assert (seen[0].detail_name, seen[0].detail_code) == told


@pytest.mark.parametrize(
    ("status", "kind", "body", "error"),
    [
        (200, "text/html", "<html>login</html>", MisconfiguredError),
        (200, "multipart/related", "--x", MisconfiguredError),
        (200, "text/xml", "<rows/>", InputRefusedError),
        (200, "text/xml", "not xml", InputRefusedError),
        (200, "text/xml", "", InputRefusedError),
        (500, "text/html", "<html>oops</html>", RetryableError),
        (400, "text/html", "<html>oops</html>", TerminalError),
        (500, "text/xml", ROWS, RetryableError),
        (302, "text/xml", "", MisconfiguredError),
    ],
)
def test_a_reply_that_is_no_soap_is_refused(
    erp: Erp,
    base: str,
    wsdl: VendoredWsdl,
    http_session: HttpSession,
    status: int,
    kind: str,
    body: str,
    error: type[HubError],
) -> None:
    erp.status, erp.type, erp.reply = status, kind, body
    with pytest.raises(HubError) as caught:
        client(wsdl, http_session, base).call("ListeEcritures", {"Page": 1})
    assert type(caught.value) is error


def test_a_reply_that_drips_its_rows_trips_the_deadline_of_the_call(
    wsdl: VendoredWsdl, http_session: HttpSession, raw_server: Callable[[Callable[[socket.socket], None]], int]
) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n" + ROWS.partition("<ligne>")[0]
        connection.sendall(head.encode())
        for _ in range(100):
            threading.Event().wait(0.1)
            connection.sendall(b"<ligne>1</ligne>")

    soap = SoapClient(wsdl, http_session, address=f"http://127.0.0.1:{raw_server(serve)}/")
    reply = soap.call("ListeEcritures", {"Page": 1}, deadline=Deadline(0.6))
    with reply, pytest.raises(DeadlineError, match=r"0\.6 s"):
        list(iter_elements(reply, "ligne", what="the reply"))


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:1/x.xsd", "file:///etc/passwd", "//evil.example/x.xsd", "https://127.0.0.1/x.xsd", "ftp://h/x"],
)
def test_a_wsdl_that_points_elsewhere_is_refused_and_named(
    erp: Erp, base: str, tmp_path: Path, http_session: HttpSession, location: str
) -> None:
    erp.documents["/ws?wsdl"] = erp.wsdl(schema=location)
    with pytest.raises(ForbiddenError) as caught:
        vendor_wsdl(base + "/ws?wsdl", tmp_path / "wsdl", http_session)
    assert location.removeprefix("//") in caught.value.message or "plain http" in caught.value.message
    assert not (tmp_path / "wsdl").exists()


def test_a_document_type_in_a_wsdl_is_forbidden(erp: Erp, base: str, tmp_path: Path, http_session: HttpSession) -> None:
    erp.documents["/erp.xsd"] = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + XSD
    with pytest.raises(ForbiddenError, match="DOCTYPE"):
        vendor_wsdl(base + "/ws?wsdl", tmp_path / "wsdl", http_session)


def test_schemas_that_include_each_other_are_fetched_once(
    erp: Erp, base: str, tmp_path: Path, http_session: HttpSession
) -> None:
    include = '<xsd:include schemaLocation="{}"/>'
    erp.documents["/erp.xsd"] = XSD.replace("<xsd:element", include.format("sub/b.xsd") + "<xsd:element", 1)
    erp.documents["/sub/b.xsd"] = (
        '<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:erp">'
        + include.format("../erp.xsd")
        + "</xsd:schema>"
    )
    vendored = vendor_wsdl(base + "/ws?wsdl", tmp_path / "wsdl", http_session)
    assert erp.fetched == ["/ws?wsdl", "/erp.xsd", "/sub/b.xsd"]
    assert "ListeEcritures" in client(vendored, http_session, base).operations()


@pytest.mark.parametrize("change", ["edit", "remove", "lock", "no lock"])
def test_a_changed_wsdl_is_refused_in_production(wsdl: VendoredWsdl, http_session: HttpSession, change: str) -> None:
    lock = wsdl.folder / "wsdl.lock.json"
    if change == "edit":
        wsdl.main.write_bytes(wsdl.main.read_bytes() + b" ")
    elif change == "remove":
        (wsdl.folder / "part-1.xsd").unlink()
    elif change == "lock":
        lock.write_text(json.dumps({**json.loads(lock.read_text()), "files": {"../service.wsdl": "0"}}))
    else:
        lock.unlink()
    with pytest.raises(MisconfiguredError, match=r"service\.wsdl|part-1\.xsd|wsdl\.lock|no vendored") as caught:
        SoapClient(wsdl.folder, http_session)
    assert "housing-hub check" in caught.value.hint


def test_a_wsdl_without_service_needs_an_address_and_one_without_binding_gets_one(
    erp: Erp, base: str, tmp_path: Path, http_session: HttpSession
) -> None:
    erp.documents["/ws?wsdl"] = erp.wsdl(service="")
    vendored = vendor_wsdl(base + "/ws?wsdl", tmp_path / "a", http_session)
    with pytest.raises(SettingsError, match="no address"):
        SoapClient(vendored, http_session)
    erp.documents["/ws?wsdl"] = erp.wsdl(binding="", service="")
    vendored = vendor_wsdl(base + "/ws?wsdl", tmp_path / "b", http_session)
    with client(vendored, http_session, base, binding="ErpBinding").call("ListeEcritures", {"Page": 1}) as reply:
        assert reply.read() == ROWS.encode()
    with pytest.raises(SettingsError, match="no binding 'Other'") as caught:
        client(vendored, http_session, base, binding="Other")
    assert "ErpBinding" in caught.value.hint


def test_the_lock_keeps_no_key_of_the_address(erp: Erp, base: str, tmp_path: Path, http_session: HttpSession) -> None:
    erp.documents["/ws?key=SECRET"] = erp.documents["/ws?wsdl"]
    vendored = vendor_wsdl(base + "/ws?key=SECRET", tmp_path / "wsdl", http_session)
    assert "SECRET" not in (vendored.folder / "wsdl.lock.json").read_text()
