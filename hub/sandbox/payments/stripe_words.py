"""Stripe's objects, made of what stands in the book. Numbers of objects are those of the book behind a prefix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.sandbox.payments.model import Dispute, Payment, Transaction

SESSION, INTENT, CHARGE, REFUND, MOVEMENT = "cs_test_", "pi_", "ch_", "re_", "txn_"
_DECLINES: Mapping[str, str] = {"51": "insufficient_funds", "05": "do_not_honor", "54": "expired_card"}
_DISPUTES: Mapping[str, str] = {"open": "needs_response", "won": "won", "lost": "lost"}


def fee_cents(cents: int) -> int:
    """1.5 % and 25 cents, of a charge."""
    return 25 + (cents * 15 + 500) // 1_000


def attempts(payment: Payment) -> list[Transaction]:
    """Who gives up has tried nothing."""
    return [one for one in payment.debits if one.status != "abandoned"]


def intent_id(payment: Payment) -> str:
    return INTENT + payment.id.removeprefix(SESSION)


def session(payment: Payment, url: str, *, is_live: bool) -> dict[str, Any]:
    """`payment_intent` is null until somebody tries to pay."""
    is_complete = payment.paid is not None or payment.is_waiting
    status = "complete" if is_complete else "expired" if payment.end else "open"
    return {
        "id": payment.id,
        "object": "checkout.session",
        "amount_subtotal": payment.cents,
        "amount_total": payment.cents,
        "cancel_url": payment.facts.get("cancel_url") or None,
        "client_reference_id": payment.reference or None,
        "created": int(payment.made_at),
        "currency": payment.currency.lower(),
        "customer_email": payment.facts.get("customer_email") or None,
        "expires_at": int(payment.expires_at),
        "livemode": is_live,
        "metadata": payment.facts["metadata"],
        "mode": "payment",
        "payment_intent": intent_id(payment) if attempts(payment) else None,
        "payment_method_types": ["card"],
        "payment_status": "paid" if payment.paid is not None else "unpaid",
        "status": status,
        "success_url": payment.return_url,
        "ui_mode": "hosted",
        "url": url if status == "open" else None,
    }


def intent(payment: Payment, *, is_live: bool) -> dict[str, Any]:
    tried = attempts(payment)
    last = payment.paid or (tried[-1] if tried else None)
    refused = last if last is not None and last.status == "refused" else None
    status = (
        "succeeded" if payment.paid is not None else "processing" if payment.is_waiting else "requires_payment_method"
    )
    return {
        "id": intent_id(payment),
        "object": "payment_intent",
        "amount": payment.cents,
        "amount_received": payment.charged_cents,
        "canceled_at": None,
        "capture_method": "automatic",
        "created": int(tried[0].made_at if tried else payment.made_at),
        "currency": payment.currency.lower(),
        "last_payment_error": None if refused is None else _error(refused),
        "latest_charge": None if last is None else CHARGE + last.id,
        "livemode": is_live,
        "metadata": payment.facts["intent_metadata"],
        "payment_method_types": ["card"],
        "status": status if not payment.end else "canceled",
    }


def charge(payment: Payment, one: Transaction, *, is_live: bool) -> dict[str, Any]:
    is_paid = one.is_paid
    back = payment.refunded_cents if is_paid else 0
    return {
        "id": CHARGE + one.id,
        "object": "charge",
        "amount": one.cents,
        "amount_captured": one.cents if is_paid else 0,
        "amount_refunded": back,
        "balance_transaction": MOVEMENT + one.id if is_paid else None,
        "captured": is_paid,
        "created": int(one.made_at),
        "currency": payment.currency.lower(),
        "disputed": any(dispute.transaction == one.id for dispute in payment.disputes),
        "failure_code": "card_declined" if one.status == "refused" else None,
        "failure_message": "Your card was declined." if one.status == "refused" else None,
        "livemode": is_live,
        "metadata": payment.facts["intent_metadata"],
        "paid": is_paid,
        "payment_intent": intent_id(payment),
        "payment_method_details": {
            "type": "card",
            "card": {"brand": "visa", "last4": "4242", "exp_month": 6, "exp_year": 2030, "country": "FR"},
        },
        "refunded": is_paid and back >= one.cents,
        "status": {"waiting": "pending", "refused": "failed"}.get(one.status, "succeeded"),
    }


def refund(payment: Payment, one: Transaction) -> dict[str, Any]:
    return {
        "id": REFUND + one.id,
        "object": "refund",
        "amount": one.cents,
        "balance_transaction": MOVEMENT + one.id,
        "charge": CHARGE + one.parent,
        "created": int(one.made_at),
        "currency": payment.currency.lower(),
        "metadata": payment.facts.get("refunds", {}).get(one.id, {}),
        "payment_intent": intent_id(payment),
        "reason": None,
        "status": "succeeded",
    }


def dispute(payment: Payment, one: Dispute, *, is_live: bool) -> dict[str, Any]:
    return {
        "id": one.id,
        "object": "dispute",
        "amount": one.cents,
        "charge": CHARGE + one.transaction,
        "created": int(one.made_at),
        "currency": payment.currency.lower(),
        "is_charge_refundable": False,
        "livemode": is_live,
        "metadata": {},
        "payment_intent": intent_id(payment),
        "reason": "fraudulent",
        "status": _DISPUTES[one.status],
    }


def _error(one: Transaction) -> dict[str, Any]:
    return {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": _DECLINES.get(one.error, "generic_decline"),
        "charge": CHARGE + one.id,
        "message": "Your card was declined.",
    }
