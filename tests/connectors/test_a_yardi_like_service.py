"""The quirks of the one SOAP housing ERP whose payloads are public: login in the body, placeholder namespaces, padding,
sentinel dates, refusals at HTTP 200, an empty element for three different mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from lxml import etree

from erp_connectors.soap import SoapConnector
from hub.errors import MisconfiguredError, RetryableError, TerminalError
from hub.testing.bench import Bench, make_feed

WSDL = """<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://www.w3.org/2001/XMLSchema"
  xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="urn:itf" targetNamespace="urn:itf">
  <types><s:schema elementFormDefault="qualified" targetNamespace="urn:itf">
    <s:element name="GetResidents_Login"><s:complexType><s:sequence>
      <s:element name="UserName" type="s:string" minOccurs="0"/>
      <s:element name="Password" type="s:string" minOccurs="0"/>
      <s:element name="PropertyId" type="s:string" minOccurs="0"/>
      <s:element name="License" type="s:string" minOccurs="0"/>
    </s:sequence></s:complexType></s:element>
    <s:element name="GetResidents_LoginResponse"><s:complexType><s:sequence>
      <s:element name="GetResidents_LoginResult" minOccurs="0"><s:complexType mixed="true">
      <s:sequence><s:any/></s:sequence></s:complexType></s:element></s:sequence></s:complexType></s:element>
  </s:schema></types>
  <message name="In"><part name="parameters" element="t:GetResidents_Login"/></message>
  <message name="Out"><part name="parameters" element="t:GetResidents_LoginResponse"/></message>
  <portType name="Port"><operation name="GetResidents_Login">
    <input message="t:In"/><output message="t:Out"/></operation>
  </portType>
  <binding name="Soap" type="t:Port"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="GetResidents_Login"><soap:operation soapAction="urn:itf/GetResidents_Login" style="document"/>
      <input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation></binding>
  <service name="Itf"><port name="Soap" binding="t:Soap"><soap:address location="ADDRESS"/></port></service>
</definitions>"""
ENVELOPE = (
    '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
    '<GetResidents_LoginResponse xmlns="urn:itf"><GetResidents_LoginResult>{}</GetResidents_LoginResult>'
    "</GetResidents_LoginResponse></soap:Body></soap:Envelope>"
)
RESIDENTS = """<ResidentTransactions xmlns="http://yardi.com/ResidentTransactions20"
 xmlns:MITS="http://my-company.com/namespace"><Property>
 <RT_Customer><CustomerID>t0005337
     </CustomerID><Customers><MITS:Customer Type="current resident"><MITS:Lease>
       <MITS:LeaseFromDate>2010-01-01
         </MITS:LeaseFromDate><MITS:LeaseToDate>2010-12-31</MITS:LeaseToDate>
       <MITS:ActualMoveIn>2010-01-03</MITS:ActualMoveIn><MITS:MoveOut>0001-01-01</MITS:MoveOut>
     </MITS:Lease></MITS:Customer><MITS:Customer Type="customer"/></Customers>
   <Comment>tax=true;rate=0.130000</Comment></RT_Customer>
 <RT_Customer><CustomerID>t0005338</CustomerID><Customers><MITS:Customer Type="future resident"><MITS:Lease>
       <MITS:LeaseFromDate>2027-01-01</MITS:LeaseFromDate></MITS:Lease></MITS:Customer></Customers></RT_Customer>
