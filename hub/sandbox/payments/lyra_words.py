"""Lyra REST V4's words for what stands in the book: orders, transactions, statuses, as JSON-like values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hub.sandbox.payments.model import Payment, Shop, Transaction

DETAILED: Mapping[str, str] = {
    "waiting": "WAITING_AUTHORISATION",
    "authorised": "AUTHORISED",
    "captured": "CAPTURED",
    "refused": "REFUSED",
    "abandoned": "ABANDONED",
    "cancelled": "CANCELLED",
}
_STATUS: Mapping[str, str] = {"waiting": "RUNNING", "authorised": "PAID", "captured": "PAID"}
_REFUSED = {"errorCode": "ACQ_001", "errorMessage": "payment refused", "detailedErrorMessage": "Refus de la banque"}
_NO_ERROR = dict.fromkeys(("errorCode", "errorMessage", "detailedErrorCode", "detailedErrorMessage"))
Pair = tuple[Payment, Transaction]


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def order_status(payments: Sequence[Payment]) -> str:
    """PAID, RUNNING or UNPAID: the best of all that was tried for one order."""
    found = {_STATUS.get(one.status, "UNPAID") for payment in payments for one in payment.debits}
    return next((status for status in ("PAID", "RUNNING") if status in found), "UNPAID")


def order_cycle(payments: Sequence[Payment]) -> str:
    return "OPEN" if any(one.is_open or one.is_waiting for one in payments) else "CLOSED"


def payment_order_status(payment: Payment) -> str:
    if payment.paid is not None:
        return "PAID"
    if payment.end or payment.was_cancelled:
        return {"expired": "EXPIRED", "abandoned": "ABANDONED"}.get(payment.end, "CANCELLED")
    return "RUNNING"


def answer_of(shop: Shop, mode: str, payments: Sequence[Payment], pairs: Iterable[Pair]) -> dict[str, Any]:
    """V4/Payment: what `kr-answer` holds, and what Order/Get answers."""
    first = payments[0]
    return {
        "shopId": shop.id,
        "orderCycle": order_cycle(payments),
        "orderStatus": order_status(payments),
        "serverDate": stamp(datetime.now(UTC).timestamp()),
        "orderDetails": {
            "orderTotalAmount": first.cents,
            "orderEffectiveAmount": first.cents,
            "orderCurrency": first.currency,
            "mode": mode,
            "orderId": first.reference,
            "metadata": first.facts.get("metadata"),
            "_type": "V4/OrderDetails",
        },
        "customer": first.facts.get("customer", {}) | {"_type": "V4/Customer/Customer"},
        "transactions": [transaction(shop, payment, one) for payment, one in pairs],
        "subMerchantDetails": None,
        "_type": "V4/Payment",
    }


def transaction(shop: Shop, payment: Payment, one: Transaction) -> dict[str, Any]:
    """V4/PaymentTransaction."""
    error = {**_REFUSED, "detailedErrorCode": one.error} if one.status == "refused" else _NO_ERROR
    return {
        "shopId": shop.id,
        "uuid": one.id,
        "amount": one.cents,
        "currency": payment.currency,
        "paymentMethodType": "CARD",
        "paymentMethodToken": None,
        "status": _STATUS.get(one.status, "UNPAID"),
        "detailedStatus": DETAILED[one.status],
        "operationType": one.kind.upper(),
        "effectiveStrongAuthentication": "ENABLED",
        "creationDate": stamp(one.made_at),
        **error,
        "metadata": payment.facts.get("metadata"),
        "transactionDetails": {
            "liabilityShift": "YES",
            "effectiveAmount": one.cents,
            "effectiveCurrency": payment.currency,
            "creationContext": "REFUND" if one.kind == "credit" else "CHARGE",
            "parentTransactionUuid": one.parent or None,
            "mid": f"50000{shop.id[-2:]}",
            "sequenceNumber": 1,
            "cardDetails": _card(payment, one),
            "_type": "V4/TransactionDetails",
        },
        "_type": "V4/PaymentTransaction",
    }


def _card(payment: Payment, one: Transaction) -> dict[str, Any]:
    return {
        "paymentSource": "EC",
        "manualValidation": "NO",
        "effectiveBrand": "CB",
        "pan": "497010XXXXXX0055",
        "expiryMonth": 6,
        "expiryYear": 2030,
        "country": "FR",
        "authorizationResponse": {
            "amount": one.cents,
            "currency": payment.currency,
            "authorizationDate": stamp(one.made_at),
            "authorizationNumber": one.auth or None,
            "authorizationResult": one.error or "0",
            "authorizationMode": "FULL",
            "_type": "V4/PaymentMethod/Details/Cards/CardAuthorizationResponse",
        },
        "captureResponse": {
            "captureDate": None if one.captured_at is None else stamp(one.captured_at),
            "captureFileNumber": one.captured_on.replace("-", "") or None,
            "refundAmount": payment.refunded_cents or None,
            "refundCurrency": payment.currency if payment.refunded_cents else None,
            "_type": "V4/PaymentMethod/Details/Cards/CardCaptureResponse",
        },
        "_type": "V4/PaymentMethod/Details/CardDetails",
    }


def payment_order(payment: Payment, url: str) -> dict[str, Any]:
    """V4/PaymentOrder."""
    return {
        "paymentOrderId": payment.id,
        "paymentURL": url,
        "paymentOrderStatus": payment_order_status(payment),
        "creationDate": stamp(payment.made_at),
        "expirationDate": stamp(payment.expires_at),
        "amount": payment.cents,
        "currency": payment.currency,
        "orderId": payment.reference,
        "channelDetails": {"channelType": "URL", "_type": "V4/ChannelDetails"},
        "metadata": payment.facts.get("metadata"),
        "_type": "V4/PaymentOrder",
    }
