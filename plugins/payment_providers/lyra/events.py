"""From the transactions of an order (`V4/Payment`) to the hub's events.

Statuses and codes: Lyra's documentation of the REST API V4 (detailedStatus, detailedErrorCode of the card networks).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.domain.redaction import KEEP, only
from hub.errors import InputRefusedError

_PROCESSING = frozenset(
    {
        "AUTHORISED_TO_VALIDATE",
        "WAITING_AUTHORISATION",
        "WAITING_AUTHORISATION_TO_VALIDATE",
        "UNDER_VERIFICATION",
        "PRE_AUTHORISED",
        "INITIAL",
        "SUSPENDED",
    }
)
_AUTHORISED = frozenset({"AUTHORISED", "ACCEPTED"})
_FELL = {"CANCELLED": "canceled_before_capture", "EXPIRED": "not_captured_in_time", "CAPTURE_FAILED": "capture_failed"}
_ENDED = {"CANCELLED": EventKind.CANCELED, "EXPIRED": EventKind.EXPIRED, "CAPTURE_FAILED": EventKind.REFUSED}
_REASONS = {
    "03": "invalid_merchant",
    "04": "card_withheld",
    "05": "do_not_honour",
    "07": "card_withheld",
    "12": "invalid_transaction",
    "13": "invalid_amount",
    "14": "invalid_card",
    "15": "unknown_issuer",
    "33": "expired_card",
    "34": "suspected_fraud",
    "41": "lost_card",
    "43": "stolen_card",
    "51": "insufficient_funds",
    "54": "expired_card",
    "56": "invalid_card",
    "57": "not_allowed_for_card",
    "59": "suspected_fraud",
    "61": "limit_exceeded",
    "65": "limit_exceeded",
    "63": "security_rule",
    "75": "too_many_attempts",
    "78": "card_blocked",
    "81": "three_ds_failed",
    "82": "wrong_security_code",
    "91": "issuer_unreachable",
    "96": "provider_failure",
    "1A": "authentication_required",
    "A1": "authentication_required",
    "R0": "revoked_by_cardholder",
    "R1": "revoked_by_cardholder",
}
_ERRORS = {"AUTH_149": "authentication_required", "AUTH_100": "three_ds_failed", "ACQ_001": "bank_refused"}
_THREE_DS_FAILED = frozenset({"FAILED", "FAILURE", "NOT_AUTHENTICATED", "REJECTED"})
_CARD = {
    "effectiveBrand": KEEP,
    "authorizationResponse": {"authorizationDate": KEEP, "authorizationResult": KEEP},
    "captureResponse": {"captureDate": KEEP, "captureFileNumber": KEEP},
}
_TRANSACTION = {
    **dict.fromkeys(("uuid", "shopId", "amount", "currency", "status", "detailedStatus", "operationType"), KEEP),
    **dict.fromkeys(("creationDate", "errorCode", "detailedErrorCode", "paymentMethodType"), KEEP),
    "transactionDetails": {"parentTransactionUuid": KEEP, "cardDetails": _CARD},
}
SHAPE: Mapping[str, Any] = {
    **dict.fromkeys(("shopId", "orderCycle", "orderStatus", "serverDate"), KEEP),
    "orderDetails": dict.fromkeys(("orderTotalAmount", "orderCurrency", "mode", "orderId"), KEEP),
    "transactions": _TRANSACTION,
}
"""All that is stored of an order: no person, no card number, nothing the tenant typed."""


def redacted(payload: Any) -> Any:
    return only(payload, SHAPE)


def order_of(answer: Mapping[str, Any]) -> tuple[str, str, str]:
    """Reference, shop and mode an answer speaks of. Raises InputRefusedError where one is missing."""
    details = answer.get("orderDetails")
    found = (
        details.get("orderId") if isinstance(details, Mapping) else None,
        answer.get("shopId"),
        details.get("mode") if isinstance(details, Mapping) else None,
    )
    if not all(isinstance(value, str) and value for value in found) or not transactions_of(answer):
        raise InputRefusedError("the order has no reference, shop, mode or transaction")
    return found  # type: ignore[return-value]  # three texts, as just seen


def transactions_of(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The transactions of an order, oldest first, each with what the hub needs of it. Raises InputRefusedError."""
    found = answer.get("transactions")
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise InputRefusedError("the order's transactions cannot be read")
    for one in found:
        if not (isinstance(one.get("uuid"), str) and one["uuid"] and isinstance(one.get("detailedStatus"), str)):
            raise InputRefusedError("a transaction has no uuid or no status")
        if type(one.get("amount")) is not int or one["amount"] < 0 or not isinstance(one.get("currency"), str):
            raise InputRefusedError("a transaction has no amount in cents, or no currency")
        _created(one)
    return sorted(found, key=lambda one: (_created(one), one["uuid"]))


