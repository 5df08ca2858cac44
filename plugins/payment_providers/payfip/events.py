"""PayFiP's results and its silence, as the hub's events.

Times (interface of the DGFiP, and what integrators met): an `idOp` can be paid for 15 minutes; while it answers P5
within two hours it may still come, afterwards it was never paid; an A in the first minute may be a payment under way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.errors import InputRefusedError
from hub.ports import PaymentRef
from payment_providers.payfip.client import NOT_FINAL

PAYABLE = timedelta(minutes=15)
_MAY_STILL_COME = timedelta(minutes=120)
_TOO_EARLY = timedelta(minutes=1)
_PARIS = ZoneInfo("Europe/Paris")
_PAID = frozenset({"P", "V"})
_REFUSED = frozenset({"R", "Z"})


def detail_events(
    detail: Mapping[str, str], ref: PaymentRef, ident: str, now: datetime, *, client_number: str, saisie: str
) -> list[PaymentEvent]:
    """What a detail says. Raises InputRefusedError for one that cannot be read."""
    reason = _foreign(detail, ref, client_number, saisie)
    if reason:
        return [_mismatch(detail, ident, reason)]
    result = detail.get("resultrans", "")
    if result in _PAID:
        return list(_paid(detail, ref, ident))
    if result in _REFUSED:
        final = now >= ref.started_at + PAYABLE
        kind = EventKind.REFUSED if final else EventKind.ATTEMPT_REFUSED
        return [PaymentEvent(f"{ident}:{kind}", kind, moment_of(detail), ident, reason="refused_by_bank")]
    if result == "A" and now < ref.started_at + _TOO_EARLY:
        return [started(ident, ref)]
    if result == "A":
        return [PaymentEvent(f"{ident}:abandoned", EventKind.ABANDONED, moment_of(detail), reason="abandoned")]
    return [_mismatch(detail, ident, "unknown_result")]


def silence_event(said: str, ref: PaymentRef, ident: str, now: datetime) -> PaymentEvent:
    """What P5 and P1 mean, by the payment's age."""
    age = now - ref.started_at
    if age < _MAY_STILL_COME if said == NOT_FINAL else age < PAYABLE:
        return started(ident, ref)
    return PaymentEvent(f"{ident}:expired", EventKind.EXPIRED, ref.started_at + PAYABLE, reason="not_paid_in_time")


def started(ident: str, ref: PaymentRef) -> PaymentEvent:
    return PaymentEvent(f"{ident}:started", EventKind.STARTED, ref.started_at)


def moment_of(detail: Mapping[str, str]) -> datetime:
    """`dattrans` (ddmmyyyy) and `heurtrans` (HHMM), as they are said in Paris."""
    try:
        written = f"{detail['dattrans']} {detail['heurtrans']}"
        return datetime.strptime(written, "%d%m%Y %H%M").replace(tzinfo=_PARIS).astimezone(UTC)
    except (KeyError, ValueError):
        raise InputRefusedError("PayFiP's answer has no time of the payment") from None


def _paid(detail: Mapping[str, str], ref: PaymentRef, ident: str) -> Iterator[PaymentEvent]:
    cents, at = _cents(detail), moment_of(detail)
    for kind in (EventKind.AUTHORIZED, EventKind.CAPTURED):
        yield PaymentEvent(f"{ident}:{kind}", kind, at, ident, cents)
    if cents != ref.amount_cents or ref.currency != "EUR":
        yield _mismatch(detail, ident, "other_amount" if ref.currency == "EUR" else "other_currency")


def _mismatch(detail: Mapping[str, str], ident: str, reason: str) -> PaymentEvent:
    kind = EventKind.MISMATCH
    return PaymentEvent(f"{ident}:{kind}:{reason}", kind, moment_of(detail), ident, _cents(detail), reason=reason)


def _foreign(detail: Mapping[str, str], ref: PaymentRef, client_number: str, saisie: str) -> str:
    """Why a detail is not about our payment; "" when it is."""
    if detail.get("numcli") != client_number:
        return "other_shop"
    if detail.get("saisie") != saisie:
        return "other_mode"
    return "" if detail.get("refdet") == ref.reference else "other_reference"


def _cents(detail: Mapping[str, str]) -> int:
    text = detail.get("montant", "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise InputRefusedError("PayFiP's answer has no amount in cents")
    return int(text)
