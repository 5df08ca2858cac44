"""From a signed message of the form to the hub's events.

Names of fields are not signed, only their values in order: a message in which one of those read here is missing is
refused, so that a renamed field cannot change what it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from hub.domain.payment_events import EventKind, PaymentEvent
from hub.ports import WebhookRefusedError

FIELDS = (
    "vads_site_id",
    "vads_ctx_mode",
    "vads_order_id",
    "vads_amount",
    "vads_currency",
    "vads_trans_status",
    "vads_trans_uuid",
    "vads_operation_type",
    "vads_effective_creation_date",
    "vads_auth_result",
)
"""All that is read of a message, and all that may be stored of it."""
_MAY_BE_EMPTY = frozenset({"vads_auth_result"})
_PROCESSING = frozenset(
    {
        "AUTHORISED_TO_VALIDATE",
        "WAITING_AUTHORISATION",
        "WAITING_AUTHORISATION_TO_VALIDATE",
        "UNDER_VERIFICATION",
        "INITIAL",
        "PRE_AUTHORISED",
    }
)
_ENDED = {
    "CANCELLED": (EventKind.CANCELED, "canceled_before_capture"),
    "EXPIRED": (EventKind.EXPIRED, "not_captured_in_time"),
}
_REASONS = {
    "05": "do_not_honour",
    "14": "invalid_card",
    "33": "expired_card",
    "34": "suspected_fraud",
    "41": "lost_card",
    "43": "stolen_card",
    "51": "insufficient_funds",
    "54": "expired_card",
    "57": "not_allowed_for_card",
    "59": "suspected_fraud",
    "61": "limit_exceeded",
    "65": "limit_exceeded",
    "75": "too_many_attempts",
    "82": "wrong_security_code",
    "91": "issuer_unreachable",
    "96": "provider_failure",
}
_CURRENCIES = {"978": "EUR", "756": "CHF", "826": "GBP", "840": "USD"}


def require(fields: Mapping[str, str]) -> None:
    """Raises WebhookRefusedError for a message without a field it must have."""
    for name in FIELDS:
        if name not in fields or not (fields[name] or name in _MAY_BE_EMPTY):
            raise WebhookRefusedError("missing_field", f"the message has no {name}")


def events_of(fields: Mapping[str, str]) -> list[PaymentEvent]:
    """What a message says of its transaction. Raises WebhookRefusedError for values that cannot be read."""
    require(fields)
    kind = fields["vads_operation_type"]
    if kind not in ("DEBIT", "CREDIT"):
        raise WebhookRefusedError("unknown_operation")
    return list(_debit(fields) if kind == "DEBIT" else _credit(fields))


def _debit(fields: Mapping[str, str]) -> Iterator[PaymentEvent]:
    status = fields["vads_trans_status"]
    if status == "AUTHORISED":
        yield _event(fields, EventKind.AUTHORIZED)
    elif status == "CAPTURED":
        yield _event(fields, EventKind.AUTHORIZED)
        yield _event(fields, EventKind.CAPTURED)
    elif status in _PROCESSING:
        yield _event(fields, EventKind.PROCESSING)
    elif status == "REFUSED":
        yield _event(fields, EventKind.REFUSED, _REASONS.get(fields["vads_auth_result"], "refused_by_bank"))
    elif status == "ABANDONED":
        yield _event(fields, EventKind.ABANDONED, "abandoned")
    elif status == "CAPTURE_FAILED":
        yield from _fell(fields, "capture_failed")
    elif status in _ENDED:
        end, reason = _ENDED[status]
        yield from _fell(fields, reason) if fields["vads_auth_result"] == "00" else [_event(fields, end, reason)]
    else:
        yield _event(fields, EventKind.MISMATCH, "unknown_status")


def _fell(fields: Mapping[str, str], reason: str) -> Iterator[PaymentEvent]:
    yield _event(fields, EventKind.AUTHORIZED)
    yield _event(fields, EventKind.CAPTURE_LOST, reason)


def _credit(fields: Mapping[str, str]) -> Iterator[PaymentEvent]:
    yield _event(fields, EventKind.REFUNDED)
    if fields["vads_trans_status"] in ("REFUSED", "CANCELLED", "CAPTURE_FAILED", "EXPIRED"):
        yield _event(fields, EventKind.REFUND_FAILED, fields["vads_trans_status"].lower())


def _event(fields: Mapping[str, str], kind: EventKind, reason: str = "") -> PaymentEvent:
    uuid, code = fields["vads_trans_uuid"], fields["vads_currency"]
    currency = _CURRENCIES.get(code, code)
    return PaymentEvent(f"{uuid}:{kind}", kind, _moment(fields), uuid, _cents(fields), currency, reason)


def _cents(fields: Mapping[str, str]) -> int:
    text = fields["vads_amount"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise WebhookRefusedError("bad_amount")
    return int(text)


def _moment(fields: Mapping[str, str]) -> datetime:
    try:
        return datetime.strptime(fields["vads_effective_creation_date"], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise WebhookRefusedError("bad_time") from None
