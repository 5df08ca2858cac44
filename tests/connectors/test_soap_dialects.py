"""Strange ways to speak SOAP, each served as vendors do and read with the preset of the repository, word for word."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lxml import etree

from erp_connectors.soap import SoapConnector
from hub.config import read_landlord
from hub.errors import InputRefusedError, MisconfiguredError, SettingsError
from hub.ports import Spooled
from hub.registry import Registry
from hub.testing.bench import Bench, make_feed, no_network

PRESETS = Path(__file__).parents[2] / "landlords" / "presets"
ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'
SITE = "<Site><Code>{}</Code><Name>{}</Name></Site>"
SITES = f"<Sites>{SITE.format('S1', 'Les Tilleuls &amp; Co')}{SITE.format('S2', 'Été')}</Sites>"
SEQUENCE = "<x:complexType><x:sequence>{}</x:sequence></x:complexType>"
STRINGS = '<x:element name="SkipToken" type="x:string" minOccurs="0"/>'
TYPES = (
    '<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:e" elementFormDefault="qualified">'
    '<x:element name="{operation}">{fields}</x:element><x:element name="Out">{any}</x:element></x:schema>{more}'
)
PORT = (
    '<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:p="http://schemas.xmlsoap.org/wsdl/soap/" '
    'xmlns:e="urn:e" targetNamespace="urn:e"><w:types>{types}</w:types>'
    '<w:message name="In"><w:part name="parameters" element="e:{operation}"/></w:message>'
    '<w:message name="Out"><w:part name="parameters" element="e:Out"/></w:message>'
    '<w:portType name="Orders"><w:operation name="{operation}"><w:input message="e:In"/><w:output message="e:Out"/>'
    "</w:operation></w:portType>{rest}</w:definitions>"
)
BINDING = (
    '<w:binding name="{binding}" type="e:Orders"><p:binding transport="http://schemas.xmlsoap.org/soap/http"/>'
    '<w:operation name="{operation}"><p:operation soapAction="urn:e/{operation}"/><w:input><p:body use="literal"/>'
    '</w:input><w:output><p:body use="literal"/></w:output></w:operation></w:binding>'
    '<w:service name="S"><w:port name="P" binding="e:{binding}"><p:address location="{address}"/></w:port></w:service>'
)
ANY = SEQUENCE.format('<x:any processContents="skip"/>')


@dataclass
class Service:
    """One operation of an ERP: its WSDL, and what it answers a call with."""

    answer: Callable[[etree._Element], str]
    operation: str = "GetSites"
    fields: str = SEQUENCE.format(STRINGS)
    more: str = ""
    binding: str | None = "Soap"
    calls: list[etree._Element] = field(default_factory=list)

    def wsdl(self, address: str) -> str:
        types = TYPES.format(operation=self.operation, fields=self.fields, any=ANY, more=self.more)
        rest = ""
        if self.binding:
            rest = BINDING.format(operation=self.operation, binding=self.binding, address=address)
        return PORT.format(types=types, operation=self.operation, rest=rest)


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Starts services; gives their address."""
    with contextlib.ExitStack() as closing:

        def start(service: Service, tls: ssl.SSLContext | None = None) -> str:
            class Handler(BaseHTTPRequestHandler):
                disable_nagle_algorithm = True

                def do_GET(self) -> None:
                    self._send(service.wsdl(address))

                def do_POST(self) -> None:
                    request = etree.fromstring(self.rfile.read(int(self.headers["Content-Length"])))
                    call = next(request.iter(f"{{urn:e}}{service.operation}"))
                    service.calls.append(call)
                    self._send(ENVELOPE.format(service.answer(call)))

                def _send(self, text: str) -> None:
                    self.send_response(200)
                    self.send_header("Content-Type", "text/xml; charset=utf-8")
                    self.send_header("Content-Length", str(len(text.encode())))
                    self.end_headers()
                    self.wfile.write(text.encode())

                def log_message(self, *_: object) -> None:
                    pass

            class Server(ThreadingHTTPServer):
                daemon_threads = True

                def handle_error(self, *_: object) -> None:
                    """A client refused is what some tests are about."""

                def finish_request(self, request: Any, client_address: Any) -> None:
                    if tls is None:
                        super().finish_request(request, client_address)
                        return
                    with request.dup() as plain:
                        secure = tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
                        with secure, contextlib.suppress(ssl.SSLError):
                            secure.do_handshake()
                            super().finish_request(secure, client_address)
                        # Read to the end: closing on unread bytes would cut off the alert that says why.
                        with contextlib.suppress(OSError):
                            plain.shutdown(socket.SHUT_WR)
                            while plain.recv(4096):
                                pass

            server = Server(("127.0.0.1", 0), Handler)
            address = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}/service"
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            closing.callback(server.server_close)
            closing.callback(server.shutdown)
            return address

        yield start


