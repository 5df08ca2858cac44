"""The three calls of PayFiP's web service, by a WSDL that comes with this plugin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lxml import etree

from hub.errors import HubError, InputRefusedError, RetryableError, TerminalError, UnreachableError
from hub.ports import Context
from hub.wire import Deadline, Fault, HttpSession, SoapClient, VendoredWsdl, local_name, parse_small
from payment_providers.payfip.settings import PayfipSettings

_WSDL = Path(__file__).parent / "wsdl"
NOT_FINAL, UNKNOWN = "P5", "P1"


class PayfipRefusalError(TerminalError):
    """A `FonctionnelleErreur`. `said`: its code; its texts are not kept, for they may quote what was sent."""

    def __init__(self, said: str) -> None:
        super().__init__(f"PayFiP refuses the call: {said or 'without a code'}")
        self.said = said


class PayfipClient:
    """Calls for one client number."""

    def __init__(self, settings: PayfipSettings, context: Context) -> None:
        self._settings, self._context = settings, context
        self._http: HttpSession | None = None
        self._soap: SoapClient | None = None

    def create(self, fields: Mapping[str, str]) -> str:
        """The `idOp` of a new payment."""
        ident = self._call("creerPaiementSecurise", fields).get("idOp", "")
        if not ident:
            raise UnreachableError("PayFiP's answer has no idOp")
        return ident

    def detail(self, ident: str) -> dict[str, str]:
        """What became of a payment. PayfipRefusalError P5: not known yet, or never paid; P1: not known any more."""
        return self._call("recupererDetailPaiementSecurise", {"idOp": ident})

    def client(self) -> dict[str, str]:
        """What PayFiP knows of the client number."""
        return self._call("recupererDetailClient", {"numCli": self._settings.client_number})

    def close(self) -> None:
        if self._http is not None:
            self._http.close()
        self._http = self._soap = None

    def _call(self, operation: str, fields: Mapping[str, str]) -> dict[str, str]:
        deadline = Deadline(min(self._settings.seconds, self._context.network.total_seconds))
        try:
            with self._client().call(operation, {"arg0": dict(fields)}, deadline=deadline) as reply:
                return _fields(reply.read())
        except InputRefusedError as error:
            raise UnreachableError(error.message, hint=error.hint) from None

    def _client(self) -> SoapClient:
        if self._soap is None:
            self._http = HttpSession(self._context.network)
            wsdl = VendoredWsdl.shipped(_WSDL, self._settings.service)
            self._soap = SoapClient(wsdl, self._http, address=self._settings.service, on_fault=_error_of)
        return self._soap


def _error_of(fault: Fault, operation: str) -> HubError:
    """What a fault means for the hub: only a functional one is PayFiP's own no."""
    if fault.detail_name == "FonctionnelleErreur":
        return PayfipRefusalError(fault.detail_code)
    said = f"PayFiP is out of order: {fault.detail_name or fault.code} {fault.detail_code}".rstrip()
    if fault.detail_name == "TechProtocolaireErreur":
        return TerminalError(f"PayFiP does not understand {operation}: {fault.detail_code}")
    if fault.detail_name == "TechIndisponibiliteErreur":
        return RetryableError(said, hint="it is tried again later")
    return UnreachableError(said)


def _fields(content: bytes) -> dict[str, str]:
    """The texts in `return`, by name."""
    root = parse_small(content, what="the answer of PayFiP")
    returned = next((one for one in root.iter(etree.Element) if local_name(one) == "return"), None)
    if returned is None:
        raise InputRefusedError("PayFiP's answer holds nothing")
    return {local_name(one): (one.text or "").strip() for one in returned.iterchildren(etree.Element)}
