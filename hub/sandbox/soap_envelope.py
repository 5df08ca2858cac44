"""SOAP 1.1 as Rives d'Oise Habitat's ERP reads and writes it: the envelope, the UsernameToken, the Fault."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from hub.sandbox.soap_operations import Reply
from hub.sandbox.soap_rows import leaf

NAMESPACE = "http://erp.rives-doise.example/locatif/v3"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_TEXT_TYPE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"


class FaultError(Exception):
    """What the ERP answers with HTTP 500 and a `soap:Fault`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text

    def xml(self) -> str:
        said = leaf("faultcode", self.code) + leaf("faultstring", self.text)
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{ENVELOPE}" xmlns:wsse="{WSSE}">'
            f"<soap:Body><soap:Fault>{said}</soap:Fault></soap:Body></soap:Envelope>"
        )


class Call(NamedTuple):
    operation: str
    arguments: dict[str, str]


def read_envelope(body: bytes) -> etree._Element:
    """The envelope of a request. Raises FaultError."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True
    )
    try:
        envelope = etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        raise FaultError("soap:Client", "Enveloppe illisible") from None
    if b"<!DOCTYPE" in body or envelope.tag != f"{{{ENVELOPE}}}Envelope":
        raise FaultError("soap:Client", "Enveloppe SOAP 1.1 attendue, sans DOCTYPE")
    return envelope


def read_call(body: bytes, *, user: str, password: str) -> Call:
    """The operation and its arguments, once the caller has shown who he is. Raises FaultError."""
    envelope = read_envelope(body)
    _authenticate(envelope, user=user, password=password)
    request = envelope.find(f"{{{ENVELOPE}}}Body/{{{NAMESPACE}}}*")
    if request is None:
        raise FaultError("soap:Client", "Corps vide, ou espace de noms inconnu")
    arguments = {etree.QName(child).localname: (child.text or "").strip() for child in request}
    return Call(etree.QName(request).localname, arguments)


def _authenticate(envelope: etree._Element, *, user: str, password: str) -> None:
    token = envelope.find(f"{{{ENVELOPE}}}Header/{{{WSSE}}}Security/{{{WSSE}}}UsernameToken")
    if token is None:
        raise FaultError("wsse:InvalidSecurity", "UsernameToken attendu")
    given = token.find(f"{{{WSSE}}}Password")
    if given is not None and given.get("Type", _TEXT_TYPE) != _TEXT_TYPE:
        raise FaultError("wsse:UnsupportedSecurityToken", "PasswordText attendu")
    name = token.findtext(f"{{{WSSE}}}Username") or ""
    secret = (given.text if given is not None else "") or ""
    is_right = hmac.compare_digest(secret.encode(), password.encode())
    if not hmac.compare_digest(name.encode(), user.encode()) or not is_right:
        raise FaultError("wsse:FailedAuthentication", "Identifiant ou mot de passe incorrect")


def envelope_texts(operation: str, reply: Reply) -> Iterator[str]:
    """The reply's envelope, row by row."""
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{ENVELOPE}"><soap:Body>\n'
    yield f'<{operation}Reponse xmlns="{NAMESPACE}">{reply.head}'
    yield from reply.rows
    yield f"{reply.tail}</{operation}Reponse>\n</soap:Body></soap:Envelope>"