def preset(name: str, address: str, folder: Path, /, **changes: Any) -> Bench:
    """The preset as it stands, led to a server of the test."""
    landlord = tomllib.loads((PRESETS / f"{name}.toml").read_text())
    written = {key: value for key, value in landlord["connectors"]["erp"].items() if key != "plugin"}
    settings = {**written, "wsdl": f"{address}?wsdl", **changes}
    if "address" in written and "address" not in changes:
        settings["address"] = address
    feeds = [make_feed(SoapConnector, feed, table) for feed, table in landlord["feeds"].items()]
    return Bench(SoapConnector, settings, feeds, folder)


def codes(bench: Bench) -> list[str]:
    return [row["external_id"] for row in bench.harvest(bench.feeds[0]).rows]


@pytest.mark.parametrize("file", sorted(PRESETS.glob("*.toml")), ids=lambda file: file.stem)
def test_every_preset_is_a_sound_landlord_file(file: Path) -> None:
    landlord = read_landlord(file, Registry.load(["soap", "sftp_files"]), need_secrets=False)
    assert (landlord.slug, landlord.warnings) == (file.stem, [])


# -- XML escaped inside XML --------------------------------------------------------------------------------------------


def as_string(inner: str, wrap: Callable[[str], str] = escape) -> str:
    return f"<GetSitesResponse xmlns='urn:e'><GetSitesResult>{wrap(inner)}</GetSitesResult></GetSitesResponse>"


@pytest.mark.parametrize(
    "text",
    [
        as_string(SITES),
        as_string(f"<?xml version='1.0' encoding='utf-16'?>\n{SITES}"),
        as_string(f"  \n <?xml version='1.0'?>{SITES}"),
        as_string(SITES, lambda inner: f"<![CDATA[{inner}]]>"),
        as_string(SITES, lambda inner: "".join(f"&#{ord(letter)};" for letter in inner)),
    ],
    ids=["escaped", "says it is utf-16", "blanks first", "cdata", "all character references"],
)
def test_xml_escaped_inside_xml_is_read_as_if_it_stood_there(serve: Any, tmp_path: Path, text: str) -> None:
    bench = preset("xml-in-xml", serve(Service(lambda _: text)), tmp_path)
    rows = bench.harvest(bench.feeds[0]).rows
    assert [(row["external_id"], row["name"]) for row in rows] == [("S1", "Les Tilleuls & Co"), ("S2", "Été")]


def test_a_long_string_of_xml_needs_no_more_memory_than_its_rows(serve: Any, tmp_path: Path) -> None:
    many = "".join(f"<Site><Code>S{n}</Code><Name>{'n' * 200}</Name></Site>" for n in range(60_000))
    bench = preset("xml-in-xml", serve(Service(lambda _: as_string(f"<Sites>{many}</Sites>"))), tmp_path)
    assert len(codes(bench)) == 60_000


@pytest.mark.parametrize(
    "inner", [SITES[:-20], f"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/hostname'>]>{SITES}", f"{SITES}</Sites>"]
)
def test_inner_xml_that_is_cut_or_hostile_is_refused(serve: Any, tmp_path: Path, inner: str) -> None:
    with pytest.raises(InputRefusedError):
        codes(preset("xml-in-xml", serve(Service(lambda _: as_string(inner))), tmp_path))


