"""From Stripe's objects (session, charges, refunds, disputes) to the hub's events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.redaction import KEEP, only
from hub.errors import InputRefusedError
from hub.ports import PaymentRef

Facts = Mapping[str, Any]

_REASONS = {
    "authentication_required": "three_ds_failed",
    "authentication_not_handled": "three_ds_failed",
    "do_not_honor": "do_not_honour",
    "generic_decline": "refused_by_bank",
    "card_declined": "refused_by_bank",
    "incorrect_cvc": "wrong_security_code",
    "invalid_cvc": "wrong_security_code",
    "fraudulent": "suspected_fraud",
    "issuer_not_available": "issuer_unreachable",
    "processing_error": "provider_failure",
    "withdrawal_count_limit_exceeded": "limit_exceeded",
    "card_velocity_exceeded": "limit_exceeded",
    "incorrect_number": "invalid_card",
    "invalid_number": "invalid_card",
}
_SAME = frozenset({"insufficient_funds", "expired_card", "lost_card", "stolen_card", "currency_not_supported"})
_LOST_REFUND = frozenset({"failed", "canceled"})
# An inquiry (`warning_…`) moves no money yet.
_OPEN_DISPUTE = frozenset({"needs_response", "under_review"})
_OBJECT = dict.fromkeys(
    (
        "id",
        "object",
        "amount",
        "amount_total",
        "amount_received",
        "amount_refunded",
        "currency",
        "status",
        "payment_status",
        "client_reference_id",
        "payment_intent",
        "charge",
        "created",
        "livemode",
        "failure_code",
    ),
    KEEP,
)
SHAPE: Mapping[str, Any] = {
    **dict.fromkeys(("id", "object", "type", "created", "livemode", "api_version"), KEEP),
    "data": {"object": {**_OBJECT, "metadata": {"reference": KEEP}}},
}
"""All that is stored of an event: no person, no card."""


def redacted(payload: Any) -> Any:
    return only(payload, SHAPE)


def session_events(session: Facts, ref: PaymentRef) -> Iterator[PaymentEvent]:
    """What the page itself says: it was made, and perhaps that nobody can pay there any more."""
    ident, made = text(session, "id"), _moment(session)
    if session.get("client_reference_id") != ref.reference:
        yield PaymentEvent(f"{ident}:mismatch:other_reference", EventKind.MISMATCH, made, reason="other_reference")
        return
    yield PaymentEvent(f"{ident}:started", EventKind.STARTED, made)
    if session.get("status") == "expired":
        yield PaymentEvent(f"{ident}:expired", EventKind.EXPIRED, made, reason="not_paid_in_time")


def charge_events(charges: Iterable[Facts], intent: Facts, *, is_open: bool, ref: PaymentRef) -> Iterator[PaymentEvent]:
    """What each attempt came to. `is_open`: the tenant may try again on the page."""
    for one in charges:
        status = one.get("status")
        if status == "failed":
            kind = EventKind.ATTEMPT_REFUSED if is_open else EventKind.REFUSED
            yield _event(one, kind, _reason(one, intent))
        elif status == "pending":
            yield _event(one, EventKind.PROCESSING)
        elif status == "succeeded":
            yield _event(one, EventKind.AUTHORIZED)
            if one.get("captured") is True:
                yield _event(one, EventKind.CAPTURED)
            yield from _unfit(one, ref)
        else:
            yield _event(one, EventKind.MISMATCH, "unknown_status")


def refund_events(refunds: Iterable[Facts]) -> Iterator[PaymentEvent]:
    for one in refunds:
        yield _event(one, EventKind.REFUNDED)
        if one.get("status") in _LOST_REFUND:
            yield _event(one, EventKind.REFUND_FAILED, "refund_failed")


def dispute_events(disputes: Iterable[Facts]) -> Iterator[PaymentEvent]:
    for one in disputes:
        status = one.get("status")
        if status not in _OPEN_DISPUTE and status not in ("won", "lost"):
            continue
        yield _event(one, EventKind.DISPUTE_OPENED, _code(one.get("reason")))
        if status in ("won", "lost"):
            yield _event(one, EventKind.DISPUTE_WON if status == "won" else EventKind.DISPUTE_LOST)


def foreign_event(session: Facts, reason: str) -> PaymentEvent:
    return PaymentEvent(f"{text(session, 'id')}:mismatch:{reason}", EventKind.MISMATCH, _moment(session), reason=reason)


def cents(one: Facts, name: str = "amount") -> int:
    """An amount in cents. Raises InputRefusedError for anything but a whole number."""
    found = one.get(name)
    if type(found) is not int:
        raise InputRefusedError(f"Stripe's {name} is no whole number of cents")
    return found


def text(one: Facts, name: str) -> str:
    found = one.get(name)
    if not isinstance(found, str) or not found:
        raise InputRefusedError(f"Stripe's answer has no {name}")
    return found


def _unfit(one: Facts, ref: PaymentRef) -> Iterator[PaymentEvent]:
    if text(one, "currency").upper() != ref.currency:
        yield _event(one, EventKind.MISMATCH, "other_currency")
    elif cents(one) != ref.amount_cents:
        yield _event(one, EventKind.MISMATCH, "other_amount")


def _event(one: Facts, kind: EventKind, reason: str = "") -> PaymentEvent:
    ident, currency = text(one, "id"), text(one, "currency").upper()
    event = f"{ident}:{kind}:{reason}" if kind is EventKind.MISMATCH else f"{ident}:{kind}"
    return PaymentEvent(event, kind, _moment(one), ident, cents(one), currency, reason)


def _reason(one: Facts, intent: Facts) -> str:
    last = intent.get("last_payment_error")
    said = ""
    if isinstance(last, Mapping) and last.get("charge") == one.get("id"):
        said = str(last.get("decline_code") or last.get("code") or "")
    said = said or str(one.get("failure_code") or "")
    return said if said in _SAME else _REASONS.get(said, "refused_by_bank")


def _code(said: Any) -> str:
    found = str(said or "")
    return found if found.replace("_", "").isalnum() and found == found.lower() else "unknown"


def _moment(one: Facts) -> datetime:
    return datetime.fromtimestamp(cents(one, "created"), UTC)
