"""PayFiP's SOAP 1.1: calls of one `arg0`, answers of one `return`, faults with a code of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lxml import etree

from hub.sandbox.soap_envelope import ENVELOPE, FaultError, read_envelope
from hub.sandbox.soap_rows import leaf

PATH = "/tpa/services/mas_securite/contrat_paiement_securise/PaiementSecuriseService"
NAMESPACE = f"http://securite.service.tpa.cp.finances.gouv.fr{PATH.removeprefix('/tpa')}"
_WSDL = Path(__file__).parents[1] / "wsdl" / "PaiementSecuriseService.wsdl"


class PayfipError(Exception):
    """A fault in `detail`: `kind` is the name of its element."""

    def __init__(self, code: str, text: str, *, kind: str = "FonctionnelleErreur") -> None:
        super().__init__(text)
        self.code, self.text, self.kind = code, text, kind

    def xml(self) -> str:
        severity = 2 if self.kind == "FonctionnelleErreur" else 3
        said = leaf("code", self.code) + leaf("descriptif", self.text) + leaf("libelle", self.text)
        detail = f'<ns:{self.kind} xmlns:ns="{NAMESPACE}">{said}{leaf("severite", str(severity))}</ns:{self.kind}>'
        fault = leaf("faultcode", "soap:Server") + leaf("faultstring", self.text)
        return _envelope(f"<soap:Fault>{fault}<detail>{detail}</detail></soap:Fault>")


class Call(NamedTuple):
    operation: str
    arguments: dict[str, str]


def read_call(body: bytes) -> Call:
    """Raises PayfipError."""
    try:
        envelope = read_envelope(body)
    except FaultError as error:
        raise PayfipError("T1", error.text, kind="TechProtocolaireErreur") from None
    request = envelope.find(f"{{{ENVELOPE}}}Body/{{{NAMESPACE}}}*")
    if request is None:
        raise PayfipError("T1", "Operation inconnue", kind="TechProtocolaireErreur")
    given = request.find("arg0")
    arguments = {} if given is None else {etree.QName(one).localname: (one.text or "").strip() for one in given}
    return Call(etree.QName(request).localname, arguments)


def reply(operation: str, facts: Mapping[str, str]) -> str:
    """Empty ones are left out, the others come in the order of the schema, which is the alphabet's."""
    inside = "".join(leaf(name, facts[name]) for name in sorted(facts, key=str.lower) if facts[name])
    element = f"ns:{operation}Response"
    return _envelope(f'<{element} xmlns:ns="{NAMESPACE}"><return>{inside}</return></{element}>')


def description(address: str) -> bytes:
    """The WSDL, with this server's address."""
    return _WSDL.read_text("utf-8").replace(f"http://127.0.0.1{PATH}", f"{address}{PATH}").encode()


def _envelope(inside: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<soap:Envelope xmlns:soap="{ENVELOPE}">'
        f"<soap:Body>{inside}</soap:Body></soap:Envelope>"
    )