def test_a_refusal_is_found_outside_the_string_and_inside(serve: Any, tmp_path: Path) -> None:
    said = [{"match": "no access", "means": "misconfigured"}]
    message = "<Messages><Message>no access to it</Message></Messages>"
    for answer in (message, as_string(message)):
        with pytest.raises(MisconfiguredError, match="no access"):
            codes(preset("xml-in-xml", serve(Service(lambda _, text=answer: text)), tmp_path / "x", messages=said))


def test_kept_replies_are_read_again_the_same_way(serve: Any, tmp_path: Path) -> None:
    bench = preset("xml-in-xml", serve(Service(lambda _: as_string(SITES))), tmp_path)
    first = bench.harvest(bench.feeds[0]).rows
    kept = [Spooled(path.name, path) for path in sorted((tmp_path / "spool" / "sites").iterdir())]
    with bench.open() as connector, no_network():
        again = [row for batch in connector.read(bench.feeds[0], kept) for row in batch.rows.to_pylist()]
    assert [row["external_id"] for row in first] == [row["external_id"] for row in again] == ["S1", "S2"]


# -- diffgram ----------------------------------------------------------------------------------------------------------

ROW = '<ResidentInfo d:id="{}" xmlns="" {}><reshid>{}</reshid><ReshBal>{}</ReshBal></ResidentInfo>'
CURRENT = (
    ROW.format("R1", 'd:hasChanges="modified"', 7, "12.50")
    + ROW.format("R2", "", 8, "0.00")
    + ROW.format("R3", 'd:hasChanges="inserted"', 9, "-3.00")
)
BEFORE = ROW.format("R1", "", 7, "99.99") + ROW.format("R4", "", 6, "1.00")
DIFFGRAM = f"""<getresidentledgerResponse xmlns="urn:e"><GetResidentLedgerResult>
 <x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" id="DataSet"><x:element name="ResidentInfo"/></x:schema>
 <d:diffgram xmlns:d="urn:schemas-microsoft-com:xml-diffgram-v1"><ResidentDataSet xmlns="">{CURRENT}</ResidentDataSet>
 <d:before>{BEFORE}</d:before></d:diffgram></GetResidentLedgerResult></getresidentledgerResponse>"""


def test_of_a_diffgram_only_the_current_rows_count(serve: Any, tmp_path: Path) -> None:
    asked = SEQUENCE.format('<x:element name="extensiondata" type="x:string"/>')
    nested = SEQUENCE.format(f'<x:element name="getresidentledger">{asked}</x:element>')
    service = Service(lambda _: DIFFGRAM, operation="getresidentledger", fields=nested)
    bench = preset("diffgram", serve(service), tmp_path)
    rows = bench.harvest(bench.feeds[0]).rows
    assert [(row["number"], row["balance_cents"]) for row in rows] == [("7", 1250), ("8", 0), ("9", -300)]


# -- a link for a token ------------------------------------------------------------------------------------------------


def pages(link: Callable[[str], str]) -> Callable[[etree._Element], str]:
    """Three pages, each with a link to the next."""

    def answer(call: etree._Element) -> str:
        page = call.findtext("{urn:e}SkipToken") or "1"
        following = {"1": "a b&2", "a b&2": "3"}.get(page)
        more = f"<NextPageLink>{link(following)}</NextPageLink>" if following else ""
        return f"<R><Site><Code>P{escape(page)}</Code><Name>n</Name></Site>{more}</R>"

    return answer


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_next_link_is_read_however_often_it_is_escaped(serve: Any, tmp_path: Path, times: int) -> None:
    def link(token: str) -> str:
        text = f"https://elsewhere.example/api?$top=1&$skiptoken={token.replace(' ', '%20').replace('&', '%26')}&x=1"
        for _ in range(times):
            text = escape(text)
        return text

    service = Service(pages(link))
    assert codes(preset("next-link", serve(service), tmp_path)) == ["P1", "Pa b&2", "P3"]
    assert [call.findtext("{urn:e}SkipToken") for call in service.calls] == [None, "a b&2", "3"]