</Property></ResidentTransactions>"""
MESSAGES = {
    "empty": "No tenants exist with the given search criteria",
    "denied": "Invalid or no access to Yardi Property",
    "reversed": "Cannot  reverse  a receipt whose post month is outside your allowable range",
    "busy": "Server is busy",
}
LOGIN = {"UserName": "hub", "Password": "pass-word-1", "License": "lic-ence-2"}


def result(asked: dict[str, str]) -> str:
    """What the service answers; a wrong login looks like an unknown property: nothing at all."""
    if {name: asked.get(name) for name in LOGIN} != LOGIN:
        return ""
    place = asked["PropertyId"]
    message = MESSAGES.get(place)
    return f"<Messages><Message messageType='Error'>{message}</Message></Messages>" if message else RESIDENTS


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(WSDL.replace("ADDRESS", f"http://127.0.0.1:{self.server.server_address[1]}/itf.asmx"))

    def do_POST(self) -> None:
        request = etree.fromstring(self.rfile.read(int(self.headers["Content-Length"])))
        (call,) = request.iter("{urn:itf}GetResidents_Login")
        self._send(ENVELOPE.format(result({etree.QName(leaf).localname: leaf.text or "" for leaf in call})))

    def _send(self, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/itf.asmx"
        server.shutdown()
        thread.join()


def rows(address: str, folder: Path, *properties: str, password: str = "pass-word-1") -> list[dict[str, Any]]:
    settings = {
        "wsdl": f"{address}?wsdl",
        "auth": "body",
        "user": "hub",
        "password": password,
        "licence": "lic-ence-2",
        "messages": [
            {"match": "No tenants exist", "means": "empty"},
            {"match": "no access to Yardi Property", "means": "misconfigured"},
            {"match": "already been reversed|Cannot reverse|May not NSF", "means": "terminal"},
            {"match": "busy", "means": "retryable"},
        ],
    }
    contracts = {
        "stream": "contracts",
        "operation": "GetResidents_Login",
        "arguments": {
            "UserName": "{user}",
            "Password": "{secret:password}",
            "License": "{secret:licence}",
            "PropertyId": "{property}",
        },
        "for_each": {"name": "property", "values": properties},
        "rows": "RT_Customer",
        "silence": "misconfigured",
        "fields": {
            "external_id": {"path": "CustomerID"},
            "reference": {"path": "CustomerID"},
            "customer_ref": {"path": "Comment", "regex": r"rate=([\d.]+)"},
            "status": {
                "path": "Customers/Customer/@Type",
                "codes": {"current resident": "current", "future resident": "upcoming"},
            },
            "starts_on": {"path": "Customers/Customer/Lease/LeaseFromDate"},
            "ends_on": {"path": "Customers/Customer/Lease/LeaseToDate"},
            "move_out_on": {"path": "Customers/Customer/Lease/MoveOut", "null": ["0001-01-01"]},
        },
    }
    bench = Bench(SoapConnector, settings, [make_feed(SoapConnector, "contracts", contracts)], folder)
    return bench.harvest(bench.feeds[0]).rows


def test_login_in_the_body_placeholder_namespaces_padding_and_sentinels(address, tmp_path):
    first, second = rows(address, tmp_path, "p1")
    assert (first["external_id"], first["starts_on"], first["move_out_on"]) == ("t0005337", date(2010, 1, 1), None)
    assert (second["external_id"], second["status"]) == ("t0005338", "upcoming")


def test_an_ended_term_is_not_an_ended_tenancy(address, tmp_path):
    first, _ = rows(address, tmp_path, "p1")
    assert (first["ends_on"], first["status"], first["erp_code"]) == (date(2010, 12, 31), "current", "current resident")


def test_a_value_packed_in_free_text_is_unpacked(address, tmp_path):
    assert [row["customer_ref"] for row in rows(address, tmp_path, "p1")] == ["0.130000", None]


def test_an_empty_property_stops_nothing(address, tmp_path):
    assert len(rows(address, tmp_path, "empty", "p1")) == 2


@pytest.mark.parametrize(
    ("place", "error", "said"),
    [
        ("denied", MisconfiguredError, "no access to Yardi Property"),
        ("reversed", TerminalError, "Cannot reverse a receipt"),
        ("busy", RetryableError, "busy"),
    ],
)
def test_refusals_at_http_200_are_classed(address, tmp_path, place, error, said):
    with pytest.raises(error, match=said):
        rows(address, tmp_path, "p1", place)


def test_a_null_element_is_told_as_what_it_may_be(address, tmp_path):
    with pytest.raises(MisconfiguredError, match="neither rows nor a message") as caught:
        rows(address, tmp_path, "p1", password="wrong-one-3")
    assert "wrong login, a wrong database or an unknown site" in caught.value.hint
    assert "wrong-one-3" not in str(caught.value)