def events_of(answer: Mapping[str, Any]) -> list[PaymentEvent]:
    """What an order's transactions say, whatever was asked."""
    found = transactions_of(answer)
    debits = [one for one in found if not is_credit(one)]
    events = []
    for one in found:
        if is_credit(one):
            events += list(_credit(one))
        else:
            is_last = one is debits[-1] and answer.get("orderCycle") == "CLOSED"
            events += list(_debit(one, is_last=is_last))
    return events


def is_credit(transaction: Mapping[str, Any]) -> bool:
    return transaction.get("operationType") == "CREDIT"


def is_paid(answer: Mapping[str, Any]) -> bool:
    """Whether money came or is on its way."""
    coming = _AUTHORISED | _PROCESSING | {"CAPTURED"}
    return any(not is_credit(one) and one["detailedStatus"] in coming for one in transactions_of(answer))


def mismatches(answer: Mapping[str, Any], *, amount_cents: int, currency: str) -> Iterator[PaymentEvent]:
    """Where money came that is not what was asked for."""
    for one in transactions_of(answer):
        if is_credit(one) or one["detailedStatus"] not in _AUTHORISED | {"CAPTURED"}:
            continue
        if one["currency"] != currency:
            yield _event(one, EventKind.MISMATCH, reason="other_currency")
        elif one["amount"] != amount_cents:
            yield _event(one, EventKind.MISMATCH, reason="other_amount")


def foreign(answer: Mapping[str, Any], *, shop_id: str, mode: str) -> str:
    """Why an order is none of this shop's; "" when it is."""
    _, shop, said = order_of(answer)
    return "other_shop" if shop != shop_id else "other_mode" if said != mode else ""


def foreign_events(answer: Mapping[str, Any], reason: str) -> Sequence[PaymentEvent]:
    """One mismatch: nothing else such an order says is about our money."""
    return [_event(transactions_of(answer)[0], EventKind.MISMATCH, reason=reason)]


def _debit(one: Mapping[str, Any], *, is_last: bool) -> Iterator[PaymentEvent]:
    status = one["detailedStatus"]
    if status in _AUTHORISED:
        yield _event(one, EventKind.AUTHORIZED)
    elif status == "CAPTURED":
        yield _event(one, EventKind.AUTHORIZED)
        yield _event(one, EventKind.CAPTURED, at=_captured(one))
    elif status in _PROCESSING:
        yield _event(one, EventKind.PROCESSING)
    elif status == "REFUSED":
        yield _event(one, EventKind.REFUSED if is_last else EventKind.ATTEMPT_REFUSED, reason=_reason(one))
    elif status == "ABANDONED":
        yield _event(one, EventKind.ABANDONED if is_last else EventKind.ATTEMPT_REFUSED, reason="abandoned")
    elif status in _FELL and (status == "CAPTURE_FAILED" or _was_authorised(one)):
        yield _event(one, EventKind.AUTHORIZED)
        yield _event(one, EventKind.CAPTURE_LOST, reason=_FELL[status])
    elif status in _ENDED:
        yield _event(one, _ENDED[status], reason=status.lower())
    else:
        yield _event(one, EventKind.MISMATCH, reason="unknown_status")


def _credit(one: Mapping[str, Any]) -> Iterator[PaymentEvent]:
    status = one["detailedStatus"]
    if status in ("REFUSED", "CANCELLED", "CAPTURE_FAILED", "EXPIRED"):
        yield _event(one, EventKind.REFUNDED)
        yield _event(one, EventKind.REFUND_FAILED, reason=_reason(one) if status == "REFUSED" else status.lower())
    else:
        yield _event(one, EventKind.REFUNDED)


def _event(one: Mapping[str, Any], kind: EventKind, *, reason: str = "", at: datetime | None = None) -> PaymentEvent:
    ident = ":".join(part for part in (one["uuid"], kind.value, reason if kind is EventKind.MISMATCH else "") if part)
    return PaymentEvent(ident, kind, at or _created(one), one["uuid"], one["amount"], one["currency"], reason)


def _reason(one: Mapping[str, Any]) -> str:
    detailed, code = str(one.get("detailedErrorCode") or ""), str(one.get("errorCode") or "")
    if detailed in _REASONS:
        return _REASONS[detailed]
    if _inside(one, "authenticationResponse", "value", "authenticationResult", "status") in _THREE_DS_FAILED:
        return "three_ds_failed"
    return _ERRORS.get(code, "refused_by_bank")


def _was_authorised(one: Mapping[str, Any]) -> bool:
    return _inside(one, "authorizationResponse", "authorizationResult") in ("0", "00")


def _captured(one: Mapping[str, Any]) -> datetime:
    found = _inside(one, "captureResponse", "captureDate")
    return _moment(found) if isinstance(found, str) and found else _created(one)


def _inside(one: Mapping[str, Any], *path: str) -> Any:
    found: Any = one
    for name in ("transactionDetails", "cardDetails", *path):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _created(one: Mapping[str, Any]) -> datetime:
    return _moment(one.get("creationDate"))


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise InputRefusedError("a transaction's time cannot be read") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