def test_a_next_link_without_its_parameter_is_no_last_page(serve: Any, tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredError, match=r"no \$skiptoken"):
        codes(preset("next-link", serve(Service(pages(lambda token: f"/api?page={token[0]}"))), tmp_path))


# -- WCF ---------------------------------------------------------------------------------------------------------------

DATA, BASE = "http://schemas.example.org/2013/03/data", "http://schemas.example.org/2013/03/base"
CONTRACT = [(BASE, "Company"), (DATA, "MaxRows"), (DATA, "Region"), (DATA, "Town")]
"""As a DataContractSerializer reads: base class first, then by name, each in its namespace; the rest it skips."""
WCF_TYPES = f"""<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="{BASE}"
 elementFormDefault="qualified"><x:complexType name="Query"><x:sequence>
 <x:element name="Company" type="x:string" minOccurs="0"/></x:sequence></x:complexType></x:schema>
 <x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:b="{BASE}" targetNamespace="{DATA}"
 elementFormDefault="qualified"><x:import namespace="{BASE}"/><x:complexType name="Criteria"><x:complexContent>
 <x:extension base="b:Query"><x:sequence><x:element name="MaxRows" type="x:int" minOccurs="0"/>
 <x:element name="Region" type="x:string" minOccurs="0" nillable="true"/>
 <x:element name="Town" type="x:string" minOccurs="0"/></x:sequence></x:extension></x:complexContent></x:complexType>
 </x:schema>"""


def understood(call: etree._Element) -> dict[str, str | None]:
    """What a WCF service takes of a call: members out of order or in another namespace are skipped without a word."""
    taken: dict[str, str | None] = {}
    at = 0
    for member in call[0]:
        name = etree.QName(member)
        place = CONTRACT.index((name.namespace, name.localname)) if (name.namespace, name.localname) in CONTRACT else -1
        if place >= at:
            taken[name.localname], at = member.text, place + 1
    return taken


def wcf(namespace: str = DATA) -> Service:
    criteria = f'<x:element name="criteria" xmlns:d="{DATA}" type="d:Criteria"/>'
    fields = f"<x:complexType><x:sequence>{criteria}</x:sequence></x:complexType>"
    row = f"<Site xmlns='{namespace}'><Code>S1</Code><Name>n</Name></Site>"
    return Service(lambda _: f"<R>{row}</R>", "FindSites", fields, WCF_TYPES, "BasicHttpBinding_ISites")


def test_members_are_sent_in_the_order_and_namespaces_of_the_contract(serve: Any, tmp_path: Path) -> None:
    service = wcf()
    assert codes(preset("wcf", serve(service), tmp_path)) == ["S1"]
    assert understood(service.calls[0]) == {"Company": "001", "MaxRows": "500", "Town": "Lyon"}


def test_rows_of_another_namespace_are_refused_not_skipped(serve: Any, tmp_path: Path) -> None:
    with pytest.raises(InputRefusedError, match="namespace urn:other"):
        codes(preset("wcf", serve(wcf("urn:other")), tmp_path))


# -- a WSDL with neither binding nor service ---------------------------------------------------------------------------


def test_a_wsdl_without_binding_and_service_is_called_at_the_address_of_the_settings(
    serve: Any, tmp_path: Path
) -> None:
    service = Service(lambda _: SITES, binding=None)
    assert codes(preset("wsdl-without-binding", serve(service), tmp_path)) == ["S1", "S2"]
    with pytest.raises(SettingsError, match="no address"):
        codes(preset("wsdl-without-binding", serve(service), tmp_path / "x", address=None))


# -- mutual TLS --------------------------------------------------------------------------------------------------------


@dataclass
class Party:
    """A certificate and its key, both as PEM."""

    certificate: str
    key: str
    issued: x509.Certificate
    signing: ec.EllipticCurvePrivateKey


