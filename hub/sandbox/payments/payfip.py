"""PayFiP, the State's service for public landlords: SOAP to begin and to ask, an unsigned word when it is done."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import ClassVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from hub.sandbox.payments.model import Delivery, News, Payment, Shop, Transaction, Wire
from hub.sandbox.payments.payfip_soap import PATH, PayfipError, description, read_call, reply
from hub.sandbox.payments.site import Draft, Signed, Site
from hub.sandbox.payments.web import Answer, Request, goes_to

PAGE = "/tpa/paiementws.web"
_SECONDS = 900.0
_XML = "text/xml; charset=utf-8"
_PARIS = ZoneInfo("Europe/Paris")
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_TELLS: tuple[News, ...] = ("paid", "refused", "abandoned")
_NOT_FINAL = PayfipError("P5", "Resultat de la transaction non connu")
_UNKNOWN = PayfipError("P1", "IdOp incorrect")
_RULES: Mapping[str, tuple[str, str]] = {
    "exer": (r"\d{4}", "E1"),
    "mel": (r"(?=.{6,80}$)[^@\s]+@[^@\s]+\.[^@\s]+", "A1"),
    "montant": (r"[1-9]\d{2,7}", "M1"),
    "numcli": (r"\d{6}", "C1"),
    "objet": (r"[A-Za-z0-9 ]{0,100}", "O1"),
    "refdet": (r"[A-Za-z0-9]{1,30}", "R3"),
    "urlnotif": (r"https?://\S{1,242}", "U1"),
    "urlredirect": (r"https?://\S{1,242}", "U2"),
}
_MOST_CENTS = 10_000_000


class Payfip(Site):
    """`idOp` is good for 15 minutes; who gave up may come back in that time."""

    wire: ClassVar[Wire] = "payfip"
    captures_at_once = True
    has_debit = True
    gives_up_for_good = False

    def answer(self, request: Request) -> Answer | None:
        if request.path != PATH:
            return None
        if request.method == "GET":
            return Answer(description(self.address), kind=_XML)
        try:
            call = read_call(request.body)
            return self._called(call.operation, call.arguments)
        except PayfipError as error:
            return _fault(error)

    def drafts(self, payment: Payment, news: News, about: Transaction | None) -> Iterable[Draft]:
        """The `idOp` and nothing else."""
        if news not in _TELLS:
            return ()
        return (Draft(news, payment.notify_url, urlencode({"idop": payment.id})),)

    def signed(self, shop: Shop, delivery: Delivery) -> Signed:
        return Signed(delivery.body.encode(), _FORM)

    def back(self, shop: Shop, payment: Payment) -> Answer:
        url = payment.return_url
        return goes_to(f"{url}{'&' if '?' in url else '?'}{urlencode({'idop': payment.id})}")

    # --- operations --------------------------------------------------------------------------------------------------

    def _called(self, operation: str, given: Mapping[str, str]) -> Answer:
        if operation == "creerPaiementSecurise":
            shop = self._checked(given)
            return self.through(shop, operation, given["refdet"], lambda: self._create(shop, given), _unavailable)
        if operation == "recupererDetailPaiementSecurise":
            payment = self.book.store.payments.get(given.get("idOp", ""))
            if payment is None or self.shop_of(payment).wire != self.wire:
                raise _UNKNOWN
            found = payment
            shop = self.shop_of(found)
            return self.through(shop, operation, found.reference, lambda: self._detail(found), _unavailable)
        if operation == "recupererDetailClient":
            return self._client(given)
        raise PayfipError("T1", "Operation inconnue", kind="TechProtocolaireErreur")

    def _create(self, shop: Shop, given: Mapping[str, str]) -> Answer:
        now = time.time()
        facts = {name: given.get(name, "") for name in ("exer", "mel", "numcli", "objet", "saisie")}
        payment = self.book.begin(
            Payment(
                str(uuid.uuid4()),
                shop.key,
                given["refdet"],
                int(given["montant"]),
                "EUR",
                now,
                now + _SECONDS,
                notify_url=given["urlnotif"],
                return_url=given["urlredirect"],
                facts={**facts, "day": self.book.agenda.day().isoformat()},
            )
        )
        answer = _answer(reply("creerPaiementSecurise", {"idOp": payment.id}))
        return Answer(answer.body, kind=_XML, after=lambda: self.book.told(payment))

    def _detail(self, payment: Payment) -> Answer:
        with self.book.lock:
            self.book.expire_if_late(payment)
            try:
                return _answer(reply("recupererDetailPaiementSecurise", self._facts(payment)))
            except PayfipError as error:
                return _fault(error)

    def _facts(self, payment: Payment) -> dict[str, str]:
        """What came of it last. Raises P5 while nothing did, and P1 once a night has cleared it away."""
        one = payment.paid or (payment.transactions[-1] if payment.transactions else None)
        if one is None and payment.end and self.book.agenda.day().isoformat() > payment.facts["day"]:
            raise _UNKNOWN
        if one is None or one.status == "waiting":
            raise _NOT_FINAL
        is_debit = payment.facts.get("method") == "debit"
        results = {"captured": "V" if is_debit else "P", "refused": "Z" if is_debit else "R", "abandoned": "A"}
        when = datetime.fromtimestamp(one.captured_at or one.made_at, _PARIS)
        asked = {name: payment.facts[name] for name in ("exer", "mel", "numcli", "objet", "saisie")}
        return asked | {
            "idOp": payment.id,
            "montant": str(payment.cents),
            "refdet": payment.reference,
            "resultrans": results[one.status],
            "dattrans": f"{when:%d%m%Y}",
            "heurtrans": f"{when:%H%M}",
            "numauto": "" if is_debit else one.auth,
        }

    def _client(self, given: Mapping[str, str]) -> Answer:
        shop = self.shops.get(given.get("numCli", ""))
        if shop is None:
            raise PayfipError("C1", "Numero client inconnu")
        facts = {"numcli": shop.id, "libelleN1": shop.name, "libelleN2": "Loyers", "libelleN3": "Bac a sable"}
        return _answer(reply("recupererDetailClient", facts))

    def _checked(self, given: Mapping[str, str]) -> Shop:
        for name, (rule, code) in _RULES.items():
            if not re.fullmatch(rule, given.get(name, "")):
                raise PayfipError(code, f"Le format du parametre {name.upper()} n'est pas conforme")
        if int(given["montant"]) > _MOST_CENTS:
            raise PayfipError("M1", "Le format du parametre MONTANT n'est pas conforme")
        shop = self.shops.get(given["numcli"])
        if shop is None:
            raise PayfipError("C1", "Numero client inconnu")
        allowed = "W" if self.book.settings(shop.key)["mode"] == "PRODUCTION" else "TX"
        if given.get("saisie", "") not in tuple(allowed):
            raise PayfipError("S1", "Le parametre SAISIE ne convient pas a ce client")
        return shop


def _answer(text: str, status: int = 200) -> Answer:
    return Answer(text.encode(), status, _XML)


def _fault(error: PayfipError) -> Answer:
    return _answer(error.xml(), 500)


def _unavailable() -> Answer:
    return _fault(PayfipError("I1", "Service indisponible", kind="TechIndisponibiliteErreur"))
