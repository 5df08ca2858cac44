"""What Rives d'Oise Habitat's ERP does with a payment a partner enters, takes back, or asks after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from hub.sandbox.bookings import Booking
from hub.sandbox.soap_operations import Arguments, BusinessError, Reply, no_rows
from hub.sandbox.soap_rows import amount, leaf
from hub.sandbox.till import Asked, Ending, Refusal, RefusedError, Till

_TEXTS: Mapping[Refusal, tuple[str, str]] = {
    "closed": ("L-601", "Periode comptable close"),
    "locked": ("L-602", "Compte verrouille par un autre utilisateur, reessayez"),
    "duplicate": ("L-603", "Reference deja enregistree"),
    "account": ("L-604", "Compte inconnu"),
    "amount": ("L-605", "Montant ou reference invalide"),
    "payment": ("L-606", "Reglement d'origine inconnu"),
    "reversed": ("L-607", "Reglement deja extourne"),
}
_LABELS = {"CB": "Paiement en ligne par carte", "VIR": "Virement", "PRLV": "Prélèvement", "TIP": "TIP SEPA"}
_TAKEN_BACK = {"IMPAYE": ("REJ", "Impayé carte bancaire"), "": ("RBT", "Remboursement")}


class NoAnswerError(Exception):
    """It was done, and nobody is told: the connection hangs, or breaks off."""

    def __init__(self, ends: Ending) -> None:
        super().__init__(ends)
        self.ends = ends


def _pay(till: Till, given: Arguments) -> Reply:
    code = given.get("ModePaiement", "")
    if code not in _LABELS:
        raise BusinessError("ERREUR", "L-400", "Parametre invalide: ModePaiement")
    return _enter(till, given, code=code, label=_LABELS[code], reverses=None)


def _take_back(till: Till, given: Arguments) -> Reply:
    code, label = _TAKEN_BACK.get(given.get("Motif", ""), _TAKEN_BACK[""])
    reverses = given.get("NumeroEcriture") or given.get("ReferenceOrigine") or ""
    return _enter(till, given, code=code, label=label, reverses=reverses)


def _enter(till: Till, given: Arguments, *, code: str, label: str, reverses: str | None) -> Reply:
    asked = Asked(
        reference=given.get("Reference", ""),
        account=given.get("Compte", ""),
        cents=_cents(given.get("Montant", "")),
        code=code,
        label=label,
        paid_on=_day(given.get("DateReglement", "")),
        reverses=reverses,
    )
    try:
        taken = till.enter(asked)
    except RefusedError as refused:
        said, text = _TEXTS[refused.why]
        raise BusinessError("ERREUR", said, text) from None
    if taken.ends:
        raise NoAnswerError(taken.ends)
    booked = taken.booking
    return Reply(leaf("NumeroEcriture", booked.entry) + leaf("DateComptable", booked.booked_on), iter(()), "")


def _search(till: Till, given: Arguments) -> Reply:
    booked = till.bookings.find(till.landlord, given.get("Reference", ""))
    if booked is None:
        raise no_rows()
    return Reply("<Reglements>", iter([_row(booked, till.today)]), "</Reglements>")


def _row(booked: Booking, today: date) -> str:
    said = leaf("Reference", booked.reference) + leaf("NumeroEcriture", booked.entry)
    state = "CPT" if booked.day <= today else "ATT"
    money = leaf("Montant", amount(abs(booked.cents))) + leaf("Sens", "D" if booked.cents > 0 else "C")
    return f"<Reglement>{said}{leaf('Etat', state)}{leaf('DateComptable', booked.booked_on)}{money}</Reglement>"


def _cents(text: str) -> int:
    try:
        cents = Decimal(text) * 100
    except InvalidOperation:
        cents = Decimal("0.5")
    if cents != cents.to_integral_value():
        raise BusinessError("ERREUR", "L-400", "Parametre invalide: Montant")
    return int(cents)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BusinessError("ERREUR", "L-400", "Parametre invalide: DateReglement") from None


PAYMENTS: Mapping[str, Callable[[Till, Arguments], Reply]] = {
    "EnregistrerReglement": _pay,
    "ExtournerReglement": _take_back,
    "RechercherReglement": _search,
}