def party(name: str, by: Party | None = None, *, days: tuple[int, int] = (-2, 30), lock: str | None = None) -> Party:
    """A certificate signed by `by` (by itself without one), valid from and to so many days from now."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.issued.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
    )
    issued = builder.sign(by.signing if by else key, hashes.SHA256())
    encryption = serialization.BestAvailableEncryption(lock.encode()) if lock else serialization.NoEncryption()
    written = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return Party(issued.public_bytes(serialization.Encoding.PEM).decode(), written.decode(), issued, key)


@pytest.fixture(scope="module")
def authority() -> Party:
    return party("authority")


@pytest.fixture
def secured(serve: Any, authority: Party, tmp_path: Path) -> str:
    """A service that lets in who shows a certificate of the authority."""
    own = party("service", authority)
    (tmp_path / "service.pem").write_text(own.certificate + own.key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=authority.certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(tmp_path / "service.pem")
    return str(serve(Service(lambda _: SITES), tls))


def shown(who: Party, authority: Party, /, **changes: Any) -> dict[str, Any]:
    return {
        "client_certificate": who.certificate,
        "client_key": who.key,
        "authority": authority.certificate,
        **changes,
    }


def test_our_certificate_opens_the_door(secured: str, authority: Party, tmp_path: Path) -> None:
    assert codes(preset("mutual-tls", secured, tmp_path, **shown(party("hub", authority), authority))) == ["S1", "S2"]
    locked = shown(party("hub", authority, lock="a word"), authority, client_key_passphrase="a word")
    assert codes(preset("mutual-tls", secured, tmp_path / "x", **locked)) == ["S1", "S2"]


def test_another_authoritys_certificate_is_refused_in_words(secured: str, authority: Party, tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredError, match="does not accept our client certificate"):
        codes(preset("mutual-tls", secured, tmp_path, **shown(party("stranger"), authority)))


def test_no_certificate_is_told_as_that(secured: str, authority: Party, tmp_path: Path) -> None:
    none = {"client_certificate": None, "client_key": None, "authority": authority.certificate}
    with pytest.raises(MisconfiguredError, match=r"client certificate \(certificate required\)"):
        codes(preset("mutual-tls", secured, tmp_path, **none))


def test_an_expired_certificate_is_told_with_its_day_before_anyone_is_called(
    secured: str, authority: Party, tmp_path: Path
) -> None:
    old = party("hub", authority, days=(-30, -1))
    bench = preset("mutual-tls", secured, tmp_path, **shown(old, authority))
    with bench.open() as connector:
        findings = list(connector.check(bench.feeds))
    assert not findings[-1].ok
    assert f"our client certificate expired on {old.issued.not_valid_after_utc:%Y-%m-%d}" in findings[-1].detail


def test_keys_that_do_not_fit_are_named_and_never_shown(secured: str, authority: Party, tmp_path: Path) -> None:
    hub, other = party("hub", authority), party("other", authority, lock="a word")
    for changes, said in (
        ({"client_key": party("x", authority).key}, "does not belong"),
        ({"client_key": "nonsense-in-clear"}, "cannot be read"),
        ({"client_certificate": "nonsense-in-clear"}, "client certificate cannot be read"),
        ({"client_key": other.key, "client_key_passphrase": "wrong-word"}, "with this passphrase"),
        ({"authority": "nonsense-in-clear"}, "authority is no certificate"),
    ):
        with pytest.raises(SettingsError, match=said) as caught:
            codes(preset("mutual-tls", secured, tmp_path, **shown(hub, authority, **changes)))
        assert "nonsense-in-clear" not in str(caught.value)
        assert "wrong-word" not in str(caught.value)


def test_with_an_authority_of_its_own_nobody_elses_word_counts(serve: Any, authority: Party, tmp_path: Path) -> None:
    stranger = party("127.0.0.1")
    (tmp_path / "stranger.pem").write_text(stranger.certificate + stranger.key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(tmp_path / "stranger.pem")
    address = serve(Service(lambda _: SITES), tls)
    with pytest.raises(MisconfiguredError, match=r"the certificate of .* is not accepted"):
        codes(preset("mutual-tls", address, tmp_path, **shown(party("hub", authority), authority)))
